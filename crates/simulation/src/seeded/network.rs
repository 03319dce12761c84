//! What is between a browser and the nodes: requests and answers that are slow, overtake each other, come
//! twice, partly or never. And what a request is made of, and an answer read as.

use std::rc::Rc;

use axum::{body::Body, http::Request};
use perennial_protocol::{
    id::Subject,
    time::{Millis, UnixMillis},
};
use perennial_store::Write;
use tokio::sync::oneshot;

use super::{
    browser::{Browser, Jar},
    clock::pass,
    plan::Twist,
    properties,
    site::{Answer, ORIGIN},
    world::World,
};

/// What a tab may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// `GET /auth/session`: an ordinary request; it can only confirm.
    Read,
    /// `POST /auth/token`.
    Refresh,
    /// `POST /auth/session`.
    Resume,
    /// A page: an ordinary request that renews in passing.
    Page,
    /// The same before anybody asked for it: its answer sets no cookie.
    Prefetch,
    LogOut,
}

impl Ask {
    const fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => ("GET", "/auth/session"),
            Self::Refresh => ("POST", "/auth/token"),
            Self::Resume => ("POST", "/auth/session"),
            Self::Page | Self::Prefetch => ("GET", "/account"),
            Self::LogOut => ("POST", "/auth/logout"),
        }
    }
}

/// A request as it left the browser.
#[derive(Debug, Clone)]
pub struct Sent {
    pub ask: Ask,
    pub jar: Jar,
    /// The anti-CSRF token that the page knows.
    pub proof: Option<String>,
    pub at: UnixMillis,
    /// The browser's run that waits for the answer.
    run: u32,
}

impl Sent {
    pub fn now(world: &World, browser: &Browser, ask: Ask, proof: Option<String>) -> Self {
        Self { ask, jar: browser.jar(), proof, at: world.now(), run: browser.run.get() }
    }

    /// A request that comes from no browser.
    pub const fn of(jar: Jar, ask: Ask, proof: Option<String>, at: UnixMillis) -> Self {
        Self { ask, jar, proof, at, run: 0 }
    }

    pub fn request(&self, world: &World) -> Request<Body> {
        let (method, path) = self.ask.target();
        let mut jar = self.jar.clone();
        if world.plan.twist == Twist::MarksForgotten {
            jar.drop_marks();
        }
        let mut request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin");
        let cookies = jar.header(self.at);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        if method == "POST" {
            request = request.header("origin", ORIGIN);
        }
        if let Some(proof) = self.proof.as_ref().filter(|_| method == "POST") {
            request = request.header("x-csrftoken", proof);
        }
        match self.ask {
            Ask::Page => request = request.header("sec-fetch-mode", "navigate"),
            Ask::Prefetch => request = request.header("sec-purpose", "prefetch"),
            Ask::Read | Ask::Refresh | Ask::Resume | Ask::LogOut => {}
        }
        request.body(Body::empty()).expect("method, path and cookies are well formed")
    }
}

/// What an answer says to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Fine,
    /// Ask again with what the jar holds now.
    Stale,
    /// The session is over, for this reason.
    Over(String),
    /// The page is out of date; the answer has a token that fits.
    OutOfDate,
    /// Nothing is known.
    Unknown,
}

impl Answer {
    /// A text field of the JSON body, or nothing.
    pub fn field(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_default().to_owned()
    }

    pub fn is_authenticated(&self) -> bool {
        self.json["is_authenticated"] == true
    }

    pub fn said(&self) -> Said {
        let code = self.field("code");
        match self.status {
            500.. => Said::Unknown,
            303 if self.location == "/account" => Said::Stale,
            303 => Said::Over(format!("a redirect to {}", self.location)),
            401 if code == "stale_token" => Said::Stale,
            401 => Said::Over(format!("{code} {}", self.field("reason"))),
            403 | 409 => Said::OutOfDate,
            200 if !self.field("ended_reason").is_empty() => Said::Over(self.field("ended_reason")),
            _ => Said::Fine,
        }
    }

    /// The person whom the answer speaks to.
    pub fn shown<'s>(&self, subjects: &'s [Subject]) -> Option<&'s Subject> {
        let id = self.json["user"]["id"].as_str().unwrap_or_default().to_owned();
        let page = if id.is_empty() && self.status == 200 { self.text.as_str() } else { "" };
        subjects.iter().find(|subject| subject.as_str() == id || page.contains(&format!("{subject}<")))
    }
}

/// Sends a request and waits for its answer; none if it was lost, or found a browser that has crashed since.
pub async fn exchange(world: &Rc<World>, browser: &Rc<Browser>, sent: Sent) -> Option<Answer> {
    let said = world.witness.said_jar(&sent.jar, sent.at);
    world.witness.note(&browser.name, format!("sends {:?} with {said}", sent.ask));
    world.witness.count(match sent.ask {
        Ask::Refresh => "refreshes",
        _ => "other requests",
    });
    let (tell, told) = oneshot::channel();
    if world.network().twice > 0 && world.chance.one_in(world.network().twice) {
        world.witness.befell(&browser.name, "requests that arrived twice");
        let (copy, _) = oneshot::channel();
        world.spawn(journey(Rc::clone(world), Rc::clone(browser), sent.clone(), copy));
    }
    world.spawn(journey(Rc::clone(world), Rc::clone(browser), sent, tell));
    told.await.ok()
}

/// There and back. The tab may have gone; the jar keeps what comes.
async fn journey(world: Rc<World>, browser: Rc<Browser>, sent: Sent, tell: oneshot::Sender<Answer>) {
    pass(leg(&world)).await;
    if world.chance.one_in(world.network().lost) {
        return world.witness.befell(&browser.name, "requests lost");
    }
    let answer = at_node(&world, &browser.name, &sent).await;
    pass(leg(&world)).await;
    if browser.run.get() != sent.run {
        return world.witness.befell(&browser.name, "answers that found a crashed browser");
    }
    let lost = world.chance.one_in(world.network().lost) || browser.is_asleep(world.now());
    if lost && may_lose(&world, &answer) {
        return world.witness.befell(&browser.name, "answers lost");
    }
    arrive(&world, &browser, &sent, &answer);
    // A tab that waits no more has its cookies all the same.
    let _ = tell.send(answer);
}

/// Hands the request to some node.
pub async fn at_node(world: &World, actor: &str, sent: &Sent) -> Answer {
    let arrived = world.now();
    let node = world.chance.below(world.site.count());
    if world.plan.twist == Twist::ConfirmedAtOnce {
        for token in sent.jar.refresh(sent.at) {
            world.store.meddle(Write::Confirm { sid: token.sid, generation: token.generation });
        }
    }
    let mut answer = world.site.answer(node, sent.request(world)).await;
    answer.in_outage = world.store.failed_since(arrived);
    let token = properties::handed_out(&answer).map(|token| format!(" and {}", world.witness.said(&token)));
    let note = format!("node {node} answers {:?}: {:?}{}", sent.ask, answer.said(), token.unwrap_or_default());
    world.witness.note(actor, note);
    properties::at_node(&world.witness, actor, arrived, &answer);
    answer
}

fn arrive(world: &World, browser: &Browser, sent: &Sent, answer: &Answer) {
    let (now, before) = (world.now(), browser.jar());
    let partly =
        world.chance.one_in(world.network().partly) && !answer.set_cookie.is_empty() && may_lose(world, answer);
    let kept: Vec<String> = match partly {
        true => answer.set_cookie.iter().filter(|_| world.chance.one_in(2)).cloned().collect(),
        false => answer.set_cookie.clone(),
    };
    if partly {
        world.witness.befell(&browser.name, "answers kept in part");
    }
    browser.change(now, |jar| {
        jar.store(&kept, now);
        // A late answer to a logout says nothing about who logged in since.
        if sent.ask == Ask::LogOut && answer.status == 204 && jar.owner == sent.jar.owner {
            jar.owner = None;
        }
    });
    let jar = world.witness.said_jar(&browser.jar(), now);
    world.witness.note(&browser.name, format!("hears {:?} to {:?}; jar {jar}", answer.said(), sent.ask));
    properties::at_browser(&world.witness, browser, sent, answer, &world.subjects);
    properties::in_jar(&world.witness, browser, &before, now);
}

/// Whether the world can bear that this answer is lost.
pub fn may_lose(world: &World, answer: &Answer) -> bool {
    let token = properties::handed_out(answer);
    token.is_none_or(|token| world.witness.spends_loss(token.sid, token.generation, world.plan.losses))
}

/// How long a leg takes. The time at the node belongs to the hold too.
pub fn leg(world: &World) -> Millis {
    let network = world.network();
    if network.slow > 0 && world.chance.one_in(network.slow) {
        let longest = Millis(network.hold.0 - 1000);
        if world.chance.one_in(4) { longest } else { world.chance.between(Millis(400), longest) }
    } else {
        world.chance.between(Millis(5), Millis(300))
    }
}
