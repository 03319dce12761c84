//! Chromium with an app and its auth service on two origins of one site, over TLS.

use std::{path::Path, process::Command};

use perennial_testkit::{Scratch, free_ports};
use serde_json::{Value, json};

use super::run;
use crate::prepared;
use crate::tls::Site;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "four amber kettles sing";

/// Writes a key and a certificate that it signs itself.
fn certify(key: &Path, certificate: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    openssl.args(["-subj", "/CN=example.test", "-addext", "subjectAltName=DNS:*.example.test,DNS:*.other.test"]);
    let output = openssl.arg("-keyout").arg(key).arg("-out").arg(certificate).output().expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the story against a server of the wire `rotating-bearer` whose tokens are short.
async fn story() -> Value {
    prepared("PERENNIAL_CHROMIUM");
    let [auth, app] = free_ports();
    let (auth, app) = (format!("https://auth.example.test:{auth}"), format!("https://app.example.test:{app}"));
    let site = Site::start_at(
        &auth,
        &format!(
            "[http]\nwire = \"rotating-bearer\"\n[csrf]\nallowed_origins = [\"{app}\"]\n\
             [tokens]\naccess_ttl = \"5s\"\njitter = 0.0\ncooldown = \"1s\"\noverlap = \"1s\"\n"
        ),
    );
    site.add_person(EMAIL, PASSWORD);
    let scratch = Scratch::new();
    let (key, certificate) = (scratch.path().join("key.pem"), scratch.path().join("certificate.pem"));
    certify(&key, &certificate);
    let path = |path: &Path| path.to_str().expect("scratch paths are text").to_owned();
    let arguments = [&auth, &app, &site.browser.url, &path(&certificate), &path(&key), EMAIL, PASSWORD];
    let told = run("browser/two_origins.mjs", &arguments.map(AsRef::as_ref)).await;
    eprintln!("{told:#}");
    told
}

/// What the page could read of a refusal.
fn refusal(status: u16, code: &str, challenge: Value) -> Value {
    json!({ "status": status, "code": code, "session": false, "access": false, "challenge": challenge })
}

fn success(access: bool) -> Value {
    json!({ "status": 200, "code": null, "session": true, "access": access, "challenge": null })
}

#[tokio::test]
async fn a_browser_with_app_and_auth_on_two_origins_stays_logged_in_and_shuts_foreign_pages_out() {
    let told = story().await;
    assert_eq!(told["login"], success(true));
    assert_eq!(told["cookiesThatScriptsSee"], "", "no cookie of ours is on the app's origin");
    let names = ["__Host-auth_hint", "__Host-csrftoken", "__Host-known", "__Host-refreshtoken"];
    assert_eq!(told["cookies"], json!(names), "and no access token in any");
    assert_eq!(
        (&told["orders"], &told["ordersLater"], &told["ordersAfterwards"]),
        (&json!(200), &json!(401), &json!(200))
    );
    assert_eq!(told["preflights"], json!({ "devices": 1, "requests": 2 }), "the second call needs no preflight");

    let bad_token = json!("Bearer realm=\"perennial\", error=\"invalid_token\"");
    assert_eq!(told["expired"], refusal(401, "invalid_token", bad_token));
    assert_eq!(told["renewed"], success(true));
    let renewal = &told["renewal"];
    assert_eq!((&renewal["preflights"], &renewal["rotated"]), (&json!(0), &json!(true)));
    assert_eq!((&renewal["site"], &renewal["cookie"]), (&json!("same-site"), &json!(true)));
    let none_came = json!("Bearer realm=\"perennial\"");
    assert_eq!(
        told["refusals"],
        json!([
            refusal(404, "not_found", Value::Null),
            refusal(405, "method_not_allowed", Value::Null),
            refusal(401, "invalid_credentials", none_came.clone()),
            refusal(413, "body_too_large", Value::Null),
            refusal(415, "unsupported_media_type", Value::Null),
        ])
    );

    for (page, name, carried) in [(0, "sibling", true), (1, "stranger", false), (2, "sandboxed frame", false)] {
        let foreign = &told["foreign"][page];
        assert_eq!(foreign["results"], json!(["TypeError"]), "a {name} reads nothing");
        assert_eq!((&foreign["preflights"], &foreign["behindPreflights"]), (&json!(2), &json!(0)), "{name}");
        assert_eq!(foreign["carriedCookies"], carried, "{name}");
    }
    assert_eq!(told["foreign"][2]["origins"], json!(["null"]));
    assert_eq!(told["unharmed"], true);

    assert_eq!(told["resumed"], json!([success(true), success(true)]), "a page that was loaded anew has its token");
    assert_eq!((&told["requestsOfALoad"], &told["ordersOfTabs"]), (&json!(2), &json!([200, 200])));
    assert_eq!(told["left"]["status"], 204);
    assert_eq!(told["afterwards"], refusal(401, "not_authenticated", none_came));
    assert_eq!(told["returnedTo"], "/welcome?back=1", "the hosted login leads back to the app");
    assert_eq!(told["resumedAfterThePages"], success(true));
    assert_eq!(
        told["guided"],
        json!({
            "before": "unauthenticated", "login": "authenticated", "resumed": "authenticated",
            "calls": [200], "renewals": 1,
            "otherLogin": "authenticated", "staleTab": "identity_changed", "settled": ["authenticated", 200],
            "logout": ["done", "not_authenticated"],
        }),
        "the client that the guide shows"
    );
}
