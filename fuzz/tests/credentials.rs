//! Fuzz targets for what is read with keys: access tokens and sealed secrets (docs/fuzzing.md).

use std::panic::AssertUnwindSafe;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use perennial_protocol::{key::KeyId, refresh::Generation, time::Millis, token::Issuer};
use perennial_service::{
    credentials::{AccessTokens, IssuedAccess},
    entropy::SystemEntropy,
    keys::{KeyKind, KeyRecord, Keys},
};
use perennial_store::contract::{NOW, numbered_session};

fn keys() -> Keys {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
    let pkcs8 = pair.to_pkcs8v1().expect("a document").as_ref().to_vec();
    let record = |kind, secret: Vec<u8>| KeyRecord { kind, id: KeyId(1), active_from: NOW, secret: secret.into() };
    let records =
        [record(KeyKind::Mac, vec![1; 32]), record(KeyKind::Signing, pkcs8), record(KeyKind::Seal, vec![3; 32])];
    Keys::at(&records, NOW).expect("keys")
}

/// The harness asks for what survives a panic; here a panic ends the test.
fn access_tokens() -> AssertUnwindSafe<AccessTokens> {
    AssertUnwindSafe(AccessTokens::new(Issuer { issuer: "https://app.example.com".into(), audience: "api".into() }))
}

fn made(keys: &Keys, tokens: &AccessTokens) -> IssuedAccess {
    let lives = Millis::minutes(15);
    let claims = tokens.claims(&SystemEntropy, &numbered_session(1), Generation(1), NOW, NOW.plus(lives));
    tokens.sign(keys, claims, lives)
}

#[test]
fn an_access_token_that_was_changed_anywhere_is_refused() {
    let (keys, tokens) = (AssertUnwindSafe(keys()), access_tokens());
    let made = made(&keys, &tokens);
    assert!(tokens.verify(&keys, made.expose(), NOW).is_some());
    bolero::check!().with_type::<(usize, u8)>().for_each(|(place, by)| {
        let mut bytes = made.expose().as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] ^= by;
        let changed = String::from_utf8(bytes).ok().filter(|changed| changed != made.expose());
        if let Some(changed) = changed {
            assert!(tokens.verify(&keys, &changed, NOW).is_none(), "{changed}");
        }
    });
}

#[test]
fn any_text_is_no_access_token() {
    let (keys, tokens) = (AssertUnwindSafe(keys()), access_tokens());
    let made = made(&keys, &tokens);
    let (head, rest) = made.expose().split_once('.').expect("a token has three parts");
    let (_, signature) = rest.split_once('.').expect("a token has three parts");
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for text in [text.to_string(), format!("{head}.{text}.{signature}"), format!("{text}.{rest}")] {
            assert!(text == made.expose() || tokens.verify(&keys, &text, NOW).is_none(), "{text}");
        }
    });
}

#[test]
fn any_bytes_open_no_sealed_secret() {
    let keys = AssertUnwindSafe(keys());
    let sealed = keys.seal.seal([9; 12], "ada", b"secret");
    bolero::check!().with_type::<(Vec<u8>, usize, u8)>().for_each(|(bytes, place, by)| {
        assert!(keys.seal.open("ada", bytes).is_err());
        let mut changed = sealed.clone();
        let place = place % changed.len();
        changed[place] ^= by;
        assert_eq!(keys.seal.open("ada", &changed).is_ok(), *by == 0);
    });
}
