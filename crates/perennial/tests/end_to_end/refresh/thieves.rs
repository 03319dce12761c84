//! Thieves with a copy of the jar, at many cadences, against the real decision.
//!
//! Every chase has a session of its own on one server, so that one clock serves them all. The thief knows
//! everything, also when the victim will renew. A victim whose requests the service sees reads its session
//! now and then; one behind an API that verifies access tokens itself only renews them.

use perennial_testkit::{Answer, Browser, Dice, Server, Setup};

use crate::BINARY;

/// The longest that an access token lives, jitter included.
const LIFETIME: i64 = 990;
/// How fine the chases' clock goes.
const TICK: i64 = 5;
/// A browser that is in use asks who it is this often.
const READ_EVERY: i64 = 150;

/// When the thief acts, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    JustBeforeTheVictim,
    JustAfterTheVictim,
    Before(i64),
    After(i64),
    Every(i64),
    AtRandom,
    /// Goes ahead once, then lets the victim renew in peace.
    LeadAndWait,
    /// Prefetches all the time, and takes the next token when the victim has made one.
    Probe,
    /// Presents the copied token again and again and keeps nothing that comes back.
    KeepAlive,
    /// The same, but only shortly before the victim renews, whose renewal then makes no generation.
    Delay,
}

const PLANS: [Plan; 21] = [
    Plan::JustBeforeTheVictim,
    Plan::JustAfterTheVictim,
    Plan::Before(5),
    Plan::Before(25),
    Plan::Before(100),
    Plan::Before(300),
    Plan::After(5),
    Plan::After(25),
    Plan::After(100),
    Plan::After(300),
    Plan::Every(450),
    Plan::Every(900),
    Plan::Every(1800),
    Plan::AtRandom,
    Plan::AtRandom,
    Plan::AtRandom,
    Plan::AtRandom,
    Plan::LeadAndWait,
    Plan::Probe,
    Plan::KeepAlive,
    Plan::Delay,
];

#[tokio::test]
async fn f23_a_thief_is_found_or_locked_out_within_two_lifetimes_where_requests_are_seen() {
    let server = Server::start(BINARY);
    let chases = run(&server, Sight::Seen, 4 * LIFETIME).await;
    for chase in &chases {
        chase.check_end(&server, 2).await;
    }
    assert!(chases.iter().any(|chase| chase.over) && chases.iter().any(|chase| !chase.over));
}

#[tokio::test]
async fn f23_a_thief_is_found_or_locked_out_within_five_lifetimes_where_apis_verify_tokens_themselves() {
    let server = Server::start(BINARY);
    for chase in run(&server, Sight::Unseen, 7 * LIFETIME).await {
        chase.check_end(&server, 5).await;
    }
}

#[tokio::test]
async fn f23_reuse_at_once_ends_every_session_whose_token_is_explicitly_presented_twice() {
    let server = Server::start_with(BINARY, Setup::default().with("tokens.reuse", "at_once"));
    for chase in run(&server, Sight::Explicit, 4 * LIFETIME).await {
        assert!(chase.over, "{}", chase.name());
        chase.check_end(&server, 2).await;
    }
}

#[tokio::test]
async fn f23_a_jar_that_is_restored_with_its_mark_is_told_within_one_more_request() {
    let server = Server::start(BINARY);
    let mut victim = server.logged_in().await;
    let time = server.time_travel();
    time.pass(LIFETIME);
    let mut thief = victim.copy();
    // The thief goes ahead, twice; the victim comes back to a token that is two generations old.
    for _ in 0..2 {
        assert_eq!(thief.refresh_and_keep().await.status, 200);
        time.pass(LIFETIME);
    }
    victim.lose_access_token();
    assert_eq!(victim.post_and_keep("/session", None).await.code(), "stale_token");
    assert_eq!(thief.session_and_keep().await.field("has_refresh_token"), true, "nothing is proven yet");
    let told = victim.post_and_keep("/session", None).await;
    assert_eq!((told.field("status"), told.field("ended_reason")), ("unauthenticated".into(), "reuse".into()));
    assert_eq!(victim.jar.refresh(), None);
    assert_eq!(thief.refresh_and_keep().await.field("reason"), "reuse");
    assert_eq!(time.audited("reuse_detected"), 1);
}

/// What the service sees of the victim, besides its renewals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Seen,
    Unseen,
    /// Seen, and nobody renews in passing.
    Explicit,
}

#[derive(Debug)]
struct Chase {
    plan: Plan,
    sight: Sight,
    victim: Browser,
    thief: Browser,
    /// The jar as it was copied.
    loot: Browser,
    victim_call: &'static str,
    thief_call: &'static str,
    keeps_marks: bool,
    dice: Dice,
    renews_at: i64,
    renewed_at: Option<i64>,
    renewals: u32,
    thief_acted_at: Option<i64>,
    acts_at: i64,
    gained_at: i64,
    /// When victim and thief had both acted.
    both_since: Option<i64>,
    over: bool,
}

/// Runs every plan with renewals of both kinds.
async fn run(server: &Server, sight: Sight, horizon: i64) -> Vec<Chase> {
    let ways = if sight == Sight::Explicit { 1 } else { 2 };
    let mut victims = server.issue("victim", PLANS.len() * ways);
    let time = server.time_travel();
    time.pass(LIFETIME);
    let mut chases = Vec::new();
    for (number, mut victim) in victims.drain(..).enumerate() {
        let renewed = victim.refresh_and_keep().await;
        let renews_at = round_up(renewed.max_age("accesstoken-").expect("an access token"));
        let (plan, way) = (PLANS[number % PLANS.len()], number / PLANS.len());
        chases.push(Chase::new(number, plan, way, sight, victim, renews_at));
    }
    let mut passed = 0;
    for now in (0..=horizon).step_by(5) {
        if !chases.iter().any(|chase| chase.is_due(now)) {
            continue;
        }
        time.pass(now - passed);
        passed = now;
        for chase in chases.iter_mut().filter(|chase| chase.is_due(now)) {
            chase.step(now).await;
        }
    }
    chases
}

impl Chase {
    fn new(number: usize, plan: Plan, way: usize, sight: Sight, victim: Browser, renews_at: i64) -> Self {
        let call = |passing: bool| if passing && sight != Sight::Explicit { "/session" } else { "/token" };
        Self {
            plan,
            sight,
            thief: victim.copy(),
            loot: victim.copy(),
            victim,
            victim_call: call(way == 1),
            thief_call: call(number % 3 == 1),
            keeps_marks: number % 2 == 1,
            dice: Dice::new(u64::try_from(number).expect("few chases")),
            renews_at,
            renewed_at: None,
            renewals: 0,
            thief_acted_at: None,
            acts_at: 60,
            gained_at: 0,
            both_since: None,
            over: false,
        }
    }

    fn name(&self) -> String {
        let Self { plan, sight, victim_call, thief_call, keeps_marks, .. } = self;
        format!("{plan:?}, {sight:?}, victim {victim_call}, thief {thief_call}, keeps marks: {keeps_marks}")
    }

    fn is_due(&self, now: i64) -> bool {
        let reads = self.sight != Sight::Unseen && now % READ_EVERY == 0;
        !self.over && (reads || now >= self.renews_at || self.thief_is_due(now))
    }

    fn thief_is_due(&self, now: i64) -> bool {
        let before = |seconds| now == self.renews_at - seconds;
        let after = |seconds| self.renewed_at == Some(now - seconds);
        match self.plan {
            Plan::JustBeforeTheVictim | Plan::JustAfterTheVictim => now >= self.renews_at,
            Plan::Before(seconds) => before(seconds),
            Plan::After(seconds) => after(seconds),
            Plan::Every(period) => now > 0 && now % period == 0,
            Plan::AtRandom => now >= self.acts_at,
            Plan::LeadAndWait => before(60) && self.renewals.is_multiple_of(2),
            Plan::Probe => now % 20 == 0 || after(10),
            Plan::KeepAlive => now % 50 == 0,
            Plan::Delay => self.renewals > 0 && before(60) || self.renewals == 1 && after(5),
        }
    }

    async fn step(&mut self, now: i64) {
        let (victim_renews, thief_acts) = (now >= self.renews_at, self.thief_is_due(now));
        if thief_acts && self.plan == Plan::JustBeforeTheVictim {
            self.steal(now).await;
        }
        if victim_renews && !self.over {
            self.renew(now).await;
        } else if self.sight != Sight::Unseen && now % READ_EVERY == 0 {
            self.victim.session_and_keep().await;
        }
        if thief_acts && self.plan != Plan::JustBeforeTheVictim && !self.over {
            self.steal(now).await;
        }
        if self.renewals > 0 && self.thief_acted_at.is_some() {
            self.both_since = self.both_since.or(Some(now));
        }
    }

    /// The victim's access token died; a page renews it, and asks once more when it is told stale.
    async fn renew(&mut self, now: i64) {
        self.renewals += 1;
        for _ in 0..2 {
            self.victim.lose_access_token();
            let answer = self.victim.post_and_keep(self.victim_call, None).await;
            if let Some(lives) = answer.max_age("accesstoken-").filter(|lives| *lives > 0) {
                self.renews_at = now + round_up(lives);
                self.renewed_at = Some(now);
                return;
            }
            self.over = is_conviction(&answer);
            assert!(self.over || answer.code() == "stale_token", "{}: {}", self.name(), answer.text);
            if self.over {
                return;
            }
        }
        panic!("{}: the victim was told stale twice, and nobody was told why", self.name());
    }

    async fn steal(&mut self, now: i64) {
        self.thief_acted_at = Some(now);
        let probes = self.plan == Plan::Probe && self.renewed_at != Some(now - 10);
        self.acts_at = now + TICK * i64::try_from(1 + self.dice.below(180)).expect("a small number");
        if matches!(self.plan, Plan::KeepAlive | Plan::Delay) {
            self.thief.jar = self.loot.jar.clone();
        }
        self.thief.lose_access_token();
        let answer = if probes { self.prefetch().await } else { self.thief.post(self.thief_call, None).await };
        if answer.status == 200 && answer.sets("accesstoken-") {
            self.gained_at = now;
        }
        self.over = is_conviction(&answer);
        self.thief.keep(&answer);
        if !self.keeps_marks {
            self.thief.jar.remove_all("stale");
        }
    }

    async fn prefetch(&self) -> Answer {
        let csrf = self.thief.jar.csrf().unwrap_or_default();
        let headers = [("origin", self.thief.url.as_str()), ("x-csrftoken", csrf), ("sec-purpose", "prefetch")];
        let answer = self.thief.send("POST", "/auth/session", &headers, None).await;
        assert!(!answer.hands_out_refresh(), "{}: {:?}", self.name(), answer.set_cookie);
        answer
    }

    /// Found, or locked out and written down; and the victim is not the one who has to go.
    async fn check_end(&self, server: &Server, lifetimes: i64) {
        let since = self.both_since.unwrap_or_else(|| panic!("{}: they never met", self.name()));
        let had_access = self.gained_at - since;
        assert!(had_access <= lifetimes * LIFETIME, "{}: tokens for {had_access} s", self.name());
        let time = server.time_travel();
        let key = self.loot.jar.csrf().and_then(|csrf| csrf.split('.').next()).expect("a session's token");
        if self.over {
            let reason = time.text(&format!("SELECT end_reason FROM session WHERE session_key = '{key}'"));
            assert_eq!(reason, "reuse", "{}", self.name());
            return;
        }
        let told = format!("SELECT count(*) FROM audit WHERE kind = 'stale_refused' AND session_key = '{key}'");
        assert!(time.number(&told) > 0, "{}: locked out without a word", self.name());
        let victim = self.victim.post(self.victim_call, None).await;
        assert_eq!(victim.status, 200, "{}: {}", self.name(), victim.text);
    }
}

fn is_conviction(answer: &Answer) -> bool {
    answer.field("reason") == "reuse" || answer.field("ended_reason") == "reuse"
}

/// The first tick that is not before this second.
const fn round_up(seconds: i64) -> i64 {
    (seconds + TICK - 1) / TICK * TICK
}
