//! When two states of an honest world count as one.
//!
//! The rules compare ages with fixed spans, generations with each other and branches for equality. So the
//! canonical form keeps ages up to the longest span, generations relative to the session's own, and
//! branches numbered in the order in which they are met. A branch that can only be equal or unequal to the
//! parent keeps no more than that. Equal canonical forms have equal futures.

use std::hash::{DefaultHasher, Hash, Hasher};

use perennial_protocol::{
    refresh::{Branch, Generation, Parent, Rotation},
    time::UnixMillis,
};

use super::{
    honest::{Lens, State},
    jar::{Jar, Token},
    network::{Leg, Message},
    server::Answer,
};

/// Where the session's own generation stands in the canonical form, and how far below it generations are
/// told apart.
const PRESENT: u32 = 100;
const PAST: u32 = 4;

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let mut state = self.clone();
        let mut renaming = Renaming::of(self);
        renaming.rename(&mut state);
        state.network.0.sort_by_cached_key(fingerprint);
        let State { now: _, server, browser, network, losses, crashes, harm, lens: _ } = state;
        (server, browser, network, losses, crashes, harm).hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(self) == fingerprint(other)
    }
}

impl Eq for State {}

fn fingerprint(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

struct Renaming {
    now: UnixMillis,
    lens: Lens,
    present: Generation,
    parent: Parent,
    met: Vec<Branch>,
}

impl Renaming {
    fn of(state: &State) -> Self {
        let Rotation { generation, parent, .. } = state.server.row.rotation;
        Self { now: state.now, lens: state.lens, present: generation, parent, met: Vec::new() }
    }

    fn rename(&mut self, state: &mut State) {
        self.rotation(&mut state.server.row.rotation);
        if !self.lens.rolls_back {
            state.server.before = None;
        }
        if let Some(before) = &mut state.server.before {
            self.rotation(&mut before.rotation);
        }
        state.server.drawn = 0;
        self.jar(&mut state.browser.jar);
        self.jar(&mut state.browser.disk);
        if let Some(since) = &mut state.browser.changed_at {
            *since = self.age(*since);
        }
        state.network.0.sort_by_cached_key(|message| fingerprint(&self.shape(message)));
        for message in &mut state.network.0 {
            self.message(message);
        }
    }

    /// What orders messages before their branches have names.
    fn shape(&self, message: &Message) -> (u8, UnixMillis, Option<u32>) {
        let (kind, generation) = match message.leg {
            Leg::Request(carried, _) => (carried.ask as u8, Some(carried.token.generation)),
            Leg::AtNode(carried, _) => (16 + carried.ask as u8, Some(carried.token.generation)),
            Leg::Answer(Answer::Tokens(token)) => (32, Some(token.generation)),
            Leg::Answer(_) => (33, None),
        };
        (kind, self.age(message.since), generation.map(|generation| self.generation(generation).0))
    }

    fn message(&mut self, message: &mut Message) {
        message.since = self.age(message.since);
        match &mut message.leg {
            Leg::Request(carried, _) => {
                self.token(&mut carried.token);
                self.jar(&mut carried.jar);
            }
            Leg::AtNode(carried, loaded) => {
                self.token(&mut carried.token);
                self.jar(&mut carried.jar);
                loaded.row.rotation.delivered_at = self.until(loaded.row.rotation.delivered_at, loaded.at);
                loaded.at = self.age(loaded.at);
                loaded.row.rotation.generation = self.generation(loaded.row.rotation.generation);
                self.parent(&mut loaded.row.rotation.parent);
            }
            Leg::Answer(Answer::Tokens(token)) => self.token(token),
            Leg::Answer(Answer::Stale(generation)) => *generation = self.mark(*generation),
            Leg::Answer(Answer::Plain | Answer::Over) => {}
        }
    }

    fn jar(&mut self, jar: &mut Jar) {
        if let Some(token) = &mut jar.refresh {
            self.token(token);
        }
        jar.mark = jar.mark.map(|generation| self.mark(generation));
    }

    fn rotation(&mut self, rotation: &mut Rotation) {
        rotation.delivered_at = self.age(rotation.delivered_at);
        rotation.generation = self.generation(rotation.generation);
        self.parent(&mut rotation.parent);
    }

    fn parent(&mut self, parent: &mut Parent) {
        if let Parent::Known(branch) = parent {
            *branch = self.branch(*branch);
        }
    }

    fn token(&mut self, token: &mut Token) {
        let past = token.generation < self.present;
        token.branch = match self.parent {
            _ if self.keeps_all_branches() || !past => self.branch(token.branch),
            _ if token.generation.next() < self.present => Branch(0),
            Parent::Known(parent) if parent == token.branch => self.branch(parent),
            Parent::Known(_) | Parent::Unknown => Branch(0),
        };
        token.generation = self.generation(token.generation);
    }

    const fn keeps_all_branches(&self) -> bool {
        self.lens.rolls_back
    }

    fn branch(&mut self, branch: Branch) -> Branch {
        let known = self.met.iter().position(|met| *met == branch);
        let place = known.unwrap_or_else(|| {
            self.met.push(branch);
            self.met.len() - 1
        });
        Branch(u32::try_from(place).expect("a state names a handful of branches") + 1)
    }

    /// Tokens of the distant past are all alike: dead.
    fn generation(&self, generation: Generation) -> Generation {
        Generation((generation.0 + PRESENT).saturating_sub(self.present.0).max(PRESENT - PAST))
    }

    /// A mark of the distant past stays above the tokens of that time, which can only do more harm.
    fn mark(&self, generation: Generation) -> Generation {
        Generation(self.generation(generation).0.max(PRESENT - PAST + 1))
    }

    /// An instant as the time since then, up to the longest span.
    fn age(&self, instant: UnixMillis) -> UnixMillis {
        self.until(instant, self.now)
    }

    fn until(&self, instant: UnixMillis, then: UnixMillis) -> UnixMillis {
        UnixMillis(then.since(instant).min(self.lens.age_max).0)
    }
}
