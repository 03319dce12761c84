//! The worlds that are searched, and what each is expected to show.
//!
//! Three kinds: worlds that must hold; the edges of what is promised, where a little more of one fault
//! breaks it; and worlds with a safeguard taken away. The latter two must fail.

use perennial_protocol::{
    refresh::{Policy, Reuse, Rotate},
    time::Millis,
};

use super::{
    honest::{self, Fault, NO_LOGOUT, NO_RESURRECTION},
    rules::{ACCESS, Ask, BALANCED, Twist},
    thief::{self, FOUND, NOT_EVICTED, Pace},
};

/// How much of a world is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Seconds: for every change.
    Quick,
    /// Minutes: finer time, more under way.
    Full,
}

/// One search.
#[derive(Debug, Clone, Copy)]
pub struct World {
    pub name: &'static str,
    pub policy: Policy,
    pub twist: Twist,
    pub scene: Scene,
    pub expected: Expected,
}

#[derive(Debug, Clone, Copy)]
pub enum Scene {
    Honest(honest::Bounds),
    Theft(thief::Bounds),
}

/// What a search must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing, after all states.
    Holds,
    /// A counterexample to this property.
    Fails(&'static str),
}

const LOGOUT: Expected = Expected::Fails(NO_LOGOUT);
const RESURRECTION: Expected = Expected::Fails(NO_RESURRECTION);

const STRICT: Policy = Policy { reuse: Reuse::AtOnce, ..BALANCED };
const SHORT: Policy = Policy { cooldown: Millis::seconds(20), overlap: Millis::seconds(10), ..BALANCED };
const COOLDOWN_BELOW_OVERLAP: Policy = Policy { cooldown: Millis::seconds(20), ..BALANCED };
const NO_ROTATION: Policy = Policy { rotation: Rotate::Off, ..BALANCED };

const EVERY_ASK: &[Ask] = &[Ask::Refresh, Ask::InPassing, Ask::Prefetch, Ask::Use];
/// Nodes that load, decide and write while others do, over a store that goes back.
const STORE_LOSS: &[Fault] = &[Fault::RacesOfNodes, Fault::RollsBack];
const END_LOSS: &[Fault] = &[Fault::RacesOfNodes, Fault::RollsBack, Fault::LosesEnds];
const NO_MEMORY: &[Fault] = &[Fault::RacesOfNodes, Fault::RollsBack, Fault::LosesEnds, Fault::ForgetsEnds];
const JITTER: &[Millis] = &[ACCESS, Millis::seconds(810), Millis::seconds(990)];

/// All worlds, those that must hold first.
pub fn all(effort: Effort) -> Vec<World> {
    [honest(effort), thieves(effort), edges(effort), without_safeguards(effort)].concat()
}

/// Nobody may be logged out here, whatever happens within the bounds.
fn honest(effort: Effort) -> Vec<World> {
    let base = base(effort);
    let pair = honest::Bounds { in_flight: 2, ..base };
    let brief = brief(effort);
    let many = honest::Bounds { in_flight: 4, hold: Millis::seconds(40), quantum: Millis::seconds(20), ..base };
    let many = match effort {
        Effort::Quick => many,
        Effort::Full => honest::Bounds { quantum: Millis::seconds(10), ..many },
    };
    let crowd = honest::Bounds { in_flight: brief.in_flight, quantum: Millis::seconds(15), ..base };
    let network: &[Fault] = &[Fault::Duplicates, Fault::LosesConfirmations, Fault::StoresPartly];
    let tiny = honest::Bounds { hold: Millis::seconds(5), quantum: Millis::seconds(5), ..base };
    let crash = honest::Bounds { crashes: 1, ..brief };
    let nodes = honest::Bounds { hold: Millis::seconds(20), quantum: Millis::seconds(10), ..brief };
    let pace = match effort {
        Effort::Quick => Millis::seconds(15),
        Effort::Full => Millis::seconds(10),
    };
    let ending = honest::Bounds { in_flight: 2, quantum: pace, ..nodes };
    vec![
        holds("slow network", base),
        holds("slow network, four in flight", many),
        holds("one answer lost", honest::Bounds { losses: 1, hold: Millis::seconds(30), ..base }),
        holds("one answer lost, two in flight", honest::Bounds { losses: 1, ..pair }),
        holds("two answers lost", honest::Bounds { losses: 2, ..brief }),
        holds("prefetches", honest::Bounds { asks: EVERY_ASK, losses: 1, ..pair }),
        holds("duplicates, lost confirmations", honest::Bounds { faults: network, losses: 1, ..brief }),
        holds("crash", honest::Bounds { faults: &[Fault::FlushesEarly], ..crash }),
        holds("store rolls back", honest::Bounds { faults: &[Fault::RollsBack], ..brief }),
        holds("races of nodes", honest::Bounds { faults: &[Fault::RacesOfNodes], ..crowd }),
        holds("two nodes, answers lost", honest::Bounds { faults: &[Fault::RacesOfNodes], losses: 2, ..nodes }),
        holds("two nodes, crash", honest::Bounds { faults: &[Fault::RacesOfNodes], crashes: 1, ..nodes }),
        holds("two nodes, store rolls back", honest::Bounds { in_flight: 2, faults: STORE_LOSS, ..nodes }),
        holds("two nodes, store loses ends", logout(ending, END_LOSS)),
        holds("logout", logout(crowd, &[Fault::RacesOfNodes])),
        World { policy: STRICT, ..holds("reuse at once", honest::Bounds { asks: EVERY_ASK, ..pair }) },
        World { policy: STRICT, ..holds("reuse at once, crash", crash) },
        World { policy: SHORT, ..holds("cooldown 20s, overlap 10s", tiny) },
    ]
}

/// Every thief is found or locked out here, and no victim is evicted.
fn thieves(effort: Effort) -> Vec<World> {
    let gateway = gateway(effort);
    let verified = verified_by_the_api(effort);
    let rare = Millis::seconds(450);
    vec![
        stops("thief, gateway", gateway),
        stops("thief, gateway, jitter", thief::Bounds { lives: JITTER, ..gateway }),
        stops("thief, gateway, rare requests", thief::Bounds { every: rare, renewals: 2, ..gateway }),
        stops("thief, gateway, victim sleeps", thief::Bounds { pace: Pace::Sleeps, renewals: 3, ..gateway }),
        World { policy: STRICT, ..stops("thief, gateway, reuse at once", gateway) },
        stops("thief, API verifies", verified),
        stops("thief, API verifies, jitter", thief::Bounds { lives: JITTER, ..verified }),
        stops("thief, API verifies, victim sleeps", thief::Bounds { pace: Pace::Sleeps, ..verified }),
    ]
}

/// A little beyond what is promised. That these fail shows that the promise is exact.
fn edges(effort: Effort) -> Vec<World> {
    let base = base(Effort::Quick);
    let pair = honest::Bounds { in_flight: 2, ..base };
    let (short, beyond) = (Millis::seconds(15), Millis::seconds(60));
    let at_30 = honest::Bounds { hold: Millis::seconds(30), ..pair };
    vec![
        fails("edge: held for 60s", honest::Bounds { hold: beyond, ..base }, LOGOUT),
        fails("edge: held for 45s, four in flight", honest::Bounds { in_flight: 4, ..base }, LOGOUT),
        fails("edge: one answer lost, held for 45s", honest::Bounds { losses: 1, ..base }, LOGOUT),
        fails("edge: two answers lost, held for 30s", honest::Bounds { losses: 2, ..at_30 }, LOGOUT),
        fails("edge: three answers lost", honest::Bounds { losses: 3, hold: short, ..pair }, LOGOUT),
        fails("edge: crash, held for 45s", honest::Bounds { crashes: 1, ..pair }, LOGOUT),
        fails("edge: crash, held for 30s", honest::Bounds { crashes: 1, ..at_30 }, LOGOUT),
        fails("edge: crash and lost answer", honest::Bounds { crashes: 1, losses: 1, hold: short, ..pair }, LOGOUT),
        fails("edge: store rolls back, held for 45s", honest::Bounds { faults: &[Fault::RollsBack], ..pair }, LOGOUT),
        survives("edge: thief, gateway, one renewal less", thief::Bounds { renewals: 0, ..gateway(effort) }),
        survives("edge: thief, API verifies, one less", thief::Bounds { renewals: 2, ..verified_by_the_api(effort) }),
    ]
}

/// Worlds in which the missing safeguard must be missed.
fn without_safeguards(effort: Effort) -> Vec<World> {
    let pair = honest::Bounds { in_flight: 2, ..base(effort) };
    let brief = brief(Effort::Quick);
    let lost = honest::Bounds { losses: 1, ..brief };
    let crash = honest::Bounds { crashes: 1, ..brief };
    let logout_seen = logout(pair, &[]);
    let logout_raced = logout(pair, &[Fault::RacesOfNodes, Fault::WritesAfterEnd]);
    let (gateway, verified) = (gateway(effort), verified_by_the_api(effort));
    let twisted = |twist, world| World { twist, ..world };
    vec![
        World { policy: COOLDOWN_BELOW_OVERLAP, ..fails("without: cooldown beyond overlap", brief, LOGOUT) },
        twisted(Twist::WindowNeverBeginsAnew, fails("without: window begins anew", lost, LOGOUT)),
        twisted(Twist::ConfirmedAtOnce, fails("without: delay of confirmation", crash, LOGOUT)),
        twisted(Twist::EndUnseen, fails("without: sight of the end", logout_seen, RESURRECTION)),
        fails("without: memory of ends", logout(honest::Bounds { in_flight: 2, ..brief }, NO_MEMORY), RESURRECTION),
        fails("without: end in the write's condition", logout_raced, RESURRECTION),
        twisted(Twist::BranchesForgotten, survives("without: branches, gateway", gateway)),
        twisted(Twist::BranchesForgotten, survives("without: branches, API verifies", verified)),
        twisted(Twist::MarksForgotten, evicts("without: marks, gateway", gateway)),
        twisted(Twist::MarksForgotten, evicts("without: marks, API verifies", verified)),
        World { policy: NO_ROTATION, ..survives("without: rotation", gateway) },
    ]
}

const fn base(effort: Effort) -> honest::Bounds {
    let quantum = match effort {
        Effort::Quick => Millis::seconds(15),
        Effort::Full => Millis::seconds(5),
    };
    honest::Bounds {
        in_flight: 3,
        hold: Millis::seconds(45),
        quantum,
        asks: &[Ask::Refresh, Ask::Use],
        losses: 0,
        crashes: 0,
        faults: &[],
    }
}

const fn logout(base: honest::Bounds, faults: &'static [Fault]) -> honest::Bounds {
    honest::Bounds { asks: &[Ask::Refresh, Ask::Use, Ask::Logout], faults, ..base }
}

/// Holds that leave room for the failures that delay a delivery.
const fn brief(effort: Effort) -> honest::Bounds {
    let in_flight = match effort {
        Effort::Quick => 2,
        Effort::Full => 3,
    };
    honest::Bounds { in_flight, hold: Millis::seconds(25), quantum: Millis::seconds(5), ..base(effort) }
}

/// Every request passes us, so a use confirms; the victim makes one every 150 s.
const fn gateway(effort: Effort) -> thief::Bounds {
    let quantum = match effort {
        Effort::Quick => Millis::seconds(15),
        Effort::Full => Millis::seconds(5),
    };
    thief::Bounds {
        every: Millis::seconds(150),
        pace: Pace::Steady,
        quantum,
        asks: EVERY_ASK,
        lives: &[ACCESS],
        renewals: 1,
    }
}

/// The API verifies access tokens itself: all we see are renewals.
const fn verified_by_the_api(effort: Effort) -> thief::Bounds {
    let asks = &[Ask::Refresh, Ask::InPassing, Ask::Prefetch];
    thief::Bounds { every: Millis::minutes(60), asks, renewals: 3, ..gateway(effort) }
}

const fn world(name: &'static str, scene: Scene, expected: Expected) -> World {
    World { name, policy: BALANCED, twist: Twist::Untouched, scene, expected }
}

const fn holds(name: &'static str, bounds: honest::Bounds) -> World {
    world(name, Scene::Honest(bounds), Expected::Holds)
}

const fn fails(name: &'static str, bounds: honest::Bounds, expected: Expected) -> World {
    world(name, Scene::Honest(bounds), expected)
}

const fn stops(name: &'static str, bounds: thief::Bounds) -> World {
    world(name, Scene::Theft(bounds), Expected::Holds)
}

const fn survives(name: &'static str, bounds: thief::Bounds) -> World {
    world(name, Scene::Theft(bounds), Expected::Fails(FOUND))
}

const fn evicts(name: &'static str, bounds: thief::Bounds) -> World {
    world(name, Scene::Theft(bounds), Expected::Fails(NOT_EVICTED))
}
