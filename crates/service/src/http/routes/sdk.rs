//! `GET {base}/sdk.js`: the browser SDK as one module, for pages without a build.
//!
//! The module is made of `sdk/src/served.ts` by `cargo xtask codegen`. In front of it the service writes what this
//! configuration has changed of what the SDK takes for granted, so that pages configure nothing. It holds no secret:
//! any page may read it that may call.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
    routing::{MethodRouter, get},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use perennial_protocol::token::Transport;
use serde_json::{Map, Value, json};

use crate::{limits, service::Service, settings::ServiceSettings};

const MODULE: &str = include_str!("../../../assets/sdk.js");

pub fn serve(settings: &ServiceSettings) -> MethodRouter<Arc<Service>> {
    let file = Arc::new(File::of(&configured(settings)));
    get(move |headers: HeaderMap| {
        let file = Arc::clone(&file);
        async move { file.answer(&headers) }
    })
}

/// The module of one configuration, the same bytes for everybody.
struct File {
    text: Bytes,
    /// A strong validator (RFC 9110 §8.8.1).
    tag: HeaderValue,
}

impl File {
    fn of(configured: &Value) -> Self {
        let text = Bytes::from(format!("const CONFIGURED={configured};\n{MODULE}"));
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, &text));
        let tag = HeaderValue::try_from(format!("\"{hash}\"")).expect("base64 in quotes is a header's value");
        Self { text, tag }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let known = self.is_known_to(headers);
        let mut response = Response::new(if known { Body::empty() } else { Body::from(self.text.clone()) });
        let cache = format!(
            "public, max-age={}, stale-while-revalidate={}",
            limits::SDK_MAX_AGE_SECONDS,
            limits::SDK_STALE_SECONDS
        );
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, cache.parse().expect("words and numbers are a header's value"));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // What is imported as a module comes by CORS, which goes by origins; this is for every other way to embed it.
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-site"));
        response
    }

    /// Whether the browser has these bytes: `If-None-Match` compares weakly (RFC 9110 §13.1.2).
    fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || self.tag == tag.strip_prefix("W/").unwrap_or(tag))
    }
}

/// What the SDK cannot take for granted here, by the names of its options.
fn configured(settings: &ServiceSettings) -> Value {
    let mut options = Map::new();
    if settings.transport == Transport::Bearer {
        options.insert("transport".into(), "bearer".into());
    }
    if settings.csrf_header != "x-csrftoken" {
        options.insert("csrfHeader".into(), settings.csrf_header.as_str().into());
    }
    // The SDK tries this prefix by itself.
    let base = |name: &str| name.strip_prefix("__Host-").unwrap_or(name).to_owned();
    let (csrf, hint) = (base(&settings.cookies.csrf), base(&settings.cookies.hint));
    if (csrf.as_str(), hint.as_str()) != ("csrftoken", "auth_hint") {
        options.insert("cookies".into(), json!({ "csrf": csrf, "hint": hint }));
    }
    Value::Object(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(file: &File, if_none_match: &str) -> Response {
        file.answer(&HeaderMap::from_iter([(header::IF_NONE_MATCH, if_none_match.parse().expect("a value"))]))
    }

    #[test]
    fn who_has_these_bytes_is_sent_none() {
        let file = File::of(&json!({}));
        let tag = file.tag.to_str().expect("it is ASCII").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"another\", {tag}"), "*".to_owned()] {
            let answer = asked(&file, &known);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(answer.headers()[header::ETAG], tag);
            assert!(answer.headers().contains_key(header::CACHE_CONTROL), "it is fresh again");
        }
        for unknown in ["", "\"another\"", "W/\"another\"", tag.trim_matches('"')] {
            assert_eq!(asked(&file, unknown).status(), StatusCode::OK, "{unknown}");
        }
    }

    #[test]
    fn another_configuration_is_another_file() {
        let (plain, bearer) = (File::of(&json!({})), File::of(&json!({ "transport": "bearer" })));
        assert_ne!(plain.tag, bearer.tag);
        assert!(plain.text.starts_with(b"const CONFIGURED={};\n"));
        assert!(bearer.text.starts_with(b"const CONFIGURED={\"transport\":\"bearer\"};\n"));
    }
}
