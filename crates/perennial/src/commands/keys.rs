//! `perennial keys list|rotate`.

use std::path::Path;

use perennial_protocol::time::{Millis, UnixMillis};
use perennial_service::{
    entropy::SystemEntropy,
    keys::{self, KeyKind, KeyRecord, KeyStore},
};
use perennial_settings::{Mode, Settings};

use crate::{
    cli::{KeysCommand, RotatedKind},
    say::say,
    wiring,
};

pub(crate) async fn run(config: Option<&Path>, command: &KeysCommand) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    let wiring::Keeping { keys, clock } = wiring::open_keys(&settings).await?;
    let now = clock.now();
    match command {
        KeysCommand::List => list(&*keys, now).await,
        KeysCommand::Rotate { kind, after } => rotate(&settings, &*keys, *kind, *after, now).await,
    }
}

async fn list(keys: &dyn KeyStore, now: UnixMillis) -> anyhow::Result<()> {
    let records = keys.read().await?;
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
    keys: &dyn KeyStore,
    kind: RotatedKind,
    after: Millis,
    now: UnixMillis,
) -> anyhow::Result<()> {
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
