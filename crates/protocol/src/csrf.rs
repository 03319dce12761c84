//! Anti-CSRF tokens, and which of them a request may act with.
//!
//! A session's token is `session_key.tag`, derived from the session alone: nothing is stored, and open tabs
//! never go stale when the refresh token rotates. Before login it is `anon.nonce.tag`, and then header and
//! cookie must be equal too. `origin` holds the checks that come before these.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    id::{SessionKey, Sid},
    key::{MacRing, Purpose, same},
};

/// A token as it was read; its tag is not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CsrfToken {
    Session { key: SessionKey, tag: [u8; 16] },
    Anonymous { nonce: [u8; 16], tag: [u8; 16] },
}

impl CsrfToken {
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("anon.") {
            Some(rest) => {
                let (nonce, tag) = rest.split_once('.')?;
                Some(Self::Anonymous { nonce: decode(nonce)?, tag: decode(tag)? })
            }
            None => {
                let (key, tag) = text.split_once('.')?;
                Some(Self::Session { key: SessionKey::parse(key).ok()?, tag: decode(tag)? })
            }
        }
    }

    /// Whether it is a right token of the session with this key and sid.
    pub fn is_of(&self, ring: &MacRing, session_key: &SessionKey, sid: Sid) -> bool {
        match self {
            Self::Session { key, tag } => {
                key == session_key && ring.verifies(Purpose::Csrf, &[key.as_str().as_bytes(), &sid.0], tag)
            }
            Self::Anonymous { .. } => false,
        }
    }

    /// Whether this server made it for a visitor without a session.
    pub fn is_anonymous(&self, ring: &MacRing) -> bool {
        match self {
            Self::Anonymous { nonce, tag } => ring.verifies(Purpose::Csrf, &[b"anon", nonce], tag),
            Self::Session { .. } => false,
        }
    }
}

/// The token of a session.
pub fn of_session(ring: &MacRing, key: &SessionKey, sid: Sid) -> String {
    let tag = ring.sign_short(Purpose::Csrf, &[key.as_str().as_bytes(), &sid.0]);
    format!("{key}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A token for a visitor without a session.
pub fn anonymous(ring: &MacRing, nonce: [u8; 16]) -> String {
    let tag = ring.sign_short(Purpose::Csrf, &[b"anon", &nonce]);
    format!("anon.{}.{}", URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(tag))
}

/// Whether the header repeats one of the cookies, in constant time for each.
pub fn repeats<'c>(header: &str, mut cookies: impl Iterator<Item = &'c str>) -> bool {
    cookies.any(|cookie| same(header.as_bytes(), cookie.as_bytes()))
}

fn decode(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::{KeyId, MacKey};

    const SID: Sid = Sid([5; 16]);

    fn ring(secret: u8) -> MacRing {
        MacRing::new(MacKey::new(KeyId(1), &[secret; 32]), vec![])
    }

    fn key() -> SessionKey {
        SessionKey::from_random([9; 12])
    }

    #[test]
    fn a_token_belongs_to_one_session_and_is_the_same_each_time() {
        let text = of_session(&ring(1), &key(), SID);
        assert_eq!(text, of_session(&ring(1), &key(), SID));
        let token = CsrfToken::parse(&text).expect("shaped");
        assert!(token.is_of(&ring(1), &key(), SID));
        assert!(!token.is_of(&ring(1), &key(), Sid([6; 16])));
        assert!(!token.is_of(&ring(1), &SessionKey::from_random([8; 12]), SID));
        assert!(!token.is_of(&ring(2), &key(), SID));
        assert!(!token.is_anonymous(&ring(1)));
    }

    #[test]
    fn an_anonymous_token_must_be_ours() {
        let text = anonymous(&ring(1), [3; 16]);
        let token = CsrfToken::parse(&text).expect("shaped");
        assert!(token.is_anonymous(&ring(1)));
        assert!(!token.is_anonymous(&ring(2)));
        assert!(!token.is_of(&ring(1), &key(), SID));
    }

    #[test]
    fn a_forged_pair_of_equal_header_and_cookie_is_not_enough() {
        let forged = format!("anon.{0}.{0}", URL_SAFE_NO_PAD.encode([0; 16]));
        assert!(repeats(&forged, [forged.as_str()].into_iter()));
        assert!(!CsrfToken::parse(&forged).expect("shaped").is_anonymous(&ring(1)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,120}") {
            let _ = CsrfToken::parse(&text);
        }
    }
}
