//! Finish: the answer goes to the client, with the jar's new cookies and without what no upstream may say.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use perennial_edge::authority::{Identity, Pass};
use perennial_protocol::route::{Forward, Requirement};

use super::accept::Accepted;
use crate::{Gateway, headers, tunnel};

pub(crate) fn finish(gateway: &Gateway, accepted: Accepted<'_>, pass: Pass, mut answer: Response) -> Response {
    let protocol = answer.headers().get(header::UPGRADE).cloned();
    match accepted.route.forward {
        Forward::ToAuthority => headers::remove_hop_by_hop(answer.headers_mut()),
        Forward::Bearer | Forward::Headers | Forward::Nothing => {
            headers::clean_answer(answer.headers_mut(), &gateway.settings, accepted.route);
        }
    }
    if let Some(identity) = &pass.identity {
        headers::keep_private(answer.headers_mut());
        answer = cut_when_over(gateway, identity, answer);
    } else if accepted.route.requirement == Requirement::Optional {
        // A cache may keep what visitors see, and must not show it to somebody.
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("Cookie"));
    }
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        answer = tunnel::upgrade::join(gateway, accepted.upgrade, pass.identity, protocol, answer);
    }
    // Last, so that no answer that replaces the upstream's keeps them from the jar.
    pass.cookies.set_on(answer.headers_mut());
    answer
}

/// A stream of events lasts as long as its session.
fn cut_when_over(gateway: &Gateway, identity: &Identity, answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")) {
        return answer;
    }
    let over = tunnel::over::until_over(gateway, identity);
    answer.map(|body| Body::new(tunnel::events::Cut::new(body, over)))
}
