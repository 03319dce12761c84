//! A thief copies the jar once, and from then on does what its strategy says; the person lives on and
//! notices nothing. The thief knows when the person renews, which is more than a real one does.
//!
//! Networks are good here: what is asked is how long the thief is served, and whom it costs the session.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use perennial_protocol::{
    session::EndReason,
    time::{Millis, UnixMillis},
};

use super::{
    browser::{Browser, Jar},
    clock::pass,
    network::{Ask, Sent, at_node, leg},
    person::{Tab, log_in},
    properties::{EVICTED, FOUND},
    site::{ACCESS, Answer},
    world::World,
};

/// What the person does, and what we see of it.
#[derive(Debug, Clone, Copy)]
pub struct Theft {
    /// How often the person's app makes a request.
    pub every: Millis,
    pub sight: Sight,
    /// How the person's app renews.
    pub renews: Ask,
    /// Whether the machine sleeps for hours now and then.
    pub sleeps: bool,
    /// After how many renewals of the person since the copy the thief may still be served.
    pub renewals: u32,
}

/// Who verifies access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Every request passes us.
    Gateway,
    /// The API does it itself: we see renewals only.
    Api,
}

/// When a thief acts. Seconds are counted from the person's renewals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    Lead(i64),
    Trail(i64),
    Same,
    /// Once ahead, then quiet for a whole cycle.
    LeadAndWait(i64),
    /// At any time, this often on average.
    Random(i64),
    /// Twice, a second apart.
    Double(i64),
    /// The token that was copied, again and again.
    KeepAlive(i64),
    /// Prefetches, which leave no trace, until they are refused.
    Prefetch(i64),
    /// The copied token only, right after the person renewed.
    PredecessorOnly(i64),
    /// Explicitly and in flight at once.
    Both(i64),
    /// Nothing for so many renewals, then at any time.
    Sleeper(u32),
}

/// Every strategy; a seed picks one.
pub const STRATEGIES: &[Strategy] = &[
    Strategy::Lead(5),
    Strategy::Lead(25),
    Strategy::Lead(60),
    Strategy::Lead(100),
    Strategy::Lead(300),
    Strategy::Trail(1),
    Strategy::Trail(5),
    Strategy::Trail(25),
    Strategy::Trail(100),
    Strategy::Trail(300),
    Strategy::Same,
    Strategy::LeadAndWait(5),
    Strategy::LeadAndWait(100),
    Strategy::Random(60),
    Strategy::Random(600),
    Strategy::Double(5),
    Strategy::Double(100),
    Strategy::KeepAlive(50),
    Strategy::Prefetch(10),
    Strategy::PredecessorOnly(5),
    Strategy::Both(5),
    Strategy::Both(100),
    Strategy::Sleeper(2),
    Strategy::Sleeper(4),
];

/// What became of a thief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub strategy: Strategy,
    pub end: End,
    /// From its first use of the copy to its end.
    pub after: Millis,
    /// How long it held a token that was good.
    pub access: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The session was ended as stolen.
    Found,
    /// It goes on trying, and gets nothing.
    LockedOut,
    Undetected,
}

/// The person, as a thief would love to see it.
struct Victim {
    tab: Rc<Tab>,
    browser: Rc<Browser>,
    next_request: Cell<UnixMillis>,
    renewed_at: Cell<UnixMillis>,
    renewals: Cell<u32>,
}

struct Thief {
    world: Rc<World>,
    victim: Rc<Victim>,
    jar: RefCell<Jar>,
    way: Ask,
    hides_marks: bool,
    /// Whether it goes on with the newer tokens that it is given.
    moves_on: bool,
    began_at: Cell<Option<UnixMillis>>,
    is_served: Cell<bool>,
    good_until: Cell<UnixMillis>,
    access: Cell<Millis>,
}

/// Plays one theft to its end.
pub async fn play(world: &Rc<World>, theft: Theft) -> Fate {
    let browser = Rc::new(Browser::new("b0".to_owned()));
    log_in(world, &browser, &world.subjects[0]).await;
    let victim = Rc::new(Victim {
        tab: Tab::open(world, &browser),
        browser,
        next_request: Cell::new(world.now()),
        renewed_at: Cell::new(world.now()),
        renewals: Cell::new(0),
    });
    world.spawn(live(Rc::clone(world), Rc::clone(&victim), theft));
    pass(world.chance.between(Millis::ZERO, Millis::minutes(20))).await;

    let strategy = world.chance.pick(STRATEGIES);
    let thief = Thief::copy(world, &victim, strategy);
    if let Some(owner) = victim.browser.jar().owner {
        world.witness.change(owner.sid, |life| life.stolen = true);
    }
    victim.renewals.set(0);
    let way = thief.way;
    world.witness.note("b0.thief", format!("copies the jar; {strategy:?} by {way:?}"));
    while thief.goes_on() {
        thief.act(strategy, theft).await;
    }
    thief.fate(strategy, theft)
}

/// The person's life: a request now and then, a renewal when the access token is gone.
async fn live(world: Rc<World>, victim: Rc<Victim>, theft: Theft) {
    let Some(owner) = victim.browser.jar().owner else { return };
    while world.goes_on() && world.witness.life(owner.sid).is_some_and(|life| life.ended.is_none()) {
        let now = world.now();
        if victim.browser.jar().access_until(now).is_none() {
            victim.tab.ask(theft.renews).await;
            victim.renewed_at.set(world.now());
            victim.renewals.set(victim.renewals.get() + 1);
            let lives = world.witness.life(owner.sid).is_some_and(|life| life.ended.is_none());
            if lives && victim.browser.jar().access_until(world.now()).is_none() {
                world.witness.violated(EVICTED, "b0", "the person gets no token, and the session lives on".to_owned());
            }
        } else if theft.sight == Sight::Gateway {
            victim.tab.ask(Ask::Read).await;
        }
        let sleeps = theft.sleeps && world.chance.one_in(40);
        let rest = if sleeps { world.chance.between(Millis::hours(1), Millis::hours(8)) } else { theft.every };
        victim.next_request.set(now.plus(rest));
        pass(now.plus(rest).since(world.now())).await;
    }
}

impl Victim {
    /// When it will renew next, if it does not fall asleep.
    fn renews_at(&self, now: UnixMillis, every: Millis) -> UnixMillis {
        let until = self.browser.jar().access_until(now).unwrap_or(now);
        let mut at = self.next_request.get();
        while at < until {
            at = at.plus(every);
        }
        at.max(now)
    }
}

impl Thief {
    fn copy(world: &Rc<World>, victim: &Rc<Victim>, strategy: Strategy) -> Self {
        let now = world.now();
        let jar = victim.browser.jar();
        let good_until = jar.access_until(now).unwrap_or(now);
        Self {
            world: Rc::clone(world),
            victim: Rc::clone(victim),
            way: world.chance.pick(&[Ask::Refresh, Ask::Page, Ask::Resume]),
            hides_marks: !world.chance.one_in(4),
            moves_on: !matches!(strategy, Strategy::KeepAlive(_) | Strategy::PredecessorOnly(_)),
            began_at: Cell::new(None),
            is_served: Cell::new(false),
            access: Cell::new(good_until.since(now)),
            good_until: Cell::new(good_until),
            jar: RefCell::new(jar),
        }
    }

    fn ended(&self) -> Option<(UnixMillis, EndReason)> {
        let owner = self.jar.borrow().owner.clone()?;
        self.world.witness.life(owner.sid)?.ended
    }

    fn goes_on(&self) -> bool {
        self.world.goes_on() && self.ended().is_none()
    }

    /// One round of the strategy.
    async fn act(&self, strategy: Strategy, theft: Theft) {
        match strategy {
            Strategy::Lead(seconds) => {
                self.come_before(seconds, theft).await;
                self.attempt(self.way).await;
                self.wait_for_renewals(1).await;
            }
            Strategy::Trail(seconds) | Strategy::PredecessorOnly(seconds) => {
                self.wait_for_renewals(1).await;
                pass(Millis::seconds(seconds)).await;
                self.attempt(self.way).await;
            }
            Strategy::Same => {
                self.come_before(0, theft).await;
                self.attempt(self.way).await;
                self.wait_for_renewals(1).await;
            }
            Strategy::LeadAndWait(seconds) => {
                self.come_before(seconds, theft).await;
                self.attempt(self.way).await;
                self.wait_for_renewals(2).await;
            }
            Strategy::Double(seconds) => {
                self.come_before(seconds, theft).await;
                self.attempt(self.way).await;
                pass(Millis::seconds(1)).await;
                self.attempt(self.way).await;
                self.wait_for_renewals(1).await;
            }
            Strategy::Both(seconds) => {
                self.come_before(seconds, theft).await;
                self.attempt(Ask::Refresh).await;
                self.attempt(Ask::Page).await;
                self.wait_for_renewals(1).await;
            }
            Strategy::Random(seconds) => {
                pass(self.world.chance.around(Millis::seconds(seconds))).await;
                self.attempt(self.way).await;
            }
            Strategy::KeepAlive(seconds) => {
                pass(Millis::seconds(seconds)).await;
                self.attempt(self.way).await;
            }
            Strategy::Prefetch(seconds) => {
                pass(Millis::seconds(seconds)).await;
                self.attempt(Ask::Prefetch).await;
                if !self.is_served.get() {
                    self.attempt(Ask::Page).await;
                }
            }
            Strategy::Sleeper(renewals) => {
                if self.began_at.get().is_none() {
                    self.wait_for_renewals(renewals).await;
                }
                pass(self.world.chance.around(Millis::seconds(300))).await;
                self.attempt(self.way).await;
            }
        }
    }

    /// Waits until so many seconds before the person's next renewal.
    async fn come_before(&self, seconds: i64, theft: Theft) {
        let now = self.world.now();
        let at = self.victim.renews_at(now, theft.every).plus(Millis::seconds(-seconds));
        pass(at.since(now).max(Millis(1))).await;
    }

    async fn wait_for_renewals(&self, count: u32) {
        let seen = self.victim.renewals.get();
        while self.goes_on() && self.victim.renewals.get() < seen + count {
            pass(Millis::seconds(1)).await;
        }
    }

    /// Uses what it has. A page renews only if the jar holds no access token.
    async fn attempt(&self, ask: Ask) {
        if !self.goes_on() {
            return;
        }
        let now = self.world.now();
        self.began_at.set(self.began_at.get().or(Some(now)));
        let sent = {
            let mut jar = self.jar.borrow_mut();
            jar.drop_access();
            if self.hides_marks {
                jar.drop_marks();
            }
            let proof = jar.csrf(now).map(str::to_owned);
            Sent::of(jar.clone(), ask, proof, now)
        };
        let said = self.world.witness.said_jar(&sent.jar, now);
        self.world.witness.note("b0.thief", format!("sends {ask:?} with {said}"));
        pass(leg(&self.world)).await;
        let answer = at_node(&self.world, "b0.thief", &sent).await;
        self.keep(&answer);
    }

    fn keep(&self, answer: &Answer) {
        let now = self.world.now();
        let served = answer.set_cookie.iter().any(|line| line.starts_with(ACCESS) && !line.contains("Max-Age=0"));
        self.is_served.set(served);
        let mut jar = self.jar.borrow().clone();
        jar.store(&answer.set_cookie, now);
        let until = jar.access_until(now).unwrap_or(now);
        if self.moves_on || !served {
            self.jar.replace(jar);
        }
        if !served {
            return;
        }
        let more = until.since(self.good_until.get().max(now)).max(Millis::ZERO);
        self.access.set(Millis(self.access.get().0 + more.0));
        self.good_until.set(self.good_until.get().max(until));
        let bound = self.world.plan.theft.map_or(0, |theft| theft.renewals);
        let renewals = self.victim.renewals.get();
        if renewals > bound {
            let what = format!("the thief is served after {renewals} renewals of the person");
            self.world.witness.violated(FOUND, "b0", what);
        }
    }

    fn fate(&self, strategy: Strategy, theft: Theft) -> Fate {
        let now = self.world.now();
        let began_at = self.began_at.get().unwrap_or(now);
        let ended = self.ended();
        // Where we see every request, the last access token dies with the session.
        let cut = match (ended, theft.sight) {
            (Some((at, _)), Sight::Gateway) => self.good_until.get().since(at).max(Millis::ZERO),
            _ => Millis::ZERO,
        };
        let end = match (ended, self.is_served.get()) {
            (Some((_, EndReason::Reuse)), _) => End::Found,
            (_, false) => End::LockedOut,
            (_, true) => End::Undetected,
        };
        let after = ended.map_or(now, |(at, _)| at).since(began_at).max(Millis::ZERO);
        Fate { strategy, end, after, access: Millis((self.access.get().0 - cut.0).max(0)) }
    }
}
