//! The foreign issuer and the API that checks tokens behave as such backends do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use perennial_testkit::upstream::{Issuer, IssuerSetup, Reply, Upstream, Verifier};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

async fn call(issuer: &Issuer, method: Method, path: &str, header: (&str, &str), body: &Value) -> Response {
    let request = Client::new().request(method, format!("{}{path}", issuer.upstream.url()));
    request.header(header.0, header.1).json(body).send().await.expect("it answers")
}

async fn log_in(issuer: &Issuer) -> Value {
    let body = json!({ "email": Issuer::EMAIL, "password": Issuer::PASSWORD });
    let answer = call(issuer, Method::POST, "/api/v1/users/auth/login", ("x", "y"), &body).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

async fn refresh(issuer: &Issuer, token: &Value) -> (u16, Value) {
    let cookie = format!("refresh_token={}", token.as_str().expect("a token"));
    let answer =
        call(issuer, Method::POST, "/api/v1/users/auth/refresh-token", ("cookie", &cookie), &Value::Null).await;
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn read(issuer: &Issuer, path: &str, token: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {}", token.as_str().unwrap_or("nonsense"));
    let answer = call(issuer, Method::GET, path, ("authorization", &bearer), &Value::Null).await;
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_login_is_refreshed_once_and_a_reused_token_ends_the_family() {
    let issuer = Issuer::start(IssuerSetup::default());
    let first = log_in(&issuer).await;
    assert_eq!(first["success"], true);
    let (status, second) = refresh(&issuer, &first["data"]["refresh_token"]).await;
    assert_eq!(status, 200);
    let (status, refused) = refresh(&issuer, &first["data"]["refresh_token"]).await;
    assert_eq!((status, &refused["detail"]), (401, &"Refresh token was used before".into()));
    assert_eq!(refresh(&issuer, &second["data"]["refresh_token"]).await.0, 401);
    assert_eq!((issuer.refresh_calls(), issuer.punished()), (3, 1));
}

#[tokio::test]
async fn a_refresh_token_is_taken_from_a_cookie_a_field_or_a_header() {
    let issuer = Issuer::start(IssuerSetup::default());
    let path = "/api/v1/users/auth/refresh-token";
    let tokens = log_in(&issuer).await;
    let token = tokens["data"]["refresh_token"].as_str().expect("a token");
    let answer = call(&issuer, Method::POST, path, ("x-refresh-token", token), &Value::Null).await;
    assert_eq!(answer.status(), 200);
    let tokens: Value = answer.json().await.expect("JSON");
    let body = json!({ "refresh_token": tokens["data"]["refresh_token"] });
    assert_eq!(call(&issuer, Method::POST, path, ("x", "y"), &body).await.status(), 200);
}

#[tokio::test]
async fn an_expired_token_and_a_wrong_role_are_told_apart() {
    let issuer = Issuer::start(IssuerSetup { access_ttl: Duration::ZERO, ..IssuerSetup::default() });
    let expired = &log_in(&issuer).await["data"]["access_token"];
    let detail = |text: &str| (401, json!({ "detail": text }));
    assert_eq!(read(&issuer, "/api/v1/users/me", expired).await, detail("Access token has expired"));
    assert_eq!(read(&issuer, "/page", expired).await, detail("Access token has expired"));
    assert_eq!(read(&issuer, "/api/v1/users/me", &Value::Null).await, detail("Could not validate credentials"));
    let issuer = Issuer::start(IssuerSetup::default());
    let good = &log_in(&issuer).await["data"]["access_token"];
    assert_eq!(read(&issuer, "/api/v1/users/me", good).await.0, 200);
    assert_eq!(read(&issuer, "/api/v1/users/admin", good).await, detail("The role is not sufficient"));
    assert_eq!((read(&issuer, "/page", good).await.0, issuer.renders()), (200, 1));
}

#[tokio::test]
async fn a_logout_ends_the_family_and_a_failure_spends_nothing() {
    let issuer = Issuer::start(IssuerSetup::default());
    let tokens = log_in(&issuer).await;
    issuer.fail_refresh(503);
    assert_eq!(refresh(&issuer, &tokens["data"]["refresh_token"]).await.0, 503);
    let (status, tokens) = refresh(&issuer, &tokens["data"]["refresh_token"]).await;
    assert_eq!(status, 200);
    let cookie = format!("refresh_token={}", tokens["data"]["refresh_token"].as_str().expect("a token"));
    call(&issuer, Method::POST, "/api/v1/users/auth/logout", ("cookie", &cookie), &Value::Null).await;
    assert_eq!(refresh(&issuer, &tokens["data"]["refresh_token"]).await.0, 401);
}

#[tokio::test]
async fn an_api_checks_signature_audience_and_end_against_its_own_clock() {
    let pair = aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let document = pair.and_then(|pair| pair.to_pkcs8v1()).expect("a key can be made");
    let key = EncodingKey::from_ec_der(document.as_ref());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a public key");
    jwk.common.key_id = Some("k1".to_owned());
    let set = json!({ "keys": [jwk] });
    let keys = Upstream::answering(move |_| Reply::json(200, &set));
    let verifier = Verifier::new(&keys.url()).for_audience("reports");
    let api = verifier.start();
    let token = |audience: &str| {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::ES256) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        encode(&header, &json!({ "sub": "ada", "aud": audience, "exp": now + 60 }), &key).expect("claims are JSON")
    };
    let ask = async |token: String| {
        let answer = Client::new().get(api.url()).bearer_auth(token).send().await.expect("it answers");
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().expect("text").to_owned());
        (answer.status().as_u16(), challenge.unwrap_or_default())
    };
    assert_eq!(ask(token("reports")).await.0, 200);
    let (status, challenge) = ask(token("others")).await;
    assert_eq!((status, challenge.contains(r#"error="invalid_token""#)), (401, true));
    verifier.set_clock_ahead(120);
    let (status, challenge) = ask(token("reports")).await;
    assert_eq!((status, challenge.contains("the token has expired")), (401, true));
    verifier.set_clock_ahead(0);
    let mut forged = token("reports");
    forged.replace_range(forged.len() - 4.., "AAAA");
    assert_eq!(ask(forged).await.0, 401);
    assert_eq!(keys.seen().len(), 1, "the keys were asked for once");
}
