//! From settings to a running service: which store, which keys, which mail.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use perennial_edge::authority::SessionAuthority;
use perennial_gateway::{Gateway, GatewaySettings};
use perennial_protocol::{call::Call, time::UnixMillis};
use perennial_service::{
    Service, ServiceSettings,
    clock::{Clock, SystemClock},
    entropy::SystemEntropy,
    keys::{self, KeyDirectory, KeyError, KeyRecord, KeyStore, Keyring, Keys, SealedKeys},
    mail::{MailQueue, Mailbox, Smtp, Transport},
    operations::foreign_refresh::ForeignRefresher,
    settings::{Envelope, PageSettings, Registration},
};
use perennial_settings::{Configuration, CsrfMode, MailTransport, Mode, Settings, Sources, Store as StoreAt};
use perennial_store::{SealedKeyStore, Store};
use perennial_store_postgres::{Options, PostgresStore};
use perennial_store_sqlite::SqliteStore;
use tokio::task::JoinHandle;

use crate::database_clock::DatabaseClock;

/// The sources of a command that works on a configured system.
pub(crate) fn sources(mode: Mode, config: Option<&Path>) -> Sources {
    let sources = Sources::new(mode);
    match config {
        Some(path) => sources.file(path),
        None => sources,
    }
    .environment()
}

/// The checked settings, or every problem of the configuration.
pub(crate) fn settings(mode: Mode, config: Option<&Path>) -> anyhow::Result<Settings> {
    resolve(&sources(mode, config))
}

pub(crate) fn resolve(sources: &Sources) -> anyhow::Result<Settings> {
    Ok(Configuration::load(sources).settings()?)
}

/// A service and what has to be kept beside it.
pub(crate) struct Wired {
    pub(crate) service: Arc<Service>,
    pub(crate) keys: Arc<dyn KeyStore>,
    /// The clock that all nodes follow, where there are several.
    pub(crate) database_clock: Option<DatabaseClock>,
    pub(crate) mail_worker: JoinHandle<()>,
    /// Spends the tokens of foreign issuers.
    pub(crate) refresher: Arc<ForeignRefresher>,
}

/// Opens the store and the keys and puts a service over them. Missing keys are made.
pub(crate) async fn wire(
    settings: &Settings,
    transport: Arc<dyn Transport>,
    mailbox: Option<String>,
) -> anyhow::Result<Wired> {
    let Backing { store, keeping: Keeping { keys, clock }, database_clock } = open(settings).await?;
    let now = clock.now();
    let records = keys::ensure(&*keys, &SystemEntropy, now).await?;
    let keyring = Keyring::new(Keys::at(&records, now)?);
    let (mail, mail_worker) = MailQueue::start(transport);
    let entropy = Arc::new(SystemEntropy);
    let refresher = ForeignRefresher::new(
        Arc::clone(&store),
        keyring.clone(),
        Arc::clone(&clock),
        Arc::<SystemEntropy>::clone(&entropy),
    );
    let service = Service::new(service_settings(settings, mailbox), store, keyring, mail, clock, entropy);
    Ok(Wired { service: Arc::new(service), keys, database_clock, mail_worker, refresher: Arc::new(refresher) })
}

/// What a service stands on.
struct Backing {
    store: Arc<dyn Store>,
    keeping: Keeping,
    database_clock: Option<DatabaseClock>,
}

/// The keys, and the clock that says which of them are in use.
pub(crate) struct Keeping {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The store with the keys and the clock that belong to it. A store that lags behind is migrated.
async fn open(settings: &Settings) -> anyhow::Result<Backing> {
    match &settings.store {
        StoreAt::Sqlite { path, keys } => {
            Ok(Backing { store: Arc::new(open_sqlite(path)?), keeping: keep_in(keys), database_clock: None })
        }
        StoreAt::Postgres { url, master } => {
            let store = Arc::new(PostgresStore::connect(url.expose(), Options::default()).await?);
            let database_clock = DatabaseClock::start(Arc::clone(&store)).await?;
            let sealed: Arc<dyn SealedKeyStore> = Arc::<PostgresStore>::clone(&store);
            let keys = Arc::new(SealedKeys::new(sealed, master.expose(), Arc::new(SystemEntropy)));
            let keeping = Keeping { keys, clock: database_clock.clock() };
            Ok(Backing { store, keeping, database_clock: Some(database_clock) })
        }
    }
}

/// The keys alone.
pub(crate) async fn open_keys(settings: &Settings) -> anyhow::Result<Keeping> {
    match &settings.store {
        StoreAt::Sqlite { keys, .. } => Ok(keep_in(keys)),
        StoreAt::Postgres { .. } => Ok(open(settings).await?.keeping),
    }
}

fn keep_in(folder: &Path) -> Keeping {
    Keeping { keys: Arc::new(KeyDirectory::new(folder)), clock: Arc::new(SystemClock) }
}

pub(crate) fn open_sqlite(path: &Path) -> anyhow::Result<SqliteStore> {
    SqliteStore::open(path).with_context(|| format!("cannot open the store {}", path.display()))
}

/// The same in front of the service of this process, whose store sees to it that foreign tokens are spent once.
pub(crate) fn gateway_before(wired: &Wired, settings: &Settings) -> Option<Arc<Gateway>> {
    let gateway = gateway(settings, Arc::<Service>::clone(&wired.service))?;
    Some(Arc::new(gateway.with_issuers(Arc::<ForeignRefresher>::clone(&wired.refresher))))
}

/// The gateway that the configuration asks for, over whoever owns the sessions.
pub(crate) fn gateway(settings: &Settings, authority: Arc<dyn SessionAuthority>) -> Option<Gateway> {
    let configured = settings.gateway.as_ref()?;
    let url = &settings.server.public_url;
    let header = |text: &str| text.parse().expect("the configuration was checked for an origin");
    let settings = GatewaySettings {
        routes: configured.routes.clone(),
        issuers: configured.issuers.clone(),
        cookies: settings.cookies.names.clone(),
        secure: settings.cookies.attributes.secure,
        transport: settings.tokens.transport,
        csrf_header: csrf_header(settings),
        origins: settings.csrf.origins.clone(),
        public_scheme: header(if url.is_tls() { "https" } else { "http" }),
        public_host: header(url.as_str().split_once("://").map_or("", |(_, host)| host)),
        trusted_proxies: settings.server.trusted_proxies.clone(),
        replay_bytes: configured.replay_bytes,
        connect_timeout: configured.connect_timeout.into(),
    };
    Some(Gateway::new(settings, authority))
}

pub(crate) fn csrf_header(settings: &Settings) -> http::HeaderName {
    settings.csrf.header.parse().expect("the configuration was checked for a header name")
}

/// The mail transport that the configuration names; none is needed where no flow sends mail.
pub(crate) fn transport(settings: &Settings) -> anyhow::Result<Arc<dyn Transport>> {
    match &settings.mail.transport {
        MailTransport::Smtp(url) => {
            let from = settings.mail.from.as_deref().unwrap_or_default();
            Ok(Arc::new(Smtp::new(url.expose(), from)?))
        }
        // The configuration was checked: no flow of this system sends mail, or a mailbox takes it.
        MailTransport::Mailbox | MailTransport::Log | MailTransport::Unset => {
            Ok(Arc::new(Mailbox::new(Arc::new(SystemClock))))
        }
    }
}

/// Whether the keys in use are others than before: a new one appeared, or one came into its time.
pub(crate) struct KeyWatch {
    seen: Vec<(KeyRecordName, bool)>,
}

type KeyRecordName = (perennial_service::keys::KeyKind, u16);

impl KeyWatch {
    pub(crate) const fn new() -> Self {
        Self { seen: Vec::new() }
    }

    /// Reads them anew and replaces the keys in use if they changed.
    pub(crate) async fn look(
        &mut self,
        keys: &dyn KeyStore,
        keyring: &Keyring,
        now: UnixMillis,
    ) -> Result<(), KeyError> {
        let records = keys.read().await?;
        let state = |record: &KeyRecord| ((record.kind, record.id.0), record.active_from <= now);
        let seen: Vec<_> = records.iter().map(state).collect();
        if seen != self.seen {
            keyring.replace(Keys::at(&records, now)?);
            self.seen = seen;
        }
        Ok(())
    }
}

fn service_settings(settings: &Settings, mailbox: Option<String>) -> ServiceSettings {
    let Settings { server, tokens, cookies, csrf, http, pages, register, mfa, limits, .. } = settings;
    ServiceSettings {
        product: server.public_url.host().to_owned(),
        lifetimes: tokens.lifetimes,
        issuer: tokens.issuer.clone(),
        transport: tokens.transport,
        cookies: cookies.names.clone(),
        attributes: cookies.attributes.clone(),
        csrf_header: csrf_header(settings),
        origin_mode: Call::ALL.into_iter().filter(|call| csrf.mode_of(*call) == CsrfMode::Origin).collect(),
        origins: csrf.origins.clone(),
        base: http.base.clone(),
        aliases: http.aliases.clone(),
        envelope: if http.envelope { Envelope::Data } else { Envelope::None },
        fields: http.fields.clone(),
        extra_fields: http.answers.clone(),
        pages: pages.enabled.then(|| PageSettings {
            login: pages.login.clone(),
            after_login: pages.after_login.clone(),
            mailbox,
        }),
        registration: match (register.open, register.verify_email) {
            (false, _) => Registration::Closed,
            (true, true) => Registration::Verified,
            (true, false) => Registration::Unverified,
        },
        mfa: mfa.policy,
        throttle: limits.guesses,
        hash_permits: limits.hash_permits,
        body_bytes_max: limits.body_bytes,
        request_timeout: limits.request_timeout.into(),
        forwarded_ttl: settings.forwarded_ttl,
        trusted_proxies: server.trusted_proxies.clone(),
    }
}
