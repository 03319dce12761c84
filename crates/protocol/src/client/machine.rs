//! The rules, in the order of `machine.ts`.

use std::mem;

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, HintStatus, Input, Jar, Kind, Order, Outcome, Phase, Transport, Verdict, Wanted};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub transport: Transport,
    pub status: Phase,
    pub person: Option<String>,
    pub reason: Option<String>,
    /// Whose session ended here. It never comes back, whatever arrives late.
    pub over: Option<String>,
    pub access: Option<Access>,
    /// A new token that was refused like the one before: renewing does not help.
    pub futile: Option<String>,
    pub question: Option<Question>,
    /// How often nothing was learnt in a row, and when to ask again.
    pub failures: u32,
    pub wait_until: u64,
    pub wishes: Vec<Wish>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub rev: Option<String>,
    pub until: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub call: Ask,
    pub person: Option<String>,
    pub since: u64,
    pub done: Vec<Verdict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub id: u64,
    pub kind: Kind,
    pub needs_csrf: bool,
    /// Whose it is; not `bound` until it is known who is here.
    pub person: Option<String>,
    pub bound: bool,
    pub sent: bool,
    pub rev: Option<String>,
    /// What it was sent again for.
    pub done: Vec<Verdict>,
    /// How many questions were answered while it waited.
    pub replies: u32,
}

/// The largest number that JavaScript counts to.
const FOREVER: u64 = (1 << 53) - 1;
const WISHES_MAX: usize = 1000;
const REPLIES_MAX: u32 = 3;
const LEEWAY_MS: u64 = 10_000;
const LEEWAY_SHARE: u64 = 5;
const BACKOFF_MS: u64 = 1000;
const BACKOFF_MS_MAX: u64 = 60_000;

impl Machine {
    pub const fn start(transport: Transport) -> Self {
        Self {
            transport,
            status: Phase::Loading,
            person: None,
            reason: None,
            over: None,
            access: None,
            futile: None,
            question: None,
            failures: 0,
            wait_until: 0,
            wishes: Vec::new(),
        }
    }
}

pub fn step(before: &Machine, input: &Input, now: u64) -> (Machine, Vec<Order>) {
    let mut turn = Turn { machine: before.clone(), now, orders: Vec::new() };
    turn.take(input);
    for wish in mem::take(&mut turn.machine.wishes) {
        turn.with(wish, Turn::advance);
    }
    (turn.machine, turn.orders)
}

/// One step: the machine as it becomes, and what was ordered so far.
struct Turn {
    machine: Machine,
    now: u64,
    orders: Vec<Order>,
}

impl Turn {
    fn take(&mut self, input: &Input) {
        let machine = &mut self.machine;
        match input {
            Input::Look { jar } => machine.look(jar),
            Input::Want { id, kind, needs_csrf } => self.want(*id, *kind, *needs_csrf),
            Input::Answer { id, is, reason } => {
                for wish in mem::take(&mut machine.wishes) {
                    if wish.id == *id {
                        self.with(wish, |turn, wish| turn.answered(wish, *is, reason.as_deref()));
                    } else {
                        self.machine.wishes.push(wish);
                    }
                }
            }
            Input::Reply { is, answer, reason, wait_ms, chance } => {
                let Some(question) = machine.question.take() else { return };
                // Asked for somebody who has left since, nothing of it counts.
                if question.person == machine.person {
                    let reply = Reply { is: *is, answer, reason, wait_ms: *wait_ms, chance: *chance };
                    self.replied(question, &reply);
                }
            }
            Input::Commit { answer } => self.learnt(answer, self.now),
            Input::Ended { person, reason } => {
                if machine.person.as_ref() == Some(person) {
                    machine.end(Some(reason));
                }
            }
            Input::Renewed { answer } => {
                if machine.person.is_none() || machine.person == answer.person {
                    machine.adopt(answer, self.now);
                } else {
                    machine.status = Phase::Loading;
                }
            }
            Input::Abort { id } => machine.wishes.retain(|wish| wish.id != *id),
            Input::Leave => self.end_here("logout"),
            Input::Online => machine.wait_until = 0,
        }
    }

    fn want(&mut self, id: u64, wanted: Wanted, needs_csrf: bool) {
        let machine = &mut self.machine;
        let kind = match wanted {
            Wanted::Kind(kind) => kind,
            Wanted::Renew => Kind::Fresh,
        };
        // What is being asked already is news enough.
        if wanted == Wanted::Renew && machine.question.is_none() {
            machine.outdate();
        }
        if machine.wishes.len() == WISHES_MAX {
            return self.settle(id, Outcome::AuthUnavailable);
        }
        let (person, rev, done) = (None, None, Vec::new());
        machine.wishes.push(Wish { id, kind, needs_csrf, person, bound: false, sent: false, rev, done, replies: 0 });
    }

    fn learnt(&mut self, answer: &Answer, asked: u64) {
        self.machine.failures = 0;
        self.machine.wait_until = 0;
        self.machine.adopt(answer, asked);
        self.orders.push(Order::TellRenewed);
    }

    fn end_here(&mut self, reason: &str) {
        if let Some(person) = self.machine.person.clone() {
            self.orders.push(Order::TellEnded { person, reason: reason.to_owned() });
        }
        self.machine.end(Some(reason));
    }

    /// A request that was refused before it could do anything goes out once more; everything else is settled.
    fn answered(&mut self, wish: &mut Wish, is: Verdict, reason: Option<&str>) -> Option<Outcome> {
        let machine = &mut self.machine;
        let times = wish.done.iter().filter(|done| **done == is).count();
        let first = times == 0;
        let mut again = first && matches!(is, Verdict::Stale | Verdict::Body | Verdict::Csrf);
        if is == Verdict::Refused && !first {
            machine.futile = wish.rev.clone();
        }
        let is_futile = machine.futile.is_some() && machine.futile == wish.rev;
        if is == Verdict::Refused && first && wish.kind == Kind::Call && wish.person.is_some() && !is_futile {
            again = true;
            if machine.access.as_ref().is_some_and(|access| access.rev == wish.rev) {
                machine.outdate();
            }
        }
        // The first time the cookie has the right one already; the second time only the service can know.
        if is == Verdict::Csrf && times == 1 {
            again = true;
            wish.needs_csrf = true;
        }
        wish.done.push(is);
        wish.sent = !again;
        if again {
            return None;
        }
        // The cookies were looked at before. If they name the same person still, they are crossed with another login's.
        if is == Verdict::Identity && wish.person == machine.person {
            machine.status = Phase::Loading;
        }
        if is == Verdict::Ended && wish.person == machine.person {
            self.end_here(reason.unwrap_or("unknown"));
        }
        Some(match is {
            Verdict::Ended => Outcome::SessionEnded,
            Verdict::Identity => Outcome::IdentityChanged,
            Verdict::Unavailable | Verdict::Stale => Outcome::AuthUnavailable,
            Verdict::Fine | Verdict::Refused | Verdict::Csrf | Verdict::Body => Outcome::Answer,
        })
    }

    fn replied(&mut self, Question { call, person, since, mut done }: Question, reply: &Reply<'_>) {
        let Reply { is, answer, reason, wait_ms, chance } = *reply;
        let first = !done.contains(&is);
        let is_nobody = answer.as_ref().is_some_and(|answer| answer.status == Phase::Unauthenticated);
        if is == Verdict::Ended || (is == Verdict::Fine && person.is_some() && is_nobody) {
            let said = reason.as_deref().or_else(|| answer.as_ref()?.reason.as_deref());
            return self.end_here(said.unwrap_or("unknown"));
        }
        let machine = &mut self.machine;
        if is == Verdict::Fine {
            for wish in &mut machine.wishes {
                wish.needs_csrf = false;
                wish.replies += u32::from(!wish.sent);
            }
            if let Some(answer) = answer {
                self.learnt(answer, since);
            }
        } else if first && matches!(is, Verdict::Stale | Verdict::Csrf) {
            done.push(is);
            self.ask(call, done, since);
        } else if call == Ask::Token && matches!(is, Verdict::Csrf | Verdict::Identity | Verdict::Refused) {
            // `POST session` needs neither a good token nor a CSRF token, and its answer is definite.
            self.ask(Ask::Session, done, since);
        } else {
            let spread = BACKOFF_MS_MAX.min(BACKOFF_MS << machine.failures.min(16));
            machine.failures += 1;
            machine.wait_until = self.now + wait_ms.unwrap_or(BACKOFF_MS / 2 + spread * chance / 1000);
        }
    }

    fn ask(&mut self, call: Ask, done: Vec<Verdict>, since: u64) {
        let machine = &mut self.machine;
        machine.question = Some(Question { call, person: machine.person.clone(), since, done });
        self.orders.push(Order::Ask { call, rev: machine.rev() });
    }

    /// Sends what may go, asks what has to be known first, and settles what can come to nothing.
    fn advance(&mut self, wish: &mut Wish) -> Option<Outcome> {
        let machine = &self.machine;
        if !wish.bound && (machine.person.is_some() || machine.status != Phase::Loading) {
            wish.bound = true;
            wish.person = machine.person.clone();
        }
        let is_mine = wish.person == machine.person;
        if wish.kind == Kind::Call && wish.bound && !is_mine && (wish.person.is_some() || !wish.sent) {
            let somebody = machine.person.is_some();
            return Some(if somebody { Outcome::IdentityChanged } else { Outcome::SessionEnded });
        }
        if wish.sent {
            return None;
        }
        let Some(call) = machine.needed(wish, self.now) else {
            if matches!(wish.kind, Kind::Ready | Kind::Fresh) {
                return Some(Outcome::Answer);
            }
            wish.sent = true;
            wish.rev = machine.rev();
            self.orders.push(Order::Send { id: wish.id });
            return None;
        };
        if machine.question.is_none() {
            if self.now < machine.wait_until || wish.replies >= REPLIES_MAX {
                return Some(if wish.kind == Kind::Ready { Outcome::Answer } else { Outcome::AuthUnavailable });
            }
            self.ask(call, Vec::new(), self.now);
        }
        None
    }

    /// Lets a rule look at a wish, and keeps the wish unless that settles it.
    fn with(&mut self, mut wish: Wish, rule: impl FnOnce(&mut Self, &mut Wish) -> Option<Outcome>) {
        match rule(self, &mut wish) {
            Some(outcome) => self.settle(wish.id, outcome),
            None => self.machine.wishes.push(wish),
        }
    }

    fn settle(&mut self, id: u64, outcome: Outcome) {
        self.orders.push(Order::Settle { id, outcome });
    }
}

/// What came to a question.
struct Reply<'r> {
    is: Verdict,
    answer: &'r Option<Answer>,
    reason: &'r Option<String>,
    wait_ms: Option<u64>,
    chance: u64,
}

impl Machine {
    /// Brings memory in line with the cookies. Only where the two contradict each other there is something to ask.
    fn look(&mut self, Jar { person, hint }: &Jar) {
        let here = if *person == self.over { None } else { person.clone() };
        let is_cookie = self.transport == Transport::Cookie;
        let is_known = here == self.person && self.status == Phase::Authenticated;
        let said = hint.as_ref().map(|hint| (hint.status, hint));
        match said {
            Some((HintStatus::Phase(pending), _)) if pending != Phase::Authenticated => {
                self.is_now(pending, here, None)
            }
            _ if here.is_none() => {
                let unknown = || self.person.as_ref().map(|_| "unknown".to_owned()).or_else(|| self.reason.clone());
                let reason = hint.as_ref().and_then(|hint| hint.reason.clone()).or_else(unknown);
                self.is_now(Phase::Unauthenticated, None, reason);
            }
            Some((HintStatus::Phase(_), hint)) if hint.person == here => {
                self.is_now(Phase::Authenticated, here, None);
                if is_cookie && self.access.as_ref().is_none_or(|access| access.rev != hint.rev) {
                    self.access = Some(Access { rev: hint.rev.clone(), until: FOREVER });
                }
            }
            Some(_) => self.is_now(Phase::Loading, here, None),
            None if !is_known => self.is_now(Phase::Loading, here, None),
            None if is_cookie => self.outdate(),
            None => {}
        }
    }

    fn is_now(&mut self, status: Phase, person: Option<String>, reason: Option<String>) {
        if person != self.person {
            self.access = None;
            self.futile = None;
        }
        self.status = status;
        self.person = person;
        self.reason = reason;
    }

    /// Takes over what the service said, unless it speaks of somebody who has ended here since.
    fn adopt(&mut self, answer: &Answer, asked: u64) {
        let Answer { status, person, reason, rev, serves_ms } = answer.clone();
        if person.is_some() && person == self.over {
            return self.is_now(Phase::Unauthenticated, None, self.reason.clone());
        }
        self.is_now(status, person, reason);
        let leeway = |serves: u64| LEEWAY_MS.min(serves / LEEWAY_SHARE);
        let until = serves_ms.map_or(FOREVER, |serves| asked + serves - leeway(serves));
        let is_one = status == Phase::Authenticated && (rev.is_some() || self.transport == Transport::Cookie);
        self.access = is_one.then_some(Access { rev, until });
    }

    fn end(&mut self, reason: Option<&str>) {
        self.over = self.person.clone().or_else(|| self.over.take());
        self.is_now(Phase::Unauthenticated, None, reason.map(str::to_owned));
    }

    /// What has to be asked before this wish can go on.
    fn needed(&self, Wish { kind, needs_csrf, done, .. }: &Wish, now: u64) -> Option<Ask> {
        if *needs_csrf {
            return Some(Ask::Session);
        }
        // Behind the gateway a call is renewed on its way.
        let is_renewed = self.transport == Transport::Cookie && !done.contains(&Verdict::Refused);
        if *kind == Kind::Open || (*kind == Kind::Call && is_renewed) {
            return None;
        }
        if self.status == Phase::Loading {
            return Some(Ask::Session);
        }
        if self.status != Phase::Authenticated || *kind == Kind::Ready {
            return None;
        }
        let is_good = self.access.as_ref().is_some_and(|access| now < access.until);
        if is_good { None } else { Some(Ask::Token) }
    }

    fn rev(&self) -> Option<String> {
        self.access.as_ref()?.rev.clone()
    }

    fn outdate(&mut self) {
        if let Some(access) = &mut self.access {
            access.until = 0;
        }
    }
}
