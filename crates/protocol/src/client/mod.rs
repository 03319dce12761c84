//! What a session client does next. Pure: what was seen and heard, the time and chance come in, orders go out.
//!
//! `sdk/src/core/machine.ts` says the same in TypeScript, name by name, and the transcripts of `conformance/machine` hold
//! both to each other: the JSON of a machine, an input and an order is the same JSON there. Times are milliseconds of a
//! clock that only goes forward.
//!
//! This file has the words, `machine` the rules.

mod machine;

use serde::{Deserialize, Serialize};

pub use self::machine::{Machine, here_in, is_fresh, step};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Cookie,
    Bearer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Loading,
    Authenticated,
    MfaVerifyRequired,
    MfaSetupRequired,
    VerifyEmailRequired,
    Unauthenticated,
}

/// What the readable cookies say: the CSRF cookie whose jar it is, the hint how far that person got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jar {
    pub person: Option<String>,
    /// Of the hint, where there is one.
    pub status: Option<Hint>,
    /// With `authenticated` the person, with `ended` the reason.
    pub of: Option<String>,
    pub rev: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    Ended,
    #[serde(untagged)]
    Phase(Phase),
}

/// A session answer: who is here from now on, and the access token that came along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: Phase,
    pub person: Option<String>,
    pub reason: Option<String>,
    /// The token itself in bearer transport. In cookie transport no page sees it, and the hint's revision stands for it.
    pub rev: Option<String>,
    /// How long that token serves, counted from the question. Without: until somebody refuses it.
    pub serves_ms: Option<i64>,
}

/// What an answer says about the session: nothing (`fine`), or one of the service's codes. `invalid_token` stands for every
/// token that somebody would not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Fine,
    InvalidToken,
    StaleToken,
    SessionEnded,
    CsrfFailed,
    IdentityChanged,
    RetryWithBody,
    AuthUnavailable,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Input {
    /// Before everything that depends on whose jar this is.
    Look {
        jar: Jar,
    },
    /// `person` is whose page it was that asked: `""` nobody's, nothing where that is not known yet.
    Want {
        id: u64,
        kind: Wanted,
        person: Option<String>,
        needs_csrf: bool,
    },
    /// To a request of the app.
    Answer {
        id: u64,
        is: Verdict,
        reason: Option<String>,
    },
    /// To a question. Without an answer it was no longer necessary; `chance` is of 0 to 999.
    Reply {
        is: Verdict,
        answer: Option<Answer>,
        reason: Option<String>,
        wait_ms: Option<i64>,
        chance: i64,
    },
    /// The app was answered, by a login for example.
    Commit {
        answer: Answer,
    },
    Abort {
        id: u64,
    },
    Leave,
    Online,
    #[serde(untagged)]
    Message(Message),
}

/// From tab to tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Message {
    /// A session is over.
    Ended { person: String, reason: String },
    /// There is a new token.
    Renewed { answer: Answer },
    /// A token is needed.
    Needed { person: Option<String> },
}

/// What the app asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    Renew,
    #[serde(untagged)]
    Kind(Kind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A state that is known.
    Ready,
    /// An access token that is good.
    Fresh,
    /// A request of the app.
    Call,
    /// A request that needs no session.
    Open,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    Send {
        id: u64,
    },
    /// `rev` is the token that no longer serves: whoever holds another one need not ask.
    Ask {
        call: Ask,
        rev: Option<String>,
    },
    Settle {
        id: u64,
        #[serde(rename = "as")]
        outcome: Outcome,
    },
    Tell {
        message: Message,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    Session,
    Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answer,
    SessionEnded,
    IdentityChanged,
    AuthUnavailable,
}

#[cfg(test)]
mod tests;
