//! Access tokens that an upstream called expired when they were new: its refusals are not about the token, and to renew
//! at each of them would spend a refresh token a request.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    time::Instant,
};

use perennial_edge::foreign::ForeignToken;
use quick_cache::sync::Cache;

use crate::limits;

/// Which tokens, by a hash that means nothing outside of this process.
pub(super) struct RefusedFresh {
    since: Cache<u64, Instant>,
    hashes: RandomState,
}

impl Default for RefusedFresh {
    fn default() -> Self {
        Self { since: Cache::new(limits::REFUSED_FRESH), hashes: RandomState::new() }
    }
}

impl fmt::Debug for RefusedFresh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RefusedFresh({})", self.since.len())
    }
}

impl RefusedFresh {
    pub(super) fn note(&self, access: &ForeignToken, now: Instant) {
        self.since.insert(self.hashes.hash_one(access.expose()), now);
    }

    /// Whether it was refused so not long ago. Later the token may have expired indeed.
    pub(super) fn has(&self, access: &ForeignToken, now: Instant) -> bool {
        let noted = self.since.get(&self.hashes.hash_one(access.expose()));
        noted.is_some_and(|noted| now < noted + limits::REFUSED_FRESH_KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_remembered_for_a_while_and_no_other_with_it() {
        let (refused, now) = (RefusedFresh::default(), Instant::now());
        let [one, other] = ["one", "other"].map(|text| ForeignToken::new(text.to_owned()));
        refused.note(&one, now);
        assert!(refused.has(&one, now) && !refused.has(&other, now));
        assert!(!refused.has(&one, now + limits::REFUSED_FRESH_KEPT));
    }
}
