//! The demo's API: who asks, a list of theirs, a slow answer and a stream. It believes verified tokens only.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::get,
};
use futures_util::stream::{self, Stream};
use perennial_edge::problem;
use perennial_protocol::refusal::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::verifier::{Claims, Verifier};

/// The API's state.
pub(super) struct Api {
    verifier: Verifier,
    /// What each person has written.
    items: Mutex<BTreeMap<String, VecDeque<String>>>,
    /// The next good token is refused all the same.
    refuses_once: AtomicBool,
}

const ITEMS_MAX: usize = 20;
const ITEM_BYTES_MAX: usize = 200;
const BODY_BYTES_MAX: usize = 4096;
const SLOW: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_secs(1);

impl Api {
    pub(super) const fn new(verifier: Verifier) -> Self {
        Self { verifier, items: Mutex::new(BTreeMap::new()), refuses_once: AtomicBool::new(false) }
    }

    /// As if the API had lost its trust in a token: the next request is told that its token is bad.
    pub(super) fn refuse_once(&self) {
        self.refuses_once.store(true, Ordering::Relaxed);
    }

    fn of<T>(&self, person: &Claims, look: impl FnOnce(&mut VecDeque<String>) -> T) -> T {
        look(self.items.lock().unwrap_or_else(PoisonError::into_inner).entry(person.sub.clone()).or_default())
    }
}

pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/me", get(me))
        .route("/api/items", get(items).post(add))
        .route("/api/slow", get(slow))
        .route("/api/events", get(events))
        .fallback(|| async { problem::plain(&Refusal::NotFound) })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api)
}

/// Who asks.
struct Asker(Claims);

impl FromRequestParts<Arc<Api>> for Asker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Response> {
        let verified = api.verifier.verified(&parts.headers).await;
        let trusted = verified.filter(|_| !api.refuses_once.swap(false, Ordering::Relaxed));
        trusted.map(Self).ok_or_else(|| problem::plain(&Refusal::InvalidAccessToken))
    }
}

async fn me(Asker(claims): Asker) -> Json<Value> {
    let Claims { sub, sid, iat, exp } = claims;
    Json(json!({ "subject": sub, "session": sid, "issued_at": iat, "expires_at": exp }))
}

async fn items(State(api): State<Arc<Api>>, Asker(claims): Asker) -> Json<Value> {
    api.of(&claims, |items| Json(json!({ "items": items })))
}

#[derive(Deserialize)]
struct Item {
    text: String,
}

async fn add(State(api): State<Arc<Api>>, Asker(claims): Asker, Json(Item { text }): Json<Item>) -> Response {
    if text.is_empty() || text.len() > ITEM_BYTES_MAX {
        let sentence = format!("An item has 1 to {ITEM_BYTES_MAX} bytes.");
        return problem::plain(&Refusal::InvalidRequest(sentence));
    }
    api.of(&claims, |items| {
        items.truncate(ITEMS_MAX - 1);
        items.push_front(text);
        (StatusCode::CREATED, Json(json!({ "items": items }))).into_response()
    })
}

async fn slow(Asker(claims): Asker) -> Json<Value> {
    sleep(SLOW).await;
    Json(json!({ "subject": claims.sub, "took_ms": SLOW.as_millis() }))
}

/// A tick a second, for as long as anybody listens.
async fn events(Asker(_): Asker) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(1_u64, |count| async move {
        sleep(TICK).await;
        Some((Ok(Event::default().data(count.to_string())), count + 1))
    }))
}
