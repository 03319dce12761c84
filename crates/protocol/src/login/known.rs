//! The known-browser cookie: proof that a person logged in here before.
//!
//! It exempts this browser from a lockout that others cause by guessing. It is no credential: the password
//! and the second factor are asked for as always. It remembers the last three people of this browser.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    id::Subject,
    key::{MacRing, Purpose},
    time::Millis,
};

/// How long a browser stays known.
pub const KNOWN_TTL: Millis = Millis::days(365);

const PEOPLE_MAX: usize = 3;
const NONCE: usize = 12;
const ENTRY: usize = NONCE + 16;

/// The random part of an entry: it names the browser for its own count of failures.
pub type Nonce = [u8; NONCE];

/// The cookie after `subject` logged in: this person first, up to two others kept.
pub fn remember(ring: &MacRing, subject: &Subject, nonce: Nonce, carried: Option<&str>) -> String {
    let mut entry = [0; ENTRY];
    entry[..NONCE].copy_from_slice(&nonce);
    entry[NONCE..].copy_from_slice(&tag(ring, &nonce, subject));
    let others = carried
        .unwrap_or_default()
        .split('.')
        .filter(|other| decode(other).is_some_and(|(nonce, tag)| !verifies(ring, &nonce, &tag, subject)));
    let entries: Vec<String> =
        std::iter::once(URL_SAFE_NO_PAD.encode(entry)).chain(others.map(str::to_owned)).take(PEOPLE_MAX).collect();
    entries.join(".")
}

/// The browser's nonce, if this cookie proves that `subject` logged in here before.
pub fn recognise(ring: &MacRing, subject: &Subject, carried: &str) -> Option<Nonce> {
    carried
        .split('.')
        .take(PEOPLE_MAX)
        .filter_map(decode)
        .find(|(nonce, tag)| verifies(ring, nonce, tag, subject))
        .map(|(nonce, _)| nonce)
}

fn decode(entry: &str) -> Option<(Nonce, [u8; 16])> {
    let mut bytes = [0; ENTRY];
    let length = URL_SAFE_NO_PAD.decode_slice(entry, &mut bytes).ok()?;
    let (nonce, tag) = bytes.split_first_chunk()?;
    (length == ENTRY).then_some((*nonce, tag.try_into().ok()?))
}

fn tag(ring: &MacRing, nonce: &Nonce, subject: &Subject) -> [u8; 16] {
    ring.sign_short(Purpose::KnownBrowser, &[nonce, subject.as_str().as_bytes()])
}

fn verifies(ring: &MacRing, nonce: &Nonce, tag: &[u8; 16], subject: &Subject) -> bool {
    ring.verifies(Purpose::KnownBrowser, &[nonce, subject.as_str().as_bytes()], tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyId, MacKey};

    fn ring() -> MacRing {
        MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![])
    }

    fn person(number: u8) -> Subject {
        Subject::from_random([number; 12])
    }

    #[test]
    fn a_browser_is_known_to_those_who_logged_in_on_it() {
        let cookie = remember(&ring(), &person(1), [7; 12], None);
        assert_eq!(recognise(&ring(), &person(1), &cookie), Some([7; 12]));
        assert_eq!(recognise(&ring(), &person(2), &cookie), None);
        for garbage in ["", ".", "....", "AAAA", &"A".repeat(38), &cookie[1..]] {
            assert_eq!(recognise(&ring(), &person(1), garbage), None, "{garbage}");
        }
    }

    #[test]
    fn a_browser_remembers_its_last_three_people_once_each() {
        let mut cookie = String::new();
        for number in [1, 2, 2, 3, 4] {
            cookie = remember(&ring(), &person(number), [number; 12], Some(&cookie));
        }
        let known: Vec<u8> = (1..=4).filter(|number| recognise(&ring(), &person(*number), &cookie).is_some()).collect();
        assert_eq!(known, [2, 3, 4]);
        assert!(cookie.len() < 120, "{} bytes", cookie.len());
    }
}
