//! One world, from its seed to its end.
//!
//! One runtime on one thread with a paused clock: the actors are its tasks, the seed throws all dice, so a
//! seed is a whole history.

use std::{cell::Cell, collections::BTreeMap, rc::Rc, sync::Arc};

use perennial_protocol::{
    id::Subject,
    time::{Millis, UnixMillis},
};
use perennial_service::clock::Clock;
use tokio::task::LocalSet;

use super::{
    browser::Browser,
    chance::Chance,
    clock::{VirtualClock, pass},
    person::{self, Tab},
    plan::{Loses, Network, Plan},
    properties::{self, LOGGED_OUT},
    site::Site,
    store::ShakyStore,
    thief::{self, Fate},
    witness::{Violation, Witness},
};

/// How many events of a browser a failure shows.
const TRACE_LINES: usize = 60;

/// Everything that the actors of a world share.
#[derive(Debug)]
pub struct World {
    pub plan: Plan,
    pub clock: VirtualClock,
    pub chance: Arc<Chance>,
    pub witness: Arc<Witness>,
    pub store: Arc<ShakyStore>,
    pub site: Site,
    pub subjects: Vec<Subject>,
    pub ends_at: UnixMillis,
    calm: Cell<bool>,
}

/// What one history came to.
#[derive(Debug, Clone)]
pub struct Chronicle {
    pub seed: u64,
    pub digest: u64,
    pub counts: BTreeMap<&'static str, u64>,
    pub violation: Option<Violation>,
    pub trace: Vec<String>,
    pub fate: Option<Fate>,
}

/// A world in which nothing happens but what `story` tells.
pub fn alone<T>(plan: Plan, story: impl AsyncFnOnce(Rc<World>) -> T) -> T {
    in_its_own_time(async { story(World::new(plan, 0)).await })
}

fn in_its_own_time<T>(history: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without a driver for sockets can be made");
    LocalSet::new().block_on(&runtime, history)
}

/// Lives through a world.
pub fn run(plan: Plan, seed: u64) -> Chronicle {
    in_its_own_time(async {
        let world = World::new(plan, seed);
        let fate = match plan.theft {
            Some(theft) => Some(thief::play(&world, theft).await),
            None => {
                world.play().await;
                None
            }
        };
        let violation = world.witness.violation();
        let trace = violation.as_ref().map(|violation| {
            let browser = violation.actor.split('.').next().unwrap_or_default();
            world.witness.trace(browser, TRACE_LINES)
        });
        Chronicle {
            seed,
            digest: world.witness.digest(),
            counts: world.witness.counts(),
            violation,
            trace: trace.unwrap_or_default(),
            fate,
        }
    })
}

impl World {
    fn new(plan: Plan, seed: u64) -> Rc<Self> {
        let clock = VirtualClock::start();
        let chance = Arc::new(Chance::of(seed));
        let witness = Arc::new(Witness::new(clock));
        let store = Arc::new(ShakyStore::new(plan, clock, Arc::clone(&chance), Arc::clone(&witness)));
        let site = Site::open(&plan, Arc::clone(&store), clock, Arc::clone(&chance));
        let names = (0..plan.people).flat_map(|person| (0..3).map(move |name| format!("b{person}.{name}")));
        let subjects = names.map(|name| Subject::parse(&name).expect("a short name is a subject")).collect();
        let ends_at = clock.now().plus(plan.lasts);
        Rc::new(Self { plan, clock, chance, witness, store, site, subjects, ends_at, calm: Cell::new(false) })
    }

    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Whether actors go on acting.
    pub fn goes_on(&self) -> bool {
        self.now() < self.ends_at && self.witness.violation().is_none()
    }

    pub fn network(&self) -> Network {
        let calm = Network { hold: Millis::seconds(1), slow: 0, lost: 0, twice: 0, partly: 0 };
        if self.calm.get() { calm } else { self.plan.network }
    }

    pub fn spawn(&self, actor: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(actor);
    }

    /// A world without a thief.
    async fn play(self: &Rc<Self>) {
        let mut browsers = Vec::new();
        for person in 0..self.plan.people {
            let browser = Rc::new(Browser::new(format!("b{person}")));
            let subjects = self.subjects[3 * person..3 * person + 3].to_vec();
            for _ in 0..self.plan.tabs {
                self.spawn(Tab::open(self, &browser).live());
            }
            self.spawn(person::live(Rc::clone(self), Rc::clone(&browser), subjects));
            browsers.push(browser);
        }
        self.spawn(operate(Rc::clone(self), self.plan.restarts, Incident::Restart));
        self.spawn(operate(Rc::clone(self), self.plan.outages, Incident::Outage));
        let loses = if self.plan.loses == Loses::Nothing { Millis::ZERO } else { Millis::minutes(7) };
        self.spawn(operate(Rc::clone(self), loses, Incident::RollBack));
        while self.goes_on() {
            pass(Millis::minutes(1)).await;
        }
        // What is under way arrives, and everybody comes back once more.
        self.calm.set(true);
        self.store.go_down(UnixMillis(0));
        pass(Millis(4 * self.plan.network.hold.0)).await;
        if self.witness.violation().is_some() {
            return;
        }
        for browser in browsers {
            self.comes_home(&browser).await;
        }
        properties::in_store(&self.witness, &self.store);
    }

    /// Whoever is logged in is found to be so.
    async fn comes_home(self: &Rc<Self>, browser: &Rc<Browser>) {
        let Some(owner) = browser.jar().owner else { return };
        let lives = self.witness.life(owner.sid).is_some_and(|life| !life.let_go);
        browser.asleep_until.set(UnixMillis(0));
        if lives && !Tab::open(self, browser).is_at_home().await {
            self.witness.violated(LOGGED_OUT, &browser.name, "does not come back in the end".to_owned());
        }
    }
}

/// What operators go through.
#[derive(Debug, Clone, Copy)]
enum Incident {
    Restart,
    Outage,
    RollBack,
}

/// The same incident again and again.
async fn operate(world: Rc<World>, mean: Millis, incident: Incident) {
    if mean == Millis::ZERO {
        return;
    }
    loop {
        let wait = world.chance.around(mean);
        match incident {
            // The worst moment is soon after somebody was told that the session is over.
            Incident::RollBack if world.chance.one_in(2) => {
                let _ = tokio::time::timeout(wait.into(), world.store.ended.notified()).await;
                pass(world.chance.between(Millis::ZERO, Millis::seconds(3))).await;
            }
            Incident::Restart | Incident::Outage | Incident::RollBack => pass(wait).await,
        }
        if !world.goes_on() {
            return;
        }
        match incident {
            Incident::Restart => {
                world.site.restart(world.chance.below(world.site.count()));
                world.witness.befell("site", "node restarts");
            }
            Incident::Outage => {
                let span = world.chance.around(Millis::minutes(1)).min(Millis::minutes(10));
                world.store.go_down(world.now().plus(span));
                world.witness.befell("site", "store outages");
            }
            Incident::RollBack => world.store.lose_last_write(),
        }
    }
}
