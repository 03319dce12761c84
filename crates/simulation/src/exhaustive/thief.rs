//! Worlds with a thief, as a game: the thief copies the jar once and from then on does whatever may help,
//! at any moment; the victim only lives a periodic life. Either the theft is proved and the session ends,
//! or the thief is locked out, and never is it the victim who has to go.
//!
//! Exchanges take no time and nothing is lost here; bad networks are searched in `honest`. The game has no
//! last round: it ends when the session does, when no new state is left, or well after the bound.

use std::{
    hash::{Hash, Hasher},
    sync::atomic::Ordering::Relaxed,
};

use perennial_protocol::{
    refresh::{Decision, Generation, Parent},
    time::{Millis, UnixMillis},
};
use stateright::{Model, Property};

use super::{
    jar::{Jar, Token},
    rules::{ACCESS, Ask, Rules, gives_tokens},
    server::{Answer, Carried, Confirmation, Outcome, Server},
};

/// What may happen in a world.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How often the victim makes a request that we see.
    pub every: Millis,
    /// Whether the victim may stop for any length of time.
    pub pace: Pace,
    /// The step of time.
    pub quantum: Millis,
    /// What the thief may ask for.
    pub asks: &'static [Ask],
    /// The access tokens' lifetimes, all of them possible.
    pub lives: &'static [Millis],
    /// After how many renewals of the victim since the copy the thief may still be answered with tokens.
    /// One more is how many access tokens' lifetimes that takes a victim who never rests.
    pub renewals: u8,
}

/// How the victim lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Steady,
    /// It sleeps whenever it likes, for as long as it likes.
    Sleeps,
}

/// A world: its rules and its bounds.
#[derive(Debug)]
pub struct Theft {
    pub rules: Rules,
    pub bounds: Bounds,
}

/// One moment of one game.
#[derive(Debug, Clone)]
pub struct State {
    pub now: UnixMillis,
    pub server: Server,
    pub victim: Jar,
    /// Until when the victim's access token is good.
    pub access_until: UnixMillis,
    /// When the victim makes its next request.
    pub due: UnixMillis,
    pub copied: bool,
    /// Renewals of the victim since the copy.
    pub renewals: u8,
    pub loot: Vec<Token>,
    pub harm: Option<Harm>,
    age_max: Millis,
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harm {
    /// The thief is still answered with tokens.
    NeverFound,
    /// The victim has to log in again while the session lives on.
    Evicted,
}

/// One step of a game. A number points into the loot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Copy,
    Thief(usize, Ask),
    /// The victim's request, and how long an access token it is given lives.
    Victim(Millis),
    Sleep,
    Wait,
}

pub const FOUND: &str = "a thief is found or locked out in time";
pub const NOT_EVICTED: &str = "a victim is never evicted from a session that lives on";

impl Model for Theft {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let now = UnixMillis(0);
        let (server, token) = Server::first(now);
        vec![State {
            now,
            server,
            victim: Jar::holding(token),
            access_until: now.plus(ACCESS),
            due: now.plus(self.bounds.every.min(ACCESS)),
            copied: false,
            renewals: 0,
            loot: Vec::new(),
            harm: None,
            age_max: self.rules.age_max(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.harm.is_some() || state.server.row.ended.is_some() || state.renewals > self.bounds.renewals + 2 {
            return;
        }
        if !state.copied {
            actions.push(Action::Copy);
        }
        for index in 0..state.loot.len() {
            actions.extend(self.bounds.asks.iter().map(|ask| Action::Thief(index, *ask)));
        }
        if state.due <= state.now {
            let renews = state.access_until <= state.now;
            let lives = if renews { self.bounds.lives } else { &self.bounds.lives[..1] };
            actions.extend(lives.iter().map(|life| Action::Victim(*life)));
            if self.bounds.pace == Pace::Sleeps {
                actions.push(Action::Sleep);
            }
        } else {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        match action {
            Action::Copy => {
                next.copied = true;
                next.loot.extend(next.victim.refresh);
            }
            Action::Thief(index, ask) => self.thief(&mut next, index, ask),
            Action::Victim(life) => self.victim(&mut next, life),
            Action::Sleep => {
                next.now = next.now.plus(self.bounds.quantum);
                next.due = next.now;
            }
            Action::Wait => next.now = next.now.plus(self.bounds.quantum),
        }
        next.sort_loot();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FOUND, |_, state: &State| state.harm != Some(Harm::NeverFound)),
            Property::always(NOT_EVICTED, |_, state: &State| state.harm != Some(Harm::Evicted)),
        ]
    }
}

impl Theft {
    /// The thief presents a token. It drops every mark: a mark can only prove its theft.
    fn thief(&self, state: &mut State, index: usize, ask: Ask) {
        let token = state.loot[index];
        let carried = Carried { ask, token, jar: Jar::holding(token) };
        let (answer, decision) = self.exchange(state, &carried);
        if let Answer::Tokens(token) = answer {
            state.loot.push(token);
        }
        if !decision.is_some_and(|decision| gives_tokens(&decision)) {
            return;
        }
        self.rules.tally.thief_served.fetch_max(state.renewals, Relaxed);
        if state.renewals > self.bounds.renewals {
            state.harm = Some(Harm::NeverFound);
        }
    }

    /// The victim's request. It renews once its access token has expired; if it is told that its token is
    /// dead, it asks once more at once, with the mark.
    fn victim(&self, state: &mut State, life: Millis) {
        state.due = state.now.plus(self.bounds.every);
        let Some(token) = state.victim.refresh else { return };
        if state.now < state.access_until {
            let carried = Carried { ask: Ask::Use, token, jar: state.victim };
            self.exchange(state, &carried);
            return;
        }
        state.access_until = state.now.plus(life);
        state.due = state.due.min(state.access_until);
        state.renewals += u8::from(state.copied);
        for _ in 0..2 {
            let carried = Carried { ask: Ask::Refresh, token, jar: state.victim };
            match self.exchange(state, &carried).0 {
                Answer::Tokens(token) => return state.victim = Jar::holding(token),
                Answer::Plain | Answer::Over => return,
                Answer::Stale(generation) => state.victim.mark = Some(generation),
            }
        }
        state.harm = Some(Harm::Evicted);
    }

    fn exchange(&self, state: &mut State, carried: &Carried) -> (Answer, Option<Decision>) {
        match state.server.answer_at_once(&self.rules, carried, state.now, Confirmation::Kept) {
            Outcome::Answered { answer, decision } => (answer, decision),
            Outcome::LostRace => unreachable!("nobody races here"),
        }
    }
}

/// Whom else a token of the loot belongs to: all that can matter about its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kin {
    Victims,
    Parent,
    Own,
}

impl State {
    fn kin(&self, token: Token) -> Kin {
        match self.server.row.rotation.parent {
            _ if self.victim.refresh == Some(token) => Kin::Victims,
            Parent::Known(branch) if branch == token.branch => Kin::Parent,
            Parent::Known(_) | Parent::Unknown => Kin::Own,
        }
    }

    /// Tokens two generations back are dead for good, and of tokens that differ in nothing but their
    /// number a thief needs one.
    fn sort_loot(&mut self) {
        let present = self.server.row.rotation.generation;
        let mut loot = std::mem::take(&mut self.loot);
        loot.retain(|token| token.generation.next() >= present);
        loot.sort_by_key(|token| (token.generation, self.kin(*token), token.branch));
        loot.dedup_by_key(|token| (token.generation, self.kin(*token)));
        self.loot = loot;
    }

    fn ahead(&self, generation: Generation) -> i64 {
        (i64::from(generation.0) - i64::from(self.server.row.rotation.generation.0)).max(-3)
    }

    fn left(&self, until: UnixMillis) -> Millis {
        until.since(self.now).max(Millis::ZERO)
    }
}

/// The canonical form: ages up to the longest span, time left, generations relative to the session's own.
impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let rotation = &self.server.row.rotation;
        let age = self.now.since(rotation.delivered_at).min(self.age_max);
        let parent_is_known = matches!(rotation.parent, Parent::Known(_));
        (age, rotation.late, rotation.confirmed, parent_is_known, self.server.row.ended).hash(hasher);
        let of_parent = self.victim.refresh.map(|token| rotation.parent == Parent::Known(token.branch));
        let held = self.victim.refresh.map(|token| self.ahead(token.generation));
        (held, of_parent, self.victim.mark.map(|mark| self.ahead(mark))).hash(hasher);
        for token in &self.loot {
            (self.ahead(token.generation), self.kin(*token)).hash(hasher);
        }
        (self.left(self.access_until), self.left(self.due), self.harm).hash(hasher);
        (self.copied, self.renewals).hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let hash = |state: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        };
        hash(self) == hash(other)
    }
}

impl Eq for State {}
