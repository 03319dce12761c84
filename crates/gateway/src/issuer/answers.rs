//! Answers of the paths where the issuer hands out tokens: the tokens go into cookies, the rest goes to the page.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use perennial_protocol::{refusal::Refusal, route::ForeignIssuer};
use serde_json::Value;

use super::tokens::{NoCookie, Tokens};
use crate::{limits, upstream::body};

/// What speaks of the bytes as they were.
const OF_THE_BYTES: [HeaderName; 6] = [
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// The answer without its tokens, and the tokens. An answer that cannot be looked into is passed on where it does not
/// claim to be JSON: it may be a page, or lead to one.
pub(super) async fn without_tokens(
    answer: Response<Body>,
    told: &ForeignIssuer,
) -> Result<(Response<Body>, Option<Tokens>), Refusal> {
    let (mut head, body) = answer.into_parts();
    let (seen, body) = body::beginning(body, limits::TOKEN_ANSWER_BYTES_MAX, limits::SMALL_BODY_WAIT).await;
    let readable = Some(&seen).filter(|seen| seen.len() <= limits::TOKEN_ANSWER_BYTES_MAX);
    let Some(mut said) = readable.and_then(|seen| serde_json::from_slice::<Value>(seen).ok()) else {
        if head.status.is_success() && !seen.is_empty() && claims_json(&head.headers) {
            tracing::error!("an answer with tokens could not be read, as it is encoded, cut or too long");
            return Err(Refusal::UpstreamUnavailable);
        }
        return Ok((Response::from_parts(head, body), None));
    };
    let before = said.clone();
    let tokens = Tokens::take(&mut said, told).map_err(|NoCookie| {
        tracing::error!(
            "a foreign issuer's token fits into no cookie: it is too long, or has blanks, quotes or commas"
        );
        Refusal::UpstreamUnavailable
    })?;
    if said == before {
        return Ok((Response::from_parts(head, body), None));
    }
    let text = said.to_string();
    for name in OF_THE_BYTES {
        head.headers.remove(name);
    }
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    Ok((Response::from_parts(head, Body::from(text)), tokens))
}

fn claims_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_none_or(|kind| kind.to_ascii_lowercase().contains("json"))
}
