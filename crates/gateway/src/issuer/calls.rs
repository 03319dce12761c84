//! Which of the issuer's own paths a request is for.

use http::Method;

use super::Issuer;
use crate::phases::Accepted;

/// What a page's script, or a form, asks of the issuer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Login,
    Refresh,
    Logout,
}

impl Issuer {
    /// The call, if it is one: a page may have the same path as the call that its form makes.
    pub(super) fn call(&self, accepted: &Accepted<'_>) -> Option<Call> {
        let path = accepted.head.uri.path();
        let is_for = |own| accepted.route.leads_to(path, own);
        let acts = !accepted.head.method.is_safe();
        if acts && is_for(&self.login) {
            Some(Call::Login)
        } else if acts && is_for(&self.refresh) {
            Some(Call::Refresh)
        } else if (acts || accepted.head.method == Method::GET) && self.logout.as_ref().is_some_and(is_for) {
            Some(Call::Logout)
        } else {
            None
        }
    }

    /// Whether an answer to this may hold tokens, whatever the method.
    pub(super) fn hands_out(&self, accepted: &Accepted<'_>) -> bool {
        let path = accepted.head.uri.path();
        [&self.login, &self.refresh].into_iter().any(|own| accepted.route.leads_to(path, own))
    }
}
