//! Where a person is sent after logging in.
//!
//! One function for every place that reads or uses such an address, and it asks the parser that browsers
//! follow (the WHATWG URL standard) instead of looking at the text.

use url::{Origin, Url};

use crate::origin::OriginPolicy;

const LENGTH_MAX: usize = 2048;

/// A path of this origin (with query and fragment), or a page of an allowed origin; `None` for everything
/// else, and the caller falls back to its own page.
pub fn validated(text: &str, policy: &OriginPolicy) -> Option<String> {
    let hostile = |c: char| c.is_control() || c == '\\';
    if text.is_empty() || text.len() > LENGTH_MAX || text.contains(hostile) {
        return None;
    }
    let own = Url::parse(&policy.own).ok()?;
    let target = own.join(text).ok()?;
    let Origin::Tuple(..) = target.origin() else { return None };
    if !target.username().is_empty() || target.password().is_some() {
        return None;
    }
    if target.origin() != own.origin() {
        return policy.allows(&target.origin().ascii_serialization()).then(|| target.to_string());
    }
    let path = &target[url::Position::BeforePath..];
    // A path that begins with two slashes would be read as a host when it stands alone in a Location.
    path_stays_here(path).then(|| path.to_owned())
}

fn path_stays_here(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::origin::Loopback;

    fn policy() -> OriginPolicy {
        OriginPolicy {
            own: "https://app.example.com".into(),
            allowed: vec!["https://admin.example.com".into()],
            loopback: Loopback::Refused,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(validated(text, &policy()).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn deep_links_survive() {
        check("/", Some("/"));
        check("/orders/7?tab=open#line-3", Some("/orders/7?tab=open#line-3"));
        check("https://app.example.com/orders", Some("/orders"));
        check("https://admin.example.com/x", Some("https://admin.example.com/x"));
        check("orders", Some("/orders"));
        check("/@e", Some("/@e"));
        check("/%5ce", Some("/%5ce"));
    }

    #[test]
    fn nothing_leads_to_another_site() {
        for text in [
            "",
            "//e",
            "/\\e",
            "\\\\e",
            "/\t/e",
            "\t//e",
            "https:e.test\n",
            "https://e",
            "javascript:alert(1)",
            "data:,x",
            "/..//e",
            "/.//e",
            "////e",
            "https://app.example.com@e",
            "https://app.example.com.e",
            "http://app.example.com/",
            "/x\r\nSet-Cookie: a=b",
            "https://user@app.example.com/",
            "\u{0}/x",
        ] {
            check(text, None);
        }
        check("https:e", Some("/e"));
        check("／／e", Some("/%EF%BC%8F%EF%BC%8Fe"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn whatever_is_let_through_stays_on_an_allowed_origin(text in "[/\\\\:@?#.%a-z0-9\\t\\n\\r ]{0,24}") {
            if let Some(location) = validated(&text, &policy()) {
                let landing = Url::parse("https://app.example.com/login").expect("a URL").join(&location).expect("joins");
                prop_assert!(policy().allows(&landing.origin().ascii_serialization()), "{text:?} -> {location:?}");
                prop_assert!(!location.contains(['\r', '\n']));
            }
        }
    }
}
