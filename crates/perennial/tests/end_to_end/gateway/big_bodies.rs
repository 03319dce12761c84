//! Large bodies stream through in both directions, whatever their size.

use std::fs;

use perennial_testkit::{Server, Setup, pattern_body, pattern_hash, upstream::Upstream};
use serde_json::{Value, json};

use super::before;

/// What the process may take at its peak: not even a fraction of a body.
const PEAK_KIB_MAX: u64 = 150 * 1024;

/// The size in MiB; `PERENNIAL_BIG_BODY_MIB=2048` is the size that `docs/benchmarks.md` tells of.
fn mebibytes() -> u64 {
    std::env::var("PERENNIAL_BIG_BODY_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(256)
}

/// The peak of the memory that the process held.
fn peak_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process_id())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f16_flood_of_one_upload_and_one_download_takes_no_memory() {
    let upstream = Upstream::standard();
    let server = before(&upstream, Setup::default());
    let browser = server.logged_in().await;
    assert_eq!(browser.get("/api/x").await.status, 200);
    let (bytes, at_rest) = (mebibytes() * 1024 * 1024, peak_kib(&server));
    let client = reqwest::Client::new();

    let mut download = client
        .get(format!("{}/api/huge?bytes={bytes}", server.url))
        .header("cookie", browser.jar.header())
        .send()
        .await
        .expect("an answer");
    let mut arrived = 0;
    while let Some(piece) = download.chunk().await.expect("it does not break off") {
        arrived += piece.len() as u64;
    }
    let after_download = peak_kib(&server);

    let upload = client
        .post(format!("{}/api/sink", server.url))
        .header("cookie", browser.jar.header())
        .header("x-csrftoken", browser.jar.csrf().expect("a token"))
        .body(reqwest::Body::wrap(pattern_body(bytes)));
    let answer = upload.send().await.expect("an answer");
    let text = answer.text().await.expect("a body");
    let sunk: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    assert_eq!(arrived, bytes);
    assert_eq!(
        (&sunk["bytes"], &sunk["whole"], &sunk["hash"]),
        (&json!(bytes), &json!(true), &json!(pattern_hash(bytes))),
        "{text}"
    );
    let after_upload = peak_kib(&server);
    eprintln!(
        "{} MiB each way: peak {at_rest} KiB at rest, {after_download} after the download, {after_upload} after the upload",
        mebibytes()
    );
    assert!(after_upload < PEAK_KIB_MAX, "{after_upload} KiB");
}
