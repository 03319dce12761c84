//! The stale mark: proof that this jar was told, at generation `c`, that its token is dead.
//!
//! It travels as an HttpOnly cookie, `c.MAC(sid, c)`. A request that carries the mark and still has nothing
//! newer was sent after the telling, so its token is in two hands.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::token::Generation;
use crate::{
    id::Sid,
    key::{MacRing, Purpose},
};

/// The cookie's value for a session that stands at `generation`.
pub fn issue(ring: &MacRing, sid: Sid, generation: Generation) -> String {
    let tag = ring.sign_short(Purpose::StaleMark, &[&sid.0, &generation.0.to_be_bytes()]);
    format!("{}.{}", generation.0, URL_SAFE_NO_PAD.encode(tag))
}

/// The generation a mark speaks of, if this server made it for this session.
pub fn read(ring: &MacRing, sid: Sid, text: &str) -> Option<Generation> {
    let (generation, encoded) = text.split_once('.')?;
    let generation: u32 = generation.parse().ok()?;
    let mut tag = [0; 16];
    let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut tag).ok()?;
    let right = length == tag.len() && ring.verifies(Purpose::StaleMark, &[&sid.0, &generation.to_be_bytes()], &tag);
    right.then_some(Generation(generation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyId, MacKey};

    #[test]
    fn a_mark_speaks_for_its_own_session_and_generation() {
        let ring = MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![]);
        let mark = issue(&ring, Sid([3; 16]), Generation(7));
        assert_eq!(read(&ring, Sid([3; 16]), &mark), Some(Generation(7)));
        assert_eq!(read(&ring, Sid([4; 16]), &mark), None);
        assert_eq!(read(&ring, Sid([3; 16]), &mark.replace("7.", "8.")), None);
        for garbage in ["", ".", "7", "7.", "x.y", "-1.AAAA", "99999999999.AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(read(&ring, Sid([3; 16]), garbage), None, "{garbage}");
        }
    }
}
