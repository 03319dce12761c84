//! People at their browsers: tabs that read, refresh and renew, and what happens to people: they log in and
//! out, let the machine sleep, lose the browser, and hand the keyboard to somebody else.

use std::{cell::RefCell, rc::Rc};

use perennial_protocol::{
    claims::Claims, cookie::Jar as CookieJar, id::Subject, refresh::Delivery, session::AssuranceLevel, time::Millis,
};
use perennial_service::{
    http::cookies,
    operations::{
        issue_session::{Issue, issue_session},
        operator::Operator,
    },
    visit::Visit,
};

use serde_json::Value;

use super::{
    browser::{Browser, Owner, WRITE_BEHIND},
    clock::pass,
    network::{Ask, Said, Sent, exchange, leg, may_lose},
    plan::{Temper, Twist},
    properties,
    site::Answer,
    world::World,
};

/// How long a tab waits for an answer before it gives up on the fetch.
const PATIENCE: Millis = Millis::seconds(10);

/// How often a tab asks again at once when it is told to.
const AT_ONCE_MAX: usize = 3;

/// One tab: it remembers the anti-CSRF token that it saw last.
#[derive(Debug)]
pub struct Tab {
    world: Rc<World>,
    browser: Rc<Browser>,
    proof: RefCell<Option<String>>,
}

impl Tab {
    pub fn open(world: &Rc<World>, browser: &Rc<Browser>) -> Rc<Self> {
        Rc::new(Self { world: Rc::clone(world), browser: Rc::clone(browser), proof: RefCell::default() })
    }

    /// The life of a tab.
    pub async fn live(self: Rc<Self>) {
        while self.world.goes_on() {
            let think = match self.world.plan.temper {
                Temper::Calm => self.world.chance.around(Millis::seconds(90)),
                Temper::Nervous => self.world.chance.around(Millis::seconds(20)),
            };
            // A browser that wakes up, or comes back, brings all of its tabs along.
            let woken = tokio::time::timeout(think.into(), self.browser.woke.notified()).await.is_ok();
            if woken {
                pass(self.world.chance.between(Millis::ZERO, Millis(500))).await;
            }
            if self.browser.is_asleep(self.world.now()) {
                continue;
            }
            match self.world.plan.temper {
                Temper::Calm => self.ask(self.needed()).await,
                Temper::Nervous => self.fidget().await,
            }
        }
    }

    /// What an SDK would do: refresh when the access token is gone, else just ask.
    fn needed(&self) -> Ask {
        let chance = &self.world.chance;
        match self.browser.jar().access_until(self.world.now()) {
            Some(_) => chance.pick(&[Ask::Read, Ask::Read, Ask::Read, Ask::Page, Ask::Prefetch]),
            None => chance.pick(&[Ask::Refresh, Ask::Refresh, Ask::Resume, Ask::Page]),
        }
    }

    /// Several requests at once, most of them without need.
    async fn fidget(self: &Rc<Self>) {
        const ASKS: [Ask; 7] =
            [Ask::Refresh, Ask::Refresh, Ask::Refresh, Ask::Read, Ask::Resume, Ask::Page, Ask::Prefetch];
        for _ in 0..self.world.chance.below(3) {
            let (tab, ask) = (Rc::clone(self), self.world.chance.pick(&ASKS));
            self.world.spawn(async move { tab.ask(ask).await });
        }
        self.ask(self.world.chance.pick(&ASKS)).await;
    }

    /// One question, asked again at once where the answer says so.
    pub async fn ask(&self, ask: Ask) {
        for _ in 0..AT_ONCE_MAX {
            let Some(answer) = self.once(ask).await else { return };
            match answer.said() {
                Said::Stale | Said::OutOfDate => {}
                Said::Fine | Said::Over(_) | Said::Unknown => return,
            }
        }
    }

    async fn once(&self, ask: Ask) -> Option<Answer> {
        let proof = self.proof.borrow().clone().or_else(|| {
            let jar = self.browser.jar();
            jar.csrf(self.world.now()).map(str::to_owned)
        });
        let sent = Sent::now(&self.world, &self.browser, ask, proof);
        let question = exchange(&self.world, &self.browser, sent);
        let answer = tokio::time::timeout(PATIENCE.into(), question).await.ok()??;
        let token = answer.field("csrf_token");
        if !token.is_empty() {
            self.proof.replace(Some(token));
        }
        Some(answer)
    }

    /// Whether one more question, or two, show this person.
    pub async fn is_at_home(&self) -> bool {
        for _ in 0..AT_ONCE_MAX {
            let Some(answer) = self.once(Ask::Resume).await else { continue };
            if answer.is_authenticated() {
                return true;
            }
        }
        false
    }
}

/// The life of the person at a browser, and of whoever else logs in there.
pub async fn live(world: Rc<World>, browser: Rc<Browser>, subjects: Vec<Subject>) {
    let mut turn = 0;
    while world.goes_on() {
        if browser.jar().owner.is_none() {
            turn += 1;
            log_in(&world, &browser, &subjects[turn % subjects.len()]).await;
            pass(Millis::seconds(1)).await;
            continue;
        }
        let plan = &world.plan;
        let events = [plan.sleeps, plan.breaks, plan.switches];
        let next = events.map(|mean| if mean > Millis::ZERO { world.chance.around(mean) } else { Millis::days(365) });
        let soonest = next.into_iter().min().unwrap_or(Millis::days(365));
        let left = world.ends_at.since(world.now());
        pass(soonest.min(left)).await;
        match next.iter().position(|span| *span == soonest) {
            _ if soonest > left => return,
            Some(0) => sleep(&world, &browser).await,
            Some(1) => crash(&world, &browser).await,
            _ => {
                turn += 1;
                switch(&world, &browser, &subjects[turn % subjects.len()]).await;
            }
        }
    }
}

/// Waits, for some minutes at most, until a token is under way that the jar has not heard of.
async fn await_worst_moment(world: &World, browser: &Browser) {
    for _ in 0..1500 {
        let Some(owner) = browser.jar().owner else { return };
        let present = world.witness.life(owner.sid).map(|life| life.generation);
        let held =
            browser.jar().refresh(world.now()).filter(|token| token.sid == owner.sid).map(|it| it.generation).max();
        if held < present || !world.goes_on() {
            return;
        }
        pass(Millis(200)).await;
    }
}

async fn sleep(world: &World, browser: &Browser) {
    if world.chance.one_in(2) {
        await_worst_moment(world, browser).await;
    }
    let span = world.chance.around(Millis::hours(2)).min(Millis::hours(12));
    browser.asleep_until.set(world.now().plus(span));
    world.witness.befell(&browser.name, "sleeps");
    pass(span).await;
    world.witness.note(&browser.name, "wakes up".to_owned());
    browser.woke.notify_waiters();
}

/// A crash, if it would forget something and the generation can bear it.
async fn crash(world: &World, browser: &Browser) {
    if world.chance.one_in(2) {
        await_worst_moment(world, browser).await;
        pass(world.chance.between(Millis::ZERO, WRITE_BEHIND)).await;
    }
    let now = world.now();
    if world.chance.one_in(3) {
        browser.flush();
    }
    let Some(owner) = browser.jar().owner else { return };
    if world.witness.spends_crash(owner.sid, world.plan.crashes) {
        let behind = browser.is_behind(now);
        world.witness.befell(&browser.name, if behind { "crashes that rolled a jar back" } else { "other crashes" });
        browser.crash(now);
        let jar = world.witness.said_jar(&browser.jar(), now);
        world.witness.note(&browser.name, format!("is started again; jar {jar}"));
    }
}

/// Somebody logs out, or somebody else logs in at once, while answers are under way.
async fn switch(world: &Rc<World>, browser: &Rc<Browser>, next: &Subject) {
    if world.chance.one_in(2) {
        let tab = Tab::open(world, browser);
        world.witness.befell(&browser.name, "logouts");
        let_go(world, browser);
        while world.goes_on() && browser.jar().owner.is_some() {
            tab.ask(Ask::LogOut).await;
            pass(world.chance.around(Millis::seconds(5))).await;
        }
        pass(world.chance.around(Millis::seconds(20))).await;
    }
    log_in(world, browser, next).await;
}

/// The person asked for the end of whatever the jar holds.
fn let_go(world: &World, browser: &Browser) {
    for token in browser.jar().refresh(world.now()) {
        world.witness.change(token.sid, |life| life.let_go = true);
    }
    if let Some(owner) = browser.jar().owner {
        world.witness.change(owner.sid, |life| life.let_go = true);
    }
}

/// A login, from the moment its last step is right. It takes the jar along, and its answer may be lost.
pub async fn log_in(world: &World, browser: &Browser, subject: &Subject) {
    let (run, sent_at) = (browser.run.get(), world.now());
    // A login that does not see the jar ends nothing of it.
    let blind = world.plan.twist == Twist::LoginsEndNothing;
    let header = if blind { String::new() } else { browser.jar().header(sent_at) };
    let_go(world, browser);
    world.witness.befell(&browser.name, "logins");
    world.witness.note(&browser.name, format!("logs in as {subject}"));
    pass(leg(world)).await;
    let service = world.site.service(world.chance.below(world.site.count()));
    let visit = Visit {
        jar: CookieJar::read([header.as_str()].into_iter()),
        address: [127, 0, 0, 1].into(),
        device: "a browser".to_owned(),
        delivery: Delivery::Cookies,
        bearer: None,
    };
    let issue = Issue {
        subject: subject.clone(),
        level: AssuranceLevel::One,
        methods: Vec::new(),
        claims: Claims::default(),
        by: Operator::CommandLine,
    };
    let outcome = issue_session(&service, &visit, issue).await;
    let Ok(standing) = outcome else { return };
    let set_cookie = cookies::lines(&service, &visit.jar, &standing.jar);
    let answer = Answer {
        status: 200,
        set_cookie,
        location: String::new(),
        text: String::new(),
        json: Value::Null,
        in_outage: false,
    };
    pass(leg(world)).await;
    let lost = world.chance.one_in(world.network().lost) && may_lose(world, &answer);
    if lost || browser.run.get() != run {
        return world.witness.note(&browser.name, "never hears of the login".to_owned());
    }
    let Some(token) = properties::handed_out(&answer) else { return };
    let now = world.now();
    browser.change(now, |jar| {
        jar.store(&answer.set_cookie, now);
        jar.owner = Some(Owner { subject: subject.clone(), sid: token.sid });
    });
    let jar = world.witness.said_jar(&browser.jar(), now);
    let tag = world.witness.life(token.sid).map_or_else(String::new, |life| life.key.tag().to_owned());
    world.witness.note(&browser.name, format!("is logged in as {subject}, cookies tagged {tag}; jar {jar}"));
}
