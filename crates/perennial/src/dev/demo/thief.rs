//! A thief with a copy of somebody's cookies, who uses them like anybody else: over the network, at the gateway.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use axum::http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use perennial_protocol::{cookie::CookieNames, refresh::token::RefreshToken};
use serde_json::{Value, json};
use tokio::time::timeout;

const ANSWER_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What the thief asks for; the person asks for something else, so that they can be told apart in the live view.
const WANTED: &str = "/api/items";

/// The thief's own jar.
#[derive(Clone)]
pub(super) struct Thief {
    cookies: BTreeMap<String, String>,
    names: CookieNames,
}

impl Thief {
    /// Copies the cookies of a request.
    pub(super) fn copies(headers: &HeaderMap, names: &CookieNames) -> Self {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let cookies = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { cookies, names: names.clone() }
    }

    /// Asks the gateway, without the access token, which has long expired. Answers what came of it.
    pub(super) async fn ask(&mut self, gateway: SocketAddr) -> Result<Value, hyper_util::client::legacy::Error> {
        let access = format!("{}-", self.names.access);
        self.cookies.retain(|name, _| *name != self.names.access && !name.starts_with(&access));
        let jar: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::get(format!("http://{gateway}{WANTED}"))
            .header(header::COOKIE, jar.join("; "))
            .header(header::USER_AGENT, "a thief")
            .body(Full::<Bytes>::default())
            .expect("cookies that came in a header go into one");
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let (head, body) = answer.into_parts();
        let handed_out = self.keep(&head.headers);
        let body = timeout(ANSWER_MAX, Limited::new(body, ANSWER_BYTES_MAX).collect()).await;
        let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        Ok(json!({
            "path": WANTED,
            "status": head.status.as_u16(),
            "code": said["code"],
            "reason": said["reason"],
            "why": said["detail"],
            "generation": handed_out,
        }))
    }

    /// Keeps what an answer sets, and says which generation it handed out.
    fn keep(&mut self, headers: &HeaderMap) -> Option<u32> {
        let mut generation = None;
        for line in headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
                continue;
            }
            if name.starts_with(&self.names.refresh) {
                generation = RefreshToken::parse(value).ok().map(|token| token.generation.0);
            }
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        generation
    }
}
