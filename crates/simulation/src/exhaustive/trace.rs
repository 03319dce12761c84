//! A counterexample in words: when, what happened, and how the row and the jar stand afterwards.

use std::fmt;

use perennial_protocol::{
    refresh::{Decision, Rotation},
    time::UnixMillis,
};
use stateright::{Model, Path};

use super::{
    honest::{self, Honest},
    jar::{Jar, Token},
    network::Leg,
    rules::Ask,
    server::{Answer, Carried, Loaded},
    thief::{self, Theft},
};

/// A model whose steps can be told.
pub trait Told: Model {
    /// What `action` did in `state`; nothing for the mere passing of time.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<String>;
    fn standing(&self, state: &Self::State) -> (UnixMillis, Rotation, Jar);
}

/// A line for each step but those in which only time passes.
pub fn tell<M: Told>(model: &M, property: &str, path: Path<M::State, M::Action>) -> Vec<String> {
    let steps = path.into_vec();
    let mut lines = vec![format!("violated: {property}")];
    for (index, (state, action)) in steps.iter().enumerate() {
        let Some(step) = action.as_ref().and_then(|action| model.step(state, action)) else { continue };
        let (now, _, _) = model.standing(state);
        let (_, row, jar) =
            steps.get(index + 1).map_or_else(|| model.standing(state), |(next, _)| model.standing(next));
        let confirmed = if row.confirmed { ", confirmed" } else { "" };
        let standing = format!("row {}, late {}{confirmed}; jar {}", row.generation.0, row.late, Said(jar));
        lines.push(format!("{:>6}s  {step:<76} {standing}", now.unix_seconds()));
    }
    lines
}

impl Told for Honest {
    fn step(&self, state: &honest::State, action: &honest::Action) -> Option<String> {
        let leg = |index: &usize| state.network.0[*index].leg;
        Some(match action {
            honest::Action::Wait => return None,
            honest::Action::Send(ask) => format!("a tab sends {} with {}", Said(*ask), Said(state.browser.jar)),
            honest::Action::Load(index) => format!("a node reads the row for {}", Said(leg(index))),
            honest::Action::Arrive(index, _) => match leg(index) {
                Leg::Request(carried, _) => {
                    let loaded = state.server.load(state.now);
                    self.arrival(&carried, loaded)
                }
                Leg::AtNode(carried, loaded) => self.arrival(&carried, loaded),
                Leg::Answer(_) => return None,
            },
            honest::Action::Store(index) => format!("the jar keeps {}", Said(leg(index))),
            honest::Action::StorePartly(index) => format!("the jar keeps its mark and {}", Said(leg(index))),
            honest::Action::Lose(index) => format!("{} is lost", Said(leg(index))),
            honest::Action::Duplicate(index) => format!("{} is under way twice", Said(leg(index))),
            honest::Action::Flush => "the browser writes its jar to disk".to_owned(),
            honest::Action::Crash => "the browser crashes".to_owned(),
            honest::Action::RollBack => "the store loses its last write".to_owned(),
            honest::Action::WriteEndAgain => "a node writes the end again".to_owned(),
        })
    }

    fn standing(&self, state: &honest::State) -> (UnixMillis, Rotation, Jar) {
        (state.now, state.server.row.rotation, state.browser.jar)
    }
}

impl Honest {
    fn arrival(&self, carried: &Carried, loaded: Loaded) -> String {
        let Carried { ask, token, jar } = *carried;
        match ask {
            Ask::Use | Ask::Logout => format!("{} is answered", Said(Leg::AtNode(*carried, loaded))),
            Ask::Refresh | Ask::InPassing | Ask::Prefetch => {
                let decision = self.rules.foresee(&loaded.row, token, &jar, ask, loaded.at);
                format!("{} is answered: {}", Said(Leg::AtNode(*carried, loaded)), Said(decision))
            }
        }
    }
}

impl Told for Theft {
    fn step(&self, state: &thief::State, action: &thief::Action) -> Option<String> {
        let say = |who: &str, ask: Ask, token: Token, jar: &Jar| {
            let decision = self.rules.foresee(&state.server.row, token, jar, ask, state.now);
            let outcome = if ask == Ask::Use { "answered".to_owned() } else { Said(decision).to_string() };
            format!("{who} sends {} with {}: {outcome}", Said(ask), Said(token))
        };
        Some(match action {
            thief::Action::Wait | thief::Action::Sleep => return None,
            thief::Action::Copy => "the thief copies the jar".to_owned(),
            thief::Action::Thief(index, ask) => {
                let token = state.loot[*index];
                say("the thief", *ask, token, &Jar::holding(token))
            }
            thief::Action::Victim(_) => {
                let ask = if state.now < state.access_until { Ask::Use } else { Ask::Refresh };
                say("the victim", ask, state.victim.refresh?, &state.victim)
            }
        })
    }

    fn standing(&self, state: &thief::State) -> (UnixMillis, Rotation, Jar) {
        (state.now, state.server.row.rotation, state.victim)
    }
}

/// A value as a trace says it.
struct Said<T>(T);

impl fmt::Display for Said<Token> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RT({}, branch {})", self.0.generation.0, self.0.branch.0)
    }
}

impl fmt::Display for Said<Jar> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.refresh {
            Some(token) => write!(out, "{}", Said(token))?,
            None => write!(out, "nothing")?,
        }
        self.0.mark.map_or(Ok(()), |mark| write!(out, " and mark {}", mark.0))
    }
}

impl fmt::Display for Said<Ask> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Ask::Refresh => "a refresh",
            Ask::InPassing => "a request that renews",
            Ask::Prefetch => "a prefetch",
            Ask::Use => "a request",
            Ask::Logout => "a logout",
        })
    }
}

impl fmt::Display for Said<Leg> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Leg::Request(carried, _) | Leg::AtNode(carried, _) => {
                write!(out, "{} with {}", Said(carried.ask), Said(carried.jar))
            }
            Leg::Answer(Answer::Tokens(token)) => write!(out, "the answer with {}", Said(token)),
            Leg::Answer(Answer::Stale(mark)) => write!(out, "the answer with mark {}", mark.0),
            Leg::Answer(Answer::Over) => write!(out, "the answer that the session is over"),
            Leg::Answer(Answer::Plain) => write!(out, "an answer"),
        }
    }
}

impl fmt::Display for Said<Decision> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Decision::Invalid => write!(out, "invalid"),
            Decision::Over(reason) => write!(out, "over ({})", reason.name()),
            Decision::AccessOnly => write!(out, "access only"),
            Decision::Rotate(next) => write!(out, "rotates to {}", next.generation.0),
            Decision::Repeat(None) => write!(out, "repeats"),
            Decision::Repeat(Some(_)) => write!(out, "repeats, window begins anew"),
            Decision::Stale(mark) => write!(out, "stale, mark {}", mark.0),
            Decision::Theft => write!(out, "theft"),
            Decision::GoForward(next) => write!(out, "goes forward to {}", next.generation.0),
        }
    }
}
