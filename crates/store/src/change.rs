//! A change: guarded writes that a store applies together.

use std::fmt;

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName},
    audit::AuditEvent,
    claims::Claims,
    id::{Sid, Subject},
    login::{Account, Pending},
    refresh::{Generation, Rotation},
    session::{Authentication, EndReason, Session},
    time::{Millis, UnixMillis},
};

use crate::{LeaseId, SealedResult};

/// Writes that happen all together, in this order, or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change(pub Vec<Write>);

/// Writes carry hashes and sealed secrets, so none of them is printed.
impl fmt::Debug for Write {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Write(..)")
    }
}

impl<const N: usize> From<[Write; N]> for Change {
    fn from(writes: [Write; N]) -> Self {
        Self(writes.into())
    }
}

/// Whether a change happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    Done,
    /// A guard did not hold, and nothing was written.
    Stale,
}

/// One write. Where a guard is named, the whole change is `Stale` unless it holds; a write without a guard
/// that finds nothing to do does nothing.
#[derive(Clone, PartialEq)]
pub enum Write {
    /// Guard: neither the sid nor the session key is taken.
    InsertSession(Session),
    /// The refresh decision's conditional write; `active_at` moves to the delivery.
    /// Guard: the session exists, is not ended, and stands at this generation with this `late`.
    Rotate {
        sid: Sid,
        from_generation: Generation,
        from_late: u8,
        to: Rotation,
        active_at: UnixMillis,
    },
    /// Sets `confirmed` while the session still stands at this generation.
    Confirm {
        sid: Sid,
        generation: Generation,
    },
    /// Moves `active_at` forward, never back.
    Touch {
        sid: Sid,
        at: UnixMillis,
    },
    /// The first end of a session stands.
    EndSession {
        sid: Sid,
        at: UnixMillis,
        reason: EndReason,
    },
    /// Ends every session of the subject that has not been ended yet, but for `except`.
    EndSessionsOf {
        subject: Subject,
        except: Option<Sid>,
        at: UnixMillis,
        reason: EndReason,
    },
    /// Guard: the session exists and is not ended.
    Reauthenticate {
        sid: Sid,
        authentication: Authentication,
    },

    /// Guard: neither the id nor the e-mail address is taken.
    InsertAccount(Account),
    SetPasswordHash {
        account: Subject,
        password_hash: String,
    },
    /// Puts a better hash of the same password in place of `from`, where that still stands.
    ReplacePasswordHash {
        account: Subject,
        from: String,
        to: String,
    },
    SetDisabled {
        account: Subject,
        disabled: bool,
    },
    SetClaims {
        account: Subject,
        claims: Claims,
    },
    RecordLogin {
        account: Subject,
        at: UnixMillis,
    },
    /// Writes nothing. Guard: the account exists, is not disabled, and its password is still known by this.
    ExpectPassword {
        account: Subject,
        password_hash: String,
    },
    /// Writes nothing. Guard: the account exists and has no second factor.
    ExpectNoSecondFactor {
        account: Subject,
    },
    /// Puts a second factor in place of none, or of the former one. Guard: the account exists.
    SetSecondFactor {
        account: Subject,
        sealed_secret: Vec<u8>,
        last_step: i64,
    },
    /// Accepts a TOTP step. Guard: the account has a second factor and its last step is earlier.
    AdvanceSecondFactor {
        account: Subject,
        step: i64,
    },
    ReplaceRecoveryCodes {
        account: Subject,
        hashes: Vec<[u8; 32]>,
    },
    /// Forgets one recovery code. Guard: the account has one of these hashes (the same code under each key
    /// that has not retired).
    UseRecoveryCode {
        account: Subject,
        hashes: Vec<[u8; 32]>,
    },

    /// Guard: the token hash is not taken.
    InsertPending(Pending),
    /// Takes one attempt. Guard: the step exists, its time is not over, and attempts are left.
    SpendAttempt {
        token_hash: [u8; 32],
        now: UnixMillis,
    },
    /// Puts a new code in place of the last one and takes one resend; attempts start again at
    /// `attempts`. Guard: a verify_email step that exists, whose time is not over, with resends left.
    ReplaceCode {
        token_hash: [u8; 32],
        code_hash: [u8; 32],
        attempts: u8,
        now: UnixMillis,
    },
    /// Removes every step on the way to a session of this person.
    RemovePendingOf {
        subject: Subject,
    },
    /// Removes a step that is done. Guard: it exists and its time is not over.
    ConsumePending {
        token_hash: [u8; 32],
        now: UnixMillis,
    },

    /// Counts one use. A window that is over begins anew. Guard: fewer than `limit` uses in this window.
    SpendAllowance {
        key: AllowanceKey,
        limit: u32,
        window: Millis,
        now: UnixMillis,
    },
    /// Forgets the uses counted so far.
    ClearAllowance {
        key: AllowanceKey,
    },
    /// Gives one use back, if any is counted. A window that is over begins anew with its next use whatever
    /// is given back to it.
    RefundAllowance {
        key: AllowanceKey,
    },

    /// Guard: neither the name nor the hash is taken; a key that was revoked keeps both.
    InsertAdminKey(AdminKey),
    /// Guard: the key exists and is not revoked.
    RevokeAdminKey {
        name: AdminKeyName,
        at: UnixMillis,
    },
    /// Moves `last_used_at` forward, never back.
    UseAdminKey {
        name: AdminKeyName,
        at: UnixMillis,
    },

    /// Guard: nothing is kept under the hash, or its time is over.
    LeaseForeignRefresh {
        token_hash: [u8; 32],
        lease: LeaseId,
        until: UnixMillis,
        now: UnixMillis,
    },
    /// Puts the result in place of the lease. Guard: the lease is this one; that its time is over does no harm
    /// while nobody else has taken one.
    FinishForeignRefresh {
        token_hash: [u8; 32],
        lease: LeaseId,
        sealed: SealedResult,
        /// The keyed hash of the token that took the place of the one that was spent.
        successor: Option<[u8; 32]>,
        kept_until: UnixMillis,
    },
    /// Gives this lease back, where it still stands.
    ReleaseForeignRefresh {
        token_hash: [u8; 32],
        lease: LeaseId,
    },
    /// Keeps results whose successor is one of these (the same token under each key) until `until` at the
    /// longest.
    ShortenForeignResults {
        successors: Vec<[u8; 32]>,
        until: UnixMillis,
    },

    Audit(AuditEvent),
}

/// What an allowance is for, as a keyed hash: the store learns neither address nor e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllowanceKey(pub [u8; 16]);

/// How much of something was used in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub used: u32,
    pub window_ends_at: UnixMillis,
}
