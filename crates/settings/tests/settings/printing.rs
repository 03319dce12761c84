//! What `config print` and `config check` show.

use perennial_settings::{Configuration, Mode, Sources};

use crate::file;

#[track_caller]
fn check(sources: &Sources, assignment: &str, remark: &str) {
    let printed = Configuration::load(sources).print();
    let line = printed.lines().find(|line| line.starts_with(assignment)).unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(line[assignment.len()..].trim(), format!("# {remark}"), "{line}");
}

#[test]
fn every_value_is_printed_with_where_it_came_from() {
    let sources = file(
        "server.public_url = \"https://app.example.com\"\nhttp.wire = \"vault\"\n\
         tokens.lifetimes = \"strict\"\ntokens.idle_ttl = \"2h\"\nhttp.aliases.\"/x\" = \"token\"",
    )
    .variables([("PERENNIAL__LOG__LEVEL", "warn")])
    .given("--listen", "server.listen", "127.0.0.1:9000");
    check(&sources, "cooldown = \"2m\"", "default");
    check(&sources, "access_ttl = \"5m\"", "lifetimes strict");
    check(&sources, "idle_ttl = \"2h\"", "perennial.toml");
    check(&sources, "policy = \"required\"", "wire vault");
    check(&sources, "prefixes.csrf = \"\"", "wire vault");
    check(&sources, "aliases.\"/api/auth/token/\" = \"token\"", "wire vault");
    check(&sources, "aliases.\"/x\" = \"token\"", "perennial.toml");
    check(&sources, "answers.token.access = true", "wire vault");
    check(&sources, "modes = {}", "default");
    check(&sources, "level = \"warn\"", "env PERENNIAL__LOG__LEVEL");
    check(&sources, "listen = \"127.0.0.1:9000\"", "--listen");
    check(&sources, "issuer = \"\"", "default: https://app.example.com");
    check(&sources, "secure = \"auto\"", "default: true");
    check(&sources, "prefix = \"auto\"", "default: __Host-");
    check(&Sources::new(Mode::Dev), "transport = \"mailbox\"", "dev");
}

#[test]
fn what_is_printed_is_a_configuration_again() {
    for wire in ["vault", "simplejwt", "rotating-bearer", "server-first"] {
        let printed = Configuration::load(&file(&format!("http.wire = {wire:?}"))).print();
        assert!(printed.contains(&format!("# wire {wire}\n")), "{printed}");
        let again = Configuration::load(&Sources::new(Mode::Serve).text("again.toml", &printed));
        assert_eq!(again.check(), [], "{printed}");
    }
}

#[test]
fn passwords_are_not_printed() {
    let sources = Sources::new(Mode::Serve)
        .text("perennial.toml", "mail.from = \"a@b\"\nstore.url = \"postgres://me:s3cret@db/x\"")
        .variables([("PERENNIAL__MAIL__SMTP_URL", "smtps://me:s3cret@mail.example.com")]);
    check(&sources, "smtp_url = \"smtps://me:***@mail.example.com\"", "env PERENNIAL__MAIL__SMTP_URL");
    check(&sources, "url = \"postgres://me:***@db/x\"", "perennial.toml");
    let debugged = format!("{:?}", Configuration::load(&sources));
    assert!(!debugged.contains("s3cret"), "{debugged}");
}

#[test]
fn a_configuration_with_problems_is_printed_all_the_same() {
    check(&file("tokens.access_ttl = \"oops\""), "access_ttl = \"15m\"", "lifetimes balanced");
}

#[track_caller]
fn check_note(lines: &str, expected: &str) {
    let notes = Configuration::load(&file(lines)).notes().join("\n");
    assert!(notes.contains(expected), "{lines}\n-> {notes}");
}

#[test]
fn check_says_the_hold_that_the_lifetimes_tolerate() {
    check_note(
        "",
        "held in the network for up to 45s without anybody being logged out by accident, and for less than 30s",
    );
    check_note("tokens = { cooldown = \"20s\", overlap = \"10s\" }", "for up to 5s");
    check_note("tokens.rotation = false", "is not found out");
    check_note("cookies.tags = false", "can overwrite");
    check_note("cookies.same_site = \"Strict\"", "arrives logged out");
    let spa = "server.public_url = \"https://a.example.com\"\ncsrf.allowed_origins = [\"https://b.example.com\"]";
    check_note(spa, "the access token's cookie to a.example.com only");
    check_note("register.verify_email = false", "whether an address is taken");
}
