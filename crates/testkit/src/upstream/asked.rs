//! A request as it arrived: its head at once, its body when the script reads it.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::{HeaderMap, Request, body::Incoming};
use serde_json::{Value, json};

use super::{Notes, OpenStream};
use crate::pattern::Hash;

/// So much of a body is kept; its hash and size are those of the whole.
const KEPT_BYTES: usize = 256 * 1024;

/// What was noted about a request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The connection it came on, counted from 1.
    pub connection: usize,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    pub method: String,
    /// The target of the request line; with HTTP/2 the path and the query.
    pub target: String,
    /// The `:authority` of HTTP/2.
    pub authority: Option<String>,
    /// Every line, in order of the first appearance of each name.
    pub headers: Vec<(String, String)>,
    /// Nothing when the script did not read it.
    pub body: Option<SeenBody>,
}

/// What was noted about a body.
#[derive(Debug, Clone)]
pub struct SeenBody {
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub hash: String,
    /// The first 256 KiB.
    pub start: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// Whether it ended as its framing promised.
    pub whole: bool,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, as it is written there.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The first line of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.every(name).first().copied()
    }

    /// Every line of this name.
    pub fn every(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(line, _)| line.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// A cookie, by its exact name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.every("cookie").into_iter().flat_map(|line| line.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The token behind `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        self.body.as_ref().and_then(|body| serde_json::from_slice(&body.start).ok()).unwrap_or(Value::Null)
    }

    /// All of it, for an answer.
    pub fn to_json(&self) -> Value {
        let body = self.body.as_ref().map(|body| {
            let text = String::from_utf8_lossy(&body.start);
            json!({ "bytes": body.bytes, "hash": body.hash, "text": text, "trailers": body.trailers })
        });
        json!({
            "connection": self.connection, "version": self.version, "method": self.method, "target": self.target,
            "authority": self.authority, "headers": self.headers, "body": body,
        })
    }
}

/// A request in the hands of a script.
#[derive(Debug)]
pub struct Asked {
    pub seen: Seen,
    pub(super) request: Request<Incoming>,
    place: usize,
    notes: Arc<Notes>,
}

impl Asked {
    pub(super) fn noted(request: Request<Incoming>, connection: usize, notes: Arc<Notes>) -> Self {
        let uri = request.uri();
        let is_absolute = uri.scheme().is_some() && request.version() < hyper::Version::HTTP_2;
        let target =
            if is_absolute { uri.to_string() } else { uri.path_and_query().map_or("*", |it| it.as_str()).to_owned() };
        let seen = Seen {
            connection,
            version: format!("{:?}", request.version()),
            method: request.method().to_string(),
            target,
            authority: uri.authority().map(ToString::to_string),
            headers: lines(request.headers()),
            body: None,
        };
        let place = {
            let mut list = notes.lock();
            list.push(seen.clone());
            list.len() - 1
        };
        Self { seen, request, place, notes }
    }

    /// Reads the body to its end, or to where it breaks, and keeps little of it.
    pub async fn read(&mut self) -> &Seen {
        let (mut hash, mut bytes, mut start, mut trailers, mut whole) =
            (Hash::default(), 0, Vec::new(), Vec::new(), true);
        while let Some(frame) = self.request.body_mut().frame().await {
            let Ok(frame) = frame else {
                whole = false;
                break;
            };
            if let Some(data) = frame.data_ref() {
                hash.update(data);
                bytes += data.len() as u64;
                start.extend_from_slice(&data[..data.len().min(KEPT_BYTES - start.len())]);
            } else if let Some(map) = frame.trailers_ref() {
                trailers = lines(map);
            }
        }
        self.seen.body = Some(SeenBody { bytes, hash: hash.finish(), start, trailers, whole });
        self.notes.lock()[self.place] = self.seen.clone();
        &self.seen
    }

    /// Marks an answer that has no end as open.
    pub(super) fn open_stream(&self) -> OpenStream {
        self.notes.open()
    }
}

fn lines(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}
