//! What everybody gets who carries a spent refresh token: the new tokens, and the rest of what the issuer said.

use perennial_edge::foreign::ForeignResult;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tokens::Tokens;

/// The outcome of a refresh as it is shared.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) tokens: Tokens,
    /// The issuer's answer without the tokens, for scripts that asked for it.
    pub(super) answer: Value,
}

impl Kept {
    /// An answer that is too long is left out: the tokens are what counts. Nothing where they alone are.
    pub(super) fn sealable(&self) -> Option<ForeignResult> {
        let alone = || Self { tokens: self.tokens.clone(), answer: Value::Object(serde_json::Map::new()) };
        self.bytes().or_else(|| alone().bytes())
    }

    pub(super) fn read(result: &ForeignResult) -> Option<Self> {
        serde_json::from_slice(result.expose()).ok()
    }

    fn bytes(&self) -> Option<ForeignResult> {
        ForeignResult::checked(&serde_json::to_vec(self).ok()?)
    }
}
