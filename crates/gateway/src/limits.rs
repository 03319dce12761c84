//! Every bound of this crate that is not configuration.

use std::time::Duration;

/// How long an idle connection to an upstream is kept: shorter than most servers keep theirs.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// The largest refusal of an upstream that is read for what it says.
pub const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// How long the rest of a small body, or of a refusal, may take to arrive.
pub const SMALL_BODY_WAIT: Duration = Duration::from_secs(10);

/// How often a tunnel asks whether its session is over. With the nodes' look at the log of ends, it is cut well
/// within five seconds.
pub const TUNNEL_LOOK: Duration = Duration::from_secs(1);

/// How long a tunnel that is to be cut waits for the end of a frame, so that the browser reads why.
pub const LAST_FRAME_WAIT: Duration = Duration::from_secs(1);

/// How long an upstream may go on talking after the client has said its last.
pub const HALF_CLOSED_WAIT: Duration = Duration::from_secs(30);

/// How many bytes a tunnel reads at a time.
pub const TUNNEL_CHUNK: usize = 16 * 1024;

/// How many exchanges a watcher may lag behind.
pub const WATCHED_EXCHANGES: usize = 256;

/// How long a request waits for new tokens of a foreign issuer. The call itself may take longer; its outcome is there
/// for the next request.
pub const RENEWAL_WAIT: Duration = Duration::from_secs(10);

/// How long after its request an answer may still change the tokens in the jar: later they may be those of another
/// login. The next request hears the same.
pub const JAR_CHANGES_LATE: Duration = Duration::from_secs(10);

/// How often a logout goes on to the successor of a token that was spent meanwhile.
pub const LOGOUT_ATTEMPTS: usize = 3;

/// The longest answer with tokens of a foreign issuer.
pub const TOKEN_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How many bytes of a cookie, with its name, browsers keep (RFC 6265bis §5.7).
pub const COOKIE_BYTES_MAX: usize = 4096;

/// How many refresh calls of one address a foreign issuer may refuse in a burst, and how soon it may be asked for one
/// more after that.
pub const VAIN_CALLS: f64 = 100.0;
pub const VAIN_CALL_EVERY: Duration = Duration::from_secs(2);

/// How many addresses are counted.
pub const ADDRESSES: usize = 10_000;

/// How many access tokens are remembered that were called expired when they were new, and how long.
pub const REFUSED_FRESH: usize = 10_000;
pub const REFUSED_FRESH_KEPT: Duration = Duration::from_secs(60);
