//! How long tokens and sessions live, and what their JWTs say of whom they are for.

use perennial_protocol::{
    refresh::{Policy, Rotate},
    session::lifetimes::Lifetimes,
    token::Issuer,
};

use super::Resolver;
use crate::{origin::Origin, problem::Problem, settings::Tokens};

impl Resolver<'_> {
    pub(super) fn tokens(&mut self, public_url: Option<&Origin>) -> Option<Tokens> {
        let tokens = &self.schema.tokens;
        let lifetimes = self.lifetimes();
        if tokens.audience.is_empty() {
            self.refuse("tokens.audience", "is empty: write the name that your API expects as `aud`, such as \"api\"");
        }
        let issuer = match tokens.issuer.as_str() {
            "" => public_url?.to_string(),
            issuer => issuer.to_owned(),
        };
        Some(Tokens {
            lifetimes: lifetimes?,
            transport: tokens.transport,
            issuer: Issuer { issuer, audience: tokens.audience.clone() },
        })
    }

    fn lifetimes(&mut self) -> Option<Lifetimes> {
        let tokens = &self.schema.tokens;
        let lifetimes = Lifetimes {
            access: tokens.access_ttl,
            jitter: tokens.jitter,
            absolute: tokens.absolute_ttl,
            refresh: Policy {
                rotation: if tokens.rotation { Rotate::On } else { Rotate::Off },
                cooldown: tokens.cooldown,
                overlap: tokens.overlap,
                reuse: tokens.reuse,
                idle: tokens.idle_ttl,
            },
        };
        lifetimes
            .checked()
            .map_err(|impossible| self.problems.push(Problem::said("tokens", impossible.to_string())))
            .ok()
    }
}
