//! Every bound of this crate that is not configuration.

use perennial_protocol::time::Millis;

/// How often a change is decided anew when another writer was faster.
pub const APPLY_ATTEMPT_MAX: usize = 3;

/// How long everything but a refresh and a session read waits for the store.
pub const STORE_WAIT: Millis = Millis::seconds(2);

/// How long a password waits for a free place to be hashed.
pub const HASH_WAIT: Millis = Millis(1500);

/// How many passwords may wait for a place.
pub const HASH_QUEUE_MAX: usize = 64;

/// The longest password, in bytes after normalisation: far above 64 characters of any script.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The shortest password, in characters (ASVS 6.2.1).
pub const PASSWORD_CHARACTERS_MIN: usize = 8;

/// How many characters of a password its strength is estimated from; the estimate's cost grows steeply.
pub const PASSWORD_ESTIMATE_CHARACTERS: usize = 64;

/// The longest password hash that is read, in bytes.
pub const KEPT_HASH_BYTES_MAX: usize = 512;

/// How much memory a foreign Argon2 hash may ask for: what Django asks for (100 MiB), and little more. So much,
/// times the places of the pool, is the most that logins ever take.
pub const KEPT_ARGON2_KIB_MAX: u64 = 128 * 1024;

/// How much memory, times its passes, a foreign Argon2 hash may walk through: some ten times our own.
pub const KEPT_ARGON2_WORK_MAX: u64 = 512 * 1024;

/// The highest cost of a foreign bcrypt hash: four times the usual 12.
pub const KEPT_BCRYPT_COST_MAX: u64 = 14;

/// The most iterations of a foreign PBKDF2 hash: above what Django asks for.
pub const KEPT_PBKDF2_ITERATIONS_MAX: u64 = 2_000_000;

/// How many access tokens are remembered as verified.
pub const ACCESS_CACHE_ENTRIES: usize = 50_000;

/// How many sessions a node knows without asking the store, and how many forwarded tokens it keeps at hand.
pub const KNOWN_SESSIONS: usize = 50_000;

/// The longest access token that is looked at: one with all the claims of an account and of a session.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 4096;

/// How many sessions a device list shows.
pub const DEVICES_MAX: usize = 100;

/// How many characters of a browser's description are kept.
pub const DEVICE_CHARACTERS_MAX: usize = 200;

/// How many characters a person's name may have.
pub const NAME_CHARACTERS_MAX: usize = 100;

/// How often a session key is drawn until its two characters are free in the jar.
pub const SESSION_KEY_DRAWS: usize = 64;

/// How many messages may wait to be sent.
pub const MAIL_QUEUE_MAX: usize = 256;

/// How many messages may be under way, those that pause before another attempt included.
pub const MAILS_UNDER_WAY: usize = 256;

/// How many connections the relay may see at a time.
pub const MAIL_CONNECTIONS: usize = 4;

/// How often a message is tried: for some three minutes, while its code is still good for longer.
pub const MAIL_ATTEMPTS: usize = 10;

/// How many messages the development mailbox keeps.
pub const MAILBOX_MESSAGES_MAX: usize = 200;

/// How often an e-mail code may be sent anew in one registration.
pub const CODE_RESENDS: u8 = 3;

/// How young a login must be to add a second factor inside a session.
pub const RECENT_LOGIN: Millis = Millis::minutes(10);

/// How often per idle span a session's last activity is written forward where no rotation does it.
pub const TOUCHES_PER_IDLE: i64 = 8;

/// How long browsers use the SDK without asking, and how long they then use it while they ask.
pub const SDK_MAX_AGE_SECONDS: u32 = 300;
pub const SDK_STALE_SECONDS: u32 = 24 * 3600;

/// How long verifiers may keep the public keys (RFC 9111 §5.2.2.1).
pub const JWKS_MAX_AGE_SECONDS: u32 = 300;

/// How long a visitor's anti-CSRF token stays in the jar; a page that is open longer gets a new one with
/// its first refusal.
pub const VISITOR_CSRF_TTL: Millis = Millis::days(1);

/// How long a jar is told that its session ended, and carries a stale mark.
pub const AFTERMATH_TTL: Millis = Millis::minutes(10);

/// How long a node remembers that a session was ended, if no access token can live longer.
pub const ENDS_KEPT: Millis = Millis::hours(1);

/// How long after its time an end may appear in the log: the clocks of two nodes and a slow commit.
pub const ENDS_SETTLE: Millis = Millis::seconds(10);

/// How long one look at the log of ends may take.
pub const ENDS_WAIT: Millis = Millis::seconds(5);

/// How many entries of the log of ends are read in one question.
pub const ENDS_PAGE: usize = 1000;

/// How many accounts are imported in one change: large enough that commits cost little, small enough that
/// logins do not wait for it.
pub const IMPORT_BATCH: usize = 100;

/// The longest line of an import, in bytes.
pub const IMPORT_LINE_BYTES_MAX: usize = 16 * 1024;

/// The largest body of a call to the admin API: a browser's Cookie header fits, and some hundred accounts do.
pub const ADMIN_BODY_BYTES_MAX: usize = 1024 * 1024;

/// How many accounts one call imports.
pub const ADMIN_IMPORT_MAX: usize = 1000;

/// How many accounts one answer lists.
pub const ADMIN_PAGE_MAX: usize = 200;

/// How many methods of proof the operator may name for a session, and how long each name may be: they stand in
/// every access token, which has to fit into a cookie.
pub const ISSUED_METHODS_MAX: usize = 4;
pub const ISSUED_METHOD_LENGTH_MAX: usize = 8;

/// How much work that is done once for many may be under way: far above the requests that a node serves at once.
pub const FLIGHTS_MAX: usize = 10_000;

/// How long a node may take to spend a foreign refresh token before another one may.
pub const FOREIGN_LEASE: Millis = Millis::seconds(30);

/// How long the issuer may take: what is left of the lease is for keeping its answer.
pub const FOREIGN_CALL_WAIT: Millis = Millis::seconds(20);

/// How long a request waits for the node that spends its token: until the lease of one that died is over.
pub const FOREIGN_WAIT: Millis = Millis::seconds(30);

/// The first and the longest pause between two looks at what another node does.
pub const FOREIGN_LOOK_FIRST: Millis = Millis(20);
pub const FOREIGN_LOOK_LONGEST: Millis = Millis(250);

/// How often the issuer's answer is written to a store that does not answer, and the pause before each time.
pub const FOREIGN_KEEP_ATTEMPTS: u32 = 4;
pub const FOREIGN_KEEP_PAUSE: Millis = Millis(200);

/// How long a spent token still yields its successor once that was presented: requests that were under way by then.
pub const FOREIGN_OVERLAP: Millis = Millis::minutes(1);

/// How long one answer is shared where the issuer leaves the token as it is: those who come together.
pub const FOREIGN_BURST: Millis = Millis::seconds(10);

/// How long the issuer's no is remembered.
pub const FOREIGN_REFUSAL_KEPT: Millis = Millis::minutes(1);

/// How long nobody asks the issuer again after a call of unknown outcome.
pub const FOREIGN_PAUSE: Millis = Millis::seconds(2);

/// The largest refusal that is told in headers: web servers keep little room for them.
pub const REFUSAL_BYTES_MAX: usize = 8 * 1024;
