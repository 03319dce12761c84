//! Where a request comes from, and whether it may act.
//!
//! Fetch metadata and Origin are checked before any token. What a header says against a request counts;
//! what is absent never counts for it.

/// The origins that may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPolicy {
    /// The origin of `public_url`.
    pub own: String,
    /// Other exact origins of the same site.
    pub allowed: Vec<String>,
    pub loopback: Loopback,
}

/// Whether every origin on a loopback host may act: in development only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    Allowed,
    Refused,
}

/// The headers that tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OriginHeaders<'h> {
    pub sec_fetch_site: Option<&'h str>,
    pub origin: Option<&'h str>,
}

/// Whether a request without an Origin header may go on to the token check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The token decides.
    Undecided,
    /// Mode `origin`: nothing else is checked, so it must be there.
    Refused,
}

impl OriginPolicy {
    /// Whether this exact origin may act.
    pub fn allows(&self, origin: &str) -> bool {
        origin == self.own
            || self.allowed.iter().any(|allowed| allowed == origin)
            || (self.loopback == Loopback::Allowed && is_loopback(origin))
    }

    /// Whether an unsafe request may go on.
    pub fn admits(&self, headers: OriginHeaders<'_>, absence: Absence) -> bool {
        let origin_allowed = headers.origin.map(|origin| self.allows(origin));
        let site_allowed = match headers.sec_fetch_site {
            None | Some("same-origin" | "none") => true,
            Some("same-site") => origin_allowed == Some(true),
            Some(_) => false,
        };
        site_allowed && origin_allowed.unwrap_or(absence == Absence::Undecided)
    }
}

fn is_loopback(origin: &str) -> bool {
    let Ok(url) = url::Url::parse(origin) else { return false };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    loopback && url.origin().ascii_serialization() == origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(site: Option<&str>, origin: Option<&str>, absence: Absence, expected: bool) {
        let policy = OriginPolicy {
            own: "https://app.example.com".into(),
            allowed: vec!["https://admin.example.com".into()],
            loopback: Loopback::Refused,
        };
        let headers = OriginHeaders { sec_fetch_site: site, origin };
        assert_eq!(policy.admits(headers, absence), expected, "{site:?} {origin:?} {absence:?}");
    }

    #[test]
    fn what_a_header_says_against_a_request_counts() {
        let own = Some("https://app.example.com");
        check(Some("same-origin"), own, Absence::Refused, true);
        check(Some("cross-site"), own, Absence::Undecided, false);
        check(Some("same-site"), own, Absence::Undecided, true);
        check(Some("same-site"), Some("https://admin.example.com"), Absence::Undecided, true);
        check(Some("same-site"), Some("https://evil.example.com"), Absence::Undecided, false);
        check(Some("same-site"), None, Absence::Undecided, false);
        check(Some("unheard-of"), own, Absence::Undecided, false);
        for origin in
            ["null", "", "https://app.example.com.evil.test", "http://app.example.com", "https://app.example.com:444"]
        {
            check(None, Some(origin), Absence::Undecided, false);
        }
    }

    #[test]
    fn absence_is_never_trust() {
        check(None, None, Absence::Undecided, true);
        check(None, None, Absence::Refused, false);
        check(Some("same-origin"), None, Absence::Refused, false);
        check(Some("none"), None, Absence::Refused, false);
    }

    #[test]
    fn loopback_origins_act_in_development_only() {
        let dev = OriginPolicy { own: "http://localhost:8080".into(), allowed: vec![], loopback: Loopback::Allowed };
        for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            assert!(dev.allows(origin), "{origin}");
        }
        for origin in ["http://localhost.evil.test", "http://localhost:5173/path", "http://10.0.0.1", "null"] {
            assert!(!dev.allows(origin), "{origin}");
        }
    }
}
