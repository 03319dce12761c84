//! The rules, in the order of `machine.ts`.

use std::mem;

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Hint, Input, Jar, Kind, Message, Order, Outcome, Phase, Transport, Verdict, Wanted};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub transport: Transport,
    pub status: Phase,
    pub person: Option<String>,
    pub reason: Option<String>,
    /// Whose sessions ended. They never come back, whatever arrives late.
    pub over: Vec<String>,
    /// The access token, and how long it serves.
    pub rev: Option<String>,
    pub until: i64,
    /// A new token that was refused like the one before: renewing does not help.
    pub futile: String,
    pub question: Option<Question>,
    /// How often nothing was learnt in a row, and when to ask again.
    pub failures: u32,
    pub wait_until: i64,
    pub wishes: Vec<Wish>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub call: Ask,
    pub person: Option<String>,
    pub since: i64,
    pub done: Vec<Verdict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub id: u64,
    pub kind: Kind,
    pub person: Option<String>,
    pub needs_csrf: bool,
    pub sent: bool,
    pub rev: Option<String>,
    /// What it was sent again for.
    pub done: Vec<Verdict>,
    /// How many questions were answered while it waited.
    pub replies: u32,
}

/// Some thirty years.
const FOREVER: i64 = 1_000_000_000_000;
const REPLIES_MAX: u32 = 3;
const LEEWAY_MS: i64 = 10_000;
const LEEWAY_SHARE: i64 = 5;
const BACKOFF_MS: i64 = 1000;
const BACKOFF_MS_MAX: i64 = 60_000;

impl Machine {
    pub const fn start(transport: Transport) -> Self {
        Self {
            transport,
            status: Phase::Loading,
            person: None,
            reason: None,
            over: Vec::new(),
            rev: None,
            until: 0,
            futile: String::new(),
            question: None,
            failures: 0,
            wait_until: 0,
            wishes: Vec::new(),
        }
    }
}

pub fn step(before: &Machine, input: &Input, now: i64) -> (Machine, Vec<Order>) {
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
    now: i64,
    orders: Vec<Order>,
}

impl Turn {
    fn take(&mut self, input: &Input) {
        let machine = &mut self.machine;
        match input {
            Input::Look { jar } => machine.look(jar),
            Input::Want { id, kind: wanted, person, needs_csrf } => {
                let kind = match wanted {
                    Wanted::Kind(kind) => *kind,
                    Wanted::Renew => Kind::Fresh,
                };
                // What is being asked already is news enough.
                if *wanted == Wanted::Renew && machine.question.is_none() {
                    machine.until = 0;
                }
                let (id, person, needs_csrf) = (*id, person.clone(), *needs_csrf);
                let (rev, done) = (None, Vec::new());
                machine.wishes.push(Wish { id, kind, person, needs_csrf, sent: false, rev, done, replies: 0 });
            }
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
            Input::Message(message) => self.hear(message),
            Input::Abort { id } => machine.wishes.retain(|wish| wish.id != *id),
            Input::Leave => self.end_here("logout"),
            Input::Online => machine.wait_until = 0,
        }
    }

    fn hear(&mut self, message: &Message) {
        let machine = &mut self.machine;
        match message {
            Message::Ended { person, reason } => machine.end(Some(person.clone()), reason),
            Message::Renewed { answer } => {
                let nobody_yet = machine.person.is_none() && machine.status == Phase::Loading;
                if machine.person == answer.person || nobody_yet {
                    machine.adopt(answer, self.now);
                } else {
                    machine.status = Phase::Loading;
                }
            }
            Message::Needed { person } => {
                if is_fresh(machine, None, self.now) && (person.is_none() || *person == machine.person) {
                    self.tell_renewed();
                }
            }
        }
    }

    fn learnt(&mut self, answer: &Answer, asked: i64) {
        self.machine.adopt(answer, asked);
        self.tell_renewed();
    }

    fn tell_renewed(&mut self) {
        let Machine { status, ref person, ref rev, until, .. } = self.machine;
        let serves_ms = Some(until - self.now);
        let answer = Answer { status, person: person.clone(), reason: None, rev: rev.clone(), serves_ms };
        self.orders.push(Order::Tell { message: Message::Renewed { answer } });
    }

    fn end_here(&mut self, reason: &str) {
        let person = self.machine.person.clone();
        if let Some(person) = person.clone() {
            let message = Message::Ended { person, reason: reason.to_owned() };
            self.orders.push(Order::Tell { message });
        }
        self.machine.end(person, reason);
    }

    /// A request that was refused before it could do anything goes out once more; everything else is settled.
    fn answered(&mut self, wish: &mut Wish, is: Verdict, reason: Option<&str>) -> Option<Outcome> {
        let machine = &mut self.machine;
        let times = wish.done.iter().filter(|done| **done == is).count();
        let first = times == 0;
        let mut again = first && matches!(is, Verdict::StaleToken | Verdict::RetryWithBody | Verdict::CsrfFailed);
        if is == Verdict::InvalidToken && !first {
            machine.futile = wish.rev.clone().unwrap_or_default();
        }
        let is_futile = wish.rev.as_ref() == Some(&machine.futile);
        let is_renewed = first && wish.kind == Kind::Call && is_somebody(wish.person.as_ref()) && !is_futile;
        if is == Verdict::InvalidToken && is_renewed {
            again = true;
            if machine.rev == wish.rev {
                machine.until = 0;
            }
        }
        // The first time the cookie has the right one already; the second time only the service can know.
        if is == Verdict::CsrfFailed && times == 1 {
            again = true;
            wish.needs_csrf = true;
        }
        wish.done.push(is);
        wish.sent = !again;
        if again {
            return None;
        }
        if wish.person == here_in(machine) {
            // The cookies were looked at before: if they name the same person still, they are crossed with another login's.
            if is == Verdict::IdentityChanged {
                machine.status = Phase::Loading;
            }
            if is == Verdict::SessionEnded {
                self.end_here(reason.unwrap_or("unknown"));
            }
        }
        Some(match is {
            Verdict::StaleToken | Verdict::AuthUnavailable => Outcome::AuthUnavailable,
            Verdict::SessionEnded => Outcome::SessionEnded,
            Verdict::IdentityChanged => Outcome::IdentityChanged,
            Verdict::Fine | Verdict::InvalidToken | Verdict::CsrfFailed | Verdict::RetryWithBody => Outcome::Answer,
        })
    }

    fn replied(&mut self, Question { call, person, since, mut done }: Question, reply: &Reply<'_>) {
        let Reply { is, answer, reason, wait_ms, chance } = *reply;
        let is_nobody = answer.as_ref().is_some_and(|answer| answer.status == Phase::Unauthenticated);
        if is == Verdict::SessionEnded || (person.is_some() && is_nobody) {
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
        } else if matches!(is, Verdict::StaleToken | Verdict::CsrfFailed) && !done.contains(&is) {
            done.push(is);
            self.ask(call, done, since);
        } else if call == Ask::Token
            && matches!(is, Verdict::CsrfFailed | Verdict::IdentityChanged | Verdict::InvalidToken)
        {
            // `POST session` needs neither a good token nor a CSRF token, and its answer is definite.
            self.ask(Ask::Session, done, since);
        } else {
            let spread = BACKOFF_MS_MAX.min(BACKOFF_MS << machine.failures.min(16));
            machine.failures += 1;
            machine.wait_until = self.now + wait_ms.unwrap_or(0).max(BACKOFF_MS / 2 + spread / 1000 * chance);
        }
    }

    fn ask(&mut self, call: Ask, done: Vec<Verdict>, since: i64) {
        let machine = &mut self.machine;
        machine.question = Some(Question { call, person: machine.person.clone(), since, done });
        self.orders.push(Order::Ask { call, rev: machine.rev.clone() });
    }

    /// Sends what may go, asks what has to be known first, and settles what can come to nothing.
    fn advance(&mut self, wish: &mut Wish) -> Option<Outcome> {
        let machine = &self.machine;
        let here = here_in(machine);
        if wish.person.is_none() {
            wish.person.clone_from(&here);
        }
        let is_there = is_somebody(here.as_ref());
        let matters = is_somebody(wish.person.as_ref()) || (!wish.sent && is_there);
        if wish.kind == Kind::Call && wish.person != here && matters {
            return Some(if is_there { Outcome::IdentityChanged } else { Outcome::SessionEnded });
        }
        if wish.sent {
            return None;
        }
        let Some(call) = machine.needed(wish, self.now) else {
            if matches!(wish.kind, Kind::Ready | Kind::Fresh) {
                return Some(Outcome::Answer);
            }
            wish.sent = true;
            wish.rev.clone_from(&machine.rev);
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
    wait_ms: Option<i64>,
    chance: i64,
}

impl Machine {
    /// Brings memory in line with the cookies. Only where the two contradict each other there is something to ask.
    fn look(&mut self, Jar { person, status, of, rev }: &Jar) {
        let is_over = |key: &Option<String>| key.as_ref().is_some_and(|key| self.over.contains(key));
        let here = if is_over(person) { None } else { person.clone() };
        let is_known = here == self.person && self.status == Phase::Authenticated;
        let is_shown = *status == Some(Hint::Phase(Phase::Authenticated));
        match status {
            Some(Hint::Phase(pending)) if !is_shown => self.is_now(*pending, here, None),
            _ if here.is_none() && (!is_shown || is_over(of)) => {
                let reason = match status {
                    Some(Hint::Ended) => of.clone(),
                    _ if self.person.is_some() => Some("unknown".to_owned()),
                    _ => self.reason.clone(),
                };
                self.is_now(Phase::Unauthenticated, None, reason);
            }
            Some(Hint::Phase(authenticated)) if here.is_some() && *of == here => {
                self.is_now(*authenticated, here, None);
                if self.transport == Transport::Cookie && *rev != self.rev {
                    self.rev.clone_from(rev);
                    self.until = FOREVER;
                }
            }
            // The hint lives as long as the newest token, so it says when one ended that did not say itself how long it serves.
            None if is_known => {
                if self.transport == Transport::Cookie || self.until > FOREVER / 2 {
                    self.until = 0;
                }
            }
            Some(_) | None => self.is_now(Phase::Loading, here, None),
        }
    }

    fn is_now(&mut self, status: Phase, person: Option<String>, reason: Option<String>) {
        if person != self.person {
            self.rev = None;
            self.until = 0;
            self.futile.clear();
        }
        self.status = status;
        self.person = person;
        self.reason = reason;
    }

    /// Takes over what the service said, unless it speaks of somebody who has ended here since.
    fn adopt(&mut self, answer: &Answer, asked: i64) {
        let Answer { status, person, reason, rev, serves_ms } = answer.clone();
        self.failures = 0;
        self.wait_until = 0;
        if person.as_ref().is_some_and(|person| self.over.contains(person)) {
            return self.is_now(Phase::Unauthenticated, None, self.reason.clone());
        }
        self.is_now(status, person, reason);
        let serves = serves_ms.unwrap_or(FOREVER);
        // In bearer transport an answer without a token is none to go on with.
        let has_token = rev.is_some() || self.transport == Transport::Cookie;
        self.until = if has_token { asked + serves - LEEWAY_MS.min(serves.div_euclid(LEEWAY_SHARE)) } else { 0 };
        self.rev = rev;
    }

    fn end(&mut self, person: Option<String>, reason: &str) {
        self.over.extend(person.clone());
        if person == self.person {
            self.failures = 0;
            self.wait_until = 0;
            self.is_now(Phase::Unauthenticated, None, Some(reason.to_owned()));
        }
    }

    /// What has to be asked before this wish can go on.
    fn needed(&self, Wish { kind, needs_csrf, done, .. }: &Wish, now: i64) -> Option<Ask> {
        if *needs_csrf {
            return Some(Ask::Session);
        }
        // Behind the gateway a call is renewed on its way.
        let is_renewed = self.transport == Transport::Cookie && !done.contains(&Verdict::InvalidToken);
        if *kind == Kind::Open || (*kind == Kind::Call && is_renewed) {
            return None;
        }
        if self.status == Phase::Loading {
            return Some(Ask::Session);
        }
        if self.status != Phase::Authenticated || *kind == Kind::Ready {
            return None;
        }
        if is_fresh(self, None, now) { None } else { Some(Ask::Token) }
    }
}

fn is_somebody(person: Option<&String>) -> bool {
    person.is_some_and(|person| !person.is_empty())
}

/// Who is here: `""` nobody, nothing where it is not known.
pub fn here_in(machine: &Machine) -> Option<String> {
    let nobody = (machine.status != Phase::Loading).then(String::new);
    machine.person.clone().or(nobody)
}

/// There is a good token, and another one than `rev`.
pub fn is_fresh(machine: &Machine, rev: Option<&str>, now: i64) -> bool {
    let is_other = rev.is_none() || rev != machine.rev.as_deref();
    machine.status == Phase::Authenticated && now < machine.until && is_other
}
