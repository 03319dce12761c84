//! The port through which a foreign issuer's refresh token is spent once, however many requests carry it.
//!
//! The issuer may punish a token that comes twice. So the call that spends it is handed over, and whoever
//! implements the port makes one of all calls for the same token, on all nodes, and tells everybody its outcome.

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use perennial_protocol::{refusal::Refusal, time::Millis};

/// Who sees to it that a token is spent once.
#[async_trait]
pub trait ForeignRefreshes: Send + Sync + fmt::Debug {
    /// What came of spending `token` at `issuer`: now by `call`, by a call that somebody else is making, or by
    /// one that was made before. `call` is begun once at most, and goes on when whoever waits here goes away.
    ///
    /// The only refusal is `AuthUnavailable`: nothing is known, and nothing is lost.
    async fn spend(&self, issuer: &str, token: &ForeignToken, call: IssuerCall) -> Result<Spent, Refusal>;
}

/// The call to the issuer, which is not begun before somebody polls it.
pub type IssuerCall = Pin<Box<dyn Future<Output = IssuerAnswer> + Send>>;

/// What the call came to.
#[derive(Debug)]
pub enum IssuerAnswer {
    Renewed(Renewal),
    /// The issuer says no to this token: 400, 401 or 403.
    Refused,
    /// The issuer has not seen the token, such as when no connection came about: another may send it at once.
    Unsent,
    /// Nobody knows whether the token is spent.
    Unknown,
}

/// What the issuer gave.
#[derive(Debug)]
pub struct Renewal {
    pub result: ForeignResult,
    /// The refresh token in the place of the one that was spent, where there is one.
    pub successor: Option<ForeignToken>,
    /// How long the successor lives: whoever comes with the spent token gets the result so long at most.
    pub lives: Millis,
}

/// What everybody hears who carries a spent token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    Renewed(ForeignResult),
    Refused,
}

/// A refresh token of a foreign issuer.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignToken(String);

impl ForeignToken {
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ForeignToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ForeignToken(..)")
    }
}

/// The new tokens, in whatever form the gateway reads them back.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignResult(Arc<[u8]>);

impl ForeignResult {
    /// Room for two tokens that fill a header each, and for what stands around them.
    pub const BYTES_MAX: usize = 24 * 1024;

    /// Nothing where there are too many bytes.
    pub fn checked(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= Self::BYTES_MAX).then(|| Self(bytes.into()))
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ForeignResult {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ForeignResult(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_token_nor_a_result_is_shown() {
        let result = ForeignResult::checked(b"secret").expect("it is small");
        let successor = Some(ForeignToken::new("secret".into()));
        let renewal = Renewal { result: result.clone(), successor, lives: Millis(5) };
        let shown = format!("{:?} {:?}", IssuerAnswer::Renewed(renewal), Spent::Renewed(result));
        assert!(!shown.contains("secret") && shown.contains("ForeignToken(..)"), "{shown}");
    }

    #[test]
    fn a_result_has_a_largest_size() {
        assert!(ForeignResult::checked(&[0; ForeignResult::BYTES_MAX]).is_some());
        assert!(ForeignResult::checked(&[0; ForeignResult::BYTES_MAX + 1]).is_none());
    }
}
