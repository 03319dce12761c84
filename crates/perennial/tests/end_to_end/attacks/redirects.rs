//! Open redirects: wherever `return_to` is read or used, it leads to this server or nowhere.

use perennial_testkit::{Browser, Form, Server, code_at};
use reqwest::Url;

use super::Dice;
use crate::{
    BINARY,
    login::{PASSWORD, shown_code, strict_server},
};

const HOSTILE: [&str; 34] = [
    "//e.test",
    "///e.test",
    "/\\e.test",
    "\\\\e.test",
    "/%5ce.test",
    "/%2fe.test",
    "/%09/e.test",
    "/\t/e.test",
    "\t//e.test",
    "/\n/e.test",
    "https:e.test",
    "https:/e.test",
    "https://e.test",
    "http:\\\\e.test",
    "/@e.test",
    "//a@e.test",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://e.test/x",
    "/..//e.test",
    "/.//e.test",
    "/x/../..//e.test",
    "/%2e%2e//e.test",
    "/x\r\nSet-Cookie: evil=1",
    "/x%0d%0aSet-Cookie:%20evil=1",
    "\u{ff0f}\u{ff0f}e.test",
    "/\u{2215}e.test",
    "\u{3002}\u{3002}//e.test",
    "http://localhost@e.test/",
    "http://localhost.e.test/",
];

/// In development every loopback origin may be returned to; no other may.
#[track_caller]
fn assert_stays(server_url: &str, location: &str, said: &str) {
    assert!(!location.contains(['\r', '\n', '\t', '\\']), "{said:?} leads to {location:?}");
    let page = Url::parse(server_url).expect("a URL").join("/login").expect("a path");
    let landing = page.join(location).expect("a browser can read it");
    assert_eq!(landing.scheme(), "http", "{said:?} leads to {location:?}");
    assert!(matches!(landing.host_str(), Some("localhost" | "127.0.0.1")), "{said:?} leads to {location:?}");
}

fn login_path(return_to: &str) -> String {
    let mut url = Url::parse("http://x/login").expect("a URL");
    url.query_pairs_mut().append_pair("return_to", return_to);
    format!("/login?{}", url.query().unwrap_or_default())
}

#[tokio::test]
async fn f57_no_return_to_leaves_this_server_after_a_login() {
    let server = Server::start(BINARY);
    for said in HOSTILE {
        let mut browser = server.browser();
        let page = browser.navigate(&login_path(said)).await;
        let form = page.form("/login");
        if let Some(kept) = form.value("return_to") {
            assert_stays(&server.url, kept, said);
        }
        // A form that was tampered with after the page was checked is checked again.
        let form = filled(form, &server).with("return_to", said);
        let answer = browser.submit(&form).await;
        assert_eq!(answer.status, 303, "{said:?}");
        assert_stays(&server.url, answer.location(), said);
        assert!(!answer.cookie_names().contains(&"evil"), "{said:?}");
        let again = browser.navigate(&login_path(said)).await;
        assert_eq!(again.status, 303, "{said:?}");
        assert_stays(&server.url, again.location(), said);
    }
}

#[tokio::test]
async fn f57_no_drawn_return_to_leaves_this_server() {
    let server = Server::start(BINARY);
    let mut browser = server.logged_in().await;
    let letters = [
        "/",
        "/",
        "\\",
        ":",
        "@",
        ".",
        "..",
        "%2f",
        "%5c",
        "%09",
        "\t",
        "\n",
        "\r",
        " ",
        "#",
        "?",
        "e.test",
        "https",
        "javascript",
        "localhost",
        "\u{ff0f}",
        "[",
        "]",
        "\u{0}",
    ];
    let mut dice = Dice::new(0x5e_ed57);
    for _ in 0..600 {
        let said: String = (0..=dice.below(6)).map(|_| dice.one_of(&letters)).collect();
        let answer = browser.navigate(&login_path(&said)).await;
        assert_eq!(answer.status, 303, "{said:?}: {}", answer.text);
        assert_stays(&server.url, answer.location(), &said);
    }
}

const DEEP_LINK: &str = "/orders/7?tab=open&next=%2Fa%26b#line-3";

fn filled(form: Form, server: &Server) -> Form {
    form.with("email", &server.demo().email).with("password", &server.demo().password)
}

#[tokio::test]
async fn f57_a_deep_link_survives_the_login_and_a_mistake_on_the_way() {
    let server = Server::start(BINARY);
    let mut browser = server.browser();
    let page = browser.navigate(&login_path(DEEP_LINK)).await;
    let page = browser.submit(&filled(page.form("/login"), &server).with("password", "wrong")).await;
    assert_eq!(page.status, 401);
    let answer = browser.submit(&filled(page.form("/login"), &server)).await;
    assert_eq!((answer.status, answer.location()), (303, DEEP_LINK));
}

#[tokio::test]
async fn f57_a_deep_link_survives_the_second_factor() {
    let server = Server::start(BINARY);
    let account = server.with_second_factor();
    let mut browser = server.browser();
    let page = browser.navigate(&login_path(DEEP_LINK)).await;
    let form = page.form("/login").with("email", &account.email).with("password", &account.password);
    let page = browser.submit_and_follow(&form).await;
    let wrong = browser.submit(&page.form("/mfa/verify").with("code", "12345")).await;
    let answer = browser.submit(&wrong.form("/mfa/verify").with("code", &shown_code(account))).await;
    assert_eq!((answer.status, answer.location()), (303, DEEP_LINK), "{}", answer.text);
}

#[tokio::test]
async fn f57_a_deep_link_survives_registration_a_second_mail_and_the_set_up() {
    let server = strict_server();
    let mut browser = server.browser();
    let page = browser.navigate(&login_path(DEEP_LINK)).await;
    let (_, rest) = page.text.split_once("href=\"/register?").expect("the login page offers to register");
    let query = rest.split('"').next().unwrap_or_default().replace("&#38;", "&");
    let page = browser.navigate(&format!("/register?{query}")).await;
    let form = page.form("/register").with("email", "ada@example.com").with("password", PASSWORD);
    let page = browser.submit_and_follow(&form).await;
    server.code_of_mail("ada@example.com", 1).await;
    let page = browser.submit_and_follow(&page.form("/verify-email/resend")).await;
    assert!(page.text.contains("A new code is on its way"), "{}", page.text);
    let code = server.code_of_mail("ada@example.com", 2).await;
    let page = browser.submit_and_follow(&page.form("/verify-email").with("code", &code)).await;
    let page = confirm(&mut browser, page).await;
    assert!(page.text.contains("href=\"/orders/7?tab=open&#38;next=%2Fa%26b#line-3\""), "{}", page.text);
}

async fn confirm(browser: &mut Browser, page: perennial_testkit::Answer) -> perennial_testkit::Answer {
    let (_, rest) = page.text.split_once("<code class=\"secret\">").expect("the secret is shown");
    let secret: String = rest.split('<').next().unwrap_or_default().replace(' ', "");
    browser.submit(&page.form("/mfa/setup").with("code", &code_at(&secret, 0))).await
}
