//! An API that checks the forwarded token itself, over the published keys, as any resource server does.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Asked, Reply, Upstream};

/// What the API demands of a token. Copies share their clock.
#[derive(Debug, Clone)]
pub struct Verifier {
    jwks_url: String,
    audience: Option<String>,
    clock_ahead: Arc<AtomicI64>,
    keys: Arc<Mutex<Keys>>,
}

#[derive(Default)]
struct Keys(HashMap<String, DecodingKey>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Keys({})", self.0.len())
    }
}

impl Verifier {
    pub fn new(jwks_url: &str) -> Self {
        Self { jwks_url: jwks_url.to_owned(), audience: None, clock_ahead: Arc::default(), keys: Arc::default() }
    }

    /// Takes only tokens that were made for this audience.
    pub fn for_audience(self, audience: &str) -> Self {
        Self { audience: Some(audience.to_owned()), ..self }
    }

    /// Sets the API's clock: so many seconds ahead of everybody else's.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.clock_ahead.store(seconds, Ordering::SeqCst);
    }

    /// The API: 200 with the claims, or 401 as RFC 6750 §3.1 words it.
    pub fn start(&self) -> Upstream {
        let verifier = self.clone();
        Upstream::start(move |asked| {
            let verifier = verifier.clone();
            async move { verifier.answer(asked).await }
        })
    }

    async fn answer(&self, mut asked: Asked) -> Reply {
        let seen = asked.read().await;
        let Some(token) = seen.bearer() else {
            return Reply::json(401, &json!({ "detail": "a token is missing" })).header("www-authenticate", "Bearer");
        };
        match self.claims(token).await {
            Ok(claims) => {
                let body = seen.body.as_ref().map(|body| json!({ "bytes": body.bytes, "hash": body.hash }));
                let seen = json!({ "method": seen.method, "target": seen.target, "claims": claims, "body": body });
                Reply::json(200, &seen)
            }
            Err(detail) => Reply::json(401, &json!({ "detail": detail })).header(
                "www-authenticate",
                &format!(r#"Bearer realm="api", error="invalid_token", error_description="{detail}""#),
            ),
        }
    }

    async fn claims(&self, token: &str) -> Result<Value, &'static str> {
        let key = self.key_of(token).await.ok_or("the token is signed with no key of ours")?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        match &self.audience {
            Some(audience) => validation.set_audience(&[audience]),
            None => validation.validate_aud = false,
        }
        let claims = decode::<Value>(token, &key, &validation).map_err(|_| "the token is not for us")?.claims;
        let expires = claims["exp"].as_i64().ok_or("the token has no end")?;
        if expires <= now() + self.clock_ahead.load(Ordering::SeqCst) {
            return Err("the token has expired");
        }
        Ok(claims)
    }

    async fn key_of(&self, token: &str) -> Option<DecodingKey> {
        let id = decode_header(token).ok()?.kid?;
        let mut keys = self.keys.lock().await;
        if !keys.0.contains_key(&id) {
            let set: JwkSet = reqwest::get(&self.jwks_url).await.ok()?.json().await.ok()?;
            let named =
                set.keys.iter().filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)));
            keys.0 = named.collect();
        }
        keys.0.get(&id).cloned()
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
}
