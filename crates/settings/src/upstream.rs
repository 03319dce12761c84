//! The URL of a server behind the gateway: a scheme and an authority, and nothing that a request would lose or leak.

use std::net::{IpAddr, SocketAddr};

use perennial_protocol::route::{Upstream, UpstreamScheme};
use url::{Host, Url};

/// Why a text is no upstream; the end of a sentence about the key, which never shows the text: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnUpstream {
    #[error("holds no URL: write scheme, host and port, such as \"http://127.0.0.1:9000\"")]
    Unparsable,
    #[error("holds a URL of another scheme: write \"http://…\", \"https://…\", or \"h2c://…\" for HTTP/2 in clear")]
    Scheme,
    #[error("holds a user name or a password, which no request would carry: remove it")]
    Credentials,
    #[error("holds a path, a query or a fragment: write host and port alone, and the path as `add_prefix`")]
    Path,
}

pub(crate) fn parse(text: &str) -> Result<Upstream, NotAnUpstream> {
    let (scheme, rest) = text.split_once("://").ok_or(NotAnUpstream::Unparsable)?;
    let scheme = match scheme {
        "http" => UpstreamScheme::Http,
        "https" => UpstreamScheme::Https,
        "h2c" => UpstreamScheme::H2c,
        _ => return Err(NotAnUpstream::Scheme),
    };
    let url = url(scheme, rest).ok_or(NotAnUpstream::Unparsable)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NotAnUpstream::Credentials);
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(NotAnUpstream::Path);
    }
    let host = url.host_str().ok_or(NotAnUpstream::Unparsable)?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Ok(Upstream { scheme, authority })
}

/// Whether what is sent to it can be read on a network.
pub(crate) fn is_exposed(upstream: &Upstream) -> bool {
    let is_loopback = |url: Url| match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    upstream.scheme != UpstreamScheme::Https && !url(upstream.scheme, &upstream.authority).is_some_and(is_loopback)
}

/// Whether a connection to it would come out at this address of this machine.
pub(crate) fn leads_to(upstream: &Upstream, listen: SocketAddr) -> bool {
    let Some(url) = url(upstream.scheme, &upstream.authority) else { return false };
    let here = listen.ip();
    let is_here = match url.host() {
        Some(Host::Domain(name)) => is_localhost(name) && is_this_machine(here),
        Some(Host::Ipv4(there)) => meets(there.into(), here),
        Some(Host::Ipv6(there)) => meets(there.into(), here),
        None => false,
    };
    is_here && url.port_or_known_default() == Some(listen.port())
}

/// Both schemes in clear share a port and the form of a host, which the parser knows for http.
fn url(scheme: UpstreamScheme, rest: &str) -> Option<Url> {
    let scheme = if scheme == UpstreamScheme::Https { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{rest}")).ok()
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn is_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// The unspecified address listens everywhere, and leads to loopback.
fn meets(there: IpAddr, here: IpAddr) -> bool {
    there == here
        || (here.is_unspecified() && is_this_machine(there))
        || (there.is_unspecified() && is_this_machine(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotAnUpstream>) {
        let parsed = parse(text);
        assert_eq!(parsed.as_ref().map(|upstream| upstream.authority.as_str()), expected.as_ref().copied(), "{text}");
    }

    #[test]
    fn an_upstream_is_a_scheme_and_an_authority() {
        check("http://127.0.0.1:9000", Ok("127.0.0.1:9000"));
        check("http://api.internal/", Ok("api.internal"));
        check("https://API.example.com:443", Ok("api.example.com"));
        check("h2c://[::1]:50051", Ok("[::1]:50051"));
        check("127.0.0.1:9000", Err(NotAnUpstream::Unparsable));
        check("http://", Err(NotAnUpstream::Unparsable));
        check("http://a b", Err(NotAnUpstream::Unparsable));
        check("http://host:99999", Err(NotAnUpstream::Unparsable));
        check("ftp://host", Err(NotAnUpstream::Scheme));
        check("unix://run/app.sock", Err(NotAnUpstream::Scheme));
        check("http://me:s3cret@host", Err(NotAnUpstream::Credentials));
        check("http://me@host", Err(NotAnUpstream::Credentials));
        check("http://host/v1", Err(NotAnUpstream::Path));
        check("http://host?x", Err(NotAnUpstream::Path));
        check("http://host#x", Err(NotAnUpstream::Path));
    }

    #[test]
    fn what_leaves_this_machine_in_clear_is_exposed() {
        for (text, expected) in [
            ("http://10.0.0.7:9000", true),
            ("h2c://api.internal:9000", true),
            ("https://api.internal", false),
            ("http://127.0.0.1:9000", false),
            ("http://app.localhost", false),
            ("h2c://[::1]:9000", false),
        ] {
            assert_eq!(is_exposed(&parse(text).expect(text)), expected, "{text}");
        }
    }

    #[test]
    fn an_upstream_that_is_ourselves_is_found_under_every_name_of_this_machine() {
        for (text, listen, expected) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
            ("http://localhost:8080", "127.0.0.1:8080", true),
            ("h2c://127.0.0.1:8080", "0.0.0.0:8080", true),
            ("http://[::1]:8080", "[::]:8080", true),
            ("http://0.0.0.0:8080", "127.0.0.1:8080", true),
            ("http://10.0.0.7:8080", "10.0.0.7:8080", true),
            ("http://localhost", "0.0.0.0:80", true),
            ("https://localhost", "0.0.0.0:443", true),
            ("http://127.0.0.1:8081", "127.0.0.1:8080", false),
            ("http://127.0.0.2:8080", "127.0.0.1:8080", false),
            ("http://localhost:8080", "10.0.0.7:8080", false),
            ("http://10.0.0.8:8080", "0.0.0.0:8080", false),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(leads_to(&parse(text).expect(text), listen), expected, "{text} {listen}");
        }
    }
}
