//! The development mailbox: `/dev/mailbox` for people, `/dev/mailbox.json` for scripts.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use perennial_pages::{Mail, Mailbox as View};
use perennial_protocol::time::Millis;
use perennial_service::{
    clock::{Clock, SystemClock},
    mail::Mailbox,
};
use serde_json::{Value, json};

pub(super) const PATH: &str = "/dev/mailbox";

pub(super) fn router(mailbox: Mailbox) -> Router {
    Router::new().route(PATH, get(page)).route("/dev/mailbox.json", get(list)).with_state(mailbox)
}

async fn page(State(mailbox): State<Mailbox>) -> Response {
    let now = SystemClock.now();
    let messages = mailbox.messages().into_iter().map(|(at, message)| Mail {
        to: message.to.into(),
        subject: message.subject,
        text: message.text,
        code: message.code,
        at: ago(now.since(at)),
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'"),
        ),
    ];
    (headers, View { messages: messages.collect() }.render()).into_response()
}

async fn list(State(mailbox): State<Mailbox>) -> Response {
    let line = |(at, message): (perennial_protocol::time::UnixMillis, perennial_service::mail::Message)| -> Value {
        json!({ "to": message.to, "subject": message.subject, "text": message.text, "code": message.code,
                "at": at })
    };
    let lines: Vec<Value> = mailbox.messages().into_iter().map(line).collect();
    ([(header::CACHE_CONTROL, "no-store")], Json(lines)).into_response()
}

fn ago(age: Millis) -> String {
    match age.whole_seconds() {
        ..60 => "just now".to_owned(),
        seconds @ 60..3600 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3600),
    }
}
