//! Fuzz targets for everything that reads what a browser sends: cookies, tokens, CSRF tokens, addresses.
//!
//! `cargo test` runs each as a property over drawn input; `cargo bolero` gives the same target to libFuzzer
//! (docs/fuzzing.md).

use perennial_protocol::{
    cookie::{Chosen, CookieNames, Jar, jar::SAME_KIND_MAX, names::Tags, select},
    csrf::{self, CsrfToken},
    id::{SessionKey, Sid, Subject},
    key::{KeyId, MacKey, MacRing},
    login::{PendingToken, StepName, known},
    origin::{Loopback, OriginPolicy},
    refresh::{Branch, Generation, Policy, RefreshToken, Reuse, Rotate, Salt, mark},
    return_to,
    time::{Millis, UnixMillis},
};

const SID: Sid = Sid([3; 16]);
const SALT: Salt = Salt([4; 16]);

fn ring() -> MacRing {
    MacRing::new(MacKey::new(KeyId(2), &[2; 32]), vec![MacKey::new(KeyId(1), &[1; 32])])
}

fn names() -> CookieNames {
    let name = |base: &str| format!("__Host-{base}");
    CookieNames {
        refresh: name("refreshtoken"),
        access: name("accesstoken"),
        csrf: name("csrftoken"),
        hint: name("auth_hint"),
        stale: name("stale"),
        mfa_setup: name("mfa_setup"),
        mfa_verify: name("mfa_verify"),
        verify_email: name("verify_email"),
        known: name("known"),
        tags: Tags::On,
    }
}

fn policy() -> Policy {
    Policy {
        rotation: Rotate::On,
        cooldown: Millis::seconds(120),
        overlap: Millis::seconds(30),
        reuse: Reuse::Prove,
        idle: Millis::days(7),
    }
}

/// The text with one byte exchanged, where it still is a text.
fn with_a_byte_changed(text: &str, place: usize, by: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let place = place % bytes.len();
    bytes[place] ^= by;
    String::from_utf8(bytes).ok().filter(|changed| changed != text)
}

#[test]
fn any_cookie_header_is_read_within_bounds_and_proves_nothing() {
    let (names, ring) = (names(), ring());
    bolero::check!().for_each(|bytes: &[u8]| {
        let header = String::from_utf8_lossy(bytes);
        // Drawn bytes alone would seldom name a cookie of ours.
        let ours = format!("{}-ab={header}; {}={header}; {}={header}", names.refresh, names.stale, names.access);
        for headers in [vec![&*header], vec![&*ours], vec![&*header, &*ours]] {
            let jar = Jar::read(headers.into_iter());
            let carried = jar.refresh(&names);
            assert!(carried.len() <= SAME_KIND_MAX);
            assert!(jar.access(&names).count() <= SAME_KIND_MAX && jar.stale(&names).count() <= SAME_KIND_MAX);
            assert!(jar.session_cookie_names(&names).iter().all(|name| jar.has(name) && name.starts_with("__Host-")));
            let steps = StepName::ALL.into_iter().flat_map(|step| jar.step(&names, step));
            let known = jar.known(&names).into_iter();
            assert!(steps.chain(jar.csrf(&names)).chain(known).all(|value| header.contains(value)));
            let selection = select(&carried, &[], &ring, &policy(), UnixMillis(0));
            assert!(!matches!(selection.chosen, Chosen::Genuine { .. }), "a session that is not there spoke");
        }
    });
}

#[test]
fn any_text_is_no_refresh_token_or_one_that_is_written_the_same() {
    let ring = ring();
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for text in [text.to_string(), format!("prn1.{text}")] {
            if let Ok(token) = RefreshToken::parse(&text) {
                assert_eq!(token.expose(), text);
                assert!(!token.verifies(&ring, &SALT), "a drawn tag was right");
            }
        }
    });
}

#[test]
fn a_refresh_token_that_was_changed_anywhere_is_refused() {
    let ring = ring();
    let changes = bolero::check!().with_type::<(u32, u32, usize, u8)>();
    changes.for_each(|(generation, branch, place, by)| {
        let token = RefreshToken::issue(&ring, SID, &SALT, Generation(*generation), Branch(*branch));
        assert!(RefreshToken::parse(&token.expose()).is_ok_and(|read| read.verifies(&ring, &SALT)));
        if let Some(changed) = with_a_byte_changed(&token.expose(), *place, *by) {
            assert!(!RefreshToken::parse(&changed).is_ok_and(|read| read.verifies(&ring, &SALT)), "{changed}");
        }
    });
}

#[test]
fn any_text_is_no_csrf_token_of_anybody() {
    let (ring, key) = (ring(), SessionKey::from_random([5; 12]));
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for text in [text.to_string(), format!("anon.{text}"), format!("{}.{text}", key.as_str())] {
            if let Some(token) = CsrfToken::parse(&text) {
                assert!(!token.is_of(&ring, &key, SID) && !token.is_anonymous(&ring), "{text}");
            }
        }
    });
}

#[test]
fn a_csrf_token_that_was_changed_anywhere_is_refused() {
    let (ring, key) = (ring(), SessionKey::from_random([5; 12]));
    bolero::check!().with_type::<([u8; 16], usize, u8)>().for_each(|(nonce, place, by)| {
        let ours = |text: &str| {
            CsrfToken::parse(text).is_some_and(|token| token.is_of(&ring, &key, SID) || token.is_anonymous(&ring))
        };
        for token in [csrf::of_session(&ring, &key, SID), csrf::anonymous(&ring, *nonce)] {
            assert!(ours(&token));
            if let Some(changed) = with_a_byte_changed(&token, *place, *by) {
                assert!(!ours(&changed), "{changed}");
            }
        }
    });
}

#[test]
fn a_mark_or_known_browser_that_was_changed_anywhere_tells_nothing_else() {
    let (ring, person) = (ring(), Subject::from_random([6; 12]));
    bolero::check!().with_type::<(u32, [u8; 12], usize, u8)>().for_each(|(generation, nonce, place, by)| {
        let told = mark::issue(&ring, SID, Generation(*generation));
        if let Some(changed) = with_a_byte_changed(&told, *place, *by) {
            let read = mark::read(&ring, SID, &changed);
            assert!(read.is_none_or(|read| read == Generation(*generation)), "{changed}");
        }
        let cookie = known::remember(&ring, &person, *nonce, None);
        assert_eq!(known::recognise(&ring, &person, &cookie), Some(*nonce));
        if let Some(changed) = with_a_byte_changed(&cookie, *place, *by) {
            assert_eq!(known::recognise(&ring, &person, &changed), None, "{changed}");
        }
    });
}

#[test]
fn any_text_is_no_pending_step_or_one_that_is_written_the_same() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if let Some(token) = PendingToken::parse(&text) {
            assert_eq!(token.expose(), text);
        }
        let kept = known::remember(&ring(), &Subject::from_random([6; 12]), [7; 12], Some(&text));
        assert!(kept.len() < 200, "what a browser remembers stays small");
    });
}

#[test]
fn any_return_address_stays_on_an_allowed_origin() {
    let policy = OriginPolicy {
        own: "https://app.example.com".into(),
        allowed: vec!["https://admin.example.com".into()],
        loopback: Loopback::Refused,
    };
    let base = url::Url::parse("https://app.example.com/login").expect("an address");
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for text in [text.to_string(), format!("/{text}"), format!("https://app.example.com{text}")] {
            if let Some(target) = return_to::validated(&text, &policy) {
                // The browser's own reading is what counts.
                let origin = base.join(&target).expect("a browser can read it").origin().ascii_serialization();
                assert!(origin == policy.own || policy.allowed.contains(&origin), "{text:?} led to {origin}");
            }
        }
    });
}
