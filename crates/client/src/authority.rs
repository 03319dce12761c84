//! The authority of a gateway that runs where the auth service does not: its questions travel over HTTP.
//!
//! A judgement is kept for as long as the service said that it holds, so a session with a good access token asks
//! a few times in the life of that token and not at every request. What was ended is heard of twice a second.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderName;
use perennial_edge::authority::{
    Denial, ForwardedToken, Identity, Pass, Question, SessionAuthority,
    wire::{Asked, EndSaid, IdentitySaid, Judged},
};
use perennial_protocol::{id::SessionKey, refusal::Refusal, session::EndReason, time::Millis};
use quick_cache::sync::Cache;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::limits;

/// The auth service at the other end of a network.
#[derive(Debug)]
pub struct RemoteAuthority {
    http: reqwest::Client,
    /// Its admin listener.
    url: Url,
    key: AdminSecretText,
    csrf_header: HeaderName,
    judgements: Cache<[u8; 32], Kept>,
    /// Forwarded tokens that were asked for in place of refused ones, by their hash: what was noted of them here is
    /// noted of the same text whenever it is told again.
    renewed: Cache<[u8; 32], Arc<ForwardedToken>>,
    ended: RwLock<HashMap<SessionKey, EndSaid>>,
}

/// The text of an admin key.
#[derive(Clone)]
pub struct AdminSecretText(pub String);

impl std::fmt::Debug for AdminSecretText {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AdminSecretText(..)")
    }
}

#[derive(Debug, Clone)]
struct Kept {
    identity: Identity,
    until: Instant,
}

/// The remote authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoAuthority {
    #[error("`{0}` is no address of an admin listener: write one such as http://10.0.0.5:8081")]
    Address(String),
    #[error("no HTTP client can be made: {0}")]
    Client(#[from] reqwest::Error),
}

impl RemoteAuthority {
    pub fn new(url: &str, key: AdminSecretText, csrf_header: HeaderName) -> Result<Self, NoAuthority> {
        let url: Url = url.parse().map_err(|_| NoAuthority::Address(url.to_owned()))?;
        if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") {
            return Err(NoAuthority::Address(url.to_string()));
        }
        let builder =
            reqwest::Client::builder().timeout(limits::ANSWER_WAIT).connect_timeout(limits::CONNECT_WAIT).no_proxy();
        let http = builder.redirect(reqwest::redirect::Policy::none()).build()?;
        let (judgements, renewed) = (Cache::new(limits::JUDGEMENTS), Cache::new(limits::JUDGEMENTS));
        Ok(Self { http, url, key, csrf_header, judgements, renewed, ended: RwLock::default() })
    }

    /// Follows the ends of sessions, for as long as it is polled. While the service cannot be asked, what was heard
    /// stays in force, and what was judged good holds for as long as it was said to.
    pub async fn follow_ends(self: Arc<Self>) {
        let (mut since, mut answered, mut told) = (None, Instant::now(), false);
        loop {
            match self.ends_since(since).await {
                Ok(Ends { ends, next_since_ms }) => {
                    self.learn(ends, since);
                    (since, answered, told) = (Some(next_since_ms), Instant::now(), false);
                }
                Err(_) if !told && answered.elapsed() > limits::CUT_OFF_AFTER => {
                    tracing::warn!("the auth service does not answer: sessions that end now are not heard of here");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(limits::ENDS_LOOK).await;
        }
    }

    async fn ends_since(&self, since: Option<i64>) -> Result<Ends, Refusal> {
        let request = self.http.get(self.address("ends"));
        self.answered(match since {
            Some(since) => request.query(&[("since_ms", since)]),
            None => request,
        })
        .await
    }

    fn learn(&self, ends: Vec<EndSaid>, since: Option<i64>) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        // Nothing that was judged before so long holds any more.
        if let Some(oldest) = since.map(|since| since - Millis::days(1).0) {
            ended.retain(|_, end| end.at_ms > oldest);
        }
        ended.extend(ends.into_iter().map(|end| (end.session.clone(), end)));
    }

    fn address(&self, call: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/admin/gateway/{call}", self.url.path().trim_end_matches('/')));
        url
    }

    /// The answer of the service, or that nothing is known. Its own refusals concern this process, not the person.
    async fn answered<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Refusal> {
        let unknown = || Refusal::AuthUnavailable { retry_after: Millis::seconds(2) };
        let answer = request.bearer_auth(&self.key.0).send().await.map_err(|error| {
            tracing::warn!(reason = %error.without_url(), "the auth service did not answer");
            unknown()
        })?;
        let status = answer.status();
        if status == StatusCode::OK {
            return answer.json().await.map_err(|_| unknown());
        }
        if status.is_client_error() {
            tracing::error!(%status, "the auth service refuses this gateway: does its admin key have the scope `gateway`?");
        }
        Err(unknown())
    }
}

#[derive(Deserialize)]
struct Ends {
    ends: Vec<EndSaid>,
    next_since_ms: i64,
}

#[async_trait]
impl SessionAuthority for RemoteAuthority {
    async fn judge(&self, question: Question<'_>) -> Result<Pass, Denial> {
        let asked = Asked::of(question, &self.csrf_header);
        let place = place_of(&asked);
        if let Some(kept) = self.judgements.get(&place).filter(|kept| Instant::now() < kept.until)
            && self.ended(&kept.identity.session).is_none()
        {
            return Ok(Pass { identity: Some(kept.identity), ..Pass::default() });
        }
        let judged: Judged = self.answered(self.http.post(self.address("judge")).json(&asked)).await?;
        let mut judged = Result::from(judged);
        if let Ok(Pass { identity: Some(identity), .. }) = &mut judged
            && let Some(known) = self.renewed.get(&hash(identity.token.expose().as_bytes()))
        {
            identity.token = known;
        }
        if let Ok(Pass { identity: Some(identity), holds_for, .. }) = &judged
            && !holds_for.is_zero()
        {
            self.judgements.insert(place, Kept { identity: identity.clone(), until: Instant::now() + *holds_for });
        }
        judged
    }

    async fn renew(&self, refused: &Identity, audience: Option<&str>) -> Result<Identity, Refusal> {
        let body = json!({ "identity": IdentitySaid::from(refused.clone()), "audience": audience });
        let judged: Judged = self.answered(self.http.post(self.address("renew")).json(&body)).await?;
        let pass = Result::from(judged).map_err(|denial: Denial| denial.refusal)?;
        let renewed = pass.identity.ok_or(Refusal::InternalError)?;
        self.renewed.insert(hash(renewed.token.expose().as_bytes()), Arc::clone(&renewed.token));
        // Whatever was judged with the former token is judged anew.
        self.judgements.retain(|_, kept| kept.identity.session != renewed.session);
        Ok(renewed)
    }

    fn ended(&self, session: &SessionKey) -> Option<EndReason> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        ended.get(session).map(|end| end.reason)
    }
}

/// Where a judgement is kept: nothing that it depends on is left out. The target matters to refusals alone, and
/// those are not kept.
fn place_of(asked: &Asked) -> [u8; 32] {
    let parts = (&asked.method, &asked.headers, asked.peer, asked.delivery, asked.requirement, &asked.audience);
    let text = serde_json::to_vec(&parts).expect("texts and numbers can be written as JSON");
    hash(&text)
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
