//! Answers that get lost and requests that come twice, each time at another node than the first.

use std::time::Duration;

use perennial_testkit::{Answer, Browser, Dice, Nodes, Setup, code_at};
use serde_json::{Value, json};

use super::{EXPIRY, logged_in, suspicions};
use crate::BINARY;

const DAY: i64 = 24 * 3600;

/// The answer of one node is dropped after its commit, and the other node is asked after each of these times.
async fn check_lost_answer(delays: &[i64]) {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let mut browser = logged_in(&nodes).await;
    for (generation, delay) in (1..).zip(delays) {
        nodes.pass(EXPIRY);
        let lost = browser.refresh().await;
        assert!(lost.status == 200 && lost.hands_out_refresh(), "{}", lost.text);
        assert_eq!(nodes.number("SELECT generation FROM session"), i64::from(generation));

        nodes.pass(*delay);
        browser = browser.at(&nodes.node(1).url);
        let again = browser.refresh_and_keep().await;
        assert_eq!(again.status, 200, "after {delay} s: {}", again.text);
        assert_eq!(browser.generation(), Some(generation), "after {delay} s");
        assert_eq!(nodes.number("SELECT generation FROM session"), i64::from(generation));
        browser = browser.at(&nodes.node(0).url);
        assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
    }
    assert_eq!(suspicions(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_an_answer_of_one_node_that_got_lost_is_given_again_by_the_other_after_a_second_and_ten_minutes() {
    check_lost_answer(&[1, 600]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_an_answer_of_one_node_that_got_lost_is_given_again_by_the_other_after_six_days() {
    check_lost_answer(&[6 * DAY]).await;
}

/// A middlebox that sends every POST twice: the second time to the other node, up to two seconds later.
struct Middlebox<'n> {
    nodes: &'n Nodes,
    dice: Dice,
}

impl Middlebox<'_> {
    /// Both answers, in the order of the requests.
    async fn post_twice(&mut self, browser: &Browser, call: &str, body: Option<&Value>) -> [Answer; 2] {
        let first = self.dice.below(2);
        let later = Duration::from_millis(*self.dice.pick(&[0, 0, 0, 3, 40, 300, 2000]));
        let (one, other) = (browser.at(&self.nodes.node(first).url), browser.at(&self.nodes.node(1 - first).url));
        let again = async {
            tokio::time::sleep(later).await;
            other.post(call, body).await
        };
        tokio::join!(one.post(call, body), again).into()
    }

    /// One of the two answers, as it happens, reaches the browser.
    async fn post(&mut self, browser: &mut Browser, call: &str, body: Option<&Value>) -> [u16; 2] {
        let answers = self.post_twice(browser, call, body).await;
        browser.keep(self.dice.pick(&answers));
        answers.map(|answer| answer.status)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f47_logins_refreshes_and_logouts_that_all_come_twice_end_as_if_they_came_once() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let account = nodes.add_account("ada@example.com");
    let credentials = json!({ "email": account.email, "password": account.password });
    let mut middlebox = Middlebox { nodes: &nodes, dice: Dice::new(47) };
    for round in 0..4 {
        let mut browser = nodes.browser(0);
        browser.session_and_keep().await;
        assert_eq!(middlebox.post(&mut browser, "/login", Some(&credentials)).await, [200, 200], "round {round}");
        for generation in 1..=4 {
            nodes.pass(EXPIRY);
            assert_eq!(middlebox.post(&mut browser, "/token", None).await, [200, 200], "round {round}");
            assert_eq!(browser.generation(), Some(generation), "round {round}: one generation up");
        }
        assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
        let gone = browser.copy();
        assert_eq!(middlebox.post(&mut browser, "/logout", None).await, [204, 204], "round {round}");
        assert_eq!(browser.session_and_keep().await.field("status"), "unauthenticated");
        assert_eq!(gone.refresh().await.field("reason"), "logout");
    }
    assert_eq!(suspicions(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f47_a_code_that_comes_twice_lets_in_once() {
    let nodes = Nodes::start(BINARY, 2, Setup::default());
    let mut browser = logged_in(&nodes).await;
    let set_up = browser.post("/mfa/setup", None).await;
    browser.keep(&set_up);
    let secret = set_up.field("secret").as_str().expect("a secret").to_owned();
    let confirmed = browser.post_and_keep("/mfa/setup/confirm", Some(&json!({ "code": code_at(&secret, 0) }))).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    let user = nodes.sql("SELECT id FROM account");

    let account_password = nodes.printed(&["user", "set-password", "ada@example.com"]);
    let password: Value = serde_json::from_str(&account_password).expect("one JSON object");
    let mut browser = nodes.browser(0);
    assert_eq!(browser.log_in("ada@example.com", password["password"].as_str().expect("made")).await.status, 200);
    let mut middlebox = Middlebox { nodes: &nodes, dice: Dice::new(48) };
    let answers = middlebox.post_twice(&browser, "/mfa/verify", Some(&json!({ "code": code_at(&secret, 1) }))).await;
    let statuses = answers.each_ref().map(|answer| answer.status);
    assert!(statuses == [200, 401] || statuses == [401, 200], "{statuses:?}");
    let sessions = format!("SELECT count(*) FROM session WHERE subject = '{user}' AND ended_at IS NULL");
    assert_eq!(nodes.number(&sessions), 1);
    let answer = answers.iter().find(|answer| answer.status == 200).expect("one of them");
    browser.keep(answer);
    assert_eq!(browser.session_and_keep().await.field("status"), "authenticated");
}
