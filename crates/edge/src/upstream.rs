//! What an upstream learns of a request's sender, whoever sends the request on: the gateway, or a web server that
//! asked whether it may.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::authority::{ForwardedToken, Identity};

/// Whose the request is, in lines that an upstream believes because nobody else can reach it.
pub fn identity_lines(identity: &Identity) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let said = [
        ("remote-user", Some(identity.subject.as_str())),
        ("remote-email", identity.email.as_deref()),
        ("remote-name", identity.name.as_deref()),
        ("remote-session", Some(identity.session.as_str())),
    ];
    // A name in letters beyond ASCII travels as UTF-8.
    said.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(value?.as_bytes()).ok()?))
    })
}

/// The value of `Authorization` that shows the token.
pub fn bearer(token: &ForwardedToken) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Removes what caches in front go by in place of `Cache-Control` (RFC 9213, and what was there before it).
pub fn remove_cache_orders(headers: &mut HeaderMap) {
    let orders = |name: &HeaderName| {
        name.as_str().ends_with("cdn-cache-control")
            || matches!(name.as_str(), "surrogate-control" | "edge-control" | "x-accel-expires")
    };
    let names: Vec<HeaderName> = headers.keys().filter(|name| orders(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// The lines of cookies without those of our names; every other cookie is as it came.
pub fn cookies_of_others(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> Vec<HeaderValue> {
    let ours = |pair: &[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        std::str::from_utf8(name).is_ok_and(&is_ours)
    };
    let others = |value: &HeaderValue| {
        let pairs = value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let kept: Vec<&[u8]> = pairs.filter(|pair| !pair.is_empty() && !ours(pair)).collect();
        if kept.is_empty() { None } else { HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok() }
    };
    headers.get_all(header::COOKIE).iter().filter_map(others).collect()
}
