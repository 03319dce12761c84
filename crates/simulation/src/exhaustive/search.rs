//! Runs one world through the checker and says what came of it.

use std::{
    fmt::Debug,
    hash::Hash,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use stateright::{Checker, HasDiscoveries, Model, Path};

use super::{
    honest::Honest,
    rules::Rules,
    thief::Theft,
    trace::{self, Told},
    worlds::{Expected, Scene, World},
};

/// States to generate before a search is given up as too large.
const GENERATED_MAX: usize = 60_000_000;

/// What a search found.
#[derive(Debug)]
pub struct Findings {
    pub world: World,
    pub states: usize,
    pub depth: usize,
    pub end: End,
    pub violated: Vec<&'static str>,
    pub took: Duration,
    /// What the decision decided, by name.
    pub decisions: Vec<(&'static str, u64)>,
    /// The last renewal of a victim after which a thief was served.
    pub thief_served: u8,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has seen every state within the bounds.
    Complete,
    Violation,
    /// There were too many states.
    Capped,
}

/// A world's model: its rules, and words for its steps.
pub trait Searched: Model<State: Clone + PartialEq + Hash + Send + Sync, Action: Clone + PartialEq> + Told {
    fn rules(&self) -> &Rules;
}

impl Searched for Honest {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Searched for Theft {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Findings {
    pub fn as_expected(&self) -> bool {
        match self.world.expected {
            Expected::Holds => self.end == End::Complete,
            Expected::Fails(property) => self.violated.contains(&property),
        }
    }
}

/// Searches the world until all of it was seen or a property is violated.
pub fn search(world: World) -> Findings {
    match world.scene {
        Scene::Honest(bounds) => run(world, Honest { rules: rules(&world), bounds }),
        Scene::Theft(bounds) => run(world, Theft { rules: rules(&world), bounds }),
    }
}

/// The shortest history that violates a property, a line for each step.
pub fn counterexample(world: World) -> Option<Vec<String>> {
    match world.scene {
        Scene::Honest(bounds) => shortest(world.expected, || Honest { rules: rules(&world), bounds }),
        Scene::Theft(bounds) => shortest(world.expected, || Theft { rules: rules(&world), bounds }),
    }
}

fn rules(world: &World) -> Rules {
    Rules::new(world.policy, world.twist)
}

fn run<M: Searched + Send + Sync + 'static>(world: World, model: M) -> Findings
where
    M::State: 'static,
{
    let started = Instant::now();
    let builder = model.checker().target_state_count(GENERATED_MAX).finish_when(enough(world.expected));
    let checker = builder.spawn_bfs().join();
    let violated: Vec<_> = checker.discoveries().into_keys().collect();
    let end = match (violated.is_empty(), checker.state_count() >= GENERATED_MAX) {
        (false, _) => End::Violation,
        (true, true) => End::Capped,
        (true, false) => End::Complete,
    };
    let tally = &checker.model().rules().tally;
    Findings {
        world,
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        end,
        violated,
        took: started.elapsed(),
        decisions: tally.summary(),
        thief_served: tally.thief_served.load(Relaxed),
    }
}

/// A world that must fail is searched until it fails as it must, whatever else is found before.
fn enough(expected: Expected) -> HasDiscoveries {
    match expected {
        Expected::Holds => HasDiscoveries::AnyFailures,
        Expected::Fails(property) => HasDiscoveries::AnyOf([property].into()),
    }
}

impl Expected {
    fn asks_for(self, property: &str) -> bool {
        match self {
            Self::Holds => true,
            Self::Fails(expected) => property == expected,
        }
    }
}

/// A property and the history that violates it.
type Discovery<M> = (&'static str, Path<<M as Model>::State, <M as Model>::Action>);

/// The checker looks at states in blocks and keeps the last violation of a block, so look again below the
/// depth of what was found until there is nothing.
fn shortest<M: Searched + Send + Sync + 'static>(expected: Expected, model: impl Fn() -> M) -> Option<Vec<String>>
where
    M::State: 'static,
{
    let mut found: Option<Discovery<M>> = None;
    loop {
        let builder = model().checker().target_state_count(GENERATED_MAX).finish_when(enough(expected));
        let builder = match &found {
            Some((_, path)) => builder.target_max_depth(path.clone().into_states().len()),
            None => builder,
        };
        let discoveries = builder.spawn_bfs().join().discoveries();
        let wanted = discoveries.into_iter().filter(|(property, _)| expected.asks_for(property));
        match wanted.min_by_key(|(_, path)| path.clone().into_states().len()) {
            Some(shorter) => found = Some(shorter),
            None => return found.map(|(property, path)| trace::tell(&model(), property, path)),
        }
    }
}
