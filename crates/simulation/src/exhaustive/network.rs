//! What is under way between a jar and the server: in any order, late, twice or never.

use perennial_protocol::time::{Millis, UnixMillis};

use super::server::{Answer, Carried, Loaded};

/// One request or one answer. Each leg may take as long as the world's hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// When this leg began.
    pub since: UnixMillis,
    pub leg: Leg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leg {
    Request(Carried, Listener),
    /// A node has read the row and not yet written.
    AtNode(Carried, Loaded),
    Answer(Answer),
}

/// Whether somebody still waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listener {
    /// A browser. It keeps the cookies of an answer even if the page has given up on the fetch.
    Browser,
    /// The browser crashed since.
    Nobody,
}

/// Everything under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Network(pub Vec<Message>);

impl Network {
    pub fn send(&mut self, carried: Carried, now: UnixMillis) {
        self.0.push(Message { since: now, leg: Leg::Request(carried, Listener::Browser) });
    }

    /// An answer sets out; one that sets no cookie needs no journey.
    pub fn answer(&mut self, answer: Answer, now: UnixMillis) {
        if answer != Answer::Plain {
            self.0.push(Message { since: now, leg: Leg::Answer(answer) });
        }
    }

    /// Whether all of it may stay under way until `then`. Nodes decide within no time.
    pub fn can_wait(&self, then: UnixMillis, hold: Millis) -> bool {
        let patient = |message: &Message| then.since(message.since) <= hold && !matches!(message.leg, Leg::AtNode(..));
        self.0.iter().all(patient)
    }

    /// A browser crashes: requests go on, answers find nobody.
    pub fn hang_up(&mut self) {
        self.0.retain(|message| !matches!(message.leg, Leg::Answer(_)));
        for message in &mut self.0 {
            if let Leg::Request(_, listener) = &mut message.leg {
                *listener = Listener::Nobody;
            }
        }
    }
}
