//! What we put into a jar: Set-Cookie lines with the attributes that spec and configuration ask for.

use cookie::{Cookie, time::Duration};
use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The attributes that all our cookies share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieAttributes {
    pub secure: Secure,
    pub same_site: SameSite,
    /// Empty for host-only cookies, the default.
    pub domain: String,
}

/// Whether cookies travel over TLS only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secure {
    Always,
    /// Plain http on localhost, for development.
    No,
}

/// RFC 6265bis §4.1.2.7; always explicit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

/// Who may read a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// HttpOnly: the browser sends it, scripts never see it.
    ServerOnly,
    /// The CSRF token and the hint, which are no secrets from the page.
    Scripts,
}

impl CookieAttributes {
    /// A Set-Cookie line that keeps `value` for `life`.
    pub fn keep(&self, name: &str, value: &str, life: Millis, reader: Reader) -> String {
        self.line(name, value, life.whole_seconds().max(0), reader)
    }

    /// A Set-Cookie line that removes the cookie.
    pub fn clear(&self, name: &str, reader: Reader) -> String {
        self.line(name, "", 0, reader)
    }

    fn line(&self, name: &str, value: &str, seconds: i64, reader: Reader) -> String {
        let same_site = match self.same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::None => cookie::SameSite::None,
        };
        let mut cookie =
            Cookie::build((name, value)).path("/").same_site(same_site).max_age(Duration::seconds(seconds));
        if self.secure == Secure::Always {
            cookie = cookie.secure(true);
        }
        if reader == Reader::ServerOnly {
            cookie = cookie.http_only(true);
        }
        if !self.domain.is_empty() {
            cookie = cookie.domain(self.domain.as_str());
        }
        cookie.build().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(secure: Secure) -> CookieAttributes {
        CookieAttributes { secure, same_site: SameSite::Lax, domain: String::new() }
    }

    #[test]
    fn every_line_has_a_path_and_an_explicit_same_site() {
        assert_eq!(
            attributes(Secure::Always).keep("__Host-a", "v", Millis::minutes(10), Reader::ServerOnly),
            "__Host-a=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"
        );
        assert_eq!(
            attributes(Secure::No).keep("a", "v", Millis(1999), Reader::Scripts),
            "a=v; SameSite=Lax; Path=/; Max-Age=1"
        );
    }

    #[test]
    fn clearing_repeats_the_attributes_of_setting() {
        assert_eq!(
            attributes(Secure::Always).clear("__Host-a", Reader::ServerOnly),
            "__Host-a=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
    }
}
