//! Behind TLS: `perennial serve` with an https address, as a proxy in front of it would reach it.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use perennial_testkit::{Answer, Browser, Ending, Scratch, free_ports};
use serde_json::{Value, json};

use crate::BINARY;

pub(crate) const ORIGIN: &str = "https://app.example.com";
const PASSWORD: &str = "four amber kettles sing";

/// A server that people reach over TLS.
pub(crate) struct Site {
    scratch: Scratch,
    pub(crate) browser: Browser,
    _server: Ending,
}

impl Site {
    /// Starts it with these lines of configuration.
    pub(crate) fn start(lines: &str) -> Self {
        Self::start_at(ORIGIN, lines)
    }

    /// The same where people reach it at this origin.
    pub(crate) fn start_at(origin: &str, lines: &str) -> Self {
        (0..3).find_map(|_| Self::try_start(origin, lines)).expect("one of three free ports stays free for a moment")
    }

    fn try_start(origin: &str, lines: &str) -> Option<Self> {
        let scratch = Scratch::new();
        let [port, admin_port] = free_ports();
        let directory = scratch.path().display();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\nadmin_listen = \"127.0.0.1:{admin_port}\"\npublic_url = \"{origin}\"\n\
             [store]\nurl = \"sqlite:{directory}/perennial.db\"\n[keys]\ndir = \"{directory}/keys\"\n\
             [register]\nopen = false\n{lines}"
        );
        fs::write(scratch.path().join("perennial.toml"), config).expect("written");
        let log = fs::File::create(scratch.path().join("log")).expect("the log can be written");
        let mut serve = Command::new(BINARY);
        serve.arg("serve").arg("--config").arg(scratch.path().join("perennial.toml")).stdin(Stdio::null()).stderr(log);
        let server = Ending::new(serve.spawn().expect("the binary starts")).listening(port)?;
        let browser = Browser::new(&format!("http://127.0.0.1:{port}"));
        Some(Self { scratch, browser, _server: server })
    }

    fn command(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(BINARY);
        command.args(arguments).arg("--config").arg(self.scratch.path().join("perennial.toml"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary runs");
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("written");
        child.wait_with_output().expect("the binary ends")
    }

    pub(crate) fn add_person(&self, email: &str, password: &str) {
        let added = self.command(&["user", "add", email, "--password-stdin"], &format!("{password}\n"));
        assert!(added.status.success(), "{added:?}");
    }

    /// Adds a person and logs in as the page of the public address would.
    async fn log_in(&mut self) -> Answer {
        self.log_in_from(ORIGIN, "same-origin").await
    }

    /// The same from a page of this origin.
    pub(crate) async fn log_in_from(&mut self, origin: &str, site: &str) -> Answer {
        self.add_person("ada@example.com", PASSWORD);
        let answer = self.browser.get("/auth/session").await;
        self.browser.keep(&answer);
        let csrf = self.browser.jar.csrf().expect("a CSRF cookie").to_owned();
        let headers = [("origin", origin), ("sec-fetch-site", site), ("x-csrftoken", csrf.as_str())];
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        self.browser.send("POST", "/auth/login", &headers, Some(&body)).await
    }
}

#[tokio::test]
async fn over_tls_every_cookie_is_secure_and_bound_to_its_host() {
    let mut site = Site::start("");
    let answer = site.log_in().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.set_cookie.len(), 5, "{:?}", answer.cookie_names());
    for line in &answer.set_cookie {
        assert!(line.starts_with("__Host-"), "{line}");
        for attribute in ["; Secure", "; Path=/", "; SameSite=Lax", "; Max-Age="] {
            assert!(line.contains(attribute), "{attribute} is missing: {line}");
        }
        assert!(!line.contains("Domain"), "{line}");
        let readable = line.starts_with("__Host-csrftoken=") || line.starts_with("__Host-auth_hint=");
        assert_eq!(line.contains("; HttpOnly"), !readable, "{line}");
    }
}

#[tokio::test]
async fn over_tls_pages_ask_for_tls_and_origins_over_plain_http_are_foreign() {
    let mut site = Site::start("");
    let page = site.browser.get("/login").await;
    assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));

    site.log_in().await;
    for origin in ["http://app.example.com", "https://app.example.com:444", "https://evil.example.com", "null"] {
        let headers = [("origin", origin)];
        let answer = site.browser.send("POST", "/auth/logout", &headers, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "csrf_failed"), "{origin}");
        assert!(answer.set_cookie.is_empty(), "{origin}: {:?}", answer.cookie_names());
    }
}

#[tokio::test]
async fn all_cookies_of_the_longest_subject_stay_under_one_and_a_half_kibibytes() {
    let site = Site::start("");
    let subject = "s".repeat(128);
    let issued = site.command(&["session", "issue", "--subject", &subject, "--aal", "2", "--json"], "");
    let issued: Value = serde_json::from_slice(&issued.stdout).expect("one JSON object");
    let cookies = issued["cookies"].as_object().expect("cookies");
    let sizes: Vec<usize> =
        cookies.iter().map(|(name, value)| name.len() + 1 + value.as_str().unwrap_or_default().len()).collect();
    assert!(cookies.len() == 4 && cookies.keys().all(|name| name.starts_with("__Host-")), "{:?}", cookies.keys());
    assert!(sizes.iter().all(|size| *size < 1024), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() < 1536, "{sizes:?}");
}
