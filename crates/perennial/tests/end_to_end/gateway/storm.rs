//! Many requests of many tabs over many expiries, to an API that verifies tokens itself.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use perennial_testkit::{
    Browser, Setup,
    upstream::{Reply, Upstream, Verifier},
};

use super::{before, counted};

const REQUESTS: usize = 10_000;
const LIFETIME: Duration = Duration::from_secs(2);

/// The published keys of a server that is started later.
fn keys_of(server_url: &Arc<Mutex<String>>) -> Upstream {
    let server_url = Arc::clone(server_url);
    Upstream::start(move |asked| {
        let url = format!("{}{}", server_url.lock().expect("nobody panics while holding it"), asked.seen.target);
        async move {
            let keys = reqwest::get(url).await.expect("the server answers").bytes().await.expect("a body");
            Reply::status(200).header("content-type", "application/json").body(keys)
        }
    })
}

/// A tab of a browser: it sends one request after the other for as long as some are to be sent.
async fn tab(jar: Arc<Mutex<Browser>>, left: Arc<AtomicUsize>) -> usize {
    let mut renewed = 0;
    while left.fetch_sub(1, Ordering::Relaxed) > 8 {
        let browser = jar.lock().expect("nobody panics while holding it").copy();
        let answer = browser.get("/api/x").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        renewed += usize::from(!answer.set_cookie.is_empty());
        jar.lock().expect("nobody panics while holding it").keep(&answer);
    }
    renewed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f36_storm_of_requests_over_many_expiries_meets_no_refusal_of_the_upstream() {
    let server_url = Arc::new(Mutex::new(String::new()));
    let keys = keys_of(&server_url);
    let api = Verifier::new(&format!("{}/.well-known/jwks.json", keys.url())).start();
    let lives = [
        ("tokens.access_ttl", "2s"),
        ("tokens.jitter", "0.0"),
        ("tokens.cooldown", "4s"),
        ("tokens.overlap", "1s"),
        ("gateway.forwarded_ttl", "2s"),
    ];
    let server = before(&api, lives.into_iter().fold(Setup::default(), |setup, (key, value)| setup.with(key, value)));
    *server_url.lock().expect("nobody panics while holding it") = server.url.clone();

    let (began, left) = (Instant::now(), Arc::new(AtomicUsize::new(REQUESTS + 8)));
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let jar = Arc::new(Mutex::new(server.logged_in().await));
        tabs.extend((0..4).map(|_| tokio::spawn(tab(Arc::clone(&jar), Arc::clone(&left)))));
    }
    let mut renewed = 0;
    for tab in tabs {
        renewed += tab.await.expect("a tab meets nothing but 200");
    }
    let replayed = counted(&server.admin_url, r#"perennial_gateway_renewals_total{outcome="replayed"}"#).await;
    eprintln!("{} requests in {:?}, {renewed} answers with new tokens", api.seen().len(), began.elapsed());
    assert!(began.elapsed() > 2 * LIFETIME, "no token expired in {:?}", began.elapsed());
    assert!(renewed >= 4, "{renewed}");
    assert_eq!((api.seen().len(), replayed), (REQUESTS, 0));
    assert_eq!(server.time_travel().audited("stale_refused"), 0);
}
