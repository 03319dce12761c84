//! Which source wins.

use perennial_protocol::{
    cookie::{CookieNames, SameSite, names::Tags, set::Secure},
    login::MfaPolicy,
    origin::Loopback,
    refresh::Rotate,
    time::Millis,
};
use perennial_settings::{Call, CsrfMode, LogFormat, MailTransport, Mode, Settings, Sources, Transport};

use crate::{MAIL, file, problems, settings};

#[track_caller]
fn check_access(sources: Sources, expected: &str) {
    assert_eq!(settings(&sources).tokens.lifetimes.access.to_string(), expected);
}

#[test]
fn explicit_keys_beat_the_named_lifetimes_which_beat_the_defaults() {
    check_access(file(""), "15m");
    check_access(file("tokens.lifetimes = \"balanced\""), "15m");
    check_access(file("tokens.lifetimes = \"strict\""), "5m");
    check_access(file("tokens.lifetimes = \"strict\"\ntokens.access_ttl = \"7m\""), "7m");
    check_access(file("tokens.access_ttl = \"7m\"").variables([("PERENNIAL__TOKENS__LIFETIMES", "strict")]), "7m");
}

#[test]
fn the_environment_beats_the_file_and_the_command_line_beats_both() {
    let sources = file("tokens.access_ttl = \"7m\"").variables([("PERENNIAL__TOKENS__ACCESS_TTL", "8m")]);
    check_access(sources.clone(), "8m");
    check_access(sources.given("--access", "tokens.access_ttl", "9m"), "9m");
}

#[test]
fn strict_lifetimes_end_a_session_at_once_on_reuse() {
    let lifetimes = settings(&file("tokens.lifetimes = \"strict\"")).tokens.lifetimes;
    assert_eq!(lifetimes.refresh.idle, Millis::hours(1));
    assert_eq!(lifetimes.absolute, Millis::hours(24));
    assert_eq!(lifetimes.refresh.reuse, perennial_protocol::refresh::Reuse::AtOnce);
}

#[test]
fn variables_are_read_by_the_form_of_their_key() {
    let sources = file("").variables([
        ("PERENNIAL__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.0/16"),
        ("PERENNIAL__LIMITS__CONNECTIONS", "12"),
        ("PERENNIAL__TOKENS__JITTER", "0.2"),
        ("PERENNIAL__COOKIES__TAGS", "false"),
        ("PERENNIAL__COOKIES__PREFIXES__CSRF", ""),
        ("PERENNIAL__CSRF__MODES__VERIFY_OTP", "origin"),
        ("PERENNIAL__HTTP__ANSWERS__TOKEN__ACCESS", "true"),
        ("PERENNIAL__HTTP__ALIASES", "{ \"/refresh\" = \"token\" }"),
        ("PERENNIAL_UNRELATED", "left alone"),
    ]);
    let Settings { server, limits, tokens, cookies, csrf, http, .. } = settings(&sources);
    assert_eq!(server.trusted_proxies.len(), 2);
    assert_eq!(limits.connections, 12);
    assert!((tokens.lifetimes.jitter - 0.2).abs() < f64::EPSILON);
    assert_eq!(cookies.names.tags, Tags::Off);
    assert_eq!(csrf.mode_of(Call::VerifyOtp), CsrfMode::Origin);
    assert_eq!(csrf.mode_of(Call::Token), CsrfMode::Token);
    assert_eq!(http.answers[&Call::Token]["access"], true);
    assert_eq!(http.aliases["/refresh"], Call::Token);
}

#[test]
fn logout_and_session_are_checked_by_origin_whatever_the_mode() {
    let csrf = settings(&file("csrf.modes = { logout = \"origin\", login = \"origin\" }")).csrf;
    for call in [Call::Logout, Call::Session, Call::Login] {
        assert_eq!(csrf.mode_of(call), CsrfMode::Origin, "{call}");
    }
    assert_eq!(csrf.mode_of(Call::LogoutAll), CsrfMode::Token);
}

#[test]
fn names_have_the_host_prefix_over_https_only() {
    let names = |lines: &str| settings(&file(lines)).cookies.names;
    let CookieNames { refresh, known, .. } = names("server.public_url = \"https://app.example.com\"");
    assert_eq!((refresh.as_str(), known.as_str()), ("__Host-refreshtoken", "__Host-known"));
    assert_eq!(names("").refresh, "refreshtoken");
    let own = "server.public_url = \"https://app.example.com\"\n\
               cookies = { prefix = \"__Secure-\", prefixes = { hint = \"\" }, domain = \"example.com\", \
               stale = \"old\" }";
    let CookieNames { refresh, hint, stale, .. } = names(own);
    assert_eq!(
        (refresh.as_str(), hint.as_str(), stale.as_str()),
        ("__Secure-refreshtoken", "auth_hint", "__Secure-old")
    );
}

#[test]
fn dev_keeps_mail_logs_text_and_allows_loopback_pages() {
    let dev = settings(&Sources::new(Mode::Dev));
    assert_eq!(dev.mail.transport, MailTransport::Mailbox);
    assert_eq!(dev.log.format, LogFormat::Text);
    assert_eq!(dev.csrf.origins.loopback, Loopback::Allowed);
    assert_eq!(settings(&file("")).csrf.origins.loopback, Loopback::Refused);
    let told = settings(&Sources::new(Mode::Dev).text("perennial.toml", &format!("{MAIL}mail.transport = \"smtp\"")));
    assert!(matches!(told.mail.transport, MailTransport::Smtp(_)));
}

#[test]
fn the_vault_wire_brings_paths_cookie_header_answers_and_the_second_factor() {
    let settings = settings(&file("http.wire = \"vault\"\nserver.public_url = \"https://app.example.com\""));
    let aliases: Vec<_> = settings.http.aliases.iter().map(|(path, call)| format!("{path} {call}")).collect();
    assert_eq!(
        aliases,
        [
            "/api/auth/login login",
            "/api/auth/logout logout",
            "/api/auth/mfa/setup mfa-setup",
            "/api/auth/mfa/setup/confirm mfa-setup-confirm",
            "/api/auth/mfa/verify mfa-verify",
            "/api/auth/register register",
            "/api/auth/resend-otp resend-otp",
            "/api/auth/session session",
            "/api/auth/token token",
            "/api/auth/verify-otp verify-otp",
        ]
    );
    assert_eq!(settings.cookies.names.csrf, "csrftoken");
    assert_eq!(settings.cookies.names.refresh, "__Host-refreshtoken");
    assert_eq!(settings.csrf.header, "X-CSRFToken");
    assert_eq!(settings.mfa.policy, MfaPolicy::Required);
    assert_eq!(settings.http.answers[&Call::Token]["access"], true);
    assert_eq!(settings.http.wire, Some("vault"));
}

#[test]
fn the_simplejwt_wire_brings_bearers_paths_an_exact_cookie_and_a_refresh_that_only_its_origin_vouches_for() {
    let settings = settings(&file("http.wire = \"simplejwt\"\nserver.public_url = \"https://app.example.com\""));
    let Settings { tokens, cookies, csrf, http, .. } = &settings;
    assert_eq!((tokens.transport, tokens.lifetimes.refresh.rotation), (Transport::Bearer, Rotate::Off));
    assert_eq!((tokens.lifetimes.access, tokens.lifetimes.absolute), (Millis::hours(1), Millis::days(7)));
    assert_eq!(tokens.lifetimes.refresh.idle, Millis::days(7));
    assert_eq!((cookies.names.refresh.as_str(), cookies.names.tags), ("refreshtoken", Tags::Off));
    assert_eq!((cookies.attributes.same_site, cookies.attributes.secure), (SameSite::Lax, Secure::Always));
    assert!(Call::ALL.into_iter().all(|call| csrf.mode_of(call) == CsrfMode::Origin));
    for (path, call) in [
        ("login", Call::Login),
        ("register", Call::Register),
        ("verify-otp", Call::VerifyOtp),
        ("token/refresh", Call::Token),
        ("logout", Call::Logout),
    ] {
        assert_eq!(http.aliases.get(&format!("/api/accounts/auth/{path}")), Some(&call));
    }
    assert_eq!(http.fields[&Call::Token], [("access".to_owned(), "access".to_owned())]);
}

#[test]
fn the_rotating_bearer_wire_brings_short_bearers_and_rotation_within_fixed_thirty_days() {
    let tokens = settings(&file("http.wire = \"rotating-bearer\"")).tokens;
    let refresh = tokens.lifetimes.refresh;
    assert_eq!((tokens.transport, refresh.rotation), (Transport::Bearer, Rotate::On));
    assert_eq!((tokens.lifetimes.access, tokens.lifetimes.absolute), (Millis::minutes(15), Millis::days(30)));
    assert_eq!((refresh.cooldown, refresh.overlap), (Millis::seconds(20), Millis::seconds(10)));
}

#[test]
fn names_of_fields_are_kept_as_they_are_written() {
    let fields = "{ token = { accessToken = \"access\", who = \"user\" } }";
    let lines = "tokens.transport = \"bearer\"\n";
    let expected = [("accessToken".to_owned(), "access".to_owned()), ("who".to_owned(), "user".to_owned())];
    for sources in
        [file(&format!("{lines}http.fields = {fields}")), file(lines).variables([("PERENNIAL__HTTP__FIELDS", fields)])]
    {
        assert_eq!(settings(&sources).http.fields[&Call::Token], expected);
    }
}

#[test]
fn the_server_first_wire_brings_the_envelope_and_a_token_for_everything() {
    let settings = settings(&file("http.wire = \"server-first\"\nserver.public_url = \"https://app.example.com\""));
    assert!(settings.http.envelope);
    assert_eq!(settings.tokens.transport, Transport::Cookie);
    assert_eq!(settings.csrf.mode_of(Call::Login), CsrfMode::Token);
    assert_eq!(settings.cookies.names.csrf, "csrftoken");
}

#[test]
fn explicit_keys_beat_the_wire_and_add_to_its_tables() {
    let lines = "mfa.policy = \"off\"\nhttp.aliases = { \"/v2/token\" = \"token\" }";
    let sources = file(lines).variables([("PERENNIAL__HTTP__WIRE", "vault")]);
    let settings = settings(&sources);
    assert_eq!(settings.mfa.policy, MfaPolicy::Off);
    assert_eq!(settings.http.aliases.len(), 11);
}

#[test]
fn a_wire_whose_aliases_equal_the_base_changes_nothing_there() {
    let settings = settings(&file("http = { wire = \"vault\", base = \"/api/auth\" }"));
    assert!(settings.http.aliases.is_empty());
}

#[test]
fn an_unknown_wire_is_refused_with_the_known_ones() {
    let said = problems(&file("http.wire = \"vaults\""));
    assert_eq!(
        said,
        "`http.wire` in perennial.toml is \"vaults\", which is no wire preset: did you mean \"vault\"? \
         This build has \"vault\", \"simplejwt\", \"rotating-bearer\", \"server-first\""
    );
}
