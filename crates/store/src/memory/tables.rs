//! The tables of the memory store, and what each write does to them.

use perennial_protocol::{
    admin_key::{AdminKey, AdminKeyName},
    audit::AuditEvent,
    id::{SessionKey, Sid, Subject},
    login::{Account, Email, Pending, PendingStep, SecondFactor},
    refresh::{Generation, Rotation},
    session::{Authentication, Ended, Session},
    time::{Millis, UnixMillis},
};

use super::table::{Settle, Table};
use crate::{Allowance, AllowanceKey, Applied, Change, ForeignRefresh, ForeignState, LeaseId, Write};

#[derive(Clone, Default)]
pub(super) struct Tables {
    pub(super) sessions: Table<Sid, Session>,
    pub(super) session_keys: Table<SessionKey, Sid>,
    pub(super) accounts: Table<Subject, Account>,
    pub(super) emails: Table<Email, Subject>,
    pub(super) recovery_codes: Table<Subject, Vec<[u8; 32]>>,
    pub(super) pending: Table<[u8; 32], Pending>,
    pub(super) allowances: Table<AllowanceKey, Allowance>,
    pub(super) admin_keys: Table<AdminKeyName, AdminKey>,
    pub(super) foreign: Table<[u8; 32], ForeignRefresh>,
    pub(super) audit: Table<usize, AuditEvent>,
}

impl Tables {
    pub(super) fn apply(&mut self, change: Change) -> Applied {
        let applied = change.0.into_iter().map(|write| self.write(write)).find(|applied| *applied == Applied::Stale);
        match applied {
            Some(_) => self.settle(Settle::PutBack),
            None => self.settle(Settle::Keep),
        }
        applied.unwrap_or(Applied::Done)
    }

    fn settle(&mut self, settle: Settle) {
        self.sessions.settle(settle);
        self.session_keys.settle(settle);
        self.accounts.settle(settle);
        self.emails.settle(settle);
        self.recovery_codes.settle(settle);
        self.pending.settle(settle);
        self.allowances.settle(settle);
        self.admin_keys.settle(settle);
        self.foreign.settle(settle);
        self.audit.settle(settle);
    }

    fn write(&mut self, write: Write) -> Applied {
        match write {
            Write::InsertSession(session) => self.insert_session(session),
            Write::Rotate { sid, from_generation, from_late, to, active_at } => {
                self.rotate(&sid, (from_generation, from_late), to, active_at)
            }
            Write::Confirm { sid, generation } => regardless(self.confirm(&sid, generation)),
            Write::Touch { sid, at } => regardless(self.touch(&sid, at)),
            Write::EndSession { sid, at, reason } => regardless(self.end_session(&sid, Ended { at, reason })),
            Write::EndSessionsOf { subject, except, at, reason } => {
                self.end_sessions_of(&subject, except, Ended { at, reason })
            }
            Write::Reauthenticate { sid, authentication } => self.reauthenticate(&sid, authentication),

            Write::InsertAccount(account) => self.insert_account(account),
            Write::SetPasswordHash { account, password_hash } => {
                self.change_account(&account, |row| row.password_hash = password_hash)
            }
            Write::ReplacePasswordHash { account, from, to } => {
                let stands = |row: &Account| row.password_hash == from;
                regardless(self.accounts.change(&account, stands, |row| row.password_hash = to))
            }
            Write::SetClaims { account, claims } => self.change_account(&account, |row| row.claims = claims),
            Write::SetDisabled { account, disabled } => self.change_account(&account, |row| row.disabled = disabled),
            Write::RecordLogin { account, at } => self.change_account(&account, |row| row.last_login_at = Some(at)),
            Write::ExpectPassword { account, password_hash } => {
                self.accounts.change(&account, |row| !row.disabled && row.password_hash == password_hash, |_| ())
            }
            Write::ExpectNoSecondFactor { account } => {
                self.accounts.change(&account, |row| row.second_factor.is_none(), |_| ())
            }
            Write::SetSecondFactor { account, sealed_secret, last_step } => {
                self.set_second_factor(&account, SecondFactor { sealed_secret, last_step })
            }
            Write::AdvanceSecondFactor { account, step } => self.advance_second_factor(&account, step),
            Write::ReplaceRecoveryCodes { account, hashes } => self.replace_recovery_codes(account, hashes),
            Write::UseRecoveryCode { account, hashes } => self.use_recovery_code(&account, &hashes),

            Write::InsertPending(pending) => self.pending.insert(pending.token_hash, pending),
            Write::SpendAttempt { token_hash, now } => self.spend_attempt(&token_hash, now),
            Write::ReplaceCode { token_hash, code_hash, attempts, now } => {
                self.replace_code(&token_hash, code_hash, attempts, now)
            }
            Write::RemovePendingOf { subject } => self.remove_pending_of(&subject),
            Write::ConsumePending { token_hash, now } => self.consume_pending(&token_hash, now),

            Write::SpendAllowance { key, limit, window, now } => self.spend_allowance(key, limit, window, now),
            Write::ClearAllowance { key } => self.allowances.set(key, None),
            Write::RefundAllowance { key } => self.refund_allowance(&key),

            Write::InsertAdminKey(key) => self.insert_admin_key(key),
            Write::RevokeAdminKey { name, at } => {
                self.admin_keys.change(&name, |row| row.revoked_at.is_none(), |row| row.revoked_at = Some(at))
            }
            Write::UseAdminKey { name, at } => {
                let earlier = |row: &AdminKey| row.last_used_at.is_none_or(|last| last < at);
                regardless(self.admin_keys.change(&name, earlier, |row| row.last_used_at = Some(at)))
            }

            Write::LeaseForeignRefresh { token_hash, lease, until, now } => {
                self.lease_foreign(token_hash, lease, until, now)
            }
            Write::FinishForeignRefresh { token_hash, lease, sealed, successor, kept_until } => {
                self.finish_foreign(&token_hash, lease, ForeignState::Done { sealed, successor }, kept_until)
            }
            Write::ReleaseForeignRefresh { token_hash, lease } => self.release_foreign(token_hash, lease),
            Write::ShortenForeignResults { successors, until } => self.shorten_foreign(&successors, until),
            Write::Audit(event) => self.audit.insert(self.audit.rows.len(), event),
        }
    }

    fn insert_session(&mut self, session: Session) -> Applied {
        match self.session_keys.insert(session.session_key.clone(), session.sid) {
            Applied::Done => self.sessions.insert(session.sid, session),
            Applied::Stale => Applied::Stale,
        }
    }

    fn rotate(&mut self, sid: &Sid, from: (Generation, u8), to: Rotation, active_at: UnixMillis) -> Applied {
        self.sessions.change(
            sid,
            |session| session.ended.is_none() && (session.rotation.generation, session.rotation.late) == from,
            |session| (session.rotation, session.active_at) = (to, active_at),
        )
    }

    fn confirm(&mut self, sid: &Sid, generation: Generation) -> Applied {
        let stands = |session: &Session| session.rotation.generation == generation;
        self.sessions.change(sid, stands, |session| session.rotation.confirmed = true)
    }

    fn touch(&mut self, sid: &Sid, at: UnixMillis) -> Applied {
        self.sessions.change(sid, |session| session.active_at < at, |session| session.active_at = at)
    }

    fn end_session(&mut self, sid: &Sid, ended: Ended) -> Applied {
        self.sessions.change(sid, |session| session.ended.is_none(), |session| session.ended = Some(ended))
    }

    fn end_sessions_of(&mut self, subject: &Subject, except: Option<Sid>, ended: Ended) -> Applied {
        let theirs = self.sessions.rows.values().filter(|session| session.subject == *subject);
        let sids: Vec<Sid> = theirs.map(|session| session.sid).filter(|sid| Some(*sid) != except).collect();
        for sid in sids {
            let _ = self.end_session(&sid, ended);
        }
        Applied::Done
    }

    fn reauthenticate(&mut self, sid: &Sid, authentication: Authentication) -> Applied {
        let lives = |session: &Session| session.ended.is_none();
        self.sessions.change(sid, lives, |session| session.authentication = authentication)
    }

    fn insert_account(&mut self, account: Account) -> Applied {
        match self.emails.insert(account.email.clone(), account.id.clone()) {
            Applied::Done => self.accounts.insert(account.id.clone(), account),
            Applied::Stale => Applied::Stale,
        }
    }

    fn change_account(&mut self, id: &Subject, change: impl FnOnce(&mut Account)) -> Applied {
        regardless(self.accounts.change(id, |_| true, change))
    }

    fn set_second_factor(&mut self, id: &Subject, factor: SecondFactor) -> Applied {
        self.accounts.change(id, |_| true, |row| row.second_factor = Some(factor))
    }

    fn advance_second_factor(&mut self, id: &Subject, step: i64) -> Applied {
        self.accounts.change(
            id,
            |row| row.second_factor.as_ref().is_some_and(|factor| factor.last_step < step),
            |row| row.second_factor.iter_mut().for_each(|factor| factor.last_step = step),
        )
    }

    fn replace_recovery_codes(&mut self, id: Subject, hashes: Vec<[u8; 32]>) -> Applied {
        let exists = self.accounts.rows.contains_key(&id);
        if exists { self.recovery_codes.set(id, Some(hashes)) } else { Applied::Done }
    }

    fn use_recovery_code(&mut self, id: &Subject, hashes: &[[u8; 32]]) -> Applied {
        let known = |codes: &Vec<[u8; 32]>| codes.iter().any(|code| hashes.contains(code));
        self.recovery_codes.change(id, known, |codes| codes.retain(|code| !hashes.contains(code)))
    }

    fn spend_attempt(&mut self, hash: &[u8; 32], now: UnixMillis) -> Applied {
        let open = |pending: &Pending| pending.ends_at > now && pending.attempts_left > 0;
        self.pending.change(hash, open, |pending| pending.attempts_left -= 1)
    }

    fn replace_code(&mut self, hash: &[u8; 32], code: [u8; 32], attempts: u8, now: UnixMillis) -> Applied {
        let resendable =
            |step: &PendingStep| matches!(step, PendingStep::VerifyEmail { resends_left, .. } if *resends_left > 0);
        self.pending.change(
            hash,
            |pending| pending.ends_at > now && resendable(&pending.step),
            |pending| {
                pending.attempts_left = attempts;
                if let PendingStep::VerifyEmail { code_hash, resends_left, .. } = &mut pending.step {
                    *code_hash = code;
                    *resends_left -= 1;
                }
            },
        )
    }

    fn remove_pending_of(&mut self, subject: &Subject) -> Applied {
        self.pending.remove_some(usize::MAX, |pending| pending.step.subject() == Some(subject));
        Applied::Done
    }

    fn consume_pending(&mut self, hash: &[u8; 32], now: UnixMillis) -> Applied {
        match self.pending.rows.get(hash) {
            Some(pending) if pending.ends_at > now => self.pending.set(*hash, None),
            _ => Applied::Stale,
        }
    }

    fn spend_allowance(&mut self, key: AllowanceKey, limit: u32, window: Millis, now: UnixMillis) -> Applied {
        let fresh = Allowance { used: 0, window_ends_at: now.plus(window) };
        let running = self.allowances.rows.get(&key).copied().filter(|allowance| allowance.window_ends_at > now);
        let allowance = running.unwrap_or(fresh);
        if allowance.used >= limit {
            return Applied::Stale;
        }
        self.allowances.set(key, Some(Allowance { used: allowance.used + 1, ..allowance }))
    }

    fn refund_allowance(&mut self, key: &AllowanceKey) -> Applied {
        regardless(self.allowances.change(key, |row| row.used > 0, |row| row.used -= 1))
    }

    fn insert_admin_key(&mut self, key: AdminKey) -> Applied {
        if self.admin_keys.rows.values().any(|other| other.hash == key.hash) {
            return Applied::Stale;
        }
        self.admin_keys.insert(key.name.clone(), key)
    }

    fn lease_foreign(&mut self, token_hash: [u8; 32], lease: LeaseId, until: UnixMillis, now: UnixMillis) -> Applied {
        match self.foreign.rows.get(&token_hash) {
            Some(row) if row.ends_at > now => Applied::Stale,
            _ => {
                let state = ForeignState::Leased(lease);
                self.foreign.set(token_hash, Some(ForeignRefresh { token_hash, state, ends_at: until }))
            }
        }
    }

    fn finish_foreign(&mut self, hash: &[u8; 32], lease: LeaseId, done: ForeignState, until: UnixMillis) -> Applied {
        self.foreign.change(hash, |row| row.is_leased_to(lease), |row| (row.state, row.ends_at) = (done, until))
    }

    fn release_foreign(&mut self, hash: [u8; 32], lease: LeaseId) -> Applied {
        let stands = self.foreign.rows.get(&hash).is_some_and(|row| row.is_leased_to(lease));
        if stands { self.foreign.set(hash, None) } else { Applied::Done }
    }

    fn shorten_foreign(&mut self, successors: &[[u8; 32]], until: UnixMillis) -> Applied {
        let precedes = |row: &&ForeignRefresh| row.successor().is_some_and(|successor| successors.contains(successor));
        let hashes: Vec<_> = self.foreign.rows.values().filter(precedes).map(|row| row.token_hash).collect();
        for hash in hashes {
            let _ = self.foreign.change(&hash, |row| row.ends_at > until, |row| row.ends_at = until);
        }
        Applied::Done
    }

    pub(super) fn sweep(&mut self, before: UnixMillis, limit: usize) -> usize {
        let over = |session: &&Session| session.ends_at < before;
        let sessions: Vec<_> = self.sessions.rows.values().filter(over).take(limit).cloned().collect();
        for session in &sessions {
            let _ = self.sessions.set(session.sid, None);
            let _ = self.session_keys.set(session.session_key.clone(), None);
        }
        let pending = self.pending.remove_some(limit, |pending| pending.ends_at < before);
        let allowances = self.allowances.remove_some(limit, |allowance| allowance.window_ends_at < before);
        self.settle(Settle::Keep);
        sessions.len() + pending + allowances
    }

    pub(super) fn sweep_foreign_refreshes(&mut self, before: UnixMillis, limit: usize) -> usize {
        let gone = self.foreign.remove_some(limit, |row| row.ends_at < before);
        self.settle(Settle::Keep);
        gone
    }
}

/// A write without a guard is done whether or not it found something to do.
fn regardless(_: Applied) -> Applied {
    Applied::Done
}
