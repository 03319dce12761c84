//! Configurations as people write them.

use std::path::Path;

use perennial_protocol::cookie::set::Secure;
use perennial_settings::{MailTransport, Mode, Sources, Store};

use crate::settings;

#[test]
fn a_production_configuration_fits_in_20_lines() {
    let file = std::env::temp_dir().join(format!("perennial-smtp-url-{}", std::process::id()));
    std::fs::write(&file, "smtps://login:s3cret@mail.example.com\n").expect("a temporary file");
    let text = format!(
        r#"[server]
listen = "0.0.0.0:8080"
admin_listen = "127.0.0.1:8081"
public_url = "https://app.example.com"
trusted_proxies = ["10.0.0.0/8"]

[store]
url = "sqlite:/var/lib/perennial/perennial.db"

[keys]
dir = "/var/lib/perennial/keys"

[mfa]
policy = "optional"

[mail]
smtp_url_file = {file:?}
from = "Example <login@example.com>"
"#
    );
    assert!(text.lines().count() <= 20);
    let settings = settings(&Sources::new(Mode::Serve).text("perennial.toml", &text));
    std::fs::remove_file(&file).expect("it was written above");
    let Store::Sqlite { path, keys } = &settings.store else { panic!("{:?}", settings.store) };
    assert_eq!(path, Path::new("/var/lib/perennial/perennial.db"));
    assert_eq!(keys, Path::new("/var/lib/perennial/keys"));
    assert_eq!(settings.tokens.issuer.issuer, "https://app.example.com");
    assert_eq!(settings.cookies.attributes.secure, Secure::Always);
    assert!(settings.cookies.attributes.domain.is_empty());
    let MailTransport::Smtp(url) = &settings.mail.transport else { panic!("{:?}", settings.mail) };
    assert_eq!(url.expose(), "smtps://login:s3cret@mail.example.com");
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn the_tables_of_the_contract_parse_as_they_stand_there() {
    let text = r#"
[server]
listen = "127.0.0.1:8080"
admin_listen = "127.0.0.1:8081"
public_url = "http://localhost:8080"
trusted_proxies = []
[store]
url = "sqlite:perennial-data/perennial.db"
[keys]
dir = "perennial-data/keys"
master_file = ""
[tokens]
lifetimes = "balanced"
access_ttl = "15m"
idle_ttl = "7d"
absolute_ttl = "30d"
jitter = 0.1
rotation = true
cooldown = "120s"
overlap = "30s"
reuse = "prove"
transport = "cookie"
issuer = "http://localhost:8080"
audience = "api"
[cookies]
secure = "auto"
prefix = "auto"
domain = ""
same_site = "Lax"
tags = true
refresh = "refreshtoken"
access = "accesstoken"
csrf = "csrftoken"
hint = "auth_hint"
[csrf]
header = "X-CSRFToken"
mode = "token"
allowed_origins = []
[http]
wire = ""
base = "/auth"
envelope = false
aliases = { "/api/auth/session/" = "session", "/api/auth/token/" = "token" }
[pages]
enabled = true
login = "/login"
after_login = "/"
[register]
open = true
verify_email = true
[mfa]
policy = "optional"
[mail]
transport = "smtp"
smtp_url = "smtp://mail.example.com"
from = "login@example.com"
"#;
    assert_eq!(settings(&Sources::new(Mode::Serve).text("perennial.toml", text)).http.aliases.len(), 2);
}
