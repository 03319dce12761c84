//! What a world is made of: who is in it, what may go wrong and how often, and what is taken away.

use perennial_protocol::{refresh::Policy, time::Millis};

use super::thief::Theft;

/// A world before it begins. Chances are given as "once in so many"; 0 is never.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub name: &'static str,
    pub expected: Expected,
    pub people: usize,
    /// Tabs of each browser.
    pub tabs: usize,
    pub nodes: usize,
    pub lasts: Millis,
    pub policy: Policy,
    pub temper: Temper,
    pub network: Network,
    /// Answers with the current refresh token that never arrive, in each generation.
    pub losses: u8,
    /// Crashes of a browser, in each generation that lost no answer.
    pub crashes: u8,
    /// How often a person's machine sleeps for hours, their browser crashes, and another person logs in.
    pub sleeps: Millis,
    pub breaks: Millis,
    pub switches: Millis,
    /// How often a node is replaced.
    pub restarts: Millis,
    /// How often a node looks at the log of ends unasked; the binary does so twice a second.
    pub looks: Millis,
    /// How often the store is down.
    pub outages: Millis,
    /// What the store may lose, if it was its last write.
    pub loses: Loses,
    pub theft: Option<Theft>,
    pub twist: Twist,
}

/// What a run of a world must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// No violation, whatever the seed.
    Holds,
    /// A violation of this property under some seed.
    Fails(&'static str),
}

/// How tabs behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    /// A request every minute or so; a refresh when the access token is gone.
    Calm,
    /// Requests and refreshes without need, several at once.
    Nervous,
}

/// What a store forgets that goes back to an older state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loses {
    Nothing,
    Rotations,
    /// Rotations and logouts.
    Ends,
}

/// What is between a browser and a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The longest time that a request, or an answer, is under way.
    pub hold: Millis,
    /// How many legs take up to that long, and not a moment.
    pub slow: u32,
    pub lost: u32,
    pub twice: u32,
    /// Answers of which only some cookies are kept.
    pub partly: u32,
}

/// What is taken away from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    Untouched,
    /// Any use confirms, however soon after the delivery.
    ConfirmedAtOnce,
    /// A late replay does not begin the delivery window anew.
    WindowNeverBeginsAnew,
    /// Every branch passes for the parent.
    BranchesForgotten,
    /// No request carries a stale mark.
    MarksForgotten,
    /// A login leaves the sessions alive that its jar held.
    LoginsEndNothing,
    /// Cookies of all logins have the same names.
    NamesWithoutTags,
}
