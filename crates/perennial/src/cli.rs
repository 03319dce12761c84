//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::PossibleValuesParser};
use perennial_protocol::{admin_key::AdminScope, time::Millis};

/// Keeps the people who use a web app logged in.
#[derive(Debug, Parser)]
#[command(name = "perennial", version, propagate_version = true)]
pub(crate) struct Cli {
    /// The configuration file; every key has a default, and PERENNIAL__SECTION__KEY overrides it.
    #[arg(long, global = true, env = "PERENNIAL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine, with demo accounts and a mailbox.
    Dev(DevOptions),
    /// Run the service.
    Serve,
    /// Run a gateway apart from its service, which `gateway.authority` names.
    Gateway,
    /// Bring the store up to date and create missing keys.
    Migrate,
    /// The server's keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The people who can log in.
    #[command(subcommand)]
    User(UserCommand),
    /// Keys of the admin API.
    #[command(subcommand)]
    AdminKey(AdminKeyCommand),
    /// Sessions.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Write a copy of the running store into FILE.
    Backup { file: PathBuf },
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Args)]
pub(crate) struct DevOptions {
    /// Where to listen; loopback only.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where the database, the keys and dev.json are kept.
    #[arg(long, value_name = "DIR", default_value = "perennial-data")]
    pub(crate) data: PathBuf,
    /// The wire contract of an existing frontend.
    #[arg(long, value_name = "NAME")]
    pub(crate) wire: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Show every key, what it is for and since when it is in use. Secrets are never shown.
    List,
    /// Make new keys. They are published at once and used after a while, so that nobody meets an unknown one.
    Rotate {
        /// Which keys.
        #[arg(long, value_enum, default_value_t = RotatedKind::Signing)]
        kind: RotatedKind,
        /// How long the new key is published before it is used.
        #[arg(long, value_name = "DURATION", default_value = "10m")]
        after: Millis,
    },
    /// Seal the keys in the database under another master key; then give every node its file.
    Reseal {
        /// The file of the new master key.
        #[arg(long, value_name = "FILE")]
        to: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RotatedKind {
    Signing,
    Mac,
    Seal,
    All,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add an account. Without --password-stdin a password is made and printed once.
    Add {
        email: String,
        #[arg(long, default_value = "")]
        name: String,
        /// Read the password from the first line of the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts, one JSON object a line.
    List,
    /// Refuse the account's logins and end its sessions.
    Disable { email: String },
    /// Let the account log in again.
    Enable { email: String },
    /// Set a new password and end the account's sessions.
    SetPassword {
        email: String,
        /// Read the password from the first line of the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set what tokens say of the account beside its id, in place of what they said before.
    SetClaims {
        email: String,
        /// A JSON object, such as {"roles":["editor"]}.
        claims: String,
    },
    /// Import accounts with the hashes of their passwords; `-` reads the standard input.
    ///
    /// One JSON object a line: email, and where there are any name, id, password_hash, claims, created_at
    /// (seconds since 1970), email_verified, disabled. Accounts that are here already are left alone.
    Import { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminKeyCommand {
    /// Make a key and print it, once.
    Add {
        /// What lists and the audit log call it: letters, digits, `-`, `_`, `.`; never used again for another.
        #[arg(long)]
        name: String,
        /// When it ends; without this, when it is revoked.
        #[arg(long, value_name = "DURATION")]
        expires: Option<Millis>,
        /// What it may do; may be given several times. Without this, everything.
        #[arg(long = "scope", value_name = "SCOPE", value_parser = PossibleValuesParser::new(SCOPES))]
        scopes: Vec<String>,
    },
    /// List the keys, one JSON object a line. Secrets are not kept, so they are not shown.
    List,
    /// Refuse a key from now on.
    Revoke { name: String },
}

/// The names of the scopes, in the order in which they are shown.
const SCOPES: [&str; AdminScope::ALL.len()] = {
    let mut names = [""; AdminScope::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = AdminScope::ALL[index].name();
        index += 1;
    }
    names
};

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Start sessions without a login, for tests and migrations. Audited.
    Issue {
        /// Whom the sessions speak for; need not be an account.
        #[arg(long, value_name = "ID")]
        subject: String,
        #[arg(long, value_name = "N", default_value_t = 1)]
        count: u32,
        /// How many factors the sessions count as: 1 or 2.
        #[arg(long, value_name = "LEVEL", default_value_t = 1)]
        aal: u8,
        /// One JSON object a line: {"session_key","cookies","csrf_token","access"}.
        #[arg(long)]
        json: bool,
    },
    /// The live sessions of a subject, one JSON object a line.
    List {
        #[arg(long, value_name = "ID")]
        subject: String,
    },
    /// One session, ended or not, as a JSON object.
    Show {
        /// The public key of the session; one in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        session_key: String,
    },
    /// End a session.
    Revoke {
        /// The public key of the session; one in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        session_key: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with the configuration, and what it means.
    Check,
    /// Show every key's effective value and where it came from.
    Print,
    /// Show what every key means, as Markdown.
    Reference,
}
