//! Which headers pass: what a hop says to the next hop stays there, what speaks of identity is ours alone.
//!
//! What comes in is cleaned first, `Connection`-named headers before all else, and only then are our own set:
//! the other way round, a client could have them taken away again.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use perennial_edge::{
    authority::{Identity, Pass},
    client::client_address,
    upstream,
};
use perennial_protocol::{
    route::{Forward, Requirement, Route},
    token::Transport,
};

use crate::{Gateway, phases::Accepted, settings::GatewaySettings, upstream::encoding::offer_readable};

/// Headers of one connection alone (RFC 9110 §7.6.1). `Expect` is answered here, when the body is first read.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What a browser would act on for the whole origin, which is not the upstream's alone.
const ORIGIN_WIDE: [&str; 6] = [
    "alt-svc",
    "clear-site-data",
    "secure-session-challenge",
    "secure-session-registration",
    "secure-session-skipped",
    "strict-transport-security",
];

/// The headers of the request as the upstream gets it.
pub(crate) fn outbound(gateway: &Gateway, accepted: &Accepted<'_>, pass: &Pass) -> HeaderMap {
    let settings = &gateway.settings;
    let came = &accepted.head.headers;
    let wants_trailers = has_token(came, &header::TE, "trailers");
    let mut headers = came.clone();
    remove_hop_by_hop(&mut headers);
    remove_claims(&mut headers);
    let to_authority = accepted.route.forward == Forward::ToAuthority;
    if !to_authority {
        remove_own_cookies(&mut headers, settings, accepted.route);
        headers.remove(&settings.csrf_header);
    }
    let asks_nobody = accepted.route.requirement == Requirement::None && accepted.route.issuer.is_none();
    let open = asks_nobody && settings.transport == Transport::Cookie;
    if !open && !to_authority {
        headers.remove(header::AUTHORIZATION);
    }
    if let Some(identity) = &pass.identity {
        set_identity(&mut headers, identity, accepted.route.forward);
    }
    set_forwarding(&mut headers, settings, accepted);
    if settings.expired_rule(accepted.route).is_some_and(|rule| rule.body.is_some()) {
        offer_readable(&mut headers);
    }
    if wants_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if accepted.upgrade.is_some() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    headers
}

/// Takes off the upstream's answer what is not its to say.
pub(crate) fn clean_answer(headers: &mut HeaderMap, settings: &GatewaySettings, route: &Route) {
    remove_hop_by_hop(headers);
    for name in ORIGIN_WIDE {
        headers.remove(name);
    }
    let kept: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(|line| may_set(line, settings, route)).cloned().collect();
    if kept.len() != headers.get_all(header::SET_COOKIE).iter().count() {
        headers.remove(header::SET_COOKIE);
        for line in kept {
            headers.append(header::SET_COOKIE, line);
        }
    }
}

/// An answer that was made for somebody is kept by nobody else.
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    let said: Vec<String> = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_owned())
        .collect();
    let shared = |directive: &String| {
        let name = directive.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(name.as_str(), "public" | "s-maxage" | "private" | "proxy-revalidate" | "")
    };
    // Caches that go by something else would not even look at what is said here.
    upstream::remove_cache_orders(headers);
    if said.iter().any(|directive| directive.eq_ignore_ascii_case("no-store")) {
        return;
    }
    let kept = said.into_iter().filter(|directive| !shared(directive));
    let control = std::iter::once("private".to_owned()).chain(kept).collect::<Vec<_>>().join(", ");
    if let Ok(control) = HeaderValue::from_str(&control) {
        headers.insert(header::CACHE_CONTROL, control);
    }
    headers.append(header::VARY, HeaderValue::from_static("Cookie"));
}

/// Removes what says which pages of other origins may read the answer (Fetch, "CORS protocol").
pub(crate) fn remove_sharing(headers: &mut HeaderMap) {
    for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
        headers.remove(name);
    }
}

/// Removes what one hop says to the next.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    // What came in chunks has no other length (RFC 9112 §6.3).
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Headers that some servers read in place of the method, the path or their own proxy's address: the request that was
/// judged would be another one than the request that is done.
const INSTEAD: [&str; 6] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "proxy"];

/// Removes what says who the client is, where it comes from, or what it asks for instead. Some servers take `_` for `-`
/// (RFC 3875 §4.1.18).
fn remove_claims(headers: &mut HeaderMap) {
    let speaks = |name: &HeaderName| {
        let name = name.as_str().replace('_', "-");
        name.starts_with("remote-")
            || name.starts_with("x-forwarded-")
            || matches!(name.as_str(), "forwarded" | "x-real-ip")
            || INSTEAD.contains(&name.as_str())
    };
    let names: Vec<HeaderName> = headers.keys().filter(|name| speaks(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Removes from the trailers of a request what could not stand in its head: some servers read both as one.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    remove_hop_by_hop(trailers);
    remove_claims(trailers);
    for name in [header::AUTHORIZATION, header::COOKIE, header::HOST] {
        trailers.remove(name);
    }
}

/// Leaves every other cookie as it came, in one line: HTTP/2 may bring several, which servers of HTTP/1.1 do not expect
/// (RFC 9113 §8.2.3).
fn remove_own_cookies(headers: &mut HeaderMap, settings: &GatewaySettings, route: &Route) {
    let others = upstream::cookies_of_others(headers, |name| settings.keeps_to_itself(name, route));
    headers.remove(header::COOKIE);
    let line = others.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    if let (false, Ok(line)) = (line.is_empty(), HeaderValue::from_bytes(&line)) {
        headers.insert(header::COOKIE, line);
    }
}

/// Whether the upstream may set this cookie. One without a name is sent back as its value alone, and that could
/// be read as any name (RFC 6265bis §5.7).
fn may_set(line: &HeaderValue, settings: &GatewaySettings, route: &Route) -> bool {
    let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let Some(end) = pair.iter().position(|byte| *byte == b'=') else { return false };
    let name = String::from_utf8_lossy(pair[..end].trim_ascii());
    !name.is_empty() && !settings.keeps_to_itself(&name, route)
}

fn set_identity(headers: &mut HeaderMap, identity: &Identity, forward: Forward) {
    match forward {
        Forward::Bearer => {
            headers.extend(upstream::bearer(&identity.token).map(|value| (header::AUTHORIZATION, value)))
        }
        Forward::Headers => headers.extend(upstream::identity_lines(identity)),
        Forward::Nothing | Forward::ToAuthority => {}
    }
}

/// Says where the request comes from.
pub(crate) fn set_forwarding(headers: &mut HeaderMap, settings: &GatewaySettings, accepted: &Accepted<'_>) {
    let client = client_address(accepted.peer, &accepted.head.headers, &settings.trusted_proxies);
    if let Ok(client) = HeaderValue::from_str(&client.to_string()) {
        headers.insert("x-forwarded-for", client);
    }
    headers.insert("x-forwarded-proto", settings.public_scheme.clone());
    headers.insert("x-forwarded-host", settings.public_host.clone());
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_str(said).expect("a value"));
        for name in ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control", "x-accel-expires"] {
            headers.insert(name, HeaderValue::from_static("max-age=60"));
        }
        keep_private(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], expected, "{said}");
        let others: Vec<&str> = headers.keys().map(HeaderName::as_str).filter(|name| *name != "vary").collect();
        assert_eq!(others, ["cache-control"], "{said}");
    }

    #[test]
    fn no_cache_is_told_to_keep_what_was_made_for_somebody() {
        check("public, max-age=60", "private, max-age=60");
        check("s-maxage=60, max-age=1", "private, max-age=1");
        check("no-store", "no-store");
    }
}
