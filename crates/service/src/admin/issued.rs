//! An issued session as whoever asked for it hands it on: Set-Cookie lines, and the same as names and values.

use perennial_protocol::id::SessionKey;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{http::cookies, outcome::Standing, service::Service, visit::Visit};

/// A session with its tokens, which are secrets.
#[derive(Serialize)]
pub struct Issued {
    pub session_key: SessionKey,
    /// Ready to be sent to the browser, those that clear former cookies included.
    pub set_cookie: Vec<String>,
    /// The cookies that the browser has then.
    pub cookies: Map<String, Value>,
    pub csrf_token: Option<String>,
    pub access: String,
    pub expires_in: i64,
    pub session_expires_in: i64,
}

impl Issued {
    /// `None` where no session was granted.
    pub fn of(service: &Service, visit: &Visit, standing: &Standing) -> Option<Self> {
        let grant = standing.jar.grant.as_ref()?;
        let mut set_cookie = cookies::lines(service, &visit.jar, &standing.jar);
        // Whoever hands them on may write what they are given: only what every server lets stand in a
        // header is given.
        set_cookie.retain(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        let pairs = set_cookie.iter().filter_map(|line| line.split(';').next()?.split_once('='));
        let kept = pairs.filter(|(_, value)| !value.is_empty());
        let cookies: Map<String, Value> = kept.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let csrf_token = cookies.get(&service.settings.cookies.csrf).and_then(Value::as_str).map(str::to_owned);
        let now = service.now();
        Some(Self {
            session_key: grant.session.session_key.clone(),
            csrf_token,
            access: grant.access.expose().to_owned(),
            expires_in: grant.access.expires_in.whole_seconds(),
            session_expires_in: grant.session.ends_at.since(now).whole_seconds(),
            set_cookie,
            cookies,
        })
    }
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Issued({})", self.session_key)
    }
}
