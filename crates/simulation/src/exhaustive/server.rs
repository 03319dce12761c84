//! The shell around the decision: load, decide, apply as one conditional write.
//!
//! One server stands for any number of nodes over one store: conditional writes make every run of theirs
//! equal to some serial order of decisions. `load` and `apply` can also be taken apart, so that the
//! condition itself is under search.

use perennial_protocol::{
    refresh::{Branch, Decision, Generation, Rotation},
    session::EndReason,
    time::UnixMillis,
};

use super::{
    jar::{Jar, Token},
    rules::{Ask, Row, Rules, gives_tokens},
};

/// The session's row, and what the store would go back to if it lost its last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Server {
    pub row: Row,
    pub before: Option<Row>,
    /// Whether the store lost the end of the session, and nobody has written it again.
    pub end_lost: bool,
    /// How many branches were drawn; the next one is new to everybody.
    pub drawn: u32,
}

/// What the row must still be for a write to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The same generation and window, and not ended.
    Unchanged,
    /// The same generation and window, whether ended or not: a safeguard taken away.
    UnchangedOrEnded,
}

/// What a node read before it decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Loaded {
    pub row: Row,
    pub at: UnixMillis,
}

/// What the client is told, as far as its cookies are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    Tokens(Token),
    /// An access token, or an ordinary answer: no cookie that matters here.
    Plain,
    Stale(Generation),
    Over,
}

/// A request as it reaches the server: what it wants, and the jar it was sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Carried {
    pub ask: Ask,
    pub token: Token,
    pub jar: Jar,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered {
        answer: Answer,
        decision: Option<Decision>,
    },
    /// Another writer was faster: load again.
    LostRace,
}

/// Whether the batched write of a confirmation reaches the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    Kept,
    Lost,
}

impl Server {
    /// A new session, and the refresh token that its login handed out.
    pub const fn first(now: UnixMillis) -> (Self, Token) {
        let rotation = Rotation::first(now);
        let token = Token { generation: rotation.generation, branch: Branch(1) };
        (Self { row: Row { rotation, ended: None }, before: None, end_lost: false, drawn: 1 }, token)
    }

    pub const fn load(&self, now: UnixMillis) -> Loaded {
        Loaded { row: self.row, at: now }
    }

    /// Decides on what was loaded and applies it, provided that the row still meets `condition`.
    pub fn apply(
        &mut self,
        rules: &Rules,
        carried: &Carried,
        loaded: Loaded,
        condition: Condition,
        confirmation: Confirmation,
    ) -> Outcome {
        match carried.ask {
            Ask::Logout => {
                self.end(EndReason::Logout);
                return Outcome::Answered { answer: Answer::Over, decision: None };
            }
            Ask::Use => {
                self.confirm(rules, carried, loaded, confirmation);
                return Outcome::Answered { answer: Answer::Plain, decision: None };
            }
            Ask::Refresh | Ask::InPassing | Ask::Prefetch => {}
        }
        let decision = rules.decide(&loaded.row, carried.token, &carried.jar, carried.ask, loaded.at);
        let writes = decision.write().is_some() || decision == Decision::Theft;
        if writes && !self.meets(condition, &loaded.row) {
            return Outcome::LostRace;
        }
        if let Some(next) = decision.write() {
            self.before = Some(self.row);
            self.row.rotation = next;
        }
        if decision == Decision::Theft {
            self.end(EndReason::Reuse);
        }
        if !writes && gives_tokens(&decision) {
            self.confirm(rules, carried, loaded, confirmation);
        }
        let answer = self.answer(&decision, loaded.row.rotation.generation);
        Outcome::Answered { answer, decision: Some(decision) }
    }

    /// The same in one step.
    pub fn answer_at_once(
        &mut self,
        rules: &Rules,
        carried: &Carried,
        now: UnixMillis,
        confirmation: Confirmation,
    ) -> Outcome {
        self.apply(rules, carried, self.load(now), Condition::Unchanged, confirmation)
    }

    /// The store loses its last write: a rotation, or the end of the session.
    pub fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            self.end_lost |= before.ended.is_none() && self.row.ended.is_some();
            self.row = before;
        }
    }

    /// A node that remembers the end writes it again.
    pub fn write_end_again(&mut self) {
        self.end_lost = false;
        self.row.ended = Some(EndReason::Logout);
    }

    fn end(&mut self, reason: EndReason) {
        if self.row.ended.is_none() {
            self.before = Some(self.row);
            self.end_lost = false;
            self.row.ended = Some(reason);
        }
    }

    fn answer(&mut self, decision: &Decision, loaded: Generation) -> Answer {
        match decision {
            Decision::Rotate(next) => self.hand_out(next.generation),
            Decision::Repeat(_) => self.hand_out(loaded),
            Decision::AccessOnly | Decision::GoForward(_) => Answer::Plain,
            Decision::Stale(generation) => Answer::Stale(*generation),
            Decision::Theft | Decision::Over(_) | Decision::Invalid => Answer::Over,
        }
    }

    fn hand_out(&mut self, generation: Generation) -> Answer {
        self.drawn += 1;
        Answer::Tokens(Token { generation, branch: Branch(self.drawn) })
    }

    fn confirm(&mut self, rules: &Rules, carried: &Carried, loaded: Loaded, confirmation: Confirmation) {
        let generation = carried.token.generation;
        let is_current = generation == self.row.rotation.generation;
        if is_current && rules.confirms(&loaded.row, generation, loaded.at) {
            rules.tally.confirmed();
            self.row.rotation.confirmed |= confirmation == Confirmation::Kept;
        }
    }

    fn meets(&self, condition: Condition, loaded: &Row) -> bool {
        let (now, then) = (&self.row.rotation, &loaded.rotation);
        let unchanged = now.generation == then.generation && now.late == then.late;
        match condition {
            Condition::Unchanged => unchanged && self.row.ended.is_none(),
            Condition::UnchangedOrEnded => unchanged,
        }
    }
}
