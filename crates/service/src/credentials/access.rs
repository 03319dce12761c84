//! Access tokens: signing them, verifying them, and the public keys for others to do so.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Algorithm, Header, Validation};
use perennial_protocol::{
    id::SessionKey,
    refresh::Generation,
    session::Session,
    time::{Millis, UnixMillis},
    token::{ACCESS_TOKEN_TYPE, AccessClaims, Issuer},
};
use quick_cache::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{entropy, entropy::Entropy, keys::Keys, limits};

/// A new access token. Its text is the secret itself.
pub struct IssuedAccess {
    text: String,
    pub claims: Arc<AccessClaims>,
    pub expires_in: Millis,
}

impl IssuedAccess {
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for IssuedAccess {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "IssuedAccess(expires in {})", self.expires_in)
    }
}

/// The few characters of an access token's id that the hint cookie carries: they change with every token.
pub fn revision(claims: &AccessClaims) -> &str {
    claims.jti.get(..4).unwrap_or(&claims.jti)
}

/// Signs and verifies access tokens. A token that was verified once is remembered by its hash until it is
/// pushed out; its claims are checked each time.
#[derive(Debug)]
pub struct AccessTokens {
    issuer: Issuer,
    verified: Cache<[u8; 32], Arc<AccessClaims>>,
}

impl AccessTokens {
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, verified: Cache::new(limits::ACCESS_CACHE_ENTRIES) }
    }

    /// Claims for a token of this session's generation, with an id of their own.
    pub fn claims(
        &self,
        entropy: &dyn Entropy,
        session: &Session,
        generation: Generation,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> AccessClaims {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let id = URL_SAFE_NO_PAD.encode(entropy::bytes::<12>(entropy));
        AccessClaims::new(&self.issuer, session, generation, now, expires_at, id)
    }

    /// Signs claims.
    pub fn sign(&self, keys: &Keys, claims: AccessClaims, expires_in: Millis) -> IssuedAccess {
        IssuedAccess { text: signed(keys, &claims), claims: Arc::new(claims), expires_in }
    }

    /// The claims of a token that this server signed and that are right now; `None` for every other text.
    pub fn verify(&self, keys: &Keys, token: &str, now: UnixMillis) -> Option<Arc<AccessClaims>> {
        self.genuine(keys, token).filter(|claims| claims.holds(&self.issuer, now))
    }

    /// The claims of a token that this server signed, expired or not: they name a session and open nothing.
    pub fn genuine(&self, keys: &Keys, token: &str) -> Option<Arc<AccessClaims>> {
        if token.len() > limits::ACCESS_TOKEN_BYTES_MAX {
            return None;
        }
        let hash: [u8; 32] = digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        let claims = match self.verified.get(&hash) {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(verify_signature::<AccessClaims>(keys, token)?);
                self.verified.insert(hash, Arc::clone(&claims));
                claims
            }
        };
        claims.is_from(&self.issuer).then_some(claims)
    }

    /// Whether this server signed the token for an upstream, about this session; it may have expired.
    pub fn was_forwarded(&self, keys: &Keys, token: &str, session: &SessionKey) -> bool {
        let claims = Some(token).filter(|token| token.len() <= limits::ACCESS_TOKEN_BYTES_MAX);
        let claims = claims.and_then(|token| verify_signature::<Map<String, Value>>(keys, token));
        let says =
            |claims: &Map<String, Value>, name: &str, text: &str| claims.get(name).is_some_and(|said| said == text);
        claims.is_some_and(|claims| says(&claims, "iss", &self.issuer.issuer) && says(&claims, "sid", session.as_str()))
    }
}

/// A JWT with these claims.
pub fn signed(keys: &Keys, claims: &impl Serialize) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
    header.kid = Some(keys.signing.kid.clone());
    jsonwebtoken::encode(&header, claims, &keys.signing.encoding)
        .expect("claims of plain strings and numbers can be signed with a P-256 key")
}

/// Checks `typ`, algorithm, key and signature (RFC 8725 §3.1, §3.11); the key comes from our ring only.
fn verify_signature<C: DeserializeOwned + Clone>(keys: &Keys, token: &str) -> Option<C> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
        return None;
    }
    let key = keys.verifying.get(header.kid.as_deref()?)?;
    // Time, issuer and audience are checked on every use, by our own clock.
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    jsonwebtoken::decode(token, &key.decoding, &validation).ok().map(|data| data.claims)
}

/// The public keys as a JWK Set (RFC 7517 §5).
#[derive(Debug, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

#[derive(Debug, Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    kid: String,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
}

impl JwkSet {
    pub fn of(keys: &Keys) -> Self {
        let jwk = |key: &Arc<crate::keys::SigningKey>| Jwk {
            kty: "EC",
            crv: "P-256",
            x: key.x.clone(),
            y: key.y.clone(),
            kid: key.kid.clone(),
            usage: "sig",
            alg: "ES256",
        };
        Self { keys: keys.verifying.values().map(jwk).collect() }
    }
}
