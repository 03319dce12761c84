//! What is wrong with a configuration, each in one sentence that says what to change.

use std::fmt;

use crate::provenance;

/// One reason not to run with this configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Problem {
    /// The dotted path of the key, or the name of what could not be read.
    pub key: String,
    /// The whole sentence, with key and source. It never shows a secret.
    pub sentence: String,
}

impl Problem {
    /// A problem of one key: its name, its source, then `rest`.
    pub(crate) fn of(key: &str, label: &str, rest: impl fmt::Display) -> Self {
        Self { key: key.to_owned(), sentence: format!("`{key}` {} {rest}", provenance::place(label)) }
    }

    /// A problem whose sentence stands for itself.
    pub(crate) fn said(key: &str, sentence: impl Into<String>) -> Self {
        Self { key: key.to_owned(), sentence: sentence.into() }
    }
}

/// A configuration that cannot be run with, and every reason that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<Problem>);

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(out, "{only}"),
            many => {
                write!(out, "the configuration has {} problems:", many.len())?;
                many.iter().try_for_each(|problem| write!(out, "\n- {problem}"))
            }
        }
    }
}

impl std::error::Error for Refused {}
