//! `perennial keys list|rotate|reseal`.

use std::{path::Path, sync::Arc};

use anyhow::{anyhow, bail};
use perennial_protocol::time::{Millis, UnixMillis};
use perennial_service::{
    entropy::SystemEntropy,
    keys::{self, KeyKind, KeyRecord, KeyStore, SealedKeys},
};
use perennial_settings::{Master, Mode, Settings, Store};
use perennial_store_postgres::{Options, PostgresStore};

use crate::{
    cli::{KeysCommand, RotatedKind},
    say::say,
    wiring::{self, Keeping},
};

pub(crate) async fn run(config: Option<&Path>, command: &KeysCommand) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    match command {
        KeysCommand::List => list(wiring::open_keys(&settings).await?).await,
        KeysCommand::Rotate { kind, after } => {
            rotate(&settings, wiring::open_keys(&settings).await?, *kind, *after).await
        }
        KeysCommand::Reseal { to } => reseal(&settings, to).await,
    }
}

async fn reseal(settings: &Settings, to: &str) -> anyhow::Result<()> {
    let Store::Postgres { url, master } = &settings.store else {
        bail!("the keys are files that no master key seals: protect the folder instead");
    };
    let next = Master::read(to).map_err(|rest| anyhow!("--to {rest}"))?;
    let store = Arc::new(PostgresStore::connect(url.expose(), Options::default()).await?);
    let count = SealedKeys::new(store, master.expose(), Arc::new(SystemEntropy)).seal_under(next.expose()).await?;
    say(format_args!("{count} keys are sealed under {to}. Running nodes go on with the keys they have; make it the"))?;
    say(format_args!("file of `keys.master_file` on every node now, and restart them one after the other."))?;
    Ok(())
}

async fn list(Keeping { keys, clock }: Keeping) -> anyhow::Result<()> {
    let (records, now) = (keys.read().await?, clock.now());
    if records.is_empty() {
        say(format_args!("There are no keys yet: `perennial migrate` makes them."))?;
    }
    for record in &records {
        say(format_args!("{:<8} {:>5}  {}", record.kind.name(), record.id.0, state(&records, record, now)))?;
    }
    Ok(())
}

fn state(records: &[KeyRecord], record: &KeyRecord, now: UnixMillis) -> String {
    if record.active_from > now {
        return format!("published, in use in {} s", record.active_from.since(now).whole_seconds());
    }
    match successor(records, record).filter(|next| next.active_from <= now) {
        None => "in use".to_owned(),
        Some(_) => "verifies only".to_owned(),
    }
}

fn successor<'r>(records: &'r [KeyRecord], record: &KeyRecord) -> Option<&'r KeyRecord> {
    let later = records
        .iter()
        .filter(|other| other.kind == record.kind && (other.active_from, other.id) > (record.active_from, record.id));
    later.min_by_key(|other| (other.active_from, other.id))
}

async fn rotate(
    settings: &Settings,
    Keeping { keys, clock }: Keeping,
    kind: RotatedKind,
    after: Millis,
) -> anyhow::Result<()> {
    let (keys, now) = (&*keys, clock.now());
    let kinds: &[KeyKind] = match kind {
        RotatedKind::Signing => &[KeyKind::Signing],
        RotatedKind::Mac => &[KeyKind::Mac],
        RotatedKind::Seal => &[KeyKind::Seal],
        RotatedKind::All => &KeyKind::ALL,
    };
    keys::ensure(keys, &SystemEntropy, now).await?;
    for kind in kinds {
        let made = keys::rotate(keys, *kind, after, &SystemEntropy, now).await?;
        say(format_args!("{} key {}: published now, in use in {after}", kind.name(), made.id.0))?;
    }
    retire(settings, keys, now).await
}

/// Removes keys whose last token has died. Seal keys stay: what they sealed has no end.
async fn retire(settings: &Settings, keys: &dyn KeyStore, now: UnixMillis) -> anyhow::Result<()> {
    let records = keys.read().await?;
    for record in &records {
        let Some(needed) = needed_after(settings, record.kind) else { continue };
        let Some(next) = successor(&records, record) else { continue };
        if next.active_from.plus(needed) < now {
            keys.remove(record.kind, record.id).await?;
            say(format_args!("{} key {}: retired", record.kind.name(), record.id.0))?;
        }
    }
    Ok(())
}

/// How long a key is needed after its successor came into use, with an hour for clocks that differ.
fn needed_after(settings: &Settings, kind: KeyKind) -> Option<Millis> {
    let lifetimes = &settings.tokens.lifetimes;
    let longest = match kind {
        // Access tokens live up to half longer than configured, by jitter.
        KeyKind::Signing => Millis(lifetimes.access.0 * 2),
        // The known-browser cookie is the longest-lived thing that this key signs.
        KeyKind::Mac => lifetimes.absolute.max(perennial_protocol::login::known::KNOWN_TTL),
        KeyKind::Seal => return None,
    };
    Some(Millis(longest.0 + Millis::hours(1).0))
}
