//! A browser's cookie store for one origin: Set-Cookie lines in, Cookie header out.
//!
//! Answers are put in by whoever holds the jar, so a test can lose, repeat or reorder them.

use std::collections::BTreeMap;

use cookie::Cookie;

/// The cookies that scripts and the network would send, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jar {
    cookies: BTreeMap<String, String>,
}

impl Jar {
    /// Stores what an answer sets, in order; a cookie that dies at once is removed.
    pub fn store(&mut self, set_cookie: &[String]) {
        for line in set_cookie {
            let cookie = Cookie::parse(line.as_str()).expect("the server sets readable cookies");
            if cookie.max_age().is_some_and(|age| age.is_zero() || age.is_negative()) {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    /// The Cookie header of the next request.
    pub fn header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub fn remove(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// Removes every cookie whose name starts so: an access token that expired, whatever its tag.
    pub fn remove_all(&mut self, prefix: &str) {
        self.cookies.retain(|name, _| !name.starts_with(prefix));
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// The first cookie whose name starts so, with its name.
    pub fn find(&self, prefix: &str) -> Option<(&str, &str)> {
        self.cookies
            .iter()
            .find(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn names(&self) -> Vec<&str> {
        self.cookies.keys().map(String::as_str).collect()
    }

    /// The refresh token it holds.
    pub fn refresh(&self) -> Option<&str> {
        self.find("refreshtoken").or_else(|| self.find("__Host-refreshtoken")).map(|(_, value)| value)
    }

    pub fn csrf(&self) -> Option<&str> {
        self.get("csrftoken").or_else(|| self.get("__Host-csrftoken"))
    }
}
