//! Set-Cookie lines for what becomes of a jar.
//!
//! One line a name. Tokens of the session that answers are set, never cleared; cleared is only what this
//! request carried and what belongs to sessions that are over or older.

use std::{collections::BTreeMap, time::Duration};

use perennial_protocol::{
    cookie::{Jar, set::Reader},
    csrf::{self, CsrfToken},
    id::SessionKey,
    login::{known::KNOWN_TTL, pending::PENDING_TTL},
    session::status::{Status, hint, hint_ended, hint_pending},
    time::Millis,
    token::{AccessClaims, Transport},
};
use tokio::time::Instant;

use crate::{
    credentials::access::revision,
    keys::Keys,
    limits,
    outcome::{Grant, JarChange, Resync, Sweep},
    service::Service,
};

/// The lines of a change: what is set, then what is cleared, each in the order of their names. Where there is no
/// room for all of them, what is cleared can wait for the next answer.
pub fn lines(service: &Service, jar: &Jar, change: &JarChange) -> Vec<String> {
    let keys = service.keys();
    let mut lines = Lines { service, jar, keys: &keys, set: BTreeMap::new(), cleared: BTreeMap::new() };
    if let Some(grant) = &change.grant {
        lines.grant(grant);
    }
    if let Some(mark) = &change.mark {
        let name = service.settings.cookies.stale_of(&mark.session);
        lines.keep(name, &mark.value, limits::AFTERMATH_TTL, Reader::ServerOnly);
    }
    if let Some((step, token)) = &change.pending {
        let names = &service.settings.cookies;
        lines.keep(names.step(*step).to_owned(), &token.expose(), PENDING_TTL, Reader::ServerOnly);
        lines.keep(names.hint.clone(), hint_pending(*step), PENDING_TTL, Reader::Scripts);
    }
    if let Some(known) = &change.known {
        lines.keep(service.settings.cookies.known.clone(), known, KNOWN_TTL, Reader::ServerOnly);
    }
    if let Some(resync) = &change.resync {
        lines.resync(resync);
    }
    lines.clear_what_is_over(change);
    lines.set.into_values().chain(lines.cleared.into_values()).collect()
}

/// An answer that starts sooner than this is never late, however short the overlap is: with none at all, no
/// answer could hand anything out.
const ANSWER_START_MIN: Millis = Millis::seconds(1);

/// Until when an answer with these tokens may begin. One that starts late may reach the jar after a newer one;
/// whoever asks again is answered.
pub fn deliverable_until(service: &Service, grant: &Grant) -> Instant {
    let half = Millis(service.settings.lifetimes.refresh.overlap.0 / 2);
    grant.decided_at + Duration::from(half.max(ANSWER_START_MIN))
}

struct Lines<'a> {
    service: &'a Service,
    jar: &'a Jar,
    keys: &'a Keys,
    /// The lines by their names, of which each stands in one of the two.
    set: BTreeMap<String, String>,
    cleared: BTreeMap<String, String>,
}

impl Lines<'_> {
    fn grant(&mut self, grant: &Grant) {
        if Instant::now() > deliverable_until(self.service, grant) {
            return;
        }
        let names = &self.service.settings.cookies;
        let (session, now) = (&grant.session, self.service.now());
        let (key, lives) = (&session.session_key, session.ends_at.since(now));
        if let Some(token) = &grant.refresh {
            self.keep(names.refresh_of(key), &token.expose(), lives, Reader::ServerOnly);
            self.clear_if_carried(names.stale_of(key), Reader::ServerOnly);
        }
        let access = &grant.access;
        if self.service.settings.transport == Transport::Cookie {
            self.keep(names.access_of(key), access.expose(), access.expires_in, Reader::ServerOnly);
        }
        let csrf_token = csrf::of_session(&self.keys.mac, key, session.sid);
        self.keep(names.csrf.clone(), &csrf_token, lives, Reader::Scripts);
        self.hint(&access.claims, access.expires_in);
    }

    fn resync(&mut self, resync: &Resync) {
        self.keep(self.service.settings.cookies.csrf.clone(), &resync.csrf_token, resync.lives, Reader::Scripts);
        if let Some(claims) = &resync.access {
            let lives = Millis::seconds(claims.exp - self.service.now().unix_seconds());
            self.hint(claims, lives);
        } else if let Some(CsrfToken::Session { key, .. }) = CsrfToken::parse(&resync.csrf_token)
            && self.hinted().is_some_and(|hinted| hinted != key.as_str())
        {
            // A late answer of another login left its hint here.
            self.clear_if_carried(self.service.settings.cookies.hint.clone(), Reader::Scripts);
        }
    }

    fn hint(&mut self, claims: &AccessClaims, lives: Millis) {
        let value = hint(&claims.sid, revision(claims));
        self.keep(self.service.settings.cookies.hint.clone(), &value, lives, Reader::Scripts);
    }

    fn clear_what_is_over(&mut self, change: &JarChange) {
        let names = &self.service.settings.cookies;
        for step in &change.finished_steps {
            self.clear_if_carried(names.step(*step).to_owned(), Reader::ServerOnly);
        }
        for key in &change.closed {
            for name in [names.refresh_of(key), names.access_of(key), names.stale_of(key)] {
                self.clear_if_carried(name, Reader::ServerOnly);
            }
        }
        if change.sweep == Sweep::All {
            let carried: Vec<String> = self.jar.session_cookie_names(names).into_iter().map(str::to_owned).collect();
            for name in carried {
                self.clear_if_carried(name, Reader::ServerOnly);
            }
        }
        if let Some(reason) = change.ended {
            self.keep(names.hint.clone(), &hint_ended(reason), limits::AFTERMATH_TTL, Reader::Scripts);
        }
        if change.sweep == Sweep::All || self.csrf_cookie_is_of(&change.closed) {
            self.clear_if_carried(names.csrf.clone(), Reader::Scripts);
        }
        if self.hinted().is_some_and(|hinted| change.closed.iter().any(|key| key.as_str() == hinted)) {
            self.clear_if_carried(names.hint.clone(), Reader::Scripts);
        }
    }

    /// The key of the session that the jar's hint calls authenticated.
    fn hinted(&self) -> Option<&str> {
        let hint = self.jar.value(&self.service.settings.cookies.hint)?;
        hint.strip_prefix(Status::Authenticated.name())?.strip_prefix('.')?.split('.').next()
    }

    fn csrf_cookie_is_of(&self, closed: &[SessionKey]) -> bool {
        let of_closed = |text| match CsrfToken::parse(text) {
            Some(CsrfToken::Session { key, .. }) => closed.contains(&key),
            Some(CsrfToken::Anonymous { .. }) | None => false,
        };
        self.jar.csrf(&self.service.settings.cookies).any(of_closed)
    }

    fn keep(&mut self, name: String, value: &str, lives: Millis, reader: Reader) {
        if !self.cleared.contains_key(&name) {
            let line = self.service.settings.attributes.keep(&name, value, lives, reader);
            self.set.entry(name).or_insert(line);
        }
    }

    /// Removes a cookie that came, unless this answer sets it.
    fn clear_if_carried(&mut self, name: String, reader: Reader) {
        if self.jar.has(&name) && !self.set.contains_key(&name) {
            let line = self.service.settings.attributes.clear(&name, reader);
            self.cleared.entry(name).or_insert(line);
        }
    }
}
