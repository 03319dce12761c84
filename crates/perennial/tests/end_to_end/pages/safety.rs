//! What every page guards: its forms, its headers, and what it repeats of a request.

use perennial_testkit::{Answer, Server};

use super::{assert_heading, assert_page, at_account, log_in};
use crate::{
    BINARY,
    login::{PASSWORD, registered, strict_server},
};

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' http://localhost:* \
                      http://127.0.0.1:*; base-uri 'none'; \
                      frame-ancestors 'none'";

#[track_caller]
fn assert_safe(answer: &Answer) {
    assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    let text = answer.text.to_lowercase();
    for danger in ["<script", "javascript:", "<style", " style=", " onclick=", " onerror=", " onload=", "<iframe"] {
        assert!(!text.contains(danger), "{danger}: {text}");
    }
}

#[tokio::test]
async fn every_page_and_every_redirect_carries_the_headers_and_no_script() {
    let server = strict_server();
    let mut visitor = server.browser();
    for path in ["/", "/login", "/register", "/account", "/verify-email", "/mfa/setup", "/mfa/verify"] {
        assert_safe(&visitor.navigate(path).await);
    }
    let mut newcomer = server.browser();
    let page = newcomer.open("/register").await;
    let form = page.form("/register").with("email", "ada@example.com").with("password", PASSWORD);
    let answer = newcomer.submit(&form).await;
    assert_safe(&answer);
    assert_safe(&newcomer.follow(answer).await);
    let mut setting_up = server.browser();
    let page = log_in(&mut setting_up, server.demo()).await;
    assert_safe(&page);
    let page = super::confirm(&mut setting_up, &page).await;
    assert_safe(&page);
    for path in ["/", "/account", "/login", "/login?again", "/account?ended"] {
        assert_safe(&setting_up.navigate(path).await);
    }
    assert_safe(&log_in(&mut server.browser(), server.with_second_factor()).await);
    let account = setting_up.open("/account").await;
    let stale = account.form("/logout-all").with("csrf_token", "stale");
    let mut elsewhere = server.browser();
    assert_safe(&elsewhere.submit(&stale.clone()).await);
    let style = visitor.get("/pages/style.css").await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
}

#[tokio::test]
async fn a_stale_form_is_shown_again_with_a_fresh_token() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let page = browser.open("/login").await;
    let form = page.form("/login").with("email", &server.demo().email).with("password", &server.demo().password);
    for stale in ["", "stale", "anon.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA"] {
        let again = browser.submit(&form.clone().with("csrf_token", stale)).await;
        assert_eq!(again.status, 403, "{stale}");
        assert_heading(&again, "Sign in");
        assert!(again.text.contains("open for too long"), "{}", again.text);
        assert_eq!(again.form("/login").value("email"), Some(server.demo().email.as_str()));
        assert_eq!(again.form("/login").value("csrf_token"), browser.jar.csrf());
    }
    let again = browser.submit(&form.clone().with("csrf_token", "stale")).await;
    let fresh = again.form("/login").with("email", &server.demo().email).with("password", &server.demo().password);
    assert_page(&browser.submit_and_follow(&fresh).await, "Demo");
}

#[tokio::test]
async fn every_stale_form_of_the_way_in_is_shown_again() {
    let server = strict_server();
    let mut browser = server.browser();
    let page = browser.open("/register").await;
    let form = page.form("/register").with("email", "ada@example.com").with("password", PASSWORD);
    let again = browser.submit(&form.with("csrf_token", "stale")).await;
    assert_eq!(again.status, 403);
    let page = browser.submit_and_follow(&again.form("/register").with("password", PASSWORD)).await;
    for action in ["/verify-email", "/verify-email/resend"] {
        let again = browser.submit(&page.form(action).with("code", "000000").with("csrf_token", "stale")).await;
        assert_eq!(again.status, 403, "{action}");
        assert_heading(&again, "Check your e-mail");
        assert_eq!(again.form(action).value("csrf_token"), browser.jar.csrf());
    }
    for (account, action) in [(server.demo(), "/mfa/setup"), (server.with_second_factor(), "/mfa/verify")] {
        let mut browser = server.browser();
        let page = log_in(&mut browser, account).await;
        let again = browser.submit(&page.form(action).with("code", "000000").with("csrf_token", "stale")).await;
        assert_eq!(again.status, 403, "{action}");
        assert_eq!(again.form(action).value("csrf_token"), browser.jar.csrf());
    }
}

#[tokio::test]
async fn a_form_of_a_former_person_does_nothing() {
    let server = Server::start(BINARY);
    let (mut browser, page) = at_account(&server).await;
    let former = page.form("/logout-all");
    browser.log_out().await;
    let (eve, _) = registered(&server, "eve@example.com", PASSWORD).await;
    browser.jar = eve.jar.clone();
    let answer = browser.submit(&former).await;
    assert_eq!(answer.status, 409);
    assert_heading(&answer, "This page is out of date");
    assert_page(&browser.open("/account").await, "Ada Lovelace");
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    let server = Server::start(BINARY);
    let (mut browser, page) = at_account(&server).await;
    for (site, origin) in [("cross-site", "https://e.test"), ("same-site", "https://e.test"), ("same-origin", "null")] {
        let form = page.form("/logout");
        let body = format!("csrf_token={}", form.value("csrf_token").expect("a token"));
        let headers: [(&str, &[u8]); 3] = [
            ("content-type", b"application/x-www-form-urlencoded"),
            ("origin", origin.as_bytes()),
            ("sec-fetch-site", site.as_bytes()),
        ];
        for action in ["/logout", "/logout-all", "/account/sessions/end", "/mfa/setup/begin", "/login"] {
            let answer = browser.send_bytes("POST", action, &headers, body.clone().into_bytes()).await;
            assert_eq!(answer.status, 403, "{action} {origin}");
        }
    }
    assert_page(&browser.open("/account").await, "Demo");
}

#[tokio::test]
async fn what_a_person_typed_is_text_on_every_page() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let evil = "\"><script>alert(1)</script>";
    let page = browser.open("/register").await;
    let form = page.form("/register").with("name", evil).with("email", "ada@example.com");
    let again = browser.submit(&form.clone().with("email", evil).with("password", PASSWORD)).await;
    assert_eq!(again.status, 400);
    assert_safe(&again);
    assert_eq!(again.form("/register").value("name"), Some(evil));

    let page = browser.submit_and_follow(&form.with("password", PASSWORD)).await;
    let code = server.code_of_mail("ada@example.com", 1).await;
    let page = browser.submit_and_follow(&page.form("/verify-email").with("code", &code)).await;
    assert_safe(&page);
    assert!(page.text.contains("&#60;script&#62;"), "{}", page.text);
    assert_safe(&browser.navigate("/login?again&return_to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await);
}
