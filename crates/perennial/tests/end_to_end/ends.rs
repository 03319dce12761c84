//! What was ended stays ended, whatever becomes of the store.

use std::time::{Duration, Instant};

use perennial_testkit::{Browser, Server};
use serde_json::json;

use crate::BINARY;

/// The promise: an ended session is known to every node in less than this.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

/// Ends a session from another process, as another node would.
async fn revoke(server: &Server, browser: &Browser) {
    let key = browser.get("/auth/session").await.field("session_key");
    let revoked = server.command(&["session", "revoke", "--", key.as_str().expect("a session key")]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
}

/// How long it takes until `holds`, if that is within what was promised.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < KNOWN_WITHIN, "{what} within {KNOWN_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

#[tokio::test]
async fn f50_an_ended_session_is_refused_while_the_store_cannot_be_asked() {
    let server = Server::start(BINARY);
    let [ended, alive] = [server.logged_in().await, server.logged_in().await];
    revoke(&server, &ended).await;
    tokio::time::sleep(KNOWN_WITHIN).await;
    server.time_travel().execute("ALTER TABLE session RENAME TO elsewhere");

    let standing = ended.get("/auth/session").await;
    assert_eq!(standing.field("status"), "unauthenticated", "{}", standing.text);
    assert_eq!(standing.field("ended_reason"), "revoked");
    assert_eq!(alive.get("/auth/session").await.field("status"), "authenticated");
    assert_eq!(alive.refresh().await.code(), "auth_unavailable");
}

#[tokio::test]
async fn f50_an_end_that_the_store_lost_stays_in_force_and_is_written_again() {
    let server = Server::start(BINARY);
    let [ended, alive] = [server.logged_in().await, server.logged_in().await];
    revoke(&server, &ended).await;
    tokio::time::sleep(KNOWN_WITHIN).await;
    let database = server.time_travel();
    let remembered = "SELECT count(*) FROM session WHERE end_reason = 'revoked'";
    assert_eq!(database.number(remembered), 1);

    database.execute("UPDATE session SET ended_at = NULL, end_reason = NULL");
    let refused = ended.refresh().await;
    assert_eq!((refused.code(), refused.field("reason")), ("session_ended".into(), json!("revoked")));
    let taken = until("the end is written again", async || database.number(remembered) == 1).await;
    eprintln!("the lost end was in the store again after {taken:?}");
    assert_eq!(database.audited("end_restored"), 1);
    assert_eq!(alive.refresh().await.status, 200);
}
