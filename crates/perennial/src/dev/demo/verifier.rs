//! How an API learns who asks: it verifies the token itself, over the keys that the issuer publishes (RFC 7517).
//! Nothing here knows that the issuer is the same process.

use std::{net::SocketAddr, time::Duration};

use axum::http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// What the API reads in a token.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    /// The session's public key.
    pub(super) sid: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
}

/// Verifies the tokens of one issuer.
pub(super) struct Verifier {
    client: Client<HttpConnector, Empty<Bytes>>,
    published: Uri,
    validation: Validation,
    known: Mutex<Known>,
}

/// The keys as they were published last.
struct Known {
    keys: JwkSet,
    asked_at: Option<Instant>,
}

/// Tokens with keys that do not exist do not make the API ask for keys more often than this.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
const ANSWER_MAX: Duration = Duration::from_secs(2);
const KEYS_BYTES_MAX: usize = 64 * 1024;

impl Verifier {
    /// For tokens of this issuer for this audience; its keys are published at this address.
    pub(super) fn new(public: SocketAddr, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = 0;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        let published = format!("http://{public}{}", perennial_service::http::paths::JWKS_PATH);
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            published: published.parse().expect("an address and a path are a URL"),
            validation,
            known: Mutex::new(Known { keys: JwkSet { keys: Vec::new() }, asked_at: None }),
        }
    }

    /// The claims of the request's bearer, if its token is good now.
    pub(super) async fn verified(&self, headers: &HeaderMap) -> Option<Claims> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let head = jsonwebtoken::decode_header(token).ok()?;
        // RFC 9068 §4: no other kind of token opens an API.
        if head.typ.as_deref() != Some("at+jwt") {
            return None;
        }
        let key = self.key(head.kid.as_deref()?).await?;
        jsonwebtoken::decode(token, &key, &self.validation).ok().map(|data| data.claims)
    }

    /// The key of this name; one that was not published yet when they were read last is asked for.
    async fn key(&self, name: &str) -> Option<DecodingKey> {
        let mut known = self.known.lock().await;
        let rests = known.asked_at.is_some_and(|asked_at| asked_at.elapsed() < ASKED_AGAIN);
        if known.keys.find(name).is_none() && !rests {
            known.asked_at = Some(Instant::now());
            if let Some(keys) = self.ask().await {
                known.keys = keys;
            }
        }
        DecodingKey::from_jwk(known.keys.find(name)?).ok()
    }

    async fn ask(&self) -> Option<JwkSet> {
        let answer = timeout(ANSWER_MAX, self.client.get(self.published.clone())).await.ok()?.ok()?;
        let body = Limited::new(answer.into_body(), KEYS_BYTES_MAX).collect();
        serde_json::from_slice(&timeout(ANSWER_MAX, body).await.ok()?.ok()?.to_bytes()).ok()
    }
}
