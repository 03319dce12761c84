//! One refresh of a foreign issuer's token for many nodes: who makes it now, or what came of it.
//!
//! A row stands under a keyed hash of the token that is spent. Its result is sealed under that token, so that
//! a store knows neither.

use std::fmt;

use perennial_protocol::time::UnixMillis;

/// What is kept under the hash of a token. Once `ends_at` is there, it counts as absent.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignRefresh {
    pub token_hash: [u8; 32],
    pub state: ForeignState,
    pub ends_at: UnixMillis,
}

impl ForeignRefresh {
    pub(crate) fn is_leased_to(&self, lease: LeaseId) -> bool {
        self.state == ForeignState::Leased(lease)
    }

    pub(crate) fn successor(&self) -> Option<&[u8; 32]> {
        match &self.state {
            ForeignState::Leased(_) => None,
            ForeignState::Done { successor, .. } => successor.as_ref(),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub enum ForeignState {
    /// Somebody is refreshing. Once the time is over without a result, another may take it.
    Leased(LeaseId),
    /// What came of it; `successor` is the keyed hash of the token that took the place of this one.
    Done { sealed: SealedResult, successor: Option<[u8; 32]> },
}

/// Tells one lease from the next, so that only its holder finishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseId(pub [u8; 16]);

/// A result that only a holder of the spent token can open.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedResult(Vec<u8>);

impl SealedResult {
    /// Room for two tokens of 8 KiB, each as large as a header may be, and for what stands around them.
    pub const BYTES_MAX: usize = 32 * 1024;

    /// Nothing where there are too many bytes.
    pub fn checked(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() <= Self::BYTES_MAX).then_some(Self(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedResult {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SealedResult({} bytes)", self.0.len())
    }
}

impl fmt::Debug for ForeignState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Leased(_) => "leased",
            Self::Done { .. } => "done",
        })
    }
}

impl fmt::Debug for ForeignRefresh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ForeignRefresh({:?} until {})", self.state, self.ends_at.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_shows_its_length_only() {
        let sealed = SealedResult::checked(vec![7; 3]).expect("it is small");
        assert_eq!(format!("{sealed:?}"), "SealedResult(3 bytes)");
        let state = ForeignState::Done { sealed, successor: Some([7; 32]) };
        let refresh = ForeignRefresh { token_hash: [7; 32], state, ends_at: UnixMillis(5) };
        assert_eq!(format!("{refresh:?}"), "ForeignRefresh(done until 5)");
    }

    #[test]
    fn a_result_has_a_largest_size() {
        assert!(SealedResult::checked(vec![0; SealedResult::BYTES_MAX]).is_some());
        assert!(SealedResult::checked(vec![0; SealedResult::BYTES_MAX + 1]).is_none());
    }
}
