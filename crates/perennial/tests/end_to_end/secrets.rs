//! F51: everything that a full run hands out or is told is looked for in the database, the log, the metrics
//! and the answers. What is found there would be readable by whoever reads a backup.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use perennial_testkit::{Answer, Browser, Server, Setup, Stored, code_at, decode_base64url};
use serde_json::{Value, json};

use crate::BINARY;

const EMAIL: &str = "canary@example.com";
const PASSWORD: &str = "canary-Vexing7-lantern-quartz";
const WRONG_PASSWORD: &str = "canary-Wrong9-battery-staple";
const SET_PASSWORD: &str = "canary-Brittle4-saddle-novel";
const UNREADABLE: &str = "canary-in-a-broken-body";
const MISPLACED: &str = "canary-in-a-place-of-no-secrets";

/// A secret in one of its spellings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Needle {
    what: String,
    bytes: Vec<u8>,
}

/// Every secret of a run, and every answer in which none may be readable.
#[derive(Debug, Default)]
struct Hoard {
    needles: BTreeSet<Needle>,
    /// Six digits could stand anywhere by chance, so these are looked for as words of texts only.
    codes: BTreeSet<String>,
    /// What everybody may see, and the database holds.
    public: BTreeSet<String>,
    /// The values of cookies that no script may read.
    http_only: BTreeSet<String>,
    bodies: Vec<String>,
}

impl Hoard {
    fn add_bytes(&mut self, what: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for spelling in [bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()] {
            self.needles.insert(Needle { what: what.to_owned(), bytes: spelling });
        }
    }

    fn add_text(&mut self, what: &str, text: &str) {
        self.needles.insert(Needle { what: what.to_owned(), bytes: text.as_bytes().to_vec() });
    }

    /// A token as a whole, and each part of it that is long enough to be a secret of its own.
    fn add_token(&mut self, what: &str, token: &str) {
        self.add_text(what, token);
        let parts = token.split('.').filter(|part| part.len() >= 16 && !self.public.contains(*part));
        for part in parts.map(str::to_owned).collect::<Vec<_>>() {
            self.add_text(what, &part);
            let Some(bytes) = decode_base64url(&part) else { continue };
            // A refresh token names its session, which the database knows; its tag is the secret.
            let secret = if token.starts_with("prn1.") { &bytes[bytes.len() - 16..] } else { &bytes[..] };
            self.add_bytes(what, secret);
        }
    }

    /// Everything that an answer hands out.
    fn add_answer(&mut self, answer: &Answer) {
        self.public.extend(answer.field("session_key").as_str().map(str::to_owned));
        for line in &answer.set_cookie {
            let (name, rest) = line.split_once('=').expect("a cookie has a name");
            let value = rest.split(';').next().unwrap_or_default();
            // The hint is for scripts to read, and holds the public key and four characters of an id.
            if value.is_empty() || name == "auth_hint" {
                continue;
            }
            if let Some((key, _)) = value.split_once('.').filter(|_| name == "csrftoken") {
                self.public.insert(key.to_owned());
            }
            self.add_token(name, value);
            if line.contains("HttpOnly") {
                self.http_only.insert(value.to_owned());
            }
        }
        self.bodies.push(answer.text.clone());
    }

    #[track_caller]
    fn assert_not_in(&self, place: &str, haystack: &[u8]) {
        for needle in &self.needles {
            assert!(!contains(haystack, &needle.bytes), "{place} holds a {}: {:?}", needle.what, needle.text());
        }
    }

    #[track_caller]
    fn assert_no_code_in(&self, place: &str, text: &str) {
        let words: BTreeSet<&str> = text.split(|character: char| !character.is_ascii_alphanumeric()).collect();
        for code in &self.codes {
            assert!(!words.contains(code.as_str()), "{place} holds the code {code}");
        }
    }
}

impl Needle {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A browser whose secrets are hoarded.
struct Person<'h> {
    browser: Browser,
    hoard: &'h mut Hoard,
}

impl Person<'_> {
    async fn session(&mut self) -> Answer {
        let answer = self.browser.session_and_keep().await;
        self.hoard.add_answer(&answer);
        answer
    }

    /// Posts and keeps; the status is what it has to be.
    async fn post(&mut self, call: &str, body: Option<Value>, status: u16) -> Answer {
        let answer = self.browser.post_and_keep(call, body.as_ref()).await;
        self.hoard.add_answer(&answer);
        assert_eq!(answer.status, status, "{call}: {}", answer.text);
        answer
    }

    async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) {
        let answer = self.browser.send(method, path, headers, None).await;
        self.hoard.add_answer(&answer);
    }
}

/// Register with a wrong and a right code, come back after logout.
async fn register(server: &Server, person: &mut Person<'_>) {
    person.session().await;
    person.post("/register", Some(json!({ "email": EMAIL, "password": PASSWORD, "name": "Canary" })), 200).await;
    let code = server.code_of_mail(EMAIL, 1).await;
    let wrong = if code == "314159" { "271828" } else { "314159" };
    person.post("/verify-otp", Some(json!({ "code": wrong })), 401).await;
    person.post("/verify-otp", Some(json!({ "code": code })), 200).await;
    person.hoard.codes.insert(code);
    person.session().await;
    person.post("/logout", None, 204).await;
    person.session().await;
    person.post("/login", Some(json!({ "email": EMAIL, "password": PASSWORD })), 200).await;
}

/// A second factor is set up and used, with the app and with a recovery code.
async fn second_factor(person: &mut Person<'_>) {
    let shown = person.post("/mfa/setup", None, 200).await;
    let secret = shown.field("secret").as_str().expect("the secret is shown").to_owned();
    person.hoard.add_text("TOTP secret", &secret);
    person.hoard.add_bytes("TOTP secret", &decode_base32(&secret));
    let code = code_at(&secret, 0);
    let confirmed = person.post("/mfa/setup/confirm", Some(json!({ "code": code })), 200).await;
    person.hoard.codes.insert(code);
    let recovery_codes: Vec<String> =
        serde_json::from_value(confirmed.field("recovery_codes")).expect("recovery codes are shown once");
    for code in &recovery_codes {
        for spelling in [code.clone(), code.replace('-', ""), code.to_uppercase(), code.replace('-', "").to_uppercase()]
        {
            person.hoard.add_text("recovery code", &spelling);
        }
    }
    person.post("/logout", None, 204).await;
    person.session().await;
    person.post("/login", Some(json!({ "email": EMAIL, "password": PASSWORD })), 200).await;
    person.post("/mfa/verify", Some(json!({ "code": "wxyz-wxyz-wxyz-wxyz" })), 401).await;
    person.post("/mfa/verify", Some(json!({ "code": recovery_codes[0] })), 200).await;
}

/// Two rotations, a stale token, its mark, and the theft that they prove.
async fn rotations_and_theft(server: &Server, person: &mut Person<'_>) {
    let thief = person.browser.copy();
    for _ in 0..2 {
        server.time_travel().pass(900);
        person.post("/token", None, 200).await;
        person.session().await;
    }
    let mut thief = Person { browser: thief, hoard: person.hoard };
    let stale = thief.post("/token", None, 401).await;
    assert_eq!(stale.code(), "stale_token", "{}", stale.text);
    let ended = thief.post("/token", None, 401).await;
    assert_eq!(ended.field("reason"), "reuse", "{}", ended.text);
}

/// Secrets where they are wrong, unreadable or in a place that gets logged elsewhere.
async fn mistakes(server: &Server, person: &mut Person<'_>) {
    person.browser = server.browser();
    person.session().await;
    for email in [EMAIL, "nobody-canary@example.com"] {
        person.post("/login", Some(json!({ "email": email, "password": WRONG_PASSWORD })), 401).await;
    }
    for body in [json!([UNREADABLE]), json!({ "email": 7, "password": UNREADABLE }), json!(UNREADABLE)] {
        person.post("/login", Some(body), 400).await;
    }
    let bearer = format!("Bearer {MISPLACED}");
    person.send("GET", &format!("/auth/session?token={MISPLACED}"), &[("authorization", &bearer)]).await;
    person.send("GET", &format!("/login?return_to=/{MISPLACED}"), &[]).await;
    for name in ["refreshtoken", "refreshtoken-ab", "accesstoken", "mfa_verify", "known", "stale", "csrftoken"] {
        person.browser.jar.set(name, MISPLACED);
    }
    person.send("GET", "/auth/session", &[("user-agent", "canary")]).await;
    person.post("/token", None, 401).await;
    for (what, secret) in [
        ("password", PASSWORD),
        ("wrong password", WRONG_PASSWORD),
        ("broken body", UNREADABLE),
        ("misplaced secret", MISPLACED),
    ] {
        person.hoard.add_text(what, secret);
    }
}

/// Sessions that the operator issues are as secret as others.
fn issue(server: &Server, hoard: &mut Hoard) {
    for browser in server.issue("issued", 2) {
        for name in browser.jar.names() {
            let value = browser.jar.get(name).expect("it is there");
            if let Some((key, _)) = value.split_once('.').filter(|_| name == "csrftoken") {
                hoard.public.insert(key.to_owned());
            }
        }
        for name in browser.jar.names().into_iter().filter(|name| *name != "auth_hint") {
            hoard.add_token(name, browser.jar.get(name).expect("it is there"));
        }
    }
}

/// A key of the admin API, shown once, sent where it belongs and where it does not; and what it hands out.
async fn operate(server: &Server, hoard: &mut Hoard) {
    let made = server.command(&["admin-key", "add", "--name", "canary"]).stdout;
    let made: Value = serde_json::from_slice(&made).expect("one JSON object");
    let key = made["key"].as_str().expect("the key is shown once").to_owned();
    let secret = key.strip_prefix("prnadm_").expect("it is known by its prefix");
    hoard.add_text("admin key", secret);
    hoard.add_bytes("admin key", &decode_base64url(secret).expect("base64url"));
    hoard.add_text("password of the operator", SET_PASSWORD);

    let client = Browser::new(&server.admin_url);
    let bearer = format!("Bearer {key}");
    let right = [("authorization", bearer.as_str())];
    let issue = json!({ "subject": "issued by key", "cookie": format!("refreshtoken-ab={MISPLACED}") });
    let refused = client.send("POST", "/admin/sessions", &right, Some(&issue)).await;
    assert_eq!(refused.status, 400, "a subject has no spaces: {}", refused.text);
    let issue = json!({ "subject": "issued-by-key", "cookie": format!("refreshtoken-ab={MISPLACED}") });
    let issued = client.send("POST", "/admin/sessions", &right, Some(&issue)).await;
    assert_eq!(issued.status, 200, "{}", issued.text);
    hoard.public.extend(issued.field("session_key").as_str().map(str::to_owned));
    for (name, value) in
        issued.field("cookies").as_object().expect("cookies").iter().filter(|(name, _)| *name != "auth_hint")
    {
        hoard.add_token(name, value.as_str().expect("a value"));
    }
    let users = client.send("GET", &format!("/admin/users?email={EMAIL}"), &right, None).await;
    let id = users.field("users")[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/admin/users/{id}/password");
    let set = client.send("PUT", &path, &right, Some(&json!({ "password": SET_PASSWORD }))).await;
    assert_eq!(set.status, 204, "{}", set.text);

    for path in [format!("/admin/users?key={key}"), format!("/admin/{key}")] {
        hoard.bodies.push(client.send("GET", &path, &[], None).await.text);
    }
    let misplaced =
        [("cookie", format!("key={key}")), ("x-api-key", key.clone()), ("authorization", format!("Basic {key}"))];
    for (name, value) in misplaced {
        hoard.bodies.push(client.send("GET", "/admin/users", &[(name, &value)], None).await.text);
    }
    let page = [("authorization", bearer.as_str()), ("origin", "https://evil.example.com")];
    hoard.bodies.push(client.send("GET", "/admin/users", &page, None).await.text);
    assert!(!hoard.bodies.iter().any(|body| body.contains(secret)), "the key is repeated in an answer");
}

/// The bytes of every file of the database.
fn database_files(server: &Server) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(server.data()).expect("the data is there").map(|entry| entry.expect("an entry").path());
    let of_database =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("perennial.db"));
    entries
        .filter(|path| of_database(path))
        .map(|path| (path.display().to_string(), fs::read(&path).expect("readable")))
        .collect()
}

/// Every stored value as text, bytes in hexadecimal, as a dump would show them; and the texts alone.
fn dump(server: &Server) -> (String, String) {
    let (mut all, mut texts) = (String::new(), String::new());
    for value in server.time_travel().everything() {
        let line = match value {
            Stored::Nothing => continue,
            Stored::Number(number) => number.to_string(),
            Stored::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Stored::Text(text) => {
                texts.push_str(&text);
                texts.push('\n');
                text
            }
        };
        all.push_str(&line);
        all.push('\n');
    }
    (all, texts)
}

#[tokio::test]
async fn f51_no_secret_of_a_full_run_is_in_the_database_the_log_the_metrics_or_an_answer() {
    let mut server = Server::start_with(BINARY, Setup::default().with("log.level", "trace"));
    let mut hoard = Hoard::default();
    let mut person = Person { browser: server.browser(), hoard: &mut hoard };
    register(&server, &mut person).await;
    second_factor(&mut person).await;
    rotations_and_theft(&server, &mut person).await;
    mistakes(&server, &mut person).await;
    issue(&server, &mut hoard);
    operate(&server, &mut hoard).await;
    assert!(hoard.needles.len() > 200 && hoard.codes.len() == 2, "{} needles", hoard.needles.len());

    let mut running = database_files(&server);
    assert!(running.iter().any(|(path, _)| path.ends_with("-wal")), "the write-ahead log is searched too");
    let metrics = Browser::new(&server.admin_url).get("/metrics").await.text;
    assert!(metrics.contains("perennial_refresh_total{outcome=\"reuse\"} 1"), "{metrics}");
    server.stop();
    running.extend(database_files(&server));
    let (all, texts) = dump(&server);

    // The search finds what is there.
    let key = hoard.public.iter().find(|text| *text != "anon").expect("sessions have public keys");
    assert!(running.iter().any(|(_, bytes)| contains(bytes, key.as_bytes())) && texts.contains(EMAIL));
    assert!(contains(all.as_bytes(), b"reuse_detected") && server.log().contains("stopping"));

    for (path, bytes) in &running {
        hoard.assert_not_in(path, bytes);
    }
    for (place, text) in [("the dump", &all), ("the log", &server.log()), ("the metrics", &metrics)] {
        hoard.assert_not_in(place, text.as_bytes());
    }
    for (place, text) in [("the database", &texts), ("the log", &server.log()), ("the metrics", &metrics)] {
        hoard.assert_no_code_in(place, text);
    }
    for (body, secret) in hoard.bodies.iter().flat_map(|body| hoard.http_only.iter().map(move |it| (body, it))) {
        assert!(!body.contains(secret), "no script may read this: {body}");
    }
    for canary in [PASSWORD, WRONG_PASSWORD, UNREADABLE] {
        assert!(!hoard.bodies.iter().any(|body| body.contains(canary)), "{canary} is repeated in an answer");
    }
    eprintln!("{} spellings of secrets, looked for in {} files", hoard.needles.len(), running.len());
}

#[tokio::test]
async fn f51_no_bearer_is_in_the_database_the_log_or_the_metrics() {
    let mut server = Server::start_with(BINARY, Setup::wire("rotating-bearer").with("log.level", "trace"));
    let mut browser = server.logged_in().await;
    let mut hoard = Hoard::default();
    hoard.add_token("bearer", browser.access.as_deref().expect("a login brings one"));
    server.time_travel().pass(60);
    assert_eq!(browser.refresh_and_keep().await.status, 200);
    let bearer = browser.access.clone().expect("a refresh brings one");
    hoard.add_token("bearer", &bearer);
    assert_eq!(browser.get("/auth/sessions").await.status, 200);
    for (access, status) in [(UNREADABLE.to_owned(), 401), (format!("{bearer}.{MISPLACED}"), 401), (bearer, 204)] {
        browser.access = Some(access);
        let answer = browser.post("/logout-all", None).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    hoard.add_text("bearer", UNREADABLE);
    hoard.add_text("bearer", MISPLACED);

    let metrics = Browser::new(&server.admin_url).get("/metrics").await.text;
    server.stop();
    for (path, bytes) in database_files(&server) {
        hoard.assert_not_in(&path, &bytes);
    }
    hoard.assert_not_in("the log", server.log().as_bytes());
    hoard.assert_not_in("the metrics", metrics.as_bytes());
    assert!(server.log().contains("stopping"), "the search finds what is there");
}

/// The bytes of a base32 text.
fn decode_base32(text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text
        .bytes()
        .map(|letter| if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' })
        .flat_map(|value| (0..5).rev().map(move |bit| (value >> bit) & 1))
        .collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, bit| (value << 1) | bit)).collect()
}

#[tokio::test]
async fn f51_what_holds_secrets_is_readable_by_its_owner_only() {
    let server = Server::start(BINARY);
    server.logged_in().await;
    let backup = server.data().join("backup.db");
    let output = server.command(&["backup", backup.to_str().expect("a plain path")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(&server.data()), 0o700);
    let keys = server.data().join("keys");
    assert_eq!(mode(&keys), 0o700);
    let mut files: Vec<_> = [server.data(), keys]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    // Three keys, dev.json, the backup, the database with its log and its shared memory.
    assert_eq!(files.len(), 8, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
