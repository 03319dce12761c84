//! What a request's Cookie headers brought: every tag, every bare name and every duplicate.
//!
//! A browser sends duplicates when one name was set with two paths or domains; any of them may be the live
//! one, so none is dropped here. What is not ours, or cannot be read, is ignored.

use super::names::{CookieNames, belongs_to};
use crate::{login::StepName, refresh::RefreshToken};

/// How many cookies of a kind are read; an honest jar has one, and rarely two.
pub const SAME_KIND_MAX: usize = 16;

/// The cookies of one request, in the order they came.
#[derive(Clone, Default)]
pub struct Jar {
    cookies: Vec<(String, String)>,
}

/// A refresh token's cookie as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedRefresh {
    pub name: String,
    /// `None` if the value is not shaped like a token.
    pub token: Option<RefreshToken>,
}

impl Jar {
    /// Reads Cookie headers (RFC 6265bis §5.8.3); a browser may send several over HTTP/2.
    pub fn read<'h>(headers: impl Iterator<Item = &'h str>) -> Self {
        let cookies = headers
            .flat_map(cookie::Cookie::split_parse)
            .filter_map(Result::ok)
            .map(|cookie| (cookie.name().to_owned(), cookie.value_trimmed().to_owned()))
            .collect();
        Self { cookies }
    }

    /// What is shaped like a token comes first, so that no heap of garbage hides it.
    pub fn refresh(&self, names: &CookieNames) -> Vec<CarriedRefresh> {
        let mut found: Vec<CarriedRefresh> = self
            .kind(&names.refresh)
            .map(|(name, value)| CarriedRefresh { name: name.to_owned(), token: RefreshToken::parse(value).ok() })
            .collect();
        found.sort_by_key(|carried| carried.token.is_none());
        found.truncate(SAME_KIND_MAX);
        found
    }

    /// The same without names and order, for a look that keeps nothing.
    pub fn refresh_tokens<'j>(&'j self, names: &'j CookieNames) -> impl Iterator<Item = Option<RefreshToken>> {
        self.kind(&names.refresh).map(|(_, value)| RefreshToken::parse(value).ok())
    }

    /// Access tokens with the names of their cookies. What has not the three parts of a JWT is none.
    pub fn access<'j>(&'j self, names: &'j CookieNames) -> impl Iterator<Item = (&'j str, &'j str)> {
        self.kind(&names.access).filter(|(_, value)| value.matches('.').count() == 2).take(SAME_KIND_MAX)
    }

    pub fn stale<'j>(&'j self, names: &'j CookieNames) -> impl Iterator<Item = (&'j str, &'j str)> {
        self.kind(&names.stale).take(SAME_KIND_MAX)
    }

    pub fn csrf<'j>(&'j self, names: &'j CookieNames) -> impl Iterator<Item = &'j str> {
        self.named(&names.csrf)
    }

    pub fn step<'j>(&'j self, names: &'j CookieNames, step: StepName) -> impl Iterator<Item = &'j str> {
        self.named(names.step(step))
    }

    pub fn known<'j>(&'j self, names: &'j CookieNames) -> Option<&'j str> {
        self.named(&names.known).next()
    }

    /// Whether the two characters of a new session are free in this jar. Case does not tell two names apart
    /// here: some clients (curl among them) keep one cookie for both.
    pub fn is_free(&self, names: &CookieNames, session: &crate::id::SessionKey) -> bool {
        let taken = [names.refresh_of(session), names.access_of(session), names.stale_of(session)];
        !self.cookies.iter().any(|(name, _)| taken.iter().any(|taken| taken.eq_ignore_ascii_case(name)))
    }

    /// The names of the refresh, access and mark cookies that came, each once.
    pub fn session_cookie_names<'j>(&'j self, names: &'j CookieNames) -> Vec<&'j str> {
        let mut found: Vec<&str> = [&names.refresh, &names.access, &names.stale]
            .into_iter()
            .flat_map(|base| self.kind(base).take(SAME_KIND_MAX))
            .map(|(name, _)| name)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a cookie of exactly this name came.
    pub fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|(carried, _)| carried == name)
    }

    /// The first value under exactly this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(carried, _)| carried == name).map(|(_, value)| value.as_str())
    }

    /// The last value under exactly this name. Browsers name the cookies of a longer path first, and of two that are
    /// for the same path the older one (RFC 6265bis §5.8.3).
    pub fn last_value(&self, name: &str) -> Option<&str> {
        self.cookies.iter().rfind(|(carried, _)| carried == name).map(|(_, value)| value.as_str())
    }

    fn kind<'j>(&'j self, base: &'j str) -> impl Iterator<Item = (&'j str, &'j str)> {
        self.cookies
            .iter()
            .filter(move |(name, _)| belongs_to(name, base))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn named<'j>(&'j self, wanted: &'j str) -> impl Iterator<Item = &'j str> {
        self.cookies.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str()).take(SAME_KIND_MAX)
    }
}

impl std::fmt::Debug for Jar {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.cookies.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cookie::names::Tags;

    fn names() -> CookieNames {
        CookieNames {
            refresh: "refreshtoken".into(),
            access: "accesstoken".into(),
            csrf: "csrftoken".into(),
            hint: "auth_hint".into(),
            stale: "stale".into(),
            mfa_setup: "mfa_setup".into(),
            mfa_verify: "mfa_verify".into(),
            verify_email: "verify_email".into(),
            known: "known".into(),
            tags: Tags::On,
        }
    }

    #[test]
    fn bare_names_tags_and_duplicates_are_all_read() {
        let header =
            "refreshtoken=a; refreshtoken-kq=b; refreshtoken=c; refreshtokens=d; refreshtoken-long=e; csrftoken=\"f\"";
        let jar = Jar::read([header].into_iter());
        let found: Vec<String> = jar.refresh(&names()).into_iter().map(|carried| carried.name).collect();
        assert_eq!(found, ["refreshtoken", "refreshtoken-kq", "refreshtoken"]);
        assert_eq!(jar.csrf(&names()).collect::<Vec<_>>(), ["f"]);
        assert_eq!(jar.session_cookie_names(&names()), ["refreshtoken", "refreshtoken-kq"]);
    }

    #[test]
    fn a_heap_of_garbage_hides_no_token() {
        let heap: String = (0..30).map(|number| format!("refreshtoken-{number}=x; accesstoken-{number}=x; ")).collect();
        let token = format!("prn1.{}", "A".repeat(56));
        let header = format!("{heap}refreshtoken-kq={token}; accesstoken-kq=a.b.c");
        let jar = Jar::read([header.as_str()].into_iter());
        let found = jar.refresh(&names());
        assert_eq!((found.len(), found[0].name.as_str()), (SAME_KIND_MAX, "refreshtoken-kq"));
        assert_eq!(jar.access(&names()).collect::<Vec<_>>(), [("accesstoken-kq", "a.b.c")]);
        assert_eq!(jar.session_cookie_names(&names()).len(), 2 * SAME_KIND_MAX);
    }

    #[test]
    fn a_tag_is_free_only_if_it_differs_by_more_than_case() {
        let key = |text: &str| crate::id::SessionKey::parse(text).expect("a session key");
        let jar = Jar::read(["accesstoken-yG=a; refreshtoken-ab=b; stale-0_=c"].into_iter());
        for taken in ["yG", "YG", "Yg", "AB", "0_"] {
            assert!(!jar.is_free(&names(), &key(&format!("{taken}34567890123456"))), "{taken}");
        }
        assert!(jar.is_free(&names(), &key("yH34567890123456")));
    }

    #[test]
    fn debug_shows_names_only() {
        let jar = Jar::read(["refreshtoken=secret"].into_iter());
        assert_eq!(format!("{jar:?}"), r#"["refreshtoken"]"#);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header in "\\PC{0,300}") {
            let jar = Jar::read([header.as_str()].into_iter());
            prop_assert!(jar.refresh(&names()).len() <= SAME_KIND_MAX);
        }
    }
}
