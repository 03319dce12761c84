//! Which addresses may become a link: paths of this origin, the web, and authenticator apps.

/// `href` itself if it cannot run script, else the root path.
pub(crate) fn safe(href: &str) -> &str {
    let is_path = href.starts_with('/') && !href.starts_with("//") && !href.starts_with("/\\");
    if is_path || is_web(href) || starts_with_scheme(href, "otpauth://") { href } else { "/" }
}

/// Whether `text` is one web address and nothing else.
pub(crate) fn is_web(text: &str) -> bool {
    !text.contains(char::is_whitespace) && (starts_with_scheme(text, "https://") || starts_with_scheme(text, "http://"))
}

fn starts_with_scheme(href: &str, scheme: &str) -> bool {
    href.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::{is_web, safe};

    #[test]
    fn paths_the_web_and_authenticator_apps_are_linked() {
        for href in
            ["/", "/account?x=1#y", "https://app.example.com/", "HTTP://localhost:8080/", "otpauth://totp/a?secret=B"]
        {
            assert_eq!(safe(href), href);
        }
    }

    #[test]
    fn anything_that_could_run_or_leave_unseen_becomes_the_root_path() {
        for href in
            ["", "javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.test", "/\\evil.test", "x"]
        {
            assert_eq!(safe(href), "/");
        }
    }

    #[test]
    fn a_line_of_mail_is_a_link_only_when_it_is_nothing_but_an_address() {
        assert!(is_web("https://app.example.com/login"));
        assert!(!is_web("See https://app.example.com/login"));
        assert!(!is_web("https://app.example.com/login for more"));
    }
}
