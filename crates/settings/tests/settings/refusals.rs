//! Every reason not to run, and what its sentence says.

use perennial_settings::{Mode, Sources};

use crate::{MAIL, file, problems};

const HTTPS: &str = "server.public_url = \"https://app.example.com\"\n";

/// These lines are refused for exactly one reason, whose sentence has this in it.
#[track_caller]
fn check(lines: &str, expected: &str) {
    let said = problems(&file(lines));
    assert!(said.contains(expected) && said.lines().count() == 1, "{lines}\n-> {said}");
}

/// The same over https.
#[track_caller]
fn check_https(lines: &str, expected: &str) {
    check(&format!("{HTTPS}{lines}"), expected);
}

#[track_caller]
fn check_variable(name: &str, value: &str, expected: &str) {
    let said = problems(&file("").variables([(name, value)]));
    assert_eq!(said, expected);
}

#[track_caller]
fn check_fine(lines: &str) {
    let said = problems(&file(lines));
    assert!(said.is_empty(), "{lines}\n-> {said}");
}

#[test]
fn an_unknown_key_is_refused_with_its_path_its_source_and_the_nearest_one() {
    check(
        "tokens.acces_ttl = \"15m\"",
        "unknown key `tokens.acces_ttl` in perennial.toml: did you mean `tokens.access_ttl`?",
    );
    check("[token]\naccess_ttl = \"15m\"", "unknown key `token` in perennial.toml: did you mean `tokens`?");
    check(
        "store.public_url = \"x\"",
        "unknown key `store.public_url` in perennial.toml: did you mean `server.public_url`?",
    );
    check("tokens.colour_of_it_all = 1", "unknown key `tokens.colour_of_it_all` in perennial.toml: remove it");
    check(
        "cookies.prefixes.crsf = \"\"",
        "unknown key `cookies.prefixes.crsf` in perennial.toml: did you mean `cookies.prefixes.csrf`?",
    );
    check(
        "csrf.modes.everything = \"origin\"",
        "unknown key `csrf.modes.everything` in perennial.toml: write one of \"session\", ",
    );
    check_variable(
        "PERENNIAL__TOKENS__ACCES_TTL",
        "15m",
        "unknown key `tokens.acces_ttl` in PERENNIAL__TOKENS__ACCES_TTL: did you mean `tokens.access_ttl`?",
    );
}

#[test]
fn a_value_of_the_wrong_form_is_refused_with_what_to_write() {
    check(
        "tokens.access_ttl = \"15min\"",
        "`tokens.access_ttl` in perennial.toml is `\"15min\"`: write a duration, a whole number \
         and one of ms, s, m, h, d",
    );
    check("tokens.access_ttl = 900", "`tokens.access_ttl` in perennial.toml is `900`: write a duration");
    check("cookies.tags = \"yes\"", "is `\"yes\"`: write true or false");
    check("cookies.secure = \"always\"", "write \"auto\", true or false");
    check("limits.connections = -1", "is `-1`: write a whole number from 0");
    check("mfa.policy = \"always\"", "is `\"always\"`: write one of \"off\", \"optional\", \"required\"");
    check("csrf.allowed_origins = \"https://a.example\"", "write a list of texts");
    check(
        "http.aliases = { \"/x/\" = \"refresh\" }",
        "`http.aliases.\"/x/\"` in perennial.toml is `\"refresh\"`: write one of",
    );
    check("store = 5", "`store` in perennial.toml is no table: write [store] and its keys");
    check_variable(
        "PERENNIAL__COOKIES__TAGS",
        "yes",
        "`cookies.tags` in PERENNIAL__COOKIES__TAGS is `\"yes\"`: write true or false",
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let said =
        problems(&file("tokens.acces_ttl = 1\ntokens.idle_ttl = \"1 d\"\nhttp.base = \"auth\"\ncookies.tags = 0"));
    for key in ["tokens.acces_ttl", "tokens.idle_ttl", "http.base", "cookies.tags"] {
        assert!(said.contains(key), "{key}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn what_is_not_built_yet_is_said_plainly() {
    check("[[webhooks]]\nurl = \"x\"", "this build sends no webhooks yet");
    check("store.url = \"postgres:db/perennial\"", "names no store: write \"sqlite:PATH\"");
    check("keys.master_file = \"master\"", "belongs to PostgreSQL; with SQLite the keys are files in `keys.dir`");
}

#[test]
fn lifetimes_that_do_not_fit_together_are_refused() {
    check("tokens.overlap = \"3m\"", "raise cooldown or lower overlap");
    check("tokens.idle_ttl = \"31d\"", "tokens.idle_ttl (31d) must not be longer than tokens.absolute_ttl (30d)");
    check("tokens.jitter = 0.6", "tokens.jitter (0.6) must be between 0 and 0.5");
}

#[test]
fn public_url_is_an_origin_and_plain_http_is_for_loopback() {
    check("server.public_url = \"https://app.example.com/app\"", "write \"https://app.example.com\"");
    check("server.public_url = \"http://app.example.com\"", "plain http, which is for loopback hosts only");
    check("server.public_url = \"app.example.com\"", "`server.public_url` in perennial.toml is no origin");
    check_fine("server.public_url = \"http://127.0.0.1:9000\"");
}

#[test]
fn addresses_and_proxies_are_parsed() {
    check("server.listen = \"localhost:8080\"", "write an IP address and a port, such as \"127.0.0.1:8080\"");
    check("server.admin_listen = \"127.0.0.1:8080\"", "is the same as `server.listen`");
    check("server.trusted_proxies = [\"10.0.0.1\"]", "write it like \"10.0.0.1/32\"");
    check("server.trusted_proxies = [\"0.0.0.0/0\"]", "believes everybody");
    check_fine("server = { listen = \"[::]:0\", admin_listen = \"[::]:0\", trusted_proxies = [\"fd00::/8\"] }");
}

#[test]
fn cookies_that_no_browser_keeps_are_refused() {
    check_https(
        "cookies.domain = \"example.com\"",
        "`cookies.domain` in perennial.toml cannot go with the prefix `__Host-`",
    );
    check_https("cookies = { prefix = \"\", domain = \"other.com\" }", "does not cover app.example.com");
    check_https("cookies = { prefix = \"\", domain = \".example.com\" }", "without a leading dot");
    check_https("cookies = { prefix = \"\", domain = \"com\" }", "write a domain of your own");
    check("cookies.same_site = \"None\"", "browsers keep with Secure only");
    check(
        "cookies.prefixes.known = \"__Secure-\"",
        "makes the cookie \"__Secure-known\", which browsers keep over https only",
    );
    check("cookies.secure = true", "`server.public_url` is plain http");
    check_https("cookies.secure = false\ncookies.prefix = \"\"", "would send sessions over plain http too");
    check("cookies.refresh = \"refresh token\"", "makes the cookie name \"refresh token\"");
    check("cookies.refresh = \"\"", "makes the cookie name \"\"");
    check("cookies.hint = \"csrftoken\"", "`cookies.hint` in perennial.toml is \"csrftoken\" like `cookies.csrf`");
    check("cookies.known = \"stale-ab\"", "reads like `cookies.stale` with a tag");
    check_fine("cookies = { known = \"stale-ab\", tags = false }");
}

#[test]
fn origins_of_another_site_are_refused_with_the_reason() {
    check_https(
        "csrf.allowed_origins = [\"https://app.example.org\"]",
        "another site than https://app.example.com: browsers keep cookies",
    );
    check_https("csrf.allowed_origins = [\"https://auth.example.com/\"]", "write \"https://auth.example.com\"");
    check_https("csrf.allowed_origins = [\"*\"]", "holds \"*\", which is no origin");
    check_fine(&format!("{HTTPS}csrf.allowed_origins = [\"https://auth.example.com\", \"https://example.com:8443\"]"));
}

#[test]
fn a_csrf_rule_that_cannot_hold_is_refused() {
    check("csrf.header = \"X CSRF\"", "write a header name");
    check("csrf.header = \"authorization\"", "write a header name of its own");
    check(
        "csrf.modes = { logout = \"token\" }",
        "`csrf.modes.logout` in perennial.toml is \"token\", but this call is always checked by origin",
    );
}

#[test]
fn paths_are_whole_and_do_not_collide() {
    for base in ["auth", "/auth/", "/", "", "/a//b", "/a b", "/../a"] {
        check(&format!("http.base = \"{base}\""), "begin with a slash and end without one");
    }
    check("http.aliases = { \"refresh\" = \"token\" }", "`http.aliases.refresh` in perennial.toml is no path");
    check(
        "http.aliases = { \"/auth/login/\" = \"token\" }",
        "is the path of login already, so it cannot be one of token",
    );
    check("http.aliases = { \"/a\" = \"token\", \"/a/\" = \"login\" }", "is the path of token already");
    check("http.aliases = { \"/auth/verify\" = \"token\" }", "is a path of something else already");
    check("http.aliases = { \"/login\" = \"login\" }", "is a path of something else already");
    check("http.aliases = { \"/register/\" = \"register\" }", "is a path of something else already");
    check("pages.login = \"//evil.example\"", "begin with one slash");
    check("pages.after_login = \"https://evil.example\"", "is neither a path nor a URL of an allowed origin");
    check("http.answers = { session = { user = 1 } }", "sets `user`, which the answer carries itself");
    check(
        "http.answers = { token = { access = true } }\ntokens.transport = \"bearer\"",
        "sets `access`, which the answer carries itself",
    );
    check("http.fields = { token = { name = \"nickname\" } }", "shows `nickname`, which no answer carries");
    check("http.fields = { token = { token = \"access\" } }", "shows `access`, which no answer carries");
    check_fine("http.fields = { token = { token = \"access\" } }\ntokens.transport = \"bearer\"");
    check_fine("http.aliases = { \"/auth/login/\" = \"login\" }\npages.after_login = \"http://localhost:8080/home\"");
}

#[test]
fn limits_that_would_refuse_everything_are_refused() {
    check("limits.connections = 0", "`limits.connections` in perennial.toml is 0, which would refuse everything");
    check("limits.header_timeout = \"0s\"", "write at least \"1s\"");
    check("limits.code_attempts = 300", "can be guessed: write at most 10");
    check("limits.body_bytes = 10", "too small for a login");
}

#[track_caller]
fn check_mail(mode: Mode, lines: &str, expected: &str) {
    let said = problems(&Sources::new(mode).text("perennial.toml", lines));
    assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{lines}\n-> {said}");
}

#[test]
fn serve_asks_for_a_mail_server_as_soon_as_registration_sends_codes() {
    check_mail(Mode::Serve, "", "`mail.smtp_url` (default) is empty, but registration sends codes by mail");
    check_mail(Mode::Serve, "", "`mail.from` (default) is empty");
    check_mail(Mode::Serve, "register.open = false", "");
    check_mail(Mode::Serve, "register.verify_email = false", "");
    check_mail(Mode::Dev, "", "");
    check_mail(Mode::Serve, "mail.transport = \"mailbox\"", "exists in `perennial dev` only");
    check_mail(Mode::Serve, "mail.transport = \"log\"", "exists in `perennial dev` only");
    check_mail(Mode::Dev, "mail.transport = \"log\"", "");
    check_mail(Mode::Serve, &format!("{MAIL}mail.smtp_url_file = \"x\""), "keep one of them");
    check_mail(
        Mode::Serve,
        "mail = { smtp_url_file = \"/nowhere\", from = \"a@b\" }",
        "names /nowhere, which cannot be read",
    );
    check_mail(Mode::Serve, "mail = { smtp_url = \"smtp://x\", from = \"Example\" }", "is no sender");
}

#[test]
fn dev_stays_on_loopback() {
    check_mail(Mode::Dev, "server.listen = \"0.0.0.0:8080\"", "must be a loopback address in dev");
    check_mail(Mode::Dev, HTTPS, "must be a loopback host in dev");
}

/// A file of these bytes and this mode, gone with what is answered.
struct TestFile(std::path::PathBuf);

impl TestFile {
    fn new(name: &str, text: &str, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("perennial-{name}-{}", std::process::id()));
        std::fs::write(&path, text).expect("a file can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const DATABASE: &str = "store.url = \"postgres://me:s3cret@db/perennial\"\n";
const MASTER: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// What stands in the way of PostgreSQL with this master file.
#[track_caller]
fn check_master(name: &str, text: &str, mode: u32, expected: &str) {
    let file = TestFile::new(name, text, mode);
    let lines = format!("{DATABASE}keys.master_file = \"{}\"", file.0.display());
    if expected.is_empty() {
        check_fine(&lines)
    } else {
        check(&lines, expected)
    }
    let said = problems(&crate::file(&lines));
    assert!(!said.contains("s3cret") && !said.contains(text.trim()), "{said}");
}

#[test]
fn postgresql_asks_for_a_master_key_that_nobody_else_can_read() {
    check(DATABASE, "`keys.master_file` (default) is empty, but with PostgreSQL the keys are sealed in the database");
    check(DATABASE, "openssl rand -base64 32");
    check(&format!("{DATABASE}keys.master_file = \"/nowhere\""), "names /nowhere, which cannot be read");
    check_master("good", &format!("{MASTER}\n"), 0o600, "");
    check_master("of-a-group", MASTER, 0o640, "");
    check_master("without-padding", MASTER.trim_end_matches('='), 0o400, "");
    check_master("open", MASTER, 0o644, "everybody on this machine can reach: run `chmod o= ");
    check_master("short", "c2hvcnQ=", 0o600, "holds 5 bytes, and 32 random bytes are needed");
    check_master("long", &"QUJD".repeat(12), 0o600, "holds 36 bytes");
    check_master("no-base64", "not base64 at all!", 0o600, "holds no base64");
}

#[test]
fn the_url_of_a_database_may_stand_in_a_file_of_its_own() {
    let master_file = TestFile::new("master-beside-url", MASTER, 0o600);
    let master = format!("keys.master_file = \"{}\"\n", master_file.0.display());
    let check_url = |name: &str, text: &str, beside: &str, expected: &str| {
        let file = TestFile::new(name, text, 0o600);
        let lines = format!("{beside}store.url_file = \"{}\"\n{master}", file.0.display());
        let said = problems(&crate::file(&lines));
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{lines}\n-> {said}");
        assert!(!said.contains("s3cret"), "{said}");
    };
    check_url("url", "postgres://me:s3cret@db/perennial\n", "", "");
    check_url("no-url", "s3cret", "", "`store.url_file` in perennial.toml names no store");
    check_url("url-twice", "postgres://me:s3cret@db/x", DATABASE, "is set beside `store.url_file`: keep one of them");
    check("store.url_file = \"/nowhere\"", "names /nowhere, which cannot be read");
}

#[test]
fn a_refusal_never_shows_a_secret() {
    for lines in [
        "mail = { smtp_url = \"http://me:s3cret@host\", from = \"a@b\" }",
        "mail = { smtp_url = [\"smtp://me:s3cret@host\"], from = \"a@b\" }",
        "mail.smtp_ulr = \"smtp://me:s3cret@host\"",
        "mail = \"smtp://me:s3cret@host\"",
        "store.url = \"postgres://me:s3cret@db\"",
        "[mail]\nsmtp_url = \"smtp://me:s3cret@host",
    ] {
        let said = problems(&Sources::new(Mode::Serve).text("perennial.toml", lines));
        assert!(!said.is_empty() && !said.contains("s3cret"), "{lines}\n-> {said}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_problem() {
    let missing = Sources::new(Mode::Serve).file("/nowhere/perennial.toml".as_ref());
    assert!(
        problems(&missing).starts_with("the file /nowhere/perennial.toml cannot be read: "),
        "{}",
        problems(&missing)
    );
    let broken = Sources::new(Mode::Serve).text("perennial.toml", "[server]\nlisten = \n");
    assert!(problems(&broken).starts_with("perennial.toml is not valid TOML at line 2: "), "{}", problems(&broken));
    assert_eq!(problems(&broken).lines().count(), 1);
}
