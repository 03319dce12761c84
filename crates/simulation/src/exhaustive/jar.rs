//! The browser: one cookie jar for all tabs, and the copy of it on disk that a crash goes back to.

use perennial_protocol::{
    refresh::{Branch, Generation},
    time::{Millis, UnixMillis},
};

/// How long a browser keeps a changed cookie in memory before it writes the jar to disk.
pub const WRITE_BEHIND: Millis = Millis::seconds(30);

/// A refresh token of the session under search; its tag is always right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    pub generation: Generation,
    pub branch: Branch,
}

/// The cookies that the decision is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Jar {
    pub refresh: Option<Token>,
    pub mark: Option<Generation>,
}

impl Jar {
    pub const fn holding(token: Token) -> Self {
        Self { refresh: Some(token), mark: None }
    }
}

/// A jar in memory, and what became durable of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Browser {
    pub jar: Jar,
    pub disk: Jar,
    /// Since when memory is ahead of the disk.
    pub changed_at: Option<UnixMillis>,
}

impl Browser {
    pub const fn holding(token: Token) -> Self {
        Self { jar: Jar::holding(token), disk: Jar::holding(token), changed_at: None }
    }

    /// Cookies arrive. The first change after a flush starts the clock of the next one.
    pub fn keep(&mut self, jar: Jar, now: UnixMillis) {
        if self.jar != jar {
            self.jar = jar;
            self.changed_at = self.changed_at.or(Some(now));
        }
    }

    pub fn flush(&mut self) {
        *self = Self { jar: self.jar, disk: self.jar, changed_at: None };
    }

    pub fn flush_if_due(&mut self, now: UnixMillis) {
        if self.changed_at.is_some_and(|since| now.since(since) >= WRITE_BEHIND) {
            self.flush();
        }
    }

    pub fn crash(&mut self) {
        *self = Self { jar: self.disk, disk: self.disk, changed_at: None };
    }
}
