//! A logout at the issuer: it hears which tokens end, and the browser forgets them whatever it answers.

use axum::response::Response;
use http::{HeaderValue, header};
use perennial_edge::foreign::ForeignToken;
use perennial_protocol::{refusal::Refusal, route::RefreshTravels};
use serde_json::{Map, Value};

use super::{Visit, carried::present_refresh, visit::Stop};
use crate::{exchange::Exchange, upstream::Outgoing};

pub(super) async fn log_out(
    visit: &mut Visit<'_>,
    mut body: Outgoing,
    exchange: &mut Exchange,
) -> Result<Response, Stop> {
    body.keep_if_small(&visit.accepted.head.headers, visit.gateway.settings.replay_bytes).await?;
    // The issuer would not know an access token that has expired; where no new one comes, it gets that one.
    let _ = visit.renew_if_due().await;
    exchange.phase("judge");
    let mut headers = visit.outbound();
    visit.carried.present_access(&mut headers, &visit.issuer.told);
    if let Some(refresh) = &visit.carried.refresh {
        let travels = &visit.issuer.told.refresh_travels;
        present_refresh(refresh, &mut headers, travels);
        if let RefreshTravels::Json(field) = travels {
            body = with_field(&body, field, refresh);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.remove(header::CONTENT_LENGTH);
        }
    }
    visit.forget();
    let answer = visit.send_with(headers, &mut body).await?;
    exchange.phase("forward");
    Ok(answer.map(axum::body::Body::new))
}

/// The body with the token in it. One that is no JSON object says nothing that could be kept.
fn with_field(body: &Outgoing, field: &str, token: &ForeignToken) -> Outgoing {
    let said: Option<Map<String, Value>> = match body {
        Outgoing::Kept(bytes) => serde_json::from_slice(bytes).ok(),
        Outgoing::Streamed(_) | Outgoing::Gone => None,
    };
    let mut said = said.unwrap_or_default();
    said.insert(field.to_owned(), token.expose().into());
    Outgoing::Kept(Value::Object(said).to_string().into())
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
