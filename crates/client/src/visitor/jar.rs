//! The cookies of one person, as one answer sees them.

use std::{
    collections::BTreeMap,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cookie::Cookie;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, SET_COOKIE},
};
use serde::Deserialize;

/// What the cookies and the anti-CSRF header are called.
#[derive(Debug, Clone)]
pub struct Names {
    /// The whole name, but for the two characters of a session.
    pub access: String,
    pub csrf: String,
    pub csrf_header: HeaderName,
}

impl Names {
    /// The names that a service has by default at this address.
    pub fn of(auth: &Url) -> Self {
        let prefix = if auth.scheme() == "https" { "__Host-" } else { "" };
        Self {
            access: format!("{prefix}accesstoken"),
            csrf: format!("{prefix}csrftoken"),
            csrf_header: HeaderName::from_static("x-csrftoken"),
        }
    }
}

/// A token.
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// Cookies by name, and the lines that changed them.
#[derive(Default)]
pub(super) struct VisitorJar {
    cookies: BTreeMap<String, String>,
    lines: BTreeMap<String, String>,
}

impl fmt::Debug for VisitorJar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.cookies.keys()).finish()
    }
}

impl VisitorJar {
    pub(super) fn read(header: &str) -> Self {
        let cookies = Cookie::split_parse(header).filter_map(Result::ok);
        let cookies = cookies.map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect();
        Self { cookies, lines: BTreeMap::new() }
    }

    pub(super) fn header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Keeps what an answer sets. The last line for a name is what the browser gets.
    pub(super) fn keep(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let Ok(cookie) = Cookie::parse(line) else { continue };
            let name = cookie.name().to_owned();
            if cookie.max_age().is_some_and(|age| age.is_zero()) {
                self.cookies.remove(&name);
            } else {
                self.cookies.insert(name.clone(), cookie.value().to_owned());
            }
            self.lines.insert(name, line.to_owned());
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.values().cloned().collect()
    }

    pub(super) fn csrf(&self, names: &Names) -> Option<String> {
        self.cookies.get(&names.csrf).cloned()
    }

    /// The access token that lasts longest, with a session's two characters in its cookie's name or without. One of
    /// another login than the one that the anti-CSRF token is of counts for nothing.
    pub(super) fn access(&self, names: &Names) -> Option<String> {
        let is_one = |name: &str| {
            name.strip_prefix(&names.access)
                .is_some_and(|rest| rest.is_empty() || (rest.len() == 3 && rest.starts_with('-')))
        };
        let session = self.cookies.get(&names.csrf).and_then(|token| token.split('.').next());
        let is_its_own = |token: &&String| session.is_none_or(|key| said(token).is_some_and(|said| said.sid == key));
        let tokens = self.cookies.iter().filter(|(name, _)| is_one(name)).map(|(_, value)| value);
        tokens.filter(is_its_own).max_by_key(|token| expiry(token)).cloned()
    }
}

/// Whether a token will be good when it arrives. What stands in it was not verified: it only says when to renew.
pub(super) fn lasts(token: &str) -> bool {
    const MARGIN: u64 = 5;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    expiry(token).is_some_and(|expiry| expiry > now + MARGIN)
}

fn expiry(token: &str) -> Option<u64> {
    said(token).map(|said| said.exp)
}

/// What a token says of itself, unverified.
#[derive(Deserialize)]
struct Said {
    exp: u64,
    #[serde(default)]
    sid: String,
}

fn said(token: &str) -> Option<Said> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(sid: &str, exp: u64) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!(r#"{{"sid":"{sid}","exp":{exp}}}"#)))
    }

    #[track_caller]
    fn check(csrf: &str, expected: Option<String>) {
        let names = Names::of(&"http://localhost/auth".parse().expect("an address"));
        let (former, present) = (token("former", 2000), token("present", 1000));
        let jar = VisitorJar::read(&format!("accesstoken-fo={former}; accesstoken-pr={present}{csrf}"));
        assert_eq!(jar.access(&names), expected, "{csrf}");
    }

    #[test]
    fn a_former_login_whose_token_lasts_longer_does_not_speak_for_the_present_one() {
        check("; csrftoken=present.tag", Some(token("present", 1000)));
        check("; csrftoken=anon.nonce.tag", None);
        check("", Some(token("former", 2000)));
    }
}
