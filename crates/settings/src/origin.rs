//! A web origin: scheme, host and port, written exactly as a browser sends it.
//!
//! Also decides which origins are one site. There is no list of public suffixes here: two hosts are one site
//! when their last two labels are equal, or their last three where the last two look like a registry's own
//! (`co.uk`). A hosting suffix such as `pages.dev` is not recognised, so two tenants of one would pass.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// An https origin, or a plain http one of a loopback host.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: String,
    url: Url,
}

/// Why a text is not an origin; the end of a sentence about the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOrigin {
    #[error("is no origin: write scheme, host and port without a path, such as \"https://app.example.com\"")]
    Unparsable,
    #[error("is not written as browsers send an origin: write \"{0}\"")]
    Inexact(String),
    #[error("is plain http, which is for loopback hosts only: write \"https://{0}\"")]
    PlainHttp(String),
}

impl Origin {
    /// As a browser sends it in an `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin as a URL with the path `/`.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The host without the port; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().expect("an origin has a host")
    }

    /// Whether browsers reach it over TLS.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it can only be this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Whether cookies of one reach requests to the other: the same scheme and the same site.
    pub fn is_same_site(&self, other: &Self) -> bool {
        self.url.scheme() == other.url.scheme() && site(self.host()) == site(other.host())
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| NotAnOrigin::Unparsable)?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(NotAnOrigin::Unparsable);
        }
        let exact = url.origin().ascii_serialization();
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(NotAnOrigin::PlainHttp(exact["http://".len()..].to_owned()));
        }
        if exact != text {
            return Err(NotAnOrigin::Inexact(exact));
        }
        Ok(Self { text: exact, url })
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Origin({})", self.text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The part of a host that makes its site.
fn site(host: &str) -> String {
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let labels: Vec<&str> = host.split('.').collect();
    let kept = match labels.as_slice() {
        _ if is_address => labels.len(),
        [.., second, top] if is_registry(second, top) => 3,
        _ => 2,
    };
    labels[labels.len().saturating_sub(kept)..].join(".")
}

/// Whether a domain is no more than what a registry hands names out under.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    match domain.split('.').collect::<Vec<_>>().as_slice() {
        [_] => true,
        [second, top] => is_registry(second, top),
        _ => false,
    }
}

fn is_registry(second: &str, top: &str) -> bool {
    const KINDS: &[&str] = &["ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"];
    top.len() == 2 && KINDS.contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let answer = text.parse::<Origin>().map_or_else(|refusal| refusal.to_string(), |origin| origin.to_string());
        assert!(answer.contains(expected), "{text}: {answer}");
    }

    #[track_caller]
    fn check_site(one: &str, other: &str, expected: bool) {
        let origin = |text: &str| text.parse::<Origin>().expect(text);
        assert_eq!(origin(one).is_same_site(&origin(other)), expected, "{one} {other}");
        assert_eq!(origin(other).is_same_site(&origin(one)), expected, "{other} {one}");
    }

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        check("https://app.example.com", "https://app.example.com");
        check("https://app.example.com:8443", "https://app.example.com:8443");
        check("http://localhost:5173", "http://localhost:5173");
        check("http://127.0.0.1:5173", "http://127.0.0.1:5173");
        check("http://[::1]:5173", "http://[::1]:5173");
        check("https://app.example.com/", "write \"https://app.example.com\"");
        check("https://app.example.com/path", "write \"https://app.example.com\"");
        check("https://App.Example.com:443", "write \"https://app.example.com\"");
        check("https://me:word@app.example.com", "write \"https://app.example.com\"");
        check("http://app.example.com", "write \"https://app.example.com\"");
        check("app.example.com", "is no origin");
        check("wss://app.example.com", "is no origin");
        check("*", "is no origin");
    }

    #[test]
    fn hosts_under_one_registrable_domain_are_one_site() {
        check_site("https://app.example.com", "https://auth.example.com", true);
        check_site("https://example.com", "https://app.example.com:8443", true);
        check_site("https://a.example.co.uk", "https://b.example.co.uk", true);
        check_site("http://localhost:1", "http://localhost:2", true);
    }

    #[test]
    fn other_hosts_and_other_schemes_are_another_site() {
        check_site("https://example.com", "https://example.org", false);
        check_site("https://one.co.uk", "https://two.co.uk", false);
        check_site("http://localhost:1", "https://localhost:2", false);
        check_site("http://localhost:1", "http://127.0.0.1:1", false);
        check_site("https://10.0.0.1", "https://9.0.0.1", false);
        check_site("https://intranet", "https://mail", false);
    }
}
