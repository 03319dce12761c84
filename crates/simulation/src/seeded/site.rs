//! The service under test: nodes over one store, each with a memory of its own, as a proxy would reach them.
//!
//! A node is the real router. Nothing listens: a request is handed to it in memory.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::{Router, body::Body, http::Request};
use perennial_edge::client::Peer;
use perennial_protocol::{
    call::Call,
    cookie::{
        CookieAttributes, CookieNames,
        names::Tags,
        set::{SameSite, Secure},
    },
    key::KeyId,
    login::{MfaPolicy, throttle},
    origin::{Loopback, OriginPolicy},
    session::lifetimes::Lifetimes,
    time::{Millis, UnixMillis},
    token::{Issuer, Transport},
};
use perennial_service::{
    Service, ServiceSettings,
    authority::{ForwardedTokens, KnownSessions},
    credentials::{AccessTokens, PasswordPool},
    ends::Ends,
    entropy::SystemEntropy,
    flights::Flights,
    http::router,
    keys::{KeyKind, KeyRecord, Keyring, Keys},
    mail::{MailQueue, Mailbox},
    settings::{Envelope, PageSettings, Registration},
};
use serde_json::Value;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use zeroize::Zeroizing;

use super::{
    chance::Chance,
    clock::{EPOCH, VirtualClock},
    plan::{Plan, Twist},
    store::ShakyStore,
};
use crate::exhaustive::rules::ACCESS as ACCESS_TTL;

/// The names of cookies that come in the browser's view; those of sessions go on with a tag.
pub const REFRESH: &str = "__Host-refreshtoken";
pub const ACCESS: &str = "__Host-accesstoken";
pub const CSRF: &str = "__Host-csrftoken";
pub const STALE: &str = "__Host-stale";

/// The origin of every page.
pub const ORIGIN: &str = "https://app.example";

/// What a node answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub set_cookie: Vec<String>,
    pub location: String,
    pub text: String,
    /// The same as JSON, or null.
    pub json: Value,
    /// Whether the store refused somebody meanwhile.
    pub in_outage: bool,
}

#[derive(Debug)]
struct Node {
    service: Arc<Service>,
    router: Router,
    ends: JoinHandle<()>,
}

/// Every node, and what a new one is made of.
#[derive(Debug)]
pub struct Site {
    nodes: RefCell<Vec<Node>>,
    settings: ServiceSettings,
    store: Arc<ShakyStore>,
    clock: VirtualClock,
    entropy: Arc<Chance>,
    mail: MailQueue,
    looks: Millis,
}

impl Site {
    pub fn open(plan: &Plan, store: Arc<ShakyStore>, clock: VirtualClock, entropy: Arc<Chance>) -> Self {
        let lifetimes = Lifetimes { access: ACCESS_TTL, jitter: 0.1, absolute: Millis::days(30), refresh: plan.policy };
        let tags = if plan.twist == Twist::NamesWithoutTags { Tags::Off } else { Tags::On };
        let (mail, _worker) = MailQueue::start(Arc::new(Mailbox::new(Arc::new(clock))));
        let (settings, looks) = (settings(lifetimes, tags), plan.looks);
        let site = Self { nodes: RefCell::default(), settings, store, clock, entropy, mail, looks };
        let nodes = (0..plan.nodes).map(|_| site.node()).collect();
        site.nodes.replace(nodes);
        site
    }

    /// A node that has just been started: it remembers nothing.
    fn node(&self) -> Node {
        let service = Arc::new(Service {
            store: Arc::clone(&self.store) as _,
            clock: Arc::new(self.clock),
            entropy: Arc::clone(&self.entropy) as _,
            keyring: Keyring::new(Keys::at(records(), EPOCH).expect("one key of each kind")),
            passwords: passwords().clone(),
            access: AccessTokens::new(self.settings.issuer.clone()),
            mail: self.mail.clone(),
            ends: Ends::default(),
            known: KnownSessions::default(),
            forwarded: ForwardedTokens::default(),
            refreshes: Flights::default(),
            settings: self.settings.clone(),
        });
        let ends = tokio::task::spawn_local(follow_ends(Arc::clone(&service), self.looks.into()));
        Node { router: router(Arc::clone(&service)), service, ends }
    }

    pub fn count(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// The process of one node is replaced. Requests that it works on are finished by the old one.
    pub fn restart(&self, index: usize) {
        let node = self.node();
        std::mem::replace(&mut self.nodes.borrow_mut()[index], node).ends.abort();
    }

    pub fn service(&self, index: usize) -> Arc<Service> {
        Arc::clone(&self.nodes.borrow()[index].service)
    }

    /// Hands a request to a node and waits for the whole answer.
    pub async fn answer(&self, index: usize, mut request: Request<Body>) -> Answer {
        let router = self.nodes.borrow()[index].router.clone();
        request.extensions_mut().insert(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let Ok(response) = router.oneshot(request).await;
        let (parts, body) = response.into_parts();
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        Answer {
            status: parts.status.as_u16(),
            set_cookie: parts.headers.get_all("set-cookie").iter().map(text).collect(),
            location: parts.headers.get("location").map(text).unwrap_or_default(),
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            in_outage: false,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// What a node does beside its requests: it follows the log of ends.
async fn follow_ends(service: Arc<Service>, looks: Duration) {
    loop {
        let _ = tokio::time::timeout(looks, service.ends.asked_to_look()).await;
        let _ = service.follow_ends().await;
    }
}

/// The default configuration behind TLS, with the lifetimes of the world.
fn settings(lifetimes: Lifetimes, tags: Tags) -> ServiceSettings {
    let name = |base: &str| format!("__Host-{base}");
    ServiceSettings {
        product: "app.example".to_owned(),
        lifetimes,
        transport: Transport::Cookie,
        issuer: Issuer { issuer: ORIGIN.to_owned(), audience: "api".to_owned() },
        cookies: CookieNames {
            refresh: REFRESH.to_owned(),
            access: ACCESS.to_owned(),
            csrf: CSRF.to_owned(),
            hint: name("auth_hint"),
            stale: STALE.to_owned(),
            mfa_setup: name("mfa_setup"),
            mfa_verify: name("mfa_verify"),
            verify_email: name("verify_email"),
            known: name("known"),
            tags,
        },
        attributes: CookieAttributes { secure: Secure::Always, same_site: SameSite::Lax, domain: String::new() },
        csrf_header: axum::http::HeaderName::from_static("x-csrftoken"),
        origin_mode: [Call::Session, Call::Logout].into(),
        origins: OriginPolicy { own: ORIGIN.to_owned(), allowed: Vec::new(), loopback: Loopback::Refused },
        base: "/auth".to_owned(),
        aliases: BTreeMap::new(),
        envelope: Envelope::None,
        fields: BTreeMap::new(),
        extra_fields: BTreeMap::new(),
        pages: Some(PageSettings { login: "/login".to_owned(), after_login: "/account".to_owned(), mailbox: None }),
        registration: Registration::Closed,
        mfa: MfaPolicy::Optional,
        throttle: throttle::Limits {
            passwords_per_account: 10,
            passwords_per_address: 100,
            password_window: Millis::minutes(15),
            codes_per_attempt: 5,
            mails_per_address_hourly: 5,
        },
        hash_permits: 1,
        body_bytes_max: 64 * 1024,
        request_timeout: Duration::from_secs(30),
        forwarded_ttl: Millis::minutes(2),
        trusted_proxies: Vec::new(),
    }
}

/// Keys are the same in every world: no decision depends on them.
fn records() -> &'static [KeyRecord] {
    static RECORDS: OnceLock<Vec<KeyRecord>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair can be made");
        let pkcs8 = pair.to_pkcs8v1().expect("a key pair can be written down").as_ref().to_vec();
        let record =
            |kind, secret| KeyRecord { kind, id: KeyId(1), active_from: UnixMillis(0), secret: Zeroizing::new(secret) };
        vec![record(KeyKind::Mac, vec![1; 32]), record(KeyKind::Signing, pkcs8), record(KeyKind::Seal, vec![3; 32])]
    })
}

/// Nobody types a password here, and making a pool hashes one.
fn passwords() -> &'static PasswordPool {
    static PASSWORDS: OnceLock<PasswordPool> = OnceLock::new();
    PASSWORDS.get_or_init(|| PasswordPool::new(1, &SystemEntropy))
}
