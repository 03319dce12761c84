//! Worlds without a thief: one jar, any number of tabs and requests, and a network, a browser and a store
//! that fail within the world's bounds. Nobody in them may ever be logged out.
//!
//! The number of requests, refreshes and hours is not bounded: two states count as one when the rules can
//! no longer tell them apart (see `canonical`), so that a search which ends has seen every history.

use perennial_protocol::{
    refresh::Decision,
    session::EndReason,
    time::{Millis, UnixMillis},
};
use stateright::{Model, Property};

use super::{
    jar::{Browser, Jar},
    network::{Leg, Listener, Message, Network},
    rules::{Ask, Row, Rules, gives_tokens},
    server::{Answer, Carried, Condition, Confirmation, Outcome, Server},
};

/// What may happen in a world, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Requests and answers under way at the same time.
    pub in_flight: usize,
    /// The longest time that a request, or an answer, is under way.
    pub hold: Millis,
    /// The step of time.
    pub quantum: Millis,
    pub asks: &'static [Ask],
    /// Answers with the current refresh token that never arrive, in each generation.
    pub losses: u8,
    /// Crashes of the browser, in each generation.
    pub crashes: u8,
    pub faults: &'static [Fault],
}

/// What else may go wrong, any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The network delivers a request or an answer twice.
    Duplicates,
    /// The batched write of a confirmation is lost.
    LosesConfirmations,
    /// The store loses its last write, if that is a rotation.
    RollsBack,
    /// The same with the end of a session. A node that remembers it writes it again before time passes.
    LosesEnds,
    /// No node remembers an end: a safeguard taken away.
    ForgetsEnds,
    /// Of an answer's cookies, the refresh token is kept and the mark is not cleared.
    StoresPartly,
    /// The browser writes its jar to disk earlier than it has to.
    FlushesEarly,
    /// Requests are decided by nodes that load, decide and write while others do the same.
    RacesOfNodes,
    /// A node writes although the session was ended since it loaded the row: a safeguard taken away.
    WritesAfterEnd,
}

/// A world: its rules and its bounds.
#[derive(Debug)]
pub struct Honest {
    pub rules: Rules,
    pub bounds: Bounds,
}

/// One moment of one history.
#[derive(Debug, Clone)]
pub struct State {
    pub now: UnixMillis,
    pub server: Server,
    pub browser: Browser,
    pub network: Network,
    /// Losses and crashes that befell the current generation.
    pub losses: u8,
    pub crashes: u8,
    pub harm: Option<Harm>,
    pub lens: Lens,
}

/// How closely states are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lens {
    /// The age from which on the rules treat every delivery alike.
    pub age_max: Millis,
    /// Whether the row may go back a generation, so that older branches still matter.
    pub rolls_back: bool,
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harm {
    LoggedOut,
    Resurrected,
}

/// One step of a history. Numbers point into the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Send(Ask),
    Load(usize),
    Arrive(usize, Confirmation),
    Store(usize),
    StorePartly(usize),
    Lose(usize),
    Duplicate(usize),
    Flush,
    Crash,
    RollBack,
    WriteEndAgain,
    Wait,
}

pub const NO_LOGOUT: &str = "no honest person is logged out";
pub const LIVE_TOKEN: &str = "a jar always holds a token that yields tokens";
pub const NO_RESURRECTION: &str = "an ended session stays ended";

impl Model for Honest {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let now = UnixMillis(0);
        let (server, token) = Server::first(now);
        vec![State {
            now,
            server,
            browser: Browser::holding(token),
            network: Network::default(),
            losses: 0,
            crashes: 0,
            harm: None,
            lens: Lens { age_max: self.rules.age_max(), rolls_back: self.has(Fault::RollsBack) },
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.harm.is_some() {
            return;
        }
        for index in 0..state.network.0.len() {
            self.journeys(state, index, actions);
        }
        if state.network.0.len() < self.bounds.in_flight {
            if state.browser.jar.refresh.is_some() {
                actions.extend(self.bounds.asks.iter().map(|ask| Action::Send(*ask)));
            }
            if self.has(Fault::Duplicates) {
                actions.extend((0..state.network.0.len()).map(Action::Duplicate));
            }
        }
        if state.browser.changed_at.is_some() && self.has(Fault::FlushesEarly) {
            actions.push(Action::Flush);
        }
        if state.crashes < self.bounds.crashes && state.browser.changed_at.is_some() {
            actions.push(Action::Crash);
        }
        if self.may_roll_back(&state.server) {
            actions.push(Action::RollBack);
        }
        if state.server.end_lost && !self.has(Fault::ForgetsEnds) {
            actions.push(Action::WriteEndAgain);
        } else if state.network.can_wait(state.now.plus(self.bounds.quantum), self.bounds.hold) {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        match action {
            Action::Send(ask) => {
                let jar = next.browser.jar;
                next.network.send(Carried { ask, token: jar.refresh?, jar }, next.now);
            }
            Action::Load(index) => load(&mut next, index),
            Action::Arrive(index, confirmation) => self.arrive(&mut next, index, confirmation),
            Action::Store(index) => store(&mut next, index, Jar::holding),
            Action::StorePartly(index) => {
                let mark = next.browser.jar.mark;
                store(&mut next, index, |token| Jar { mark, ..Jar::holding(token) });
            }
            Action::Lose(index) => lose(&mut next, index),
            Action::Duplicate(index) => next.network.0.push(next.network.0[index]),
            Action::Flush => next.browser.flush(),
            Action::Crash => {
                next.crashes += 1;
                next.browser.crash();
                next.network.hang_up();
            }
            Action::RollBack => next.server.roll_back(),
            Action::WriteEndAgain => next.server.write_end_again(),
            Action::Wait => {
                next.now = next.now.plus(self.bounds.quantum);
                next.browser.flush_if_due(next.now);
            }
        }
        if next.server.row.rotation.generation != last.server.row.rotation.generation {
            (next.losses, next.crashes) = (0, 0);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NO_LOGOUT, |_, state: &State| state.harm != Some(Harm::LoggedOut)),
            Property::always(LIVE_TOKEN, Self::jar_is_live),
            Property::always(NO_RESURRECTION, |_, state: &State| state.harm != Some(Harm::Resurrected)),
        ]
    }
}

impl Honest {
    pub fn has(&self, fault: Fault) -> bool {
        self.bounds.faults.contains(&fault)
    }

    fn may_roll_back(&self, server: &Server) -> bool {
        let loses = |before: &Row| before.ended == server.row.ended || self.has(Fault::LosesEnds);
        self.has(Fault::RollsBack) && server.before.as_ref().is_some_and(loses)
    }

    /// What may become of one message.
    fn journeys(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        match state.network.0[index].leg {
            Leg::Request(..) if self.has(Fault::RacesOfNodes) => actions.push(Action::Load(index)),
            Leg::Request(carried, _) | Leg::AtNode(carried, _) => {
                actions.push(Action::Arrive(index, Confirmation::Kept));
                if self.has(Fault::LosesConfirmations) && matches!(carried.ask, Ask::Use | Ask::Prefetch) {
                    actions.push(Action::Arrive(index, Confirmation::Lost));
                }
            }
            Leg::Answer(answer) => {
                actions.push(Action::Store(index));
                if self.has(Fault::StoresPartly) && state.browser.jar.mark.is_some() {
                    actions.push(Action::StorePartly(index));
                }
                let counts = state.counts_as_loss(answer);
                if !counts || state.losses < self.bounds.losses {
                    actions.push(Action::Lose(index));
                }
            }
        }
    }

    fn arrive(&self, state: &mut State, index: usize, confirmation: Confirmation) {
        let message = state.network.0.remove(index);
        let (carried, loaded, listener) = match message.leg {
            Leg::Request(carried, listener) => (carried, state.server.load(state.now), listener),
            Leg::AtNode(carried, loaded) => (carried, loaded, Listener::Browser),
            Leg::Answer(_) => unreachable!("answers do not arrive at the server"),
        };
        let condition =
            if self.has(Fault::WritesAfterEnd) { Condition::UnchangedOrEnded } else { Condition::Unchanged };
        let lost = state.server.end_lost;
        let forgotten = lost && self.has(Fault::ForgetsEnds);
        let ended_before = loaded.row.ended.is_some() || forgotten;
        let ended = state.server.row.ended.is_some() || forgotten;
        match state.server.apply(&self.rules, &carried, loaded, condition, confirmation) {
            Outcome::LostRace => state.network.send(carried, message.since),
            Outcome::Answered { answer, decision } => {
                let harm = decision.and_then(|decision| harm(&decision, ended_before, ended));
                // Whoever asked for the end is not logged out by another one.
                state.harm = harm.filter(|harm| !lost || *harm == Harm::Resurrected);
                if listener == Listener::Browser {
                    state.network.answer(answer, state.now);
                }
            }
        }
    }

    /// The jar's token yields tokens, or one that does is on its way to the jar.
    fn jar_is_live(&self, state: &State) -> bool {
        let Server { row, .. } = &state.server;
        let yields = |jar: &Jar| {
            let decide = |token| self.rules.foresee(row, token, jar, Ask::Refresh, state.now);
            jar.refresh.is_some_and(|token| gives_tokens(&decide(token)))
        };
        let on_its_way = |message: &Message| match message.leg {
            Leg::Answer(Answer::Tokens(token)) => yields(&Jar::holding(token)),
            _ => false,
        };
        row.ended.is_some()
            || state.server.end_lost
            || yields(&state.browser.jar)
            || state.network.0.iter().any(on_its_way)
    }
}

impl State {
    /// A lost answer counts when it carried the refresh token that the jar is waiting for.
    fn counts_as_loss(&self, answer: Answer) -> bool {
        matches!(answer, Answer::Tokens(token) if token.generation == self.server.row.rotation.generation)
    }
}

/// An answer that wrote took place when it wrote; any other took place when the row was loaded.
fn harm(decision: &Decision, ended_when_loaded: bool, ended_when_applied: bool) -> Option<Harm> {
    let ended = ended_when_loaded || (ended_when_applied && decision.write().is_some());
    match decision {
        Decision::Theft => Some(Harm::LoggedOut),
        Decision::Over(reason) => (*reason != EndReason::Logout).then_some(Harm::LoggedOut),
        _ => (ended && gives_tokens(decision)).then_some(Harm::Resurrected),
    }
}

fn load(state: &mut State, index: usize) {
    let loaded = state.server.load(state.now);
    let message = &mut state.network.0[index];
    if let Leg::Request(carried, _) = message.leg {
        message.leg = Leg::AtNode(carried, loaded);
    }
}

fn store(state: &mut State, index: usize, kept: impl FnOnce(super::jar::Token) -> Jar) {
    let message = state.network.0.remove(index);
    let Leg::Answer(answer) = message.leg else { unreachable!("only answers are stored") };
    let jar = match answer {
        Answer::Tokens(token) => kept(token),
        Answer::Stale(generation) => Jar { mark: Some(generation), ..state.browser.jar },
        Answer::Over => Jar::default(),
        Answer::Plain => state.browser.jar,
    };
    state.browser.keep(jar, state.now);
}

fn lose(state: &mut State, index: usize) {
    let message = state.network.0.remove(index);
    if let Leg::Answer(answer) = message.leg {
        state.losses += u8::from(state.counts_as_loss(answer));
    }
}
