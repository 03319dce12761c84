//! What happens to sessions when the server dies, stops, meets a locked store or drowns in logins: nothing.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use perennial_testkit::{Answer, Browser, Scratch, Server, Setup, TimeTravel};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    BINARY,
    storm::{Balancer, Storm},
};

const SESSIONS: usize = 200;

/// Every session refreshes, the store has one row for each, and nobody was taken for a thief.
async fn assert_nothing_is_lost(server: &Server, browsers: Vec<Browser>) {
    let sessions = i64::try_from(browsers.len()).expect("a small number");
    for mut browser in browsers {
        let answer = browser.refresh_and_keep().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let standing = browser.session_and_keep().await;
        assert_eq!(standing.field("status"), "authenticated", "{}", standing.text);
    }
    let database = server.time_travel();
    for kind in ["reuse_detected", "stale_refused", "store_behind"] {
        assert_eq!(database.audited(kind), 0, "{kind}");
    }
    assert_eq!(database.number("SELECT count(*) FROM session"), sessions);
    assert_eq!(database.number("SELECT count(*) FROM session WHERE ended_at IS NULL"), sessions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f40_f43_kill_9_in_a_refresh_storm_loses_none_of_two_hundred_sessions() {
    const KILLS: u32 = 5;
    let mut server = Server::start_with(BINARY, Setup::always_rotating());
    let storm = Storm::start(server.issue("storm", SESSIONS), Balancer::over([&server.url]), Duration::ZERO);
    for number in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(400 + u64::from(number) * 137)).await;
        server.kill();
        server.start_again();
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let (browsers, tally) = storm.end().await;

    eprintln!(
        "{KILLS} kills: {} refreshed, {} without an answer, {} unavailable",
        tally.refreshed, tally.unanswered, tally.unavailable
    );
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    assert!(tally.unanswered > 0, "the kills came into the middle of requests");
    assert!(tally.refreshed > SESSIONS, "the storm went on between them");
    assert_nothing_is_lost(&server, browsers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f43_an_orderly_restart_in_a_refresh_storm_loses_none_of_two_hundred_sessions() {
    let mut server = Server::start_with(BINARY, Setup::always_rotating());
    let storm = Storm::start(server.issue("storm", SESSIONS), Balancer::over([&server.url]), Duration::ZERO);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.terminate();
        assert_eq!(server.wait_for_end(), Some(0), "{}", server.log());
        server.start_again();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (browsers, tally) = storm.end().await;
    eprintln!("2 restarts: {} refreshed, {} without an answer", tally.refreshed, tally.unanswered);
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    assert!(!server.log().contains("still under way"), "{}", server.log());
    assert_nothing_is_lost(&server, browsers).await;
}

/// The head of a refresh as it is on the wire.
fn refresh_head(server: &Server, browser: &Browser, further: &str) -> String {
    format!(
        "POST /auth/token HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nX-CSRFToken: {}\r\nCookie: {}\r\n{further}\r\n\r\n",
        server.url.replace("http://", ""),
        server.url,
        browser.jar.csrf().expect("a session has a token"),
        browser.jar.header(),
    )
}

/// A request on a connection of its own, as far as it was sent.
struct Sent {
    stream: TcpStream,
}

impl Sent {
    /// Sends a refresh up to the last two bytes, which are its body.
    fn without_body(server: &Server, browser: &Browser) -> Self {
        let mut stream = TcpStream::connect(server.url.replace("http://localhost", "127.0.0.1")).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out can be set");
        let head = refresh_head(server, browser, "Content-Type: application/json\r\nContent-Length: 2");
        stream.write_all(head.as_bytes()).expect("the server reads");
        Self { stream }
    }

    fn finish(&mut self) {
        self.stream.write_all(b"{}").expect("the server still reads");
    }

    /// The whole answer, up to the end of the connection.
    fn answer(mut self) -> String {
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).expect("the server answers");
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f43_a_stop_answers_every_request_that_was_accepted() {
    let mut server = Server::start_with(BINARY, Setup::always_rotating());
    let browsers = server.issue("under-way", 40);
    let mut visitor = server.browser();
    visitor.session_and_keep().await;
    let mut half_sent: Vec<Sent> = browsers.iter().map(|browser| Sent::without_body(&server, browser)).collect();
    let logins: Vec<_> =
        (0..10).map(|number| tokio::spawn(bad_login(visitor.copy(), format!("w{number}@x.test")))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;

    server.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let address = server.url.replace("http://localhost", "127.0.0.1");
    assert!(TcpStream::connect(address).is_err(), "a server that stops takes nothing new");
    for request in &mut half_sent {
        request.finish();
    }
    for request in half_sent {
        let answer = request.answer();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("set-cookie: refreshtoken"), "{answer}");
    }
    for login in logins {
        let answer = login.await.expect("a login").expect("an answer");
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    assert_eq!(server.wait_for_end(), Some(0));
    assert!(!server.log().contains("still under way"), "{}", server.log());
}

/// How requests ended that each came on a connection of its own.
#[derive(Debug, Default)]
struct Ends {
    answered: usize,
    /// Nobody listened: the client knows that nothing was taken.
    refused: usize,
    /// The connection was made and the request written, and no answer came.
    dropped: usize,
}

/// Sends refreshes, each on a new connection, until nobody listens any more.
fn knock(server_address: &str, request: &str) -> Ends {
    let mut ends = Ends::default();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        let Ok(mut stream) = TcpStream::connect(server_address) else {
            ends.refused += 1;
            return ends;
        };
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out can be set");
        let mut answer = String::new();
        let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        match sent {
            Ok(_) if answer.starts_with("HTTP/1.1 200") => ends.answered += 1,
            _ => ends.dropped += 1,
        }
    }
    ends
}

#[test]
fn f43_a_stop_in_a_flood_of_new_connections_answers_each_that_was_made() {
    let mut server = Server::start_with(BINARY, Setup::always_rotating());
    let address = server.url.replace("http://localhost", "127.0.0.1");
    let knocks: Vec<_> = (server.issue("knocks", 16).into_iter())
        .map(|browser| {
            let request = refresh_head(&server, &browser, "Connection: close\r\nContent-Length: 0");
            let address = address.clone();
            thread::spawn(move || knock(&address, &request))
        })
        .collect();
    thread::sleep(Duration::from_millis(600));
    server.terminate();
    let ends: Vec<Ends> = knocks.into_iter().map(|knock| knock.join().expect("a client does not panic")).collect();
    assert_eq!(server.wait_for_end(), Some(0));

    let answered: usize = ends.iter().map(|ends| ends.answered).sum();
    let dropped: usize = ends.iter().map(|ends| ends.dropped).sum();
    eprintln!("16 clients: {answered} answered, {dropped} dropped");
    assert!(ends.iter().all(|ends| ends.refused == 1 && ends.answered > 0), "{ends:?}");
    // The system may make a connection between the last look at its queue and the end of that queue.
    assert!(dropped <= 1, "{ends:?}");
}

async fn bad_login(visitor: Browser, email: String) -> Result<Answer, reqwest::Error> {
    visitor.try_post("/login", Some(&json!({ "email": email, "password": "wrong horse battery" }))).await
}

/// The binary's last words about something that it cannot work with.
#[track_caller]
fn assert_refuses_to_start(output: &Output, sentence_part: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.starts_with("perennial: ") && words.lines().count() == 1, "one sentence: {words}");
    assert!(words.contains(sentence_part), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}

fn dev(data: &Path, listen: &str) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["dev", "--listen", listen, "--data"]).arg(data).output().expect("the binary runs")
}

#[test]
fn a_database_from_the_future_is_named_and_left_alone() {
    let mut server = Server::start(BINARY);
    server.stop();
    server.time_travel().execute("PRAGMA user_version = 99");
    assert_refuses_to_start(&dev(&server.data(), "127.0.0.1:0"), "version 99");
    assert_eq!(server.time_travel().number("SELECT count(*) FROM account"), 2);
}

#[test]
fn a_database_of_another_program_is_named_and_left_alone() {
    let scratch = Scratch::new();
    let file = scratch.path().join("perennial.db");
    TimeTravel::open(&file).execute("CREATE TABLE theirs (it TEXT); INSERT INTO theirs VALUES ('kept')");
    assert_refuses_to_start(&dev(scratch.path(), "127.0.0.1:0"), "another program");
    assert_eq!(TimeTravel::open(&file).text("SELECT it FROM theirs"), "kept");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    let file = scratch.path().join("file");
    fs::write(&file, "not a directory").expect("written");
    assert_refuses_to_start(&dev(&file.join("data"), "127.0.0.1:0"), "file/data");
    // Nobody can make a directory there, not even root.
    assert_refuses_to_start(&dev(Path::new("/proc/perennial-data"), "127.0.0.1:0"), "/proc/perennial-data");
}

#[test]
fn a_damaged_key_file_is_named() {
    let mut server = Server::start(BINARY);
    server.stop();
    fs::write(server.data().join("keys/mac-1.key"), "{\"kind\":\"mac\",\"id\":1,\"secret\":\"c2VjcmV0\"}")
        .expect("written");
    let output = dev(&server.data(), "127.0.0.1:0");
    assert_refuses_to_start(&output, "mac-1.key");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("c2VjcmV0"));
}

#[test]
fn a_port_in_use_is_named() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    assert_refuses_to_start(&dev(scratch.path(), &address), &address);
}

/// Another program holds the database for itself: no write gets through.
struct Locked(TimeTravel);

impl Locked {
    fn lock(server: &Server) -> Self {
        let connection = server.time_travel();
        connection.execute("BEGIN EXCLUSIVE");
        Self(connection)
    }

    fn unlock(self) {
        self.0.execute("ROLLBACK");
    }
}

/// How long a refresh may take while the store does not answer: 250 ms are promised, the rest is slack for a
/// machine with other things to do.
const UNAVAILABLE_WITHIN: Duration = Duration::from_millis(250 + 150);

#[tokio::test]
async fn f12_a_locked_store_answers_503_in_time_with_cookies_untouched_and_every_session_goes_on() {
    let server = Server::start_with(BINARY, Setup::always_rotating());
    let browsers = server.issue("locked-out", 50);
    assert_eq!(server.issue("warm", 1)[0].refresh().await.status, 200, "the code is warm");
    server.time_travel().execute("DELETE FROM session WHERE subject = 'warm'");

    let lock = Locked::lock(&server);
    let mut slowest = Duration::ZERO;
    for browser in &browsers {
        let began = Instant::now();
        let answer = browser.refresh().await;
        slowest = slowest.max(began.elapsed());
        assert_eq!((answer.status, answer.code().as_str()), (503, "auth_unavailable"), "{}", answer.text);
        assert!(answer.header("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{:?}", answer.headers);
        assert_eq!(answer.set_cookie, Vec::<String>::new());
        let standing = browser.get("/auth/session").await;
        assert_eq!((standing.status, standing.field("status")), (200, json!("authenticated")), "{}", standing.text);
    }
    eprintln!("the slowest refusal of a locked store took {slowest:?}");
    assert!(slowest < UNAVAILABLE_WITHIN, "{slowest:?}");

    lock.unlock();
    assert_nothing_is_lost(&server, browsers).await;
}

#[tokio::test]
async fn f12_visitors_and_readers_do_not_notice_that_the_store_is_locked() {
    let server = Server::start(BINARY);
    let member = server.logged_in().await;
    let lock = Locked::lock(&server);
    assert_eq!(server.browser().session_and_keep().await.field("status"), "unauthenticated");
    assert_eq!(member.get("/auth/session").await.field("user")["email"], server.demo().email.as_str());
    // Within the cooldown nothing is written, so that even a refresh is answered.
    assert_eq!(member.refresh().await.status, 200);
    lock.unlock();
}

/// What a flood of bad logins met.
#[derive(Debug, Default)]
struct Flood {
    sent: usize,
    by_status: std::collections::BTreeMap<u16, usize>,
    without_retry_after: usize,
}

const FLOOD_CONNECTIONS: u32 = 40;
const FLOOD_PER_SECOND: u32 = 1000;
const FLOOD: Duration = Duration::from_secs(5);
/// Far more than have to wait for a hash, so that the flood does not slow down with the server.
const UNDER_WAY_PER_SENDER: usize = 8;

/// So many bad logins a second, each for another unknown address, over several connections.
async fn flood(server: &Server) -> Flood {
    let mut visitor = server.browser();
    visitor.session_and_keep().await;
    let senders = (0..FLOOD_CONNECTIONS).map(|sender| {
        // A browser of its own is a connection of its own.
        let mut own = server.browser();
        own.jar = visitor.jar.clone();
        tokio::spawn(flood_sender(own, sender))
    });
    let mut total = Flood::default();
    for sender in senders.collect::<Vec<_>>() {
        let flood = sender.await.expect("a sender does not panic");
        total.sent += flood.sent;
        total.without_retry_after += flood.without_retry_after;
        for (status, count) in flood.by_status {
            *total.by_status.entry(status).or_default() += count;
        }
    }
    total
}

async fn flood_sender(browser: Browser, sender: u32) -> Flood {
    let mut flood = Flood::default();
    let mut beat = tokio::time::interval(Duration::from_secs(1) * FLOOD_CONNECTIONS / FLOOD_PER_SECOND);
    let mut answers = Vec::new();
    let began = Instant::now();
    let places = Arc::new(Semaphore::new(UNDER_WAY_PER_SENDER));
    while began.elapsed() < FLOOD {
        beat.tick().await;
        let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
        let (visitor, email) = (browser.copy(), format!("nobody-{sender}-{}@example.com", flood.sent));
        answers.push(tokio::spawn(async move {
            let answer = bad_login(visitor, email).await;
            drop(place);
            answer
        }));
        flood.sent += 1;
    }
    for answer in answers {
        let answer = answer.await.expect("a login").expect("an answer");
        *flood.by_status.entry(answer.status).or_default() += 1;
        if matches!(answer.status, 429 | 503) && answer.header("retry-after").is_none() {
            flood.without_retry_after += 1;
        }
    }
    flood
}

fn share(sorted: &[Duration], share: usize) -> Duration {
    sorted.get(sorted.len() * share / 100).or(sorted.last()).copied().unwrap_or_default()
}

/// The largest amount of memory that the server ever had, in MiB.
fn peak_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process_id())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// Refreshes of 50 sessions, first alone and then beside the flood.
async fn flood_beside_refreshes(setup: Setup) -> (Server, Flood) {
    let server = Server::start_with(BINARY, setup.with("limits.hash_permits", "2"));
    let browsers = server.issue("beside-the-flood", 50);
    let pause = Duration::from_millis(250);
    let storm = Storm::start(browsers, Balancer::over([&server.url]), pause);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (browsers, mut quiet) = storm.end().await;
    let (memory_before, storm) = (peak_memory(&server), Storm::start(browsers, Balancer::over([&server.url]), pause));
    let flood = flood(&server).await;
    let (browsers, mut beside) = storm.end().await;

    for (name, tally) in [("alone", &mut quiet), ("beside the flood", &mut beside)] {
        tally.took.sort();
        eprintln!(
            "refreshes {name}: {} answered, {} unavailable, p50 {:?}, p99 {:?}",
            tally.refreshed,
            tally.unavailable,
            share(&tally.took, 50),
            share(&tally.took, 99)
        );
        assert!(tally.refused.is_empty(), "{:?}", tally.refused);
        assert_eq!((tally.unavailable, tally.unanswered), (0, 0), "{name}");
    }
    let counters = server.time_travel().number("SELECT count(*) FROM allowance");
    eprintln!("flood: {flood:?}; peak memory {memory_before} -> {} MiB; {counters} counters", peak_memory(&server));
    assert_nothing_is_lost(&server, browsers).await;
    (server, flood)
}

/// Two hashes at a time need 38 MiB; the rest is the program, its caches and 5,000 requests.
const MEMORY_MAX: u64 = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f55_a_flood_of_bad_logins_from_everywhere_fails_no_refresh_and_stays_within_its_memory() {
    let setup = Setup::always_rotating().with("limits.login_failures_per_address", "1000000");
    let (server, flood) = flood_beside_refreshes(setup).await;
    let refused = flood.by_status.get(&503).copied().unwrap_or_default();
    assert!(refused > 0, "more logins came than can be hashed: {flood:?}");
    assert!(flood.by_status.keys().all(|status| [401, 503].contains(status)), "{flood:?}");
    assert_eq!(flood.without_retry_after, 0);
    assert!(peak_memory(&server) < MEMORY_MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f55_a_flood_of_bad_logins_from_one_address_fails_no_refresh_and_is_told_to_wait() {
    let (server, flood) = flood_beside_refreshes(Setup::always_rotating()).await;
    let limited = flood.by_status.get(&429).copied().unwrap_or_default();
    assert!(limited * 10 > flood.sent * 9, "nearly all of it meets the limit: {flood:?}");
    assert!(flood.by_status.keys().all(|status| [401, 429, 503].contains(status)), "{flood:?}");
    assert_eq!(flood.without_retry_after, 0);
    assert!(peak_memory(&server) < MEMORY_MAX);
    let counters = server.time_travel().number("SELECT count(*) FROM allowance");
    assert!(counters < 500, "a try that meets the limit costs no write: {counters}");
}
