//! The named sets that one word brings in: lifetimes, wire contracts, foreign issuers, and what `dev` does differently.

use perennial_protocol::session::lifetimes::Named;

/// The wire contracts that are built in, by name.
pub(crate) const WIRES: &[(&str, &str)] = &[
    ("vault", include_str!("../../../presets/vault.toml")),
    ("simplejwt", include_str!("../../../presets/simplejwt.toml")),
    ("rotating-bearer", include_str!("../../../presets/rotating-bearer.toml")),
    ("server-first", include_str!("../../../presets/server-first.toml")),
];

/// The names of the wire contracts.
pub(crate) fn wire_names() -> Vec<&'static str> {
    WIRES.iter().map(|(name, _)| *name).collect()
}

/// The text of a wire contract.
pub(crate) fn wire(name: &str) -> Option<(&'static str, &'static str)> {
    WIRES.iter().copied().find(|(known, _)| *known == name)
}

/// The foreign issuers that are built in, by name: the keys of one table.
const ISSUERS: &[(&str, &str)] = &[("json-tokens", include_str!("../../../presets/issuers/json-tokens.toml"))];

/// The names of the foreign issuers.
pub(crate) fn issuer_names() -> Vec<&'static str> {
    ISSUERS.iter().map(|(name, _)| *name).collect()
}

/// The keys of a foreign issuer.
pub(crate) fn issuer(name: &str) -> Option<&'static str> {
    ISSUERS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The name and the keys of a set of lifetimes.
pub(crate) const fn lifetimes(named: Named) -> (&'static str, &'static str) {
    match named {
        Named::Balanced => ("balanced", BALANCED),
        Named::Strict => ("strict", STRICT),
    }
}

const BALANCED: &str = r#"
[tokens]
access_ttl = "15m"
idle_ttl = "7d"
absolute_ttl = "30d"
reuse = "prove"
"#;

const STRICT: &str = r#"
[tokens]
access_ttl = "5m"
idle_ttl = "1h"
absolute_ttl = "24h"
reuse = "at_once"
"#;

pub(crate) const DEV: &str = r#"
[mail]
transport = "mailbox"

[log]
format = "text"
"#;
