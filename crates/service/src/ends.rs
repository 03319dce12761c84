//! The ends of sessions that this node remembers, so that what was ended stays ended: while the store
//! cannot be asked, and after it went back to an older state.
//!
//! Every node follows the log of ends in the store, a few times a second. A store that lost entries which
//! were told before has gone back, by a restore or a failover, and they are written again.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use perennial_protocol::{
    audit::{AuditEvent, AuditKind},
    id::{SessionKey, Sid},
    session::{Ended, Session},
    time::{Millis, UnixMillis},
};
use perennial_store::{Change, EndPlace, Result, SessionEnd, Store, Write};
use tokio::sync::Notify;

use crate::limits;

/// What this node knows of the log of ends.
#[derive(Debug, Default)]
pub struct Ends {
    remembered: RwLock<Remembered>,
    soon: Notify,
}

#[derive(Debug, Default)]
struct Remembered {
    by_sid: HashMap<Sid, Ended>,
    by_key: HashMap<SessionKey, Ended>,
    log: BTreeMap<EndPlace, Held>,
}

/// Whether the store is expected to hold an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Expected,
    /// The store went back to before the session itself, and there is nothing to write the end into.
    Lost,
}

impl Ends {
    /// When and why a session was ended, if this node remembers it.
    pub fn of(&self, key: &SessionKey) -> Option<Ended> {
        self.read().by_key.get(key).copied()
    }

    /// The same of a session whose private name is known too: what this node ended itself it knows by that.
    pub fn of_session(&self, session: &Session) -> Option<Ended> {
        let remembered = self.read();
        remembered.by_sid.get(&session.sid).or_else(|| remembered.by_key.get(&session.session_key)).copied()
    }

    /// Marks the sessions that were ended, whatever the store says now.
    pub fn mark<'s>(&self, sessions: impl IntoIterator<Item = &'s mut Session>) {
        let remembered = self.read();
        if remembered.by_sid.is_empty() {
            return;
        }
        for session in sessions {
            session.ended = session.ended.or_else(|| remembered.by_sid.get(&session.sid).copied());
        }
    }

    /// Remembers what this node has just ended itself: a store that loses the end before anybody has read it
    /// is told again all the same.
    pub fn note(&self, ends: Vec<(Sid, Ended)>) {
        let mut remembered = self.write();
        for (sid, ended) in ends {
            // The first end of a session stands.
            if let Entry::Vacant(place) = remembered.by_sid.entry(sid) {
                place.insert(ended);
                remembered.log.insert(EndPlace { at: ended.at, sid }, Held::Expected);
            }
        }
    }

    /// Asks whoever follows the log to look at it now.
    pub fn look_soon(&self) {
        self.soon.notify_one();
    }

    /// Waits until a look is asked for.
    pub async fn asked_to_look(&self) {
        self.soon.notified().await;
    }

    fn learn(&self, ends: Vec<SessionEnd>) {
        let mut remembered = self.write();
        for end in ends {
            remembered.log.insert(end.place(), Held::Expected);
            remembered.by_sid.insert(end.sid, end.ended);
            remembered.by_key.insert(end.session_key, end.ended);
        }
    }

    fn forget_before(&self, moment: UnixMillis) {
        let mut remembered = self.write();
        let kept = remembered.log.split_off(&EndPlace::before(moment));
        remembered.log = kept;
        remembered.by_sid.retain(|_, ended| ended.at >= moment);
        remembered.by_key.retain(|_, ended| ended.at >= moment);
    }

    /// The time of the newest end that was told and is older than `moment`.
    fn newest_before(&self, moment: UnixMillis) -> Option<UnixMillis> {
        let remembered = self.read();
        let mut settled = remembered.log.range(..=EndPlace::before(moment));
        settled.rfind(|(_, held)| **held == Held::Expected).map(|(place, _)| place.at)
    }

    /// What is remembered of the time since `from` and is not in `told`, which is in the log's order.
    fn missing_in(&self, told: &[SessionEnd], from: UnixMillis) -> Vec<(Sid, Ended)> {
        let remembered = self.read();
        let missing = remembered.log.range(EndPlace::before(from)..).filter(|(place, held)| {
            **held == Held::Expected && told.binary_search_by_key(*place, SessionEnd::place).is_err()
        });
        missing.filter_map(|(place, _)| Some((place.sid, *remembered.by_sid.get(&place.sid)?))).collect()
    }

    fn give_up(&self, sid: Sid, ended: Ended) {
        if let Some(held) = self.write().log.get_mut(&EndPlace { at: ended.at, sid }) {
            *held = Held::Lost;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Remembered> {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Remembered> {
        self.remembered.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ends of single sessions among `writes`.
pub fn ends_in(writes: &[Write]) -> Vec<(Sid, Ended)> {
    let end = |write: &Write| match write {
        Write::EndSession { sid, at, reason } => Some((*sid, Ended { at: *at, reason: *reason })),
        _other => None,
    };
    writes.iter().filter_map(end).collect()
}

/// One look at the log: learns what is new, writes again what the store has lost, forgets what is older
/// than `kept`.
pub async fn follow(ends: &Ends, store: &dyn Store, kept: Millis, now: UnixMillis) -> Result<()> {
    let oldest = back(now, kept);
    ends.forget_before(oldest);
    // The newest entry that has settled is read again each time: were it missing, the store would have
    // gone back. Younger ones may still appear in any order.
    let from = ends.newest_before(back(now, limits::ENDS_SETTLE)).unwrap_or(oldest);
    let told = told_since(store, from).await?;
    if ends.missing_in(&told, from).is_empty() {
        ends.learn(told);
        return Ok(());
    }
    let told = told_since(store, oldest).await?;
    let lost = ends.missing_in(&told, oldest);
    ends.learn(told);
    for page in lost.chunks(limits::ENDS_PAGE) {
        write_again(ends, store, page, now).await?;
    }
    Ok(())
}

/// The log since `from`.
pub async fn told_since(store: &dyn Store, from: UnixMillis) -> Result<Vec<SessionEnd>> {
    let mut told: Vec<SessionEnd> = Vec::new();
    loop {
        let after = told.last().map_or(EndPlace::before(from), SessionEnd::place);
        let page = store.load_ends(after, limits::ENDS_PAGE).await?;
        let is_last = page.len() < limits::ENDS_PAGE;
        told.extend(page);
        if is_last {
            return Ok(told);
        }
    }
}

/// Ends these sessions once more, at the time and for the reason that they were ended.
async fn write_again(ends: &Ends, store: &dyn Store, lost: &[(Sid, Ended)], now: UnixMillis) -> Result<()> {
    let sids: Vec<_> = lost.iter().map(|(sid, _)| *sid).collect();
    let sessions = store.load_sessions(&sids).await?;
    let mut writes = Vec::new();
    for (sid, ended) in lost {
        match sessions.iter().find(|session| session.sid == *sid) {
            Some(session) if session.ended.is_none() => {
                writes.push(Write::EndSession { sid: *sid, at: ended.at, reason: ended.reason });
                let line = AuditEvent::of_session(session, AuditKind::EndRestored, ended.reason.name(), now);
                writes.push(Write::Audit(line));
            }
            Some(_) | None => ends.give_up(*sid, *ended),
        }
    }
    if !writes.is_empty() {
        let count = writes.len() / 2;
        tracing::warn!(ends = count, "the store has gone back to an older state: ends of sessions are written again");
        let _ = store.apply(Change(writes)).await?;
    }
    Ok(())
}

const fn back(from: UnixMillis, span: Millis) -> UnixMillis {
    UnixMillis(from.0.saturating_sub(span.0))
}

#[cfg(test)]
mod tests {
    use perennial_protocol::session::EndReason;
    use perennial_store::{
        MemoryStore,
        contract::{NOW, numbered_session as session},
    };

    use super::*;

    const KEPT: Millis = Millis::hours(1);

    async fn store_of(numbers: impl IntoIterator<Item = u32>) -> MemoryStore {
        let store = MemoryStore::default();
        let writes = numbers.into_iter().map(|number| Write::InsertSession(session(number))).collect();
        let _ = store.apply(Change(writes)).await.expect("memory is available");
        store
    }

    async fn end(store: &MemoryStore, number: u32, at: UnixMillis) {
        let write = Write::EndSession { sid: session(number).sid, at, reason: EndReason::Revoked };
        let _ = store.apply([write].into()).await.expect("memory is available");
    }

    async fn look(ends: &Ends, store: &MemoryStore, now: UnixMillis) {
        follow(ends, store, KEPT, now).await.expect("memory is available");
    }

    fn knows(ends: &Ends, number: u32) -> bool {
        let mut read = session(number);
        ends.mark([&mut read]);
        assert_eq!(read.ended, ends.of(&read.session_key));
        read.ended.is_some_and(|ended| ended.reason == EndReason::Revoked)
    }

    async fn is_over(store: &MemoryStore, number: u32) -> bool {
        store.load_sessions(&[session(number).sid]).await.expect("available")[0].ended.is_some()
    }

    #[tokio::test]
    async fn an_end_is_known_after_one_look_and_others_stay_alive() {
        let (ends, store) = (Ends::default(), store_of(1..=3).await);
        end(&store, 2, NOW).await;
        look(&ends, &store, NOW).await;
        assert!(knows(&ends, 2) && !knows(&ends, 1) && !knows(&ends, 3));
    }

    #[tokio::test]
    async fn an_end_that_is_committed_after_later_ones_is_not_overlooked() {
        let (ends, store) = (Ends::default(), store_of(1..=2).await);
        end(&store, 1, NOW).await;
        look(&ends, &store, NOW).await;
        end(&store, 2, back(NOW, Millis::seconds(9))).await;
        look(&ends, &store, NOW).await;
        assert!(knows(&ends, 2));
    }

    #[tokio::test]
    async fn a_store_that_went_back_is_told_every_end_again() {
        let (ends, store) = (Ends::default(), store_of(1..=4).await);
        for (number, seconds) in [(1, 0), (2, 60), (3, 120)] {
            end(&store, number, NOW.plus(Millis::seconds(seconds))).await;
        }
        look(&ends, &store, NOW.plus(Millis::seconds(120))).await;
        let restored = store_of(1..=4).await;
        end(&restored, 1, NOW).await;
        look(&ends, &restored, NOW.plus(Millis::seconds(180))).await;
        assert!(is_over(&restored, 2).await && is_over(&restored, 3).await && !is_over(&restored, 4).await);
        let told = restored.load_audit(10).await.expect("available");
        assert_eq!(told.iter().filter(|event| event.kind == AuditKind::EndRestored).count(), 2, "{told:?}");
    }

    #[tokio::test]
    async fn the_loss_of_the_very_last_end_is_noticed() {
        let (ends, store) = (Ends::default(), store_of(1..=1).await);
        end(&store, 1, NOW).await;
        look(&ends, &store, NOW).await;
        let restored = store_of(1..=1).await;
        look(&ends, &restored, NOW.plus(Millis::seconds(1))).await;
        assert!(is_over(&restored, 1).await);
    }

    #[tokio::test]
    async fn an_end_that_is_lost_before_anybody_read_it_is_written_again_by_who_wrote_it() {
        let (ends, store) = (Ends::default(), store_of(1..=2).await);
        ends.note(vec![(session(1).sid, Ended { at: NOW, reason: EndReason::Revoked })]);
        let mut read = session(1);
        ends.mark([&mut read]);
        assert!(read.ended.is_some(), "it is over at once");
        look(&ends, &store, NOW).await;
        assert!(is_over(&store, 1).await && !is_over(&store, 2).await);
    }

    #[tokio::test]
    async fn a_second_end_of_a_session_is_no_loss_of_the_store() {
        let (ends, store) = (Ends::default(), store_of(1..=1).await);
        end(&store, 1, NOW).await;
        ends.note(vec![(session(1).sid, Ended { at: NOW.plus(Millis(5)), reason: EndReason::Logout })]);
        for seconds in 0..3 {
            look(&ends, &store, NOW.plus(Millis::seconds(seconds))).await;
        }
        assert!(knows(&ends, 1), "the first end stands");
        assert_eq!(store.load_audit(10).await.expect("available").len(), 0);
    }

    #[tokio::test]
    async fn a_session_that_the_store_lost_altogether_is_given_up_and_stays_ended_here() {
        let (ends, store) = (Ends::default(), store_of(1..=1).await);
        end(&store, 1, NOW).await;
        look(&ends, &store, NOW).await;
        let empty = store_of([]).await;
        for seconds in 1..4 {
            look(&ends, &empty, NOW.plus(Millis::seconds(seconds))).await;
        }
        assert!(ends.missing_in(&[], NOW).is_empty());
        assert!(knows(&ends, 1));
    }

    #[tokio::test]
    async fn more_ends_than_a_page_are_all_told_and_all_written_again() {
        let many = 2 * u32::try_from(limits::ENDS_PAGE).expect("a page is small") + 1;
        let (ends, store) = (Ends::default(), store_of(1..=many).await);
        for number in 1..=many {
            end(&store, number, NOW).await;
        }
        look(&ends, &store, NOW).await;
        assert!((1..=many).all(|number| knows(&ends, number)));
        let restored = store_of(1..=many).await;
        look(&ends, &restored, NOW).await;
        assert!(is_over(&restored, 1).await && is_over(&restored, many).await);
    }

    #[tokio::test]
    async fn an_end_is_forgotten_when_nothing_can_outlive_it() {
        let (ends, store) = (Ends::default(), store_of(1..=1).await);
        end(&store, 1, NOW).await;
        look(&ends, &store, NOW).await;
        look(&ends, &store, NOW.plus(KEPT)).await;
        assert!(knows(&ends, 1));
        look(&ends, &store_of([]).await, NOW.plus(Millis(KEPT.0 + 1))).await;
        assert!(!knows(&ends, 1));
    }
}
