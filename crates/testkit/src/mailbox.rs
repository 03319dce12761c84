//! The development mailbox, as a script reads it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Server;

/// A message that was kept instead of sent.
#[derive(Debug, Clone)]
pub struct Mail {
    pub subject: String,
    pub text: String,
    pub code: Option<String>,
}

const MAIL_MAX: Duration = Duration::from_secs(10);

impl Server {
    /// The messages to one person, newest first, as soon as there are so many: mail leaves after the answer.
    pub async fn mails_to(&self, email: &str, count: usize) -> Vec<Mail> {
        let started = Instant::now();
        loop {
            let mails = self.kept_mails(email).await;
            if mails.len() >= count {
                return mails;
            }
            assert!(started.elapsed() < MAIL_MAX, "{} messages to {email} instead of {count}", mails.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The code in the `count`th message to one person.
    pub async fn code_of_mail(&self, email: &str, count: usize) -> String {
        let newest = self.mails_to(email, count).await.into_iter().next().expect("there is a message");
        newest.code.expect("the message holds a code")
    }

    async fn kept_mails(&self, email: &str) -> Vec<Mail> {
        let list = self.browser().get("/dev/mailbox.json").await.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kept = list.as_array().into_iter().flatten().filter(|mail| mail["to"] == email);
        kept.map(|mail| Mail {
            subject: text(&mail["subject"]),
            text: text(&mail["text"]),
            code: mail["code"].as_str().map(str::to_owned),
        })
        .collect()
    }
}
