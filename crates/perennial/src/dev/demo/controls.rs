//! What the demo's buttons do, under `/dev/demo`: each is a POST that passes the same guard as every other call.
//!
//! Only `/dev/demo/later` is not as in life: the store is told that this session's refresh token was delivered one
//! cooldown earlier than it was, so that nobody has to wait two minutes. Every decision after that is the real one.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use perennial_edge::problem;
use perennial_protocol::{
    cookie::set::Reader, origin::Absence, refresh::Rotation, refusal::Refusal, session::Session, time::UnixMillis,
};
use perennial_service::{
    Service,
    http::{
        guard::{self, Acting, Proof},
        request,
    },
    operations::end_session::end_from,
    visit::{Carried, Visit},
};
use perennial_store::Write;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify};

use super::{api::Api, live::Live, thief::Thief, upstream};

/// What the buttons work on.
pub(super) struct Controls {
    service: Arc<Service>,
    live: Arc<Live>,
    api: Arc<Api>,
    switch: Arc<Notify>,
    public: SocketAddr,
    thief: Mutex<Option<Thief>>,
}

impl Controls {
    pub(super) fn new(
        service: &Arc<Service>,
        live: &Arc<Live>,
        api: &Arc<Api>,
        switch: Arc<Notify>,
        public: SocketAddr,
    ) -> Arc<Self> {
        let (service, live, api) = (Arc::clone(service), Arc::clone(live), Arc::clone(api));
        Arc::new(Self { service, live, api, switch, public, thief: Mutex::new(None) })
    }
}

pub(super) fn router(controls: Arc<Controls>) -> Router {
    Router::new()
        .route("/dev/live", get(live))
        .route("/dev/demo/expire", post(expire))
        .route("/dev/demo/revoke", post(revoke))
        .route("/dev/demo/distrust", post(distrust))
        .route("/dev/demo/cut", post(cut))
        .route("/dev/demo/later", post(later))
        .route("/dev/demo/steal", post(steal))
        .route("/dev/demo/thief", post(thief))
        .with_state(controls)
}

/// A request that may act, with the sessions behind its jar.
struct Admitted {
    headers: HeaderMap,
    visit: Visit,
    carried: Carried,
}

impl FromRequest<Arc<Controls>> for Admitted {
    type Rejection = Response;

    async fn from_request(request: Request, controls: &Arc<Controls>) -> Result<Self, Response> {
        let (parts, _) = request.into_parts();
        let (service, headers) = (&*controls.service, parts.headers.clone());
        let visit = request::visit(service, &parts);
        let carried = Carried::load(service, &visit.jar).await.map_err(|refusal| problem::plain(&refusal))?;
        let (acting, proof) = (Acting::of(&parts.method, &headers), Proof::of_header(service, &headers));
        let admitted = guard::admit_to_upstream(service, acting, proof, &visit, &carried).await;
        admitted.map_err(|refused| problem::plain(&refused.refusal))?;
        Ok(Self { headers, visit, carried })
    }
}

impl Admitted {
    /// The live session of the jar.
    fn session(&self, service: &Service) -> Result<Session, Refusal> {
        let selection = self.carried.selection(service, &service.keys(), service.now());
        let live = selection.chosen.session().filter(|_| selection.live > 0);
        live.cloned().ok_or(Refusal::NotAuthenticated)
    }
}

/// The live view: pages of this server only.
async fn live(State(controls): State<Arc<Controls>>, headers: HeaderMap) -> Response {
    let origins = &controls.service.settings.origins;
    if !origins.admits(guard::origin_headers(&headers), Absence::Undecided) {
        return problem::plain(&Refusal::CsrfFailed);
    }
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    match controls.live.stream(last) {
        Some(stream) => (no_store, stream).into_response(),
        None => problem::plain(&controls.service.busy()),
    }
}

/// Drops the access token out of the jar, as its cookie does by itself when its time is over.
async fn expire(State(controls): State<Arc<Controls>>, admitted: Admitted) -> Response {
    let settings = &controls.service.settings;
    let mut response = Json(json!({})).into_response();
    for (name, _) in admitted.visit.jar.access(&settings.cookies) {
        let line = settings.attributes.clear(name, Reader::ServerOnly);
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
    }
    response
}

/// Ends the session as another device of the person would: this jar is told nothing, and finds out.
async fn revoke(State(controls): State<Arc<Controls>>, admitted: Admitted) -> Result<Json<Value>, Response> {
    let service = &controls.service;
    let here = admitted.session(service).map_err(refused)?;
    end_from(service, &here, here.session_key.as_str()).await.map_err(|other| refused(other.refusal))?;
    Ok(Json(json!({})))
}

async fn distrust(State(controls): State<Arc<Controls>>, _: Admitted) -> Json<Value> {
    controls.api.refuse_once();
    Json(json!({}))
}

async fn cut(State(controls): State<Arc<Controls>>, _: Admitted) -> Json<Value> {
    controls.switch.notify_one();
    Json(json!({ "seconds": upstream::CUT.as_secs() }))
}

/// Lets one cooldown pass for the refresh token of this session.
async fn later(State(controls): State<Arc<Controls>>, admitted: Admitted) -> Result<Json<Value>, Response> {
    let service = &controls.service;
    let session = admitted.session(service).map_err(refused)?;
    let (row, cooldown) = (session.rotation, service.settings.lifetimes.refresh.cooldown);
    let to = Rotation { delivered_at: UnixMillis(row.delivered_at.0 - cooldown.0), ..row };
    let write = Write::Rotate {
        sid: session.sid,
        from_generation: row.generation,
        from_late: row.late,
        to,
        active_at: session.active_at,
    };
    // A faster writer has just delivered another one: the next look starts from there.
    let _ = service.apply(vec![write]).await.map_err(refused)?;
    Ok(Json(json!({ "passed": cooldown.to_string() })))
}

async fn steal(State(controls): State<Arc<Controls>>, admitted: Admitted) -> Json<Value> {
    let copy = Thief::copies(&admitted.headers, &controls.service.settings.cookies);
    *controls.thief.lock().await = Some(copy);
    Json(json!({}))
}

/// The thief uses what it has.
async fn thief(State(controls): State<Arc<Controls>>, _: Admitted) -> Result<Json<Value>, Response> {
    let mut thief = controls.thief.lock().await;
    let Some(thief) = thief.as_mut() else { return Err(refused(Refusal::NotFound)) };
    let asked = thief.ask(controls.public).await;
    asked.map(Json).map_err(|_| refused(Refusal::UpstreamUnavailable))
}

fn refused(refusal: Refusal) -> Response {
    problem::plain(&refusal)
}
