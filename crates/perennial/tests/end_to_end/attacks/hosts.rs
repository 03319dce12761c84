//! DNS rebinding: `dev` answers for exact names only.

use perennial_testkit::{Browser, Server};

use crate::{BINARY, attacks::conformance::assert_problem};

#[tokio::test]
async fn both_listeners_answer_for_their_own_names_only() {
    let server = Server::start(BINARY);
    for url in [&server.url, &server.admin_url] {
        let port = url.rsplit(':').next().unwrap_or_default();
        let foreign = [
            "e.test".to_owned(),
            format!("e.test:{port}"),
            "localhost".to_owned(),
            "localhost:1".to_owned(),
            format!("localhost.e.test:{port}"),
            format!("127.0.0.1.e.test:{port}"),
            format!("127.0.0.2:{port}"),
            format!("0.0.0.0:{port}"),
            format!("localhost:{port}.e.test"),
        ];
        let browser = Browser::new(url);
        for host in &foreign {
            for path in ["/", "/auth/session", "/login", "/healthz", "/metrics", "/dev/mailbox.json"] {
                let answer = browser.send("GET", path, &[("host", host)], None).await;
                assert_eq!((answer.status, answer.code().as_str()), (421, "misdirected_request"), "{host} {path}");
                assert!(answer.set_cookie.is_empty());
                assert_problem(&answer);
            }
        }
        for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
            let answer = browser.send("GET", "/", &[("host", &host)], None).await;
            assert_ne!(answer.status, 421, "{host}");
        }
    }
}

#[tokio::test]
async fn a_navigation_to_the_address_is_sent_to_the_name() {
    let server = Server::start(BINARY);
    let mut browser = Browser::new(&server.url.replace("localhost", "127.0.0.1"));
    let answer = browser.navigate("/login?return_to=%2Fx").await;
    assert_eq!((answer.status, answer.location()), (307, format!("{}/login?return_to=%2Fx", server.url).as_str()));
    assert!(answer.set_cookie.is_empty());
    let answer = browser.navigate("//e.test/x").await;
    assert_eq!(answer.location(), format!("{}//e.test/x", server.url));
    assert_eq!(browser.get("/auth/session").await.status, 200, "a script is answered where it is");
    assert_eq!(browser.log_in(&server.demo().email, &server.demo().password).await.status, 200);
}
