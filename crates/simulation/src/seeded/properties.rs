//! What must never happen, judged at every answer and at the end of a world.

use perennial_protocol::{
    id::{Sid, Subject},
    refresh::RefreshToken,
    time::{Millis, UnixMillis},
};

use super::{
    browser::{Browser, Jar, Owner},
    network::{Ask, Said, Sent},
    site::{Answer, REFRESH},
    store::ShakyStore,
    witness::Witness,
};

pub const FALSE_ALARM: &str = "nobody honest is called a thief";
pub const LOGGED_OUT: &str = "no honest jar is ever ended";
pub const WRONG_PERSON: &str = "no request acts as the wrong person";
pub const RESURRECTED: &str = "what is ended stays ended";
pub const FAILURE: &str = "no request fails while the store is up";
pub const ONE_ROW: &str = "a session is one row";
pub const FOUND: &str = "a thief is found or locked out in time";
pub const EVICTED: &str = "a thief never evicts the person";

/// How long after a store has gone back some node may not know of an end that was lost with it.
const ENDED_AGAIN_WITHIN: Millis = Millis::seconds(2);

/// Judges an answer when it leaves the node.
pub fn at_node(witness: &Witness, actor: &str, arrived: UnixMillis, answer: &Answer) {
    if answer.status >= 500 && !answer.in_outage {
        witness.violated(FAILURE, actor, format!("{} {}", answer.status, answer.text));
    }
    let over = |sid: Sid| {
        let life = witness.life(sid)?;
        let since = life.end_lost.map_or(life.ended?.0, |lost| lost.plus(ENDED_AGAIN_WITHIN));
        (since < arrived).then_some(life.number)
    };
    let handed_out = handed_out(answer).map(|token| token.sid);
    let spoken_for = answer.is_authenticated().then(|| witness.sid_of(&answer.field("session_key"))).flatten();
    // While the store cannot be asked, a good access token passes.
    let spoken_for = spoken_for.filter(|_| !answer.in_outage);
    if let Some(number) = handed_out.into_iter().chain(spoken_for).find_map(over) {
        witness.violated(RESURRECTED, actor, format!("s{number} is answered after its end"));
    }
}

/// The refresh token that an answer sets.
pub fn handed_out(answer: &Answer) -> Option<RefreshToken> {
    answer.set_cookie.iter().find_map(|line| {
        let (name, rest) = line.split_once('=')?;
        let value = rest.split(';').next()?;
        name.starts_with(REFRESH).then(|| RefreshToken::parse(value).ok()).flatten()
    })
}

/// The person's session, as long as nobody gave it up or stole it.
fn must_live(witness: &Witness, owner: &Owner) -> bool {
    witness.life(owner.sid).is_some_and(|life| !life.let_go && !life.stolen)
}

/// Judges an answer when it reaches the browser that asked.
pub fn at_browser(witness: &Witness, browser: &Browser, sent: &Sent, answer: &Answer, subjects: &[Subject]) {
    let owner = sent.jar.owner.as_ref();
    // A token that came late, after a logout, may pass in an outage on a node that has not heard of the end. It
    // never passes for another person's.
    let excused = answer.in_outage && owner.is_none();
    let shown = answer.shown(subjects).filter(|_| !excused);
    if let Some(shown) = shown.filter(|shown| owner.is_none_or(|owner| owner.subject != **shown)) {
        let expected = owner.map_or("nobody", |owner| owner.subject.as_str());
        witness.violated(WRONG_PERSON, &browser.name, format!("{shown} instead of {expected}"));
    }
    if sent.ask != Ask::LogOut
        && owner.is_some_and(|owner| must_live(witness, owner))
        && let Said::Over(reason) = answer.said()
    {
        witness.violated(LOGGED_OUT, &browser.name, format!("{:?} heard {reason}", sent.ask));
    }
}

/// Judges what an answer did to the jar.
pub fn in_jar(witness: &Witness, browser: &Browser, before: &Jar, now: UnixMillis) {
    let after = browser.jar();
    let Some(owner) = after.owner.as_ref().filter(|owner| must_live(witness, owner)) else { return };
    if before.holds(owner.sid, now) && !after.holds(owner.sid, now) {
        witness.violated(LOGGED_OUT, &browser.name, "the cookie of a live session was taken away".to_owned());
    }
}

/// Judges the tables.
pub fn in_store(witness: &Witness, store: &ShakyStore) {
    let sids = witness.sessions();
    let rows = store.rows(&sids);
    if rows.len() != sids.len() {
        witness.violated(ONE_ROW, "site", format!("{} rows of {} sessions", rows.len(), sids.len()));
    }
}
