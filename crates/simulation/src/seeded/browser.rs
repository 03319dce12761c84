//! A browser: one cookie jar for all of its tabs, and the copy of it on disk that a crash goes back to.
//!
//! It keeps the cookies of an answer even if the page has given up on the fetch, forgets them when their
//! Max-Age is over, and knows nothing else about what they mean.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use cookie::Cookie;
use perennial_protocol::{
    id::{Sid, Subject},
    refresh::RefreshToken,
    time::{Millis, UnixMillis},
};
use tokio::sync::Notify;

use super::site::{ACCESS, CSRF, REFRESH, STALE};

/// How long a browser keeps a changed cookie in memory before it writes the jar to disk.
pub const WRITE_BEHIND: Millis = Millis::seconds(30);

/// Who logged in last with a jar, as the person at the screen would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub subject: Subject,
    pub sid: Sid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    value: String,
    dies_at: UnixMillis,
}

/// The cookies, and who logged in last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jar {
    cookies: BTreeMap<String, Kept>,
    pub owner: Option<Owner>,
}

impl Jar {
    /// Puts in what an answer sets (RFC 6265bis §5.6).
    pub fn store(&mut self, lines: &[String], now: UnixMillis) {
        for line in lines {
            let cookie = Cookie::parse(line.as_str()).expect("the service sets readable cookies");
            let life = cookie.max_age().expect("every cookie of ours has a Max-Age").whole_milliseconds();
            let life = Millis(i64::try_from(life).unwrap_or(i64::MAX));
            if life <= Millis::ZERO {
                self.cookies.remove(cookie.name());
            } else {
                let kept = Kept { value: cookie.value().to_owned(), dies_at: now.plus(life) };
                self.cookies.insert(cookie.name().to_owned(), kept);
            }
        }
    }

    /// The Cookie header of a request that is sent now.
    pub fn header(&self, now: UnixMillis) -> String {
        let pairs: Vec<String> = self.alive(now).map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn alive(&self, now: UnixMillis) -> impl Iterator<Item = (&str, &str)> {
        let alive = self.cookies.iter().filter(move |(_, kept)| kept.dies_at > now);
        alive.map(|(name, kept)| (name.as_str(), kept.value.as_str()))
    }

    fn kind(&self, base: &str, now: UnixMillis) -> impl Iterator<Item = (&str, &str)> {
        self.alive(now).filter(move |(name, _)| name.starts_with(base))
    }

    pub fn csrf(&self, now: UnixMillis) -> Option<&str> {
        self.kind(CSRF, now).next().map(|(_, value)| value)
    }

    /// Every refresh token in it.
    pub fn refresh(&self, now: UnixMillis) -> impl Iterator<Item = RefreshToken> {
        self.kind(REFRESH, now).filter_map(|(_, value)| RefreshToken::parse(value).ok())
    }

    /// Whether it holds a refresh token of this session.
    pub fn holds(&self, sid: Sid, now: UnixMillis) -> bool {
        self.refresh(now).any(|token| token.sid == sid)
    }

    /// Until when its last access token lives.
    pub fn access_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let access = self.cookies.iter().filter(|(name, kept)| name.starts_with(ACCESS) && kept.dies_at > now);
        access.map(|(_, kept)| kept.dies_at).max()
    }

    /// Takes every mark out, as someone would who has something to hide.
    pub fn drop_marks(&mut self) {
        self.cookies.retain(|name, _| !name.starts_with(STALE));
    }

    /// Takes every access token out, as if each had reached its end.
    pub fn drop_access(&mut self) {
        self.cookies.retain(|name, _| !name.starts_with(ACCESS));
    }

    /// Puts the access tokens of another jar in, as late answers would.
    pub fn add_access_of(&mut self, other: &Self) {
        let access = other.cookies.iter().filter(|(name, _)| name.starts_with(ACCESS));
        self.cookies.extend(access.map(|(name, kept)| (name.clone(), kept.clone())));
    }

    pub fn is_marked(&self, now: UnixMillis) -> bool {
        self.kind(STALE, now).next().is_some()
    }
}

/// A browser with its profile.
#[derive(Debug)]
pub struct Browser {
    pub name: String,
    memory: RefCell<Jar>,
    disk: RefCell<Jar>,
    changed_at: Cell<Option<UnixMillis>>,
    /// How often it was started: answers to a former run find nobody.
    pub run: Cell<u32>,
    pub asleep_until: Cell<UnixMillis>,
    /// Rings when it wakes up or comes back with all of its tabs.
    pub woke: Notify,
}

impl Browser {
    pub fn new(name: String) -> Self {
        Self {
            name,
            memory: RefCell::default(),
            disk: RefCell::default(),
            changed_at: Cell::new(None),
            run: Cell::new(0),
            asleep_until: Cell::new(UnixMillis(0)),
            woke: Notify::new(),
        }
    }

    /// The jar as a request takes it along now.
    pub fn jar(&self) -> Jar {
        self.memory.borrow().clone()
    }

    /// Changes the jar in memory; the first change after a flush starts the clock of the next one.
    pub fn change(&self, now: UnixMillis, change: impl FnOnce(&mut Jar)) {
        self.flush_if_due(now);
        let before = self.jar();
        change(&mut self.memory.borrow_mut());
        if before != *self.memory.borrow() && self.changed_at.get().is_none() {
            self.changed_at.set(Some(now));
        }
    }

    pub fn flush(&self) {
        self.disk.replace(self.jar());
        self.changed_at.set(None);
    }

    fn flush_if_due(&self, now: UnixMillis) {
        if self.changed_at.get().is_some_and(|since| now.since(since) >= WRITE_BEHIND) {
            self.flush();
        }
    }

    /// Whether a crash now would forget something.
    pub fn is_behind(&self, now: UnixMillis) -> bool {
        self.flush_if_due(now);
        self.changed_at.get().is_some()
    }

    /// The process is gone; the next one reads the disk, and all tabs come back at once.
    pub fn crash(&self, now: UnixMillis) {
        self.flush_if_due(now);
        self.memory.replace(self.disk.borrow().clone());
        self.changed_at.set(None);
        self.run.set(self.run.get() + 1);
        self.woke.notify_waiters();
    }

    pub fn is_asleep(&self, now: UnixMillis) -> bool {
        self.asleep_until.get() > now
    }
}
