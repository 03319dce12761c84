//! Attacks: guessing, locking out, looking for accounts, redirects, fixation, and requests of any shape.

mod codes;
mod conformance;
mod enumeration;
mod fixation;
mod fuzz;
mod hosts;
mod lockout;
mod redirects;

use perennial_testkit::{Answer, Browser};
use serde_json::json;

/// The same draws in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).map_or(0, |number| number % limit)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len())]
    }
}

/// Sends one body to a call many times at once, each time from a browser of its own.
async fn at_once(browsers: Vec<Browser>, call: &'static str, code: &str) -> Vec<Answer> {
    let body = json!({ "code": code });
    let requests = browsers.into_iter().map(|browser| {
        let body = body.clone();
        tokio::spawn(async move { browser.post(call, Some(&body)).await })
    });
    let mut answers = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        answers.push(request.await.expect("the request ends"));
    }
    answers
}

/// How many of the answers have this status.
fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// What a stranger can tell apart: everything but the instant, and the seconds that are left to wait.
fn looks(answer: &Answer) -> (u16, String, Vec<(String, String)>, Vec<String>) {
    let of_instant = |name: &str| match name {
        "date" | "retry-after" => true,
        "content-length" => answer.status == 429,
        _ => false,
    };
    let headers = answer.headers.iter().filter(|(name, _)| !of_instant(name));
    let text = answer.text.chars().filter(|c| answer.status != 429 || !c.is_ascii_digit()).collect();
    (answer.status, text, headers.cloned().collect(), answer.set_cookie.clone())
}
