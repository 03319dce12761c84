//! The witness: what really happened, whatever anybody was told.
//!
//! It sees every write that reached the store, so it knows each session's generation, what befell it, and
//! whether its person wanted its end. It keeps the trace, counts, and the first violation.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use perennial_protocol::{
    id::{SessionKey, Sid, Subject},
    refresh::{Generation, RefreshToken},
    session::{EndReason, Session},
    time::UnixMillis,
};
use perennial_service::clock::Clock;

use super::{
    browser::Jar,
    clock::{EPOCH, VirtualClock},
};

/// How many events a trace goes back.
const EVENTS_MAX: usize = 4000;

/// What is known about a session.
#[derive(Debug, Clone)]
pub struct Life {
    /// Its name in traces: sessions are numbered as they begin.
    pub number: usize,
    pub subject: Subject,
    pub key: SessionKey,
    pub generation: Generation,
    /// Answers with the current refresh token that never arrived, and crashes, of this generation.
    pub losses: u8,
    pub crashes: u8,
    pub ended: Option<(UnixMillis, EndReason)>,
    /// When the store lost its end, until somebody writes it again.
    pub end_lost: Option<UnixMillis>,
    /// Its person asked for its end, or logged in anew.
    pub let_go: bool,
    pub stolen: bool,
}

/// One line of a trace.
#[derive(Debug, Clone)]
pub struct Event {
    pub at: UnixMillis,
    pub actor: String,
    pub what: String,
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.at.since(EPOCH).0;
        write!(out, "{:>9}.{:03}s  {:<10}  {}", since / 1000, since % 1000, self.actor, self.what)
    }
}

/// Something that must never happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub property: &'static str,
    pub actor: String,
    pub what: String,
}

#[derive(Debug, Default)]
struct Seen {
    lives: BTreeMap<Sid, Life>,
    events: VecDeque<Event>,
    digest: u64,
    counts: BTreeMap<&'static str, u64>,
    violation: Option<Violation>,
}

/// The witness of one world.
#[derive(Debug)]
pub struct Witness {
    clock: VirtualClock,
    seen: Mutex<Seen>,
}

impl Witness {
    pub fn new(clock: VirtualClock) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, actor: &str, what: String) {
        let at = self.clock.now();
        let mut seen = self.seen();
        // What comes after the first violation explains nothing.
        if seen.violation.is_some() {
            return;
        }
        let mut hasher = DefaultHasher::new();
        (seen.digest, at, actor, &what).hash(&mut hasher);
        seen.digest = hasher.finish();
        seen.events.push_back(Event { at, actor: actor.to_owned(), what });
        if seen.events.len() > EVENTS_MAX {
            seen.events.pop_front();
        }
    }

    /// The same for something that the report counts.
    pub fn befell(&self, actor: &str, fault: &'static str) {
        self.count(fault);
        self.note(actor, fault.to_owned());
    }

    pub fn count(&self, what: &'static str) {
        *self.seen().counts.entry(what).or_default() += 1;
    }

    /// The first violation stands; the world ends with it.
    pub fn violated(&self, property: &'static str, actor: &str, what: String) {
        self.note(actor, format!("VIOLATED: {property}: {what}"));
        self.seen().violation.get_or_insert_with(|| Violation { property, actor: actor.to_owned(), what });
    }

    pub fn violation(&self) -> Option<Violation> {
        self.seen().violation.clone()
    }

    pub fn digest(&self) -> u64 {
        self.seen().digest
    }

    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.seen().counts.clone()
    }

    /// The last `count` events that concern one browser, and what befell the site.
    pub fn trace(&self, browser: &str, count: usize) -> Vec<String> {
        let concerns = |event: &&Event| event.actor == "site" || event.actor.split('.').next() == Some(browser);
        let seen = self.seen();
        let lines: Vec<String> = seen.events.iter().rev().filter(concerns).take(count).map(Event::to_string).collect();
        lines.into_iter().rev().collect()
    }
}

/// The sessions.
impl Witness {
    pub fn began(&self, session: &Session) {
        let mut seen = self.seen();
        let life = Life {
            number: seen.lives.len(),
            subject: session.subject.clone(),
            key: session.session_key.clone(),
            generation: session.rotation.generation,
            losses: 0,
            crashes: 0,
            ended: None,
            end_lost: None,
            let_go: false,
            stolen: false,
        };
        seen.lives.insert(session.sid, life);
    }

    /// How many sessions there ever were.
    pub fn sessions(&self) -> Vec<Sid> {
        self.seen().lives.keys().copied().collect()
    }

    pub fn life(&self, sid: Sid) -> Option<Life> {
        self.seen().lives.get(&sid).cloned()
    }

    pub fn sid_of(&self, key: &str) -> Option<Sid> {
        self.seen().lives.iter().find(|(_, life)| life.key.as_str() == key).map(|(sid, _)| *sid)
    }

    pub fn change(&self, sid: Sid, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.seen().lives.get_mut(&sid) {
            change(life);
        }
    }

    /// The row stands at another generation now; what befell the last one is over.
    pub fn stands_at(&self, sid: Sid, generation: Generation) {
        self.change(sid, |life| {
            if life.generation != generation {
                (life.generation, life.losses, life.crashes) = (generation, 0, 0);
            }
        });
    }

    /// Whether one more answer with this token may be lost within the bounds of the world. It counts if it
    /// carries what the jar waits for.
    pub fn spends_loss(&self, sid: Sid, generation: Generation, most: u8) -> bool {
        let mut spent = true;
        self.change(sid, |life| {
            if life.generation == generation {
                spent = life.crashes == 0 && life.losses < most;
                life.losses += u8::from(spent);
            }
        });
        spent
    }

    /// Whether the browser may crash: a generation bears one crash, or losses, but not both.
    pub fn spends_crash(&self, sid: Sid, most: u8) -> bool {
        let mut spent = true;
        self.change(sid, |life| {
            spent = life.losses == 0 && life.crashes < most;
            life.crashes += u8::from(spent);
        });
        spent
    }

    /// A token as traces say it: session, generation and branch.
    pub fn said(&self, token: &RefreshToken) -> String {
        let number = self.life(token.sid).map_or_else(|| "?".to_owned(), |life| life.number.to_string());
        format!("RT({}, {:04x}) of s{number}", token.generation.0, token.branch.0 >> 16)
    }

    pub fn said_jar(&self, jar: &Jar, now: UnixMillis) -> String {
        let mut words: Vec<String> = jar.refresh(now).map(|token| self.said(&token)).collect();
        if words.is_empty() {
            words.push("no RT".to_owned());
        }
        if jar.access_until(now).is_some() {
            words.push("AT".to_owned());
        }
        if jar.is_marked(now) {
            words.push("mark".to_owned());
        }
        words.join(" + ")
    }
}
