//! Every bound of this crate.

use std::time::Duration;

/// How long an answer of the auth service is waited for; the service itself answers within this or says why not.
pub const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// How long a connection to it may take.
pub const CONNECT_WAIT: Duration = Duration::from_secs(1);

/// How many judgements are kept at hand.
pub const JUDGEMENTS: usize = 50_000;

/// How often the ends of sessions are asked for: an end is known well within two seconds.
pub const ENDS_LOOK: Duration = Duration::from_millis(500);

/// After so long without an answer, who watches the log is told.
pub const CUT_OFF_AFTER: Duration = Duration::from_secs(5);

/// The largest refusal that is read.
pub const PROBLEM_BYTES_MAX: u64 = 64 * 1024;
