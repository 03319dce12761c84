//! A page in a browser whose cookies others change too, and a service that judges what reaches it.
//!
//! The page does what `sdk/src/core/session.ts` does: it looks before it wants and after it was answered, and puts on each
//! request what it holds of the machine's person. A cookie is put on when a request reaches the service, as late as can be.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;

#[derive(Debug, Clone)]
pub(super) enum Event {
    Want(Wanted, Method),
    Look,
    /// In another tab of this browser, or on this page.
    LogIn(&'static str, Place),
    LogOut(Place),
    /// The service ends the session, and nobody is told.
    Revoke,
    Expire,
    /// One of the requests under way reaches the service.
    Arrive(usize),
    /// It is answered as the service judges, or otherwise.
    Deliver(usize, Option<Verdict>),
    Reply(Option<(Verdict, Option<i64>)>),
    /// Another tab speaks, of any session that there ever was.
    PeerEnded(usize),
    PeerRenewed(usize),
    Abort(usize),
    Online,
    Pass(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Safe,
    Unsafe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Here,
    /// On this page, and the service does not hear of it.
    HereOffline,
    Elsewhere,
}

/// Who is meant: nothing while that is not known, and perhaps nobody.
type Whose = Option<Option<String>>;

#[derive(Debug)]
struct Wished {
    kind: Kind,
    method: Method,
    whose: Whose,
    is_settled: bool,
    /// How many questions were put while it waited.
    questions: u32,
}

#[derive(Debug)]
struct Flight {
    id: u64,
    /// The CSRF header, or the bearer token.
    header: Whose,
    /// Who was here when it went out.
    sender: Whose,
    verdict: Option<Verdict>,
}

#[derive(Debug)]
struct Asked {
    call: Ask,
    header: Whose,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) machine: Machine,
    sees_cookies: bool,
    now: i64,
    last: u64,
    /// Every session that there ever was.
    sessions: Vec<String>,
    /// The one that the HttpOnly cookies are of.
    jar: Option<String>,
    /// What the readable cookies say. A late answer may leave them crossed with the others.
    readable: Jar,
    /// Over at the service.
    over: BTreeSet<String>,
    /// Over for this page: it left them, or heard so while they were here.
    gone: BTreeSet<String>,
    /// Whose CSRF token the page holds.
    csrf: Whose,
    tokens: BTreeMap<String, String>,
    expired: BTreeSet<String>,
    flights: Vec<Flight>,
    question: Option<Asked>,
    wishes: BTreeMap<u64, Wished>,
    identities: u32,
}

impl World {
    pub(super) fn new(transport: Transport, sees_cookies: bool) -> Self {
        Self {
            machine: Machine::start(transport),
            sees_cookies,
            now: 1000,
            last: 0,
            sessions: Vec::new(),
            jar: None,
            readable: Jar { person: None, status: None, of: None, rev: None },
            over: BTreeSet::new(),
            gone: BTreeSet::new(),
            csrf: None,
            tokens: BTreeMap::new(),
            expired: BTreeSet::new(),
            flights: Vec::new(),
            question: None,
            wishes: BTreeMap::new(),
            identities: 0,
        }
    }

    pub(super) fn play(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Want(kind, method) => self.want(*kind, *method),
            Event::Look => self.look(),
            Event::LogIn(name, place) => self.log_in(name, *place),
            Event::LogOut(Place::Elsewhere) => {
                self.log_out();
                Ok(())
            }
            Event::LogOut(place) => self.leave(*place),
            Event::Revoke => {
                self.over.extend(self.jar.clone());
                Ok(())
            }
            Event::Expire => {
                self.readable = Jar { status: None, of: None, rev: None, person: self.readable.person.take() };
                self.expired.extend(self.tokens.keys().cloned());
                Ok(())
            }
            Event::Arrive(number) => match self.flights.len() {
                0 => Ok(()),
                count => self.arrive(number % count),
            },
            Event::Deliver(number, said) => match self.flights.len() {
                0 => Ok(()),
                count => self.deliver(number % count, *said),
            },
            Event::Reply(said) => self.reply(*said),
            Event::PeerEnded(number) => {
                self.peer(*number, |_, person| Input::Message(Message::Ended { person, reason: "logout".into() }))
            }
            Event::PeerRenewed(number) if self.machine.transport == Transport::Bearer => {
                self.peer(*number, |world, person| Input::Message(Message::Renewed { answer: world.answer(&person) }))
            }
            Event::PeerRenewed(_) => self.look(),
            Event::Abort(number) => {
                let open: Vec<u64> = self.machine.wishes.iter().map(|wish| wish.id).collect();
                let Some(id) = open.get(number % open.len().max(1)) else { return Ok(()) };
                self.wishes.get_mut(id).expect("it was wished").is_settled = true;
                self.happen(&Input::Abort { id: *id })
            }
            Event::Online => self.happen(&Input::Online),
            Event::Pass(ms) => {
                self.now += ms;
                Ok(())
            }
        }
    }

    // The page

    fn look(&mut self) -> Result<(), String> {
        if !self.sees_cookies {
            return Ok(());
        }
        if let Some(person) = &self.readable.person {
            self.csrf = Some(Some(person.clone()));
        }
        self.happen(&Input::Look { jar: self.readable.clone() })
    }

    fn want(&mut self, wanted: Wanted, method: Method) -> Result<(), String> {
        self.look()?;
        self.last += 1;
        let id = self.last;
        let kind = match wanted {
            Wanted::Renew => Kind::Fresh,
            Wanted::Kind(kind) => kind,
        };
        let person = here_in(&self.machine);
        let whose = self.is_known().then(|| self.machine.person.clone());
        self.wishes.insert(id, Wished { kind, method, whose, is_settled: false, questions: 0 });
        let is_cookie = self.machine.transport == Transport::Cookie;
        let needs_csrf = is_cookie && self.csrf.is_none() && method == Method::Unsafe && kind == Kind::Call;
        self.happen(&Input::Want { id, kind: wanted, person, needs_csrf })
    }

    fn is_known(&self) -> bool {
        self.machine.person.is_some() || self.machine.status != Phase::Loading
    }

    /// What a request carries now.
    fn credentials(&self) -> Whose {
        match self.machine.transport {
            Transport::Cookie => self.csrf.clone().filter(|whose| *whose == self.machine.person),
            Transport::Bearer => self.tokens.get(self.machine.rev.as_ref()?).cloned().map(Some),
        }
    }

    fn happen(&mut self, input: &Input) -> Result<(), String> {
        let former = self.machine.person.clone();
        let (machine, orders) = step(&self.machine, input, self.now);
        self.machine = machine;
        match input {
            Input::Leave => self.gone.extend(former.clone()),
            Input::Message(Message::Ended { person, .. }) => drop(self.gone.insert(person.clone())),
            _ => {}
        }
        self.identities += u32::from(former != self.machine.person);
        for order in orders {
            self.obey(order)?;
        }
        if self.is_known() {
            for wish in self.wishes.values_mut().filter(|wish| !wish.is_settled && wish.whose.is_none()) {
                wish.whose = Some(self.machine.person.clone());
            }
        }
        self.holds()
    }

    fn obey(&mut self, order: Order) -> Result<(), String> {
        match order {
            Order::Send { id } => {
                let header = self.credentials();
                let sender = self.is_known().then(|| self.machine.person.clone());
                self.flights.push(Flight { id, header, sender, verdict: None });
            }
            Order::Ask { call, .. } => {
                if self.question.is_some() {
                    return Err("two questions at once".into());
                }
                let header = if call == Ask::Token { self.credentials() } else { None };
                self.question = Some(Asked { call, header });
                let waiting = self.machine.wishes.iter().filter(|wish| !wish.sent);
                for id in waiting.map(|wish| wish.id) {
                    self.wishes.get_mut(&id).expect("it was wished").questions += 1;
                }
            }
            Order::Settle { id, .. } => {
                let wish = self.wishes.get_mut(&id).ok_or("nobody wished what is settled")?;
                if wish.is_settled {
                    return Err(format!("{id} is settled twice"));
                }
                wish.is_settled = true;
            }
            Order::Tell { message: Message::Ended { person, .. } } => drop(self.gone.insert(person)),
            Order::Tell { .. } => {}
        }
        Ok(())
    }

    /// What holds after everything that can happen.
    fn holds(&self) -> Result<(), String> {
        let Machine { person, question, wishes, .. } = &self.machine;
        if person.as_ref().is_some_and(|person| self.gone.contains(person)) {
            return Err(format!("{person:?} is back"));
        }
        if question.is_some() != self.question.is_some() {
            return Err(format!("the machine waits for {question:?}, and {:?} was asked", self.question));
        }
        let open = |id: &u64| wishes.iter().find(|wish| wish.id == *id);
        for (id, wish) in self.wishes.iter().filter(|(_, wish)| !wish.is_settled) {
            let Some(known) = open(id) else { return Err(format!("{id} is forgotten")) };
            let under_way = self.flights.iter().any(|flight| flight.id == *id);
            if known.sent != under_way || (!known.sent && question.is_none()) {
                return Err(format!("nothing will settle {known:?}"));
            }
            // Three answers, and one for each change of person, of four questions each at most.
            if wish.questions > 4 * (4 + self.identities) {
                return Err(format!("{} questions for {known:?}", wish.questions));
            }
        }
        Ok(())
    }

    // The service

    fn answer(&mut self, person: &str) -> Answer {
        self.last += 1;
        let rev = self.last.to_string();
        self.tokens.insert(rev.clone(), person.to_owned());
        let person = Some(person.to_owned());
        Answer { status: Phase::Authenticated, person, reason: None, rev: Some(rev), serves_ms: Some(900_000) }
    }

    /// The cookies that come with an answer, whenever it comes.
    fn set(&mut self, answer: &Answer) {
        let person = answer.person.clone();
        let status = person.is_some().then_some(Hint::Phase(answer.status));
        self.readable = Jar { of: person.clone(), rev: answer.rev.clone(), status, person };
    }

    fn log_in(&mut self, name: &str, place: Place) -> Result<(), String> {
        self.over.extend(self.jar.take());
        let session = format!("{name} {}", self.sessions.len());
        self.sessions.push(session.clone());
        self.jar = Some(session.clone());
        let answer = self.answer(&session);
        self.set(&answer);
        if place == Place::Elsewhere {
            return Ok(());
        }
        self.csrf = Some(Some(session));
        self.happen(&Input::Commit { answer })?;
        self.look()
    }

    fn log_out(&mut self) {
        self.over.extend(self.jar.take());
        self.readable = Jar { person: None, status: None, of: None, rev: None };
    }

    fn leave(&mut self, place: Place) -> Result<(), String> {
        self.look()?;
        let person = self.machine.person.clone();
        self.happen(&Input::Leave)?;
        // Only a logout of the very session that is there is obeyed.
        if place == Place::Here && person.is_some() && person == self.jar {
            self.log_out();
            self.look()?;
        }
        Ok(())
    }

    fn arrive(&mut self, number: usize) -> Result<(), String> {
        let Flight { id, header, sender, verdict } = &self.flights[number];
        if verdict.is_some() {
            return Ok(());
        }
        let wish = &self.wishes[id];
        let (verdict, acts) = self.judged(header, wish.method);
        // What went out before anybody was known is whoever's who is there, if it only reads.
        let is_anybodys = sender.is_none() && wish.method == Method::Safe;
        let meant = wish.whose.clone().flatten().filter(|_| !is_anybodys);
        let is_meant = meant.is_none() || acts.is_none() || meant == acts;
        // Who wished it as nobody may see, but not change what is somebody's.
        let is_harmless = meant.is_some() || acts.is_none() || wish.method == Method::Safe;
        if wish.kind == Kind::Call && !(is_meant && is_harmless) {
            return Err(format!("{wish:?} was done by {acts:?}"));
        }
        self.flights[number].verdict = Some(verdict);
        Ok(())
    }

    /// What the service says to a request of the app, and who acts if it is done.
    fn judged(&self, header: &Whose, method: Method) -> (Verdict, Option<String>) {
        if self.machine.transport == Transport::Bearer {
            let Some(Some(person)) = header else { return (Verdict::InvalidToken, None) };
            let is_good = |(rev, whose): (&String, &String)| whose == person && !self.expired.contains(rev);
            let is_good = !self.over.contains(person) && self.tokens.iter().any(is_good);
            return if is_good { (Verdict::Fine, Some(person.clone())) } else { (Verdict::InvalidToken, None) };
        }
        let Some(person) = &self.jar else { return (Verdict::InvalidToken, None) };
        match header {
            Some(Some(page)) if page != person => (Verdict::IdentityChanged, None),
            _ if self.over.contains(person) => (Verdict::SessionEnded, None),
            Some(None) => (Verdict::CsrfFailed, None),
            None if method == Method::Unsafe => (Verdict::CsrfFailed, None),
            None | Some(Some(_)) => (Verdict::Fine, Some(person.clone())),
        }
    }

    fn deliver(&mut self, number: usize, said: Option<Verdict>) -> Result<(), String> {
        self.arrive(number)?;
        let is = said.or(self.flights[number].verdict).unwrap_or(Verdict::Fine);
        if is == Verdict::IdentityChanged
            && let Some(person) = self.jar.clone()
        {
            self.readable = Jar { person: Some(person), status: None, of: None, rev: None };
        }
        if is != Verdict::SessionEnded {
            self.look()?;
        }
        let Flight { id, .. } = self.flights.remove(number);
        self.happen(&Input::Answer { id, is, reason: None })
    }

    fn reply(&mut self, said: Option<(Verdict, Option<i64>)>) -> Result<(), String> {
        let Some(Asked { call, header }) = self.question.take() else { return Ok(()) };
        let input = |is, answer, wait_ms| Input::Reply { is, answer, reason: None, wait_ms, chance: 500 };
        let nobody = Answer { status: Phase::Unauthenticated, person: None, reason: None, rev: None, serves_ms: None };
        let live = self.jar.clone().filter(|person| !self.over.contains(person));
        let mut told = None;
        let input = match (said, live) {
            (Some((is, wait_ms)), _) => input(is, None, wait_ms),
            (None, Some(person)) if header.is_some_and(|page| page.as_ref() != Some(&person)) => {
                input(Verdict::IdentityChanged, None, None)
            }
            (None, Some(person)) => {
                let answer = self.answer(&person);
                self.set(&answer);
                told = Some(person);
                input(Verdict::Fine, Some(answer), None)
            }
            (None, None) => {
                let ended = self.jar.is_some();
                self.log_out();
                match call {
                    Ask::Session => input(Verdict::Fine, Some(nobody), None),
                    Ask::Token if ended => input(Verdict::SessionEnded, None, None),
                    Ask::Token => input(Verdict::InvalidToken, None, None),
                }
            }
        };
        self.happen(&input)?;
        // A token of somebody else than the machine believes in would only hide whose page this is.
        if told.is_some() && told == self.machine.person {
            self.csrf = Some(told);
        }
        self.look()
    }

    fn peer(&mut self, number: usize, says: impl FnOnce(&mut Self, String) -> Input) -> Result<(), String> {
        self.look()?;
        let Some(person) = self.sessions.get(number % self.sessions.len().max(1)).cloned() else { return Ok(()) };
        let input = says(self, person);
        self.happen(&input)
    }

    /// Answers everything that is under way until nothing is.
    pub(super) fn drain(
        &mut self,
        call: Option<Verdict>,
        question: Option<(Verdict, Option<i64>)>,
    ) -> Result<(), String> {
        for _ in 0..1000 {
            if self.flights.is_empty() && self.question.is_none() {
                return match self.wishes.iter().find(|(_, wish)| !wish.is_settled) {
                    Some(wish) => Err(format!("{wish:?} is never settled")),
                    None => Ok(()),
                };
            }
            self.reply(question)?;
            if !self.flights.is_empty() {
                self.deliver(0, call)?;
            }
        }
        Err("it never ends".into())
    }
}
