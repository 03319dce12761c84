//! Routes and issuers: what they come to, every reason to refuse them, and how they are shown.

use perennial_protocol::{
    cookie::SameSite,
    route::{
        AccessTravels, ExpiredBody, ExpiredRule, ForeignCookie, ForeignIssuer, Forward, PathPrefix, RefreshTravels,
        Requirement, Route, Upstream, UpstreamScheme,
    },
    time::Millis,
};
use perennial_settings::{Configuration, Gateway, Mode, Sources};

use crate::{MAIL, file, problems, settings};

#[track_caller]
fn gateway(lines: &str) -> Gateway {
    settings(&file(lines)).gateway.unwrap_or_else(|| panic!("{lines}: no gateway"))
}

/// A route of `/api` with these keys besides.
fn route(keys: &str) -> String {
    format!("[[gateway.routes]]\npath = \"/api\"\nupstream = \"http://127.0.0.1:9000\"\n{keys}\n")
}

/// A route whose tokens are those of the issuer `users`, which the preset describes, with these keys besides.
fn foreign(keys: &str) -> String {
    format!("{}[gateway.issuers.users]\npreset = \"json-tokens\"\n{keys}\n", route("issuer = \"users\""))
}

/// These lines are refused for exactly one reason, whose sentence has this in it.
#[track_caller]
fn check(lines: &str, expected: &str) {
    let said = problems(&file(lines));
    assert!(said.contains(expected) && said.lines().count() == 1, "{lines}\n-> {said}");
}

#[track_caller]
fn check_route(keys: &str, expected: &str) {
    check(&route(keys), expected);
}

#[track_caller]
fn check_issuer(keys: &str, expected: &str) {
    check(&foreign(keys), expected);
}

/// A route of this path is refused with this sentence, or not at all.
#[track_caller]
fn check_path(path: &str, expected: &str) {
    let lines = format!("[[gateway.routes]]\npath = \"{path}\"\nupstream = \"http://127.0.0.1:9000\"");
    if expected.is_empty() {
        assert_eq!(problems(&file(&lines)), "", "{path}");
    } else {
        check(&lines, expected);
    }
}

fn prefix(text: &str) -> PathPrefix {
    PathPrefix::parse(text).expect("a prefix")
}

#[test]
fn there_is_no_gateway_without_a_route() {
    assert!(settings(&file("")).gateway.is_none());
    assert!(settings(&file("gateway.replay_bytes = 0\ngateway.routes = []")).gateway.is_none());
}

#[test]
fn how_long_a_forwarded_token_lives_is_known_without_a_route_too() {
    assert_eq!(settings(&file("")).forwarded_ttl, Millis::minutes(2));
    assert_eq!(settings(&file("gateway.forwarded_ttl = \"1m\"")).forwarded_ttl, Millis::minutes(1));
}

#[test]
fn a_route_is_its_path_its_upstream_and_defaults() {
    let gateway = gateway(&route(""));
    let expected = Route {
        path: prefix("/api"),
        upstreams: vec![Upstream { scheme: UpstreamScheme::Http, authority: "127.0.0.1:9000".into() }],
        methods: None,
        requirement: Requirement::Required,
        strip_prefix: None,
        add_prefix: None,
        timeout: Millis::seconds(30),
        body_bytes_max: None,
        forward: Forward::Bearer,
        audience: None,
        expired: None,
        issuer: None,
    };
    assert_eq!(gateway.routes.routes(), [expected]);
    assert_eq!(gateway.connect_timeout, Millis::seconds(2));
    assert_eq!(gateway.replay_bytes, 65_536);
}

#[test]
fn every_key_of_a_route_arrives() {
    let gateway = gateway(
        r#"
[gateway]
forwarded_ttl = "1m"
replay_bytes = 1024
connect_timeout = "500ms"
[[gateway.routes]]
path = "/api/v1/"
upstream = ["https://one.example.com", "h2c://[::1]:9001"]
auth = "optional"
methods = ["GET", "POST"]
strip_prefix = "/api"
add_prefix = "/internal"
timeout = "1500ms"
body_limit = 10485760
forward = "bearer"
audience = "reports"
expired = { status = 419, pointer = "/detail", equals = "expired" }
"#,
    );
    let expected = Route {
        path: prefix("/api/v1"),
        upstreams: vec![
            Upstream { scheme: UpstreamScheme::Https, authority: "one.example.com".into() },
            Upstream { scheme: UpstreamScheme::H2c, authority: "[::1]:9001".into() },
        ],
        methods: Some(vec!["GET".into(), "POST".into()]),
        requirement: Requirement::Optional,
        strip_prefix: Some(prefix("/api")),
        add_prefix: Some(prefix("/internal")),
        timeout: Millis(1500),
        body_bytes_max: Some(10_485_760),
        forward: Forward::Bearer,
        audience: Some("reports".into()),
        expired: Some(ExpiredRule {
            status: 419,
            body: Some(ExpiredBody { pointer: "/detail".into(), equals: "expired".into() }),
        }),
        issuer: None,
    };
    assert_eq!(gateway.routes.routes(), [expected]);
    assert_eq!(gateway.replay_bytes, 1024);
    assert_eq!(gateway.connect_timeout, Millis(500));
}

#[test]
fn a_route_that_does_not_look_tells_nobody_and_one_with_an_issuer_does_not_look() {
    let open = gateway(&route("auth = \"none\"")).routes.routes()[0].clone();
    assert_eq!((open.requirement, open.forward), (Requirement::None, Forward::Nothing));
    let foreign = gateway(&foreign("")).routes.routes()[0].clone();
    assert_eq!((foreign.requirement, foreign.forward), (Requirement::None, Forward::Nothing));
    assert_eq!(foreign.issuer.as_deref(), Some("users"));
}

/// What the preset says, in full.
fn json_tokens() -> ForeignIssuer {
    ForeignIssuer {
        login: "/api/v1/users/auth/login".into(),
        refresh: "/api/v1/users/auth/refresh-token".into(),
        logout: Some("/api/v1/users/auth/logout".into()),
        access_pointer: "/data/access_token".into(),
        refresh_pointer: "/data/refresh_token".into(),
        refresh_travels: RefreshTravels::Cookie("refresh_token".into()),
        access_travels: AccessTravels::Bearer,
        access_cookie: ForeignCookie { name: "access_token".into(), lives: Millis::hours(6) },
        refresh_cookie: ForeignCookie { name: "refresh_token".into(), lives: Millis::hours(24) },
        same_site: SameSite::Strict,
        expired: ExpiredRule {
            status: 401,
            body: Some(ExpiredBody { pointer: "/detail".into(), equals: "Access token has expired".into() }),
        },
        login_page: None,
    }
}

#[test]
fn a_preset_describes_an_issuer_and_explicit_keys_beat_it() {
    assert_eq!(gateway(&foreign("")).issuers["users"], json_tokens());
    let own = foreign(
        "login = \"/login\"\nsends_refresh = \"json:refresh\"\nsends_access = \"cookie:at\"\n\
         access_cookie_ttl = \"1h\"\nsame_site = \"Lax\"\nlogin_page = \"/users/login\"",
    );
    let expected = ForeignIssuer {
        login: "/login".into(),
        refresh_travels: RefreshTravels::Json("refresh".into()),
        access_travels: AccessTravels::Cookie("at".into()),
        access_cookie: ForeignCookie { name: "access_token".into(), lives: Millis::hours(1) },
        same_site: SameSite::Lax,
        login_page: Some("/users/login".into()),
        ..json_tokens()
    };
    assert_eq!(gateway(&own).issuers["users"], expected);
}

#[test]
fn a_rule_that_is_written_replaces_the_whole_rule_of_a_preset() {
    let rule = gateway(&foreign("expired = { status = 419 }")).issuers["users"].expired.clone();
    assert_eq!(rule, ExpiredRule { status: 419, body: None });
}

#[test]
fn an_issuer_can_be_described_without_a_preset() {
    let gateway = gateway(&format!(
        "{}{}",
        route("issuer = \"own\""),
        r#"[gateway.issuers.own]
login = "/in"
refresh = "/again"
access_pointer = "/a"
refresh_pointer = "/r"
sends_refresh = "header:X-Refresh"
access_cookie = "at"
access_cookie_ttl = "5m"
refresh_cookie = "rt"
refresh_cookie_ttl = "1h"
expired = { status = 401 }
"#
    ));
    let issuer = &gateway.issuers["own"];
    assert_eq!(issuer.refresh_travels, RefreshTravels::Header("X-Refresh".into()));
    assert_eq!((issuer.logout.as_ref(), issuer.same_site), (None, SameSite::Strict));
}

#[test]
fn variables_set_keys_of_routes_and_issuers_by_place_and_name() {
    let sources = file(&format!("{}{}", foreign(""), route("").replace("/api", "/app"))).variables([
        ("PERENNIAL__GATEWAY__REPLAY_BYTES", "1"),
        ("PERENNIAL__GATEWAY__ROUTES__1__UPSTREAM", "https://app.internal"),
        ("PERENNIAL__GATEWAY__ROUTES__1__METHODS", "GET, HEAD"),
        ("PERENNIAL__GATEWAY__ROUTES__1__EXPIRED__STATUS", "419"),
        ("PERENNIAL__GATEWAY__ROUTES__2", "{ path = \"/more\", upstream = \"http://[::1]:1\" }"),
        ("PERENNIAL__GATEWAY__ISSUERS__USERS__EXPIRED__STATUS", "403"),
        ("PERENNIAL__GATEWAY__ISSUERS__USERS__ACCESS_COOKIE_TTL", "1h"),
    ]);
    let gateway = settings(&sources).gateway.expect("routes");
    let route = |path: &str| {
        let found = gateway.routes.routes().iter().find(|route| route.path.as_str() == path);
        found.unwrap_or_else(|| panic!("{path}"))
    };
    assert_eq!((gateway.replay_bytes, gateway.routes.routes().len()), (1, 3));
    assert_eq!(route("/app").upstreams[0].authority, "app.internal");
    assert_eq!(route("/app").methods.as_deref(), Some(["GET".to_owned(), "HEAD".to_owned()].as_slice()));
    assert_eq!(route("/app").expired, Some(ExpiredRule { status: 419, body: None }));
    assert_eq!(route("/api").upstreams[0].authority, "127.0.0.1:9000");
    assert_eq!(gateway.issuers["users"].expired, ExpiredRule { status: 403, body: None });
    assert_eq!(gateway.issuers["users"].access_cookie.lives, Millis::hours(1));
    let all = [("PERENNIAL__GATEWAY__ROUTES", "[{ path = \"/\", upstream = \"http://[::1]:1\" }]")];
    assert!(settings(&file("").variables(all)).gateway.is_some());
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_one() {
    check(
        &format!("{}{}", route("").replace("/api", "/app"), route("upstrem = \"x\"")),
        "unknown key `gateway.routes[1].upstrem` in perennial.toml: did you mean `gateway.routes[1].upstream`?",
    );
    check_route("colour = 1", "unknown key `gateway.routes[0].colour` in perennial.toml: remove it");
    check_route(
        "expired = { statsu = 401, status = 401 }",
        "unknown key `gateway.routes[0].expired.statsu` in perennial.toml: did you mean `gateway.routes[0].expired.status`?",
    );
    check_issuer(
        "acess_cookie = \"x\"",
        "unknown key `gateway.issuers.users.acess_cookie` in perennial.toml: \
         did you mean `gateway.issuers.users.access_cookie`?",
    );
    check("gateway.rutes = []", "unknown key `gateway.rutes` in perennial.toml: did you mean `[[gateway.routes]]`?");
    let said = problems(&file(&route("")).variables([("PERENNIAL__GATEWAY__ROUTES__0__UPSTREM", "x")]));
    let place = "unknown key `gateway.routes[0].upstrem` in PERENNIAL__GATEWAY__ROUTES__0__UPSTREM: did you mean";
    assert!(said.contains(place) && said.lines().count() == 1, "{said}");
}

#[test]
fn a_route_of_the_wrong_form_is_refused_with_what_to_write() {
    check(
        "[gateway.routes]\npath = \"/api\"",
        "`gateway.routes` in perennial.toml has the wrong form: write [[gateway.routes]] and its keys, once for each",
    );
    check("gateway.routes = \"x\"", "`gateway.routes` in perennial.toml has the wrong form");
    check("gateway.routes = [5]", "`gateway.routes[0]` in perennial.toml is no table: write [[gateway.routes]]");
    check("gateway.issuers = []", "write [gateway.issuers.NAME] and its keys, once for each");
    check("[\"gateway.routes\"]\npath = \"/api\"", "unknown key `\"gateway.routes\"` in perennial.toml");
    check("gateway.issuers.users = 1", "`gateway.issuers.users` in perennial.toml is no table");
    check_route("auth = \"require\"", "`gateway.routes[0].auth` in perennial.toml is `\"require\"`: write one of");
    check_route("methods = \"GET\"", "write a list of texts");
    check_route("body_limit = \"1MB\"", "write a whole number");
    check_route("expired = 401", "write a table of \"status\", \"pointer\", \"equals\"");
    check_route("expired = { status = \"401\" }", "`gateway.routes[0].expired.status` in perennial.toml is `\"401\"`");
    let said = problems(&file(&route("")).variables([("PERENNIAL__GATEWAY__ROUTES__2__AUTH", "none")]));
    assert_eq!(said, "`gateway.routes[1]` is missing, and there is a route behind it: count routes from 0");
}

#[test]
fn a_route_leads_from_a_path_to_an_upstream() {
    check("[[gateway.routes]]\nupstream = \"http://127.0.0.1:1\"", "`gateway.routes[0]` has no `path`: write");
    check("[[gateway.routes]]\npath = \"/\"", "`gateway.routes[0]` has no `upstream`: write");
    check("[[gateway.routes]]\npath = \"/\"\nupstream = []", "`gateway.routes[0]` has no `upstream`: write");
    assert_eq!(problems(&file("[[gateway.routes]]")).lines().count(), 2);
}

#[track_caller]
fn check_upstream(url: &str, expected: &str) {
    check(&format!("[[gateway.routes]]\npath = \"/\"\nupstream = {url}"), expected);
}

#[test]
fn an_upstream_is_a_scheme_a_host_and_a_port() {
    check_upstream("\"127.0.0.1:9000\"", "`gateway.routes[0].upstream` in perennial.toml holds no URL: write scheme");
    check_upstream("\"ws://127.0.0.1:9000\"", "another scheme: write \"http://…\"");
    check_upstream("\"http://127.0.0.1:9000/v1\"", "holds a path, a query or a fragment");
    check_upstream("[\"http://127.0.0.1:9000\", \"nothing\"]", "holds no URL");
    check_upstream("5", "has the wrong form: write a URL in quotes, or a list of them");
    for url in ["\"http://me:s3cret@127.0.0.1:9000\"", "\"s3cret\"", "{ a = \"s3cret\" }"] {
        let configuration = Configuration::load(&file(&format!("[[gateway.routes]]\npath = \"/\"\nupstream = {url}")));
        let shown = format!("{:?}{}", configuration.check(), configuration.print());
        assert!(!configuration.check().is_empty() && !shown.contains(":s3cret"), "{shown}");
    }
    check_upstream("\"http://me:s3cret@127.0.0.1:9000\"", "holds a user name or a password");
}

#[test]
fn a_route_does_not_lead_back_to_the_service() {
    check_upstream("\"http://localhost:8080\"", "is \"http://localhost:8080\", which is `server.listen`");
    check_upstream("[\"h2c://127.0.0.1:8081\"]", "which is `server.admin_listen`");
}

#[test]
fn a_path_is_one_that_everybody_reads_alike() {
    check_path("api", "is \"api\", but a path begins with a slash: write a path such as \"/api\"");
    check_path("/a/../b", "may not hold `.` or `..`");
    check_path("/a/%2e%2e/b", "may not hold `.` or `..`");
    check_path("/a%2fb", "may not hold an encoded slash");
    check_path("/a//b", "write a path without a query, blanks and doubled slashes");
    check_path("/a?b", "write a path without a query");
    check_path("/a b", "blanks");
    check_path("/café", "write a path without");
    check_path("/@assets", "");
}

#[test]
fn a_route_does_not_take_a_path_of_the_service() {
    check_path("/", "");
    check_path("/auth", "is \"/auth\", which is inside of `http.base` (/auth), where the service answers");
    check_path("/auth/more", "which is inside of `http.base` (/auth)");
    check_path("/authority", "");
    check_path("/login", "is \"/login\", which is /login, where the service answers: choose another path");
    check_path("/mfa/", "is \"/mfa\", which covers /mfa/setup");
    check_path("/login/help", "");
    check_path("/.well-known", "covers /.well-known/jwks.json");
    check_path("/.well-known/jwks.json", "which is /.well-known/jwks.json");
    check(&format!("pages.login = \"/enter/here\"\n{}", route("").replace("/api", "/enter")), "covers /enter/here");
    check(&format!("http.aliases = {{ \"/api/\" = \"token\" }}\n{}", route("")), "which is /api, where the service");
    let fine = |lines: &str| assert_eq!(problems(&file(lines)), "", "{lines}");
    fine(&format!("pages.enabled = false\n{}", route("").replace("/api", "/login")));
    fine(&format!("http.wire = \"vault\"\n{}", route("")));
    fine(&format!("http.base = \"/api/auth\"\n{}", route("")));
}

#[test]
fn two_routes_have_two_paths() {
    let twice = format!("{}{}", route(""), route("").replace("/api", "/api/"));
    check(&twice, "`gateway.routes[1].path` in perennial.toml is \"/api\" like the path of a route before it");
    check(
        &format!("{}{}", route(""), route("").replace("/api", "/%61pi")),
        "is \"/api\" like the path of a route before it",
    );
}

#[test]
fn methods_are_known_and_written_in_capitals() {
    check_route("methods = [\"get\"]", "holds \"get\", but methods are written in capitals: write \"GET\"");
    check_route("methods = [\"GET\", \"FETCH\"]", "holds \"FETCH\", which is no method: write some of \"GET\", ");
    check_route("methods = [\"CONNECT\"]", "holds \"CONNECT\", which no route takes: remove it");
    check_route("methods = [\"trace\"]", "holds \"trace\", which no route takes: remove it");
}

#[test]
fn a_prefix_is_taken_off_only_where_it_stands() {
    check_route(
        "strip_prefix = \"/app\"",
        "is \"/app\", which the paths of this route do not begin with: write \"/api\"",
    );
    check_route("strip_prefix = \"/api/v1\"", "which the paths of this route do not begin with");
    check_route("strip_prefix = \"/ap\"", "which the paths of this route do not begin with");
    check_route("add_prefix = \"v1\"", "`gateway.routes[0].add_prefix` in perennial.toml is \"v1\", but a path begins");
}

#[test]
fn spans_and_sizes_that_would_refuse_everything_or_hold_too_much_are_refused() {
    check_route("timeout = \"0s\"", "is 0, which no upstream can meet: write a duration such as \"30s\"");
    check("gateway.connect_timeout = \"0s\"", "is 0, which no upstream can meet: write a duration such as \"2s\"");
    check("gateway.forwarded_ttl = \"999ms\"", "is shorter than a second");
    check("gateway.replay_bytes = 1048577", "write at most 1048576");
    assert_eq!(gateway(&format!("gateway.replay_bytes = 1048576\n{}", route(""))).replay_bytes, 1_048_576);
}

#[test]
fn what_a_route_forwards_is_asked_for() {
    check_route(
        "auth = \"none\"\nforward = \"headers\"",
        "needs to know whose request it is, but this route does not look",
    );
    check_route(
        "auth = \"none\"\naudience = \"reports\"",
        "is the `aud` of a forwarded token, but this route forwards none",
    );
    check_route(
        "forward = \"headers\"\naudience = \"reports\"",
        "`gateway.routes[0].audience` in perennial.toml is the",
    );
    check_route(
        "auth = \"none\"\nexpired = { status = 401 }",
        "tells of a forwarded token, but this route forwards none",
    );
    let fine = route("auth = \"none\"\nforward = \"none\"");
    assert_eq!(gateway(&fine).routes.routes()[0].forward, Forward::Nothing);
}

#[test]
fn an_expired_rule_is_a_refusal_and_a_text_in_it() {
    for rule in ["status = 399", "status = 500", "status = 66000", "pointer = \"/a\", equals = \"b\""] {
        check_route(
            &format!("expired = {{ {rule} }}"),
            "in perennial.toml needs the status of a refusal: write `status = 401`",
        );
    }
    for status in [400, 499] {
        let rule = gateway(&route(&format!("expired.status = {status}"))).routes.routes()[0].expired.clone();
        assert_eq!(rule, Some(ExpiredRule { status, body: None }));
    }
    check_route(
        "expired = { status = 401, pointer = \"detail.code\", equals = \"x\" }",
        "`gateway.routes[0].expired.pointer` in perennial.toml is \"detail.code\": begin with a slash, such as \"/detail/code\"",
    );
    check_route("expired = { status = 401, pointer = \"/detail\" }", "has one of `pointer` and `equals`");
    check_issuer("expired = { status = 401, equals = \"x\" }", "has one of `pointer` and `equals`");
}

#[test]
fn issuers_and_routes_find_each_other() {
    check_route(
        "issuer = \"users\"",
        "is \"users\", which no table describes: write [gateway.issuers.users] and its keys",
    );
    check(
        "[gateway.issuers.users]\npreset = \"json-tokens\"",
        "`gateway.issuers.users` is used by no route: write `issuer = \"users\"` in one, or remove the table",
    );
    let misspelt = foreign("").replace("issuer = \"users\"", "issuer = \"user\"");
    let said = problems(&file(&misspelt));
    assert!(said.contains("`gateway.routes[0].issuer` in perennial.toml is \"user\""), "{said}");
    assert!(said.contains("did you mean \"users\"?"), "{said}");
}

#[test]
fn a_route_with_an_issuer_asks_for_no_session_of_ours() {
    let with = |keys: &str| foreign("").replace("issuer = \"users\"", &format!("issuer = \"users\"\n{keys}"));
    check(&with("auth = \"required\""), "`gateway.routes[0].auth` in perennial.toml asks for a session of ours");
    check(&with("auth = \"optional\""), "asks for a session of ours");
    check(&with("forward = \"bearer\""), "needs to know whose request it is");
    check(&with("audience = \"x\""), "this route forwards none");
    check(&with("expired.status = 401"), "belongs to the issuer of this route: write it in [gateway.issuers.users]");
    assert_eq!(gateway(&with("auth = \"none\"")).routes.routes()[0].requirement, Requirement::None);
}

#[test]
fn an_issuer_says_everything_that_has_no_default() {
    let bare = foreign("").replace("preset = \"json-tokens\"\n", "");
    let said = problems(&file(&bare));
    for key in [
        "login",
        "refresh",
        "access_pointer",
        "refresh_pointer",
        "sends_refresh",
        "access_cookie",
        "access_cookie_ttl",
        "refresh_cookie",
        "refresh_cookie_ttl",
        "expired",
    ] {
        let sentence = format!("`gateway.issuers.users` has no `{key}`: write it, such as `{key} = ");
        assert!(said.contains(&sentence), "{key}: {said}");
    }
    assert_eq!(said.lines().count(), 10, "{said}");
    check(
        &foreign("").replace("json-tokens", "json-token"),
        "is \"json-token\", which is no preset of an issuer: did you mean \"json-tokens\"? This build has \"json-tokens\"",
    );
}

#[test]
fn what_an_issuer_is_told_is_checked() {
    check_issuer(
        "login = \"login\"",
        "`gateway.issuers.users.login` in perennial.toml is \"login\": write a path alone",
    );
    check_issuer("refresh = \"/a/../b\"", "write a path alone, such as \"/api/refresh\"");
    check_issuer("logout = \"/out?all\"", "write a path alone");
    check_issuer("login = \"\"", "is \"\": write a path alone");
    check_issuer("logout = \"/api/v1/users/auth/login\"", "is \"/api/v1/users/auth/login\" like `login`");
    check_issuer("login_page = \"//evil.example\"", "begin with one slash, such as \"/users/login\"");
    check_issuer("access_pointer = \"data.token\"", "begin with a slash, such as \"/data/token\"");
    check_issuer("refresh_pointer = \"/data/access_token\"", "is the same as `access_pointer`");
    check_issuer("access_cookie_ttl = \"10ms\"", "no browser keeps it: write at least \"1s\"");
    for travels in ["refresh_token", "cookie:", "cookie:a b", "json:", "header:Cookie", "header:a b", "query:x"] {
        check_issuer(
            &format!("sends_refresh = \"{travels}\""),
            "write \"cookie:NAME\", \"json:FIELD\" or \"header:NAME\"",
        );
    }
    for travels in ["", "json:x", "cookie:", "bearer:x"] {
        check_issuer(&format!("sends_access = \"{travels}\""), "write \"bearer\" or \"cookie:NAME\"");
    }
}

#[test]
fn every_cookie_of_an_issuer_has_a_name_that_nothing_else_has() {
    check_issuer("access_cookie = \"access token\"", "which is no name of a cookie");
    check_issuer("access_cookie = \"\"", "which is no name of a cookie");
    check_issuer("access_cookie = \"csrftoken\"", "is \"csrftoken\" like `cookies.csrf`");
    check_issuer("access_cookie = \"accesstoken-kq\"", "is \"accesstoken-kq\" like `cookies.access`");
    check_issuer("access_cookie = \"refresh_token\"", "like `gateway.issuers.users.access_cookie`");
    check_issuer("access_cookie = \"__Host-at\"", "which browsers keep over https only");
    check_issuer("same_site = \"None\"", "browsers keep with Secure only");
    let other = "[[gateway.routes]]\npath = \"/b\"\nupstream = \"http://[::1]:1\"\nissuer = \"more\"\n\
                 [gateway.issuers.more]\npreset = \"json-tokens\"\naccess_cookie = \"more_token\"\n";
    check(
        &format!("{}{other}", foreign("")),
        "`gateway.issuers.users.refresh_cookie` (preset json-tokens) is \"refresh_token\" \
         like `gateway.issuers.more.refresh_cookie`",
    );
    let tls = "server.public_url = \"https://app.example.com\"\n";
    let gateway = gateway(&format!("{tls}{}", foreign("access_cookie = \"__Host-at\"\nsame_site = \"None\"")));
    assert_eq!(gateway.issuers["users"].access_cookie.name, "__Host-at");
    let untagged = settings(&file(&format!("cookies.tags = false\n{}", foreign("access_cookie = \"accesstoken-kq\""))));
    assert!(untagged.gateway.is_some());
}

#[test]
fn routes_are_printed_with_where_each_key_came_from_and_read_again() {
    let lines = format!(
        "{}{}",
        foreign("access_cookie_ttl = \"1h\""),
        route("strip_prefix = \"/api\"").replace("/api", "/app")
    );
    let sources = file(&lines).variables([("PERENNIAL__GATEWAY__ROUTES__1__TIMEOUT", "5s")]);
    let printed = Configuration::load(&sources).print();
    let tables: Vec<&str> = printed.split("\n\n").filter(|table| table.contains("[gateway")).collect();
    let [gateway, first, second, issuer] = tables.as_slice() else { panic!("{printed}") };
    let check = |table: &str, head: &str, assignment: &str, remark: &str| {
        let found = table.lines().find(|line| line.starts_with(assignment)).unwrap_or_else(|| panic!("{table}"));
        assert!(table.starts_with(head) && found.ends_with(&format!("  # {remark}")), "{table}");
    };
    check(gateway, "[gateway]\n", "replay_bytes = 65536", "default");
    check(first, "[[gateway.routes]]\n", "issuer = \"users\"", "perennial.toml");
    check(first, "[[gateway.routes]]\n", "auth = \"none\"", "default");
    check(second, "[[gateway.routes]]\n", "path = \"/app\"", "perennial.toml");
    check(second, "[[gateway.routes]]\n", "auth = \"required\"", "default");
    check(second, "[[gateway.routes]]\n", "timeout = \"5s\"", "env PERENNIAL__GATEWAY__ROUTES__1__TIMEOUT");
    check(issuer, "[gateway.issuers.users]\n", "login = \"/api/v1/users/auth/login\"", "preset json-tokens");
    check(issuer, "[gateway.issuers.users]\n", "access_cookie_ttl = \"1h\"", "perennial.toml");
    check(issuer, "[gateway.issuers.users]\n", "expired.status = 401", "preset json-tokens");
    let again = Configuration::load(&Sources::new(Mode::Serve).text("again.toml", &printed));
    assert_eq!(again.check(), [], "{printed}");
    let (routes, issuers) = again
        .settings()
        .map(|settings| settings.gateway.expect("routes"))
        .map(|gateway| (gateway.routes.routes().to_vec(), gateway.issuers))
        .expect("no problem");
    let first = settings(&sources).gateway.expect("routes");
    assert_eq!((routes.as_slice(), issuers), (first.routes.routes(), first.issuers));
}

#[test]
fn ten_routes_are_printed_in_their_order() {
    let lines: String = (0..11).map(|nth| route("").replace("/api", &format!("/r{nth}"))).collect();
    let printed = Configuration::load(&file(&lines)).print();
    let paths: Vec<&str> = printed.lines().filter(|line| line.starts_with("path = ")).collect();
    assert!(paths[2].starts_with("path = \"/r2\"") && paths[10].starts_with("path = \"/r10\""), "{paths:?}");
}

#[track_caller]
fn check_note(lines: &str, expected: &str) {
    let text = format!("{MAIL}{lines}");
    let notes = Configuration::load(&Sources::new(Mode::Serve).text("perennial.toml", &text)).notes().join("\n");
    let about_routes = notes.lines().filter(|note| note.starts_with("the route ")).collect::<Vec<_>>().join("\n");
    assert!(about_routes.contains(expected) && about_routes.is_empty() == expected.is_empty(), "{lines}\n-> {notes}");
}

#[test]
fn check_says_what_a_route_gives_away() {
    let at = |upstream: &str, keys: &str| route(keys).replace("http://127.0.0.1:9000", upstream);
    check_note(&route(""), "");
    check_note(&at("http://10.0.0.7:9000", ""), "the route /api: what is sent to 10.0.0.7:9000 can be read");
    check_note(&at("https://10.0.0.7:9000", ""), "");
    check_note(&at("http://10.0.0.7:9000", "auth = \"none\""), "");
    check_note(&foreign("").replace("127.0.0.1:9000", "app.internal"), "what is sent to app.internal can be read");
    check_note(&route("forward = \"headers\""), "whoever reaches its upstream past the gateway can be anybody");
    check_note(&format!("tokens.transport = \"bearer\"\n{}", route("")), "only scripts get through");
    check_note(&route("").replace("/api", "/"), "the hosted pages keep their paths");
    check_note(&format!("pages.enabled = false\n{}", route("").replace("/api", "/")), "");
}
