//! Mail through a real SMTP server: `perennial serve` with a configuration as an operator writes it.

use std::{
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use perennial_testkit::{Answer, Browser, Ending, Scratch, free_ports};
use serde_json::{Value, json};

use crate::{BINARY, prepared};

/// A relay that keeps what it takes as one JSON object a line, and ends when its input does. It puts off
/// `greylisted@` for ever and refuses `gone@` for good.
const RELAY: &str = r#"
import email, email.policy, json, sys
from aiosmtpd.controller import Controller

class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("greylisted@"):
            return "451 4.7.1 try again later"
        if address.startswith("gone@"):
            return "550 5.1.1 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        kept = {"mail_from": envelope.mail_from, "rcpt_tos": envelope.rcpt_tos, "from": message["from"],
                "to": message["to"], "subject": message["subject"], "text": message.get_content(),
                "type": message.get_content_type(), "headers": str(message.items())}
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps(kept) + "\n")
        return "250 kept"

relay = Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]))
relay.start()
sys.stdin.read()
relay.stop()
"#;

/// `perennial serve`, and the relay that its configuration names.
struct Site {
    scratch: Scratch,
    python: OsString,
    url: String,
    smtp_port: u16,
    relay: Option<Ending>,
    _server: Ending,
}

impl Site {
    /// Starts the service; its relay is down.
    fn start() -> Self {
        let python = prepared("PERENNIAL_VENV_PYTHON");
        let started = (0..3).find_map(|_| Self::try_start(python.clone()));
        started.expect("one of three free ports stays free for a moment")
    }

    fn try_start(python: OsString) -> Option<Self> {
        let scratch = Scratch::new();
        let [port, admin_port, smtp_port] = free_ports();
        let config = configuration(&scratch, port, admin_port, smtp_port);
        assert!(config.lines().count() <= 20, "a configuration for production fits in 20 lines");
        let file = scratch.path().join("perennial.toml");
        fs::write(&file, config).expect("written");
        let log = fs::File::create(scratch.path().join("log")).expect("the log can be written");
        let child = (Command::new(BINARY).arg("serve").arg("--config").arg(&file).stdin(Stdio::null()).stderr(log))
            .spawn()
            .expect("the binary starts");
        let server = Ending::new(child).listening(port)?;
        let url = format!("http://localhost:{port}");
        Some(Self { scratch, python, url, smtp_port, relay: None, _server: server })
    }

    /// The relay comes up.
    fn with_relay(mut self) -> Self {
        let port = self.smtp_port.to_string();
        let child = Command::new(&self.python)
            .args(["-c", RELAY, port.as_str()])
            .arg(self.kept())
            .stdin(Stdio::piped())
            .spawn()
            .expect("Python starts");
        self.relay = Some(Ending::new(child).listening(self.smtp_port).expect("the relay listens"));
        self
    }

    fn kept(&self) -> PathBuf {
        self.scratch.path().join("kept")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }

    /// The messages to one person, as soon as there are so many.
    async fn mails_to(&self, email: &str, count: usize, within: Duration) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let lines = fs::read_to_string(self.kept()).unwrap_or_default();
            let mails = lines.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null));
            let mails: Vec<Value> = mails.filter(|mail: &Value| mail["rcpt_tos"] == json!([email])).collect();
            if mails.len() >= count {
                return mails;
            }
            assert!(began.elapsed() < within, "{} of {count} messages after {within:?}\n{}", mails.len(), self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Begins to register, as a page does; answers how long that took too.
    async fn register(&self, email: &str) -> (Browser, Answer, Duration) {
        let mut browser = Browser::new(&self.url);
        browser.session_and_keep().await;
        let began = Instant::now();
        let person = json!({ "email": email, "password": "seven quiet lanterns hum" });
        let answer = browser.post_and_keep("/register", Some(&person)).await;
        assert_eq!(answer.field("status"), "verify_email_required", "{}", answer.text);
        (browser, answer, began.elapsed())
    }
}

fn configuration(scratch: &Scratch, port: u16, admin_port: u16, smtp_port: u16) -> String {
    let data = scratch.path().display();
    format!(
        r#"[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
public_url = "http://localhost:{port}"

[store]
url = "sqlite:{data}/perennial.db"

[keys]
dir = "{data}/keys"

[mail]
transport = "smtp"
smtp_url = "smtp://127.0.0.1:{smtp_port}"
from = "Example <login@example.com>"
"#
    )
}

/// The one word of six digits in a text.
fn code_in(text: &str) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    let codes: Vec<&str> =
        words.filter(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit())).collect();
    assert_eq!(codes.len(), 1, "{text}");
    codes[0].to_owned()
}

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_code_arrives_over_smtp_and_opens_the_account() {
    let site = Site::start().with_relay();
    let (mut browser, told, _) = site.register("ada@example.com").await;
    let mail = site.mails_to("ada@example.com", 1, SOON).await.remove(0);
    assert_eq!(
        (&mail["mail_from"], &mail["from"]),
        (&json!("login@example.com"), &json!("Example <login@example.com>"))
    );
    assert_eq!((&mail["to"], &mail["type"]), (&json!("ada@example.com"), &json!("text/plain")));
    let code = code_in(mail["text"].as_str().expect("the message has a text"));
    assert!(!mail["headers"].to_string().contains(&code), "a lock screen shows subjects: {mail}");

    let answer = browser.post_and_keep("/verify-otp", Some(&json!({ "code": code }))).await;
    assert_eq!((answer.status, answer.field("status")), (200, json!("authenticated")), "{}", answer.text);
    assert_eq!(answer.field("user")["email"], "ada@example.com");

    // Whoever tries the same address again is told the same; only its owner hears the difference.
    let (_, told_again, _) = site.register("ada@example.com").await;
    assert_eq!((told.status, told.field("status")), (told_again.status, told_again.field("status")));
    let mails = site.mails_to("ada@example.com", 2, SOON).await;
    let text = mails[1]["text"].as_str().expect("the message has a text");
    assert!(!text.split_whitespace().any(|word| word.len() == 6 && word.parse::<u32>().is_ok()), "{text}");
    assert!(text.contains(&format!("{}/login", site.url)), "{text}");
    assert!(!site.log().contains("ada@example.com") && !site.log().contains(&code), "{}", site.log());
}

#[tokio::test]
async fn a_relay_that_is_down_delays_no_answer_and_loses_no_message() {
    let site = Site::start();
    let mut registering = Vec::new();
    for name in ["ada", "bob", "cleo"] {
        let email = format!("{name}@example.com");
        let (browser, _, took) = site.register(&email).await;
        assert!(took < Duration::from_secs(3), "the answer waits for no relay: {took:?}");
        registering.push((email, browser));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let site = site.with_relay();
    for (email, mut browser) in registering {
        let mail = site.mails_to(&email, 1, Duration::from_secs(20)).await.remove(0);
        let code = code_in(mail["text"].as_str().expect("the message has a text"));
        let answer = browser.post_and_keep("/verify-otp", Some(&json!({ "code": code }))).await;
        assert_eq!(answer.field("status"), "authenticated", "{}", answer.text);
    }
}

#[tokio::test]
async fn a_receiver_whom_the_relay_puts_off_or_refuses_holds_nobody_else_up() {
    let site = Site::start().with_relay();
    for number in 0..5 {
        site.register(&format!("greylisted@host{number}.example.com")).await;
    }
    site.register("gone@example.com").await;
    site.register("ada@example.com").await;
    site.mails_to("ada@example.com", 1, Duration::from_secs(3)).await;
    let log = site.log();
    assert!(log.contains("status 550") && !log.contains("gone@"), "{log}");
}
