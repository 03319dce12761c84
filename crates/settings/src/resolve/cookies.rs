//! Names and attributes of the cookies: which combinations a browser keeps (RFC 6265bis §4.1).

use perennial_protocol::cookie::{CookieAttributes, CookieNames, SameSite, names::Tags, set};

use super::{Resolver, is_token};
use crate::{
    choice::Secure,
    origin::{Origin, is_public_suffix},
    schema,
    settings::Cookies,
};

const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";
pub(super) const NAME_MAX: usize = 64;

/// The cookies whose names end in a tag when `cookies.tags` is on.
const TAGGED: &[&str] = &["refresh", "access", "stale"];

impl Resolver<'_> {
    pub(super) fn cookies(&mut self, public_url: Option<&Origin>) -> Option<Cookies> {
        let cookies = &self.schema.cookies;
        let tls = public_url.is_none_or(Origin::is_tls);
        let secure = self.secure(tls);
        if cookies.same_site == SameSite::None && !secure {
            self.refuse(
                "cookies.same_site",
                "is \"None\", which browsers keep with Secure only: write \"Lax\", or use https",
            );
        }
        let names = full_names(cookies, secure);
        self.check_names(&names, secure);
        if cookies.tags {
            self.check_tags(&names);
        }
        if !cookies.domain.is_empty() {
            self.check_domain(&names, public_url);
        }
        let attributes = CookieAttributes {
            secure: if secure { set::Secure::Always } else { set::Secure::No },
            same_site: cookies.same_site,
            domain: cookies.domain.clone(),
        };
        Some(Cookies { names, attributes })
    }

    fn secure(&mut self, tls: bool) -> bool {
        let key = "cookies.secure";
        match self.schema.cookies.secure {
            Secure::Auto(_) => tls,
            Secure::Fixed(secure) => {
                if secure && !tls {
                    self.refuse(
                        key,
                        "is true, but `server.public_url` is plain http, over which \
                not every browser keeps Secure cookies: write \"auto\"",
                    );
                }
                if !secure && tls {
                    self.refuse(key, "is false, which would send sessions over plain http too: write \"auto\"");
                }
                secure
            }
        }
    }

    fn check_names(&mut self, names: &CookieNames, secure: bool) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (cookie, name) in all(names) {
            let key = format!("cookies.{cookie}");
            if !is_token(name) || name.len() > NAME_MAX {
                let rest = format!("makes the cookie name \"{name}\": write 1 to {NAME_MAX} letters, digits, - or _");
                self.refuse(&key, rest);
            }
            if !secure && needs_tls(name) {
                let rest = format!(
                    "makes the cookie \"{name}\", which browsers keep over https only: use `cookies.prefix = \"auto\"`"
                );
                self.refuse(&key, rest);
            }
            match seen.iter().find(|(_, taken)| *taken == name) {
                Some((other, _)) => {
                    self.refuse(
                        &key,
                        format!("is \"{name}\" like `cookies.{other}`: give each cookie a name of its own"),
                    );
                }
                None => seen.push((cookie, name)),
            }
        }
    }

    /// A name that reads like the tagged name of another cookie would be taken for it.
    fn check_tags(&mut self, names: &CookieNames) {
        let names = all(names);
        for (tagged, base) in names.into_iter().filter(|(cookie, _)| TAGGED.contains(cookie)) {
            for (cookie, name) in names {
                if is_tagged(name, base) {
                    let rest =
                        format!("is \"{name}\", which reads like `cookies.{tagged}` with a tag: choose another name");
                    self.refuse(&format!("cookies.{cookie}"), rest);
                }
            }
        }
    }

    fn check_domain(&mut self, names: &CookieNames, public_url: Option<&Origin>) {
        let key = "cookies.domain";
        let domain = &self.schema.cookies.domain;
        let bound: Vec<_> = all(names).into_iter().filter(|(_, name)| begins(name, HOST_PREFIX)).collect();
        if !bound.is_empty() {
            let list = bound.iter().map(|(cookie, _)| *cookie).collect::<Vec<_>>().join(", ");
            self.refuse(
                key,
                format!(
                    "cannot go with the prefix `{HOST_PREFIX}` ({list}): \
                remove the domain, or write `cookies.prefix = \"{SECURE_PREFIX}\"`"
                ),
            );
        }
        if domain.starts_with('.') || is_public_suffix(domain) {
            self.refuse(
                key,
                format!("is \"{domain}\": write a domain of your own without a leading dot, such as \"example.com\""),
            );
        } else if let Some(host) = public_url.map(Origin::host) {
            let covers = host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
            let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
            if !covers || is_address {
                self.refuse(
                    key,
                    format!(
                        "is \"{domain}\", which does not cover {host}, \
                the host of `server.public_url`: browsers would drop every cookie: \
                remove it or write a parent domain"
                    ),
                );
            }
        }
    }
}

/// The cookie of ours that goes by this name, tagged or not.
pub(super) fn name_of_ours(names: &CookieNames, name: &str) -> Option<&'static str> {
    let is_ours = |cookie: &str, base: &str| {
        name == base || (names.tags == Tags::On && TAGGED.contains(&cookie) && is_tagged(name, base))
    };
    all(names).into_iter().find(|(cookie, base)| is_ours(cookie, base)).map(|(cookie, _)| cookie)
}

/// Whether a name reads like this one with a tag.
fn is_tagged(name: &str, base: &str) -> bool {
    name.strip_prefix(base).and_then(|rest| rest.strip_prefix('-')).is_some_and(|tag| tag.len() == 2)
}

/// Whether browsers keep a cookie of this name over https only.
pub(super) fn needs_tls(name: &str) -> bool {
    begins(name, HOST_PREFIX) || begins(name, SECURE_PREFIX)
}

/// Browsers compare the prefixes without regard to case (RFC 6265bis §5.6).
fn begins(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn full_names(cookies: &schema::Cookies, secure: bool) -> CookieNames {
    let full = |cookie: &str, base: &str| {
        let prefix = match cookies.prefixes.get(cookie).unwrap_or(&cookies.prefix).as_str() {
            "auto" if secure => HOST_PREFIX,
            "auto" => "",
            prefix => prefix,
        };
        format!("{prefix}{base}")
    };
    CookieNames {
        refresh: full("refresh", &cookies.refresh),
        access: full("access", &cookies.access),
        csrf: full("csrf", &cookies.csrf),
        hint: full("hint", &cookies.hint),
        mfa_setup: full("mfa_setup", &cookies.mfa_setup),
        mfa_verify: full("mfa_verify", &cookies.mfa_verify),
        verify_email: full("verify_email", &cookies.verify_email),
        stale: full("stale", &cookies.stale),
        known: full("known", &cookies.known),
        tags: if cookies.tags { Tags::On } else { Tags::Off },
    }
}

/// Every name with the key that sets it.
fn all(names: &CookieNames) -> [(&'static str, &str); 9] {
    [
        ("refresh", &names.refresh),
        ("access", &names.access),
        ("csrf", &names.csrf),
        ("hint", &names.hint),
        ("mfa_setup", &names.mfa_setup),
        ("mfa_verify", &names.mfa_verify),
        ("verify_email", &names.verify_email),
        ("stale", &names.stale),
        ("known", &names.known),
    ]
}
