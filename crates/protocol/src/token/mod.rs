//! The access token: a short-lived signed JWT that carries the session's public key and generation.
//!
//! Shaped after RFC 9068 (`typ: at+jwt`), signed with ES256. This module says what stands in it and which
//! claims are right; signing and verifying the signature is the shell's.

mod bearer;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::bearer::{BearerToken, Transport};

use crate::{
    id::{SessionKey, Subject},
    refresh::Generation,
    session::Session,
    time::{Millis, UnixMillis},
};

/// The `typ` header (RFC 9068 §2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// How long before its end an access token is renewed, where it lives long enough.
const RENEWED_BEFORE: Millis = Millis::seconds(30);

/// The claims. In cookie transport they are ids and nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: Subject,
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    /// The public session key; the private sid leaves the server only inside a refresh token.
    pub sid: SessionKey,
    pub auth_time: i64,
    pub amr: Vec<String>,
    pub acr: String,
    pub aal: u8,
    #[serde(rename = "gen")]
    pub generation: u32,
    /// What the operator says of the subject, where tokens carry it; never one of the names above.
    #[serde(flatten)]
    pub further: Map<String, Value>,
}

/// Who issues tokens, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    pub issuer: String,
    pub audience: String,
}

impl AccessClaims {
    pub fn new(
        issuer: &Issuer,
        session: &Session,
        generation: Generation,
        now: UnixMillis,
        expires_at: UnixMillis,
        jti: String,
    ) -> Self {
        let level = session.authentication.level.number();
        Self {
            iss: issuer.issuer.clone(),
            aud: issuer.audience.clone(),
            sub: session.subject.clone(),
            exp: expires_at.unix_seconds(),
            iat: now.unix_seconds(),
            jti,
            sid: session.session_key.clone(),
            auth_time: session.authentication.at.unix_seconds(),
            amr: session.authentication.methods.clone(),
            acr: format!("aal{level}"),
            aal: level,
            generation: generation.0,
            further: Map::new(),
        }
    }

    /// The same with what the operator says beside it.
    pub fn with(self, further: Map<String, Value>) -> Self {
        Self { further, ..self }
    }

    /// Whether the claims are right now; the signature is somebody else's question.
    pub fn holds(&self, issuer: &Issuer, now: UnixMillis) -> bool {
        self.is_from(issuer) && now.unix_seconds() < self.exp
    }

    /// Whether they are better renewed than used: less than half a minute is left, or a fifth of a short life.
    pub fn are_about_to_expire(&self, now: UnixMillis) -> bool {
        now > self.renewed_from()
    }

    /// From then on they are about to expire.
    pub fn renewed_from(&self) -> UnixMillis {
        let fifth = Millis((self.exp - self.iat) * 1000 / 5);
        UnixMillis(self.exp * 1000 - fifth.min(RENEWED_BEFORE).0)
    }

    /// What an upstream is told instead: for this audience, and nothing that could renew anything.
    pub fn forwarded(self, audience: Option<&str>) -> Map<String, Value> {
        let aud = audience.map_or(self.aud.clone(), str::to_owned);
        let Ok(Value::Object(mut claims)) = serde_json::to_value(Self { aud, ..self }) else { return Map::new() };
        claims.remove("gen");
        claims
    }

    /// Whether this issuer made them for its audience, however long ago.
    pub fn is_from(&self, issuer: &Issuer) -> bool {
        self.iss == issuer.issuer && self.aud == issuer.audience
    }
}
