//! Which session answers for a jar.
//!
//! The newest live session by creation, in it the highest generation; when none is live, the newest dead
//! one; then a token of a session that nobody knows; then a forged one. An access token counts only for
//! the session chosen here, and stands alone only when the jar holds no refresh token at all.

use super::jar::CarriedRefresh;
use crate::{
    id::Sid,
    key::MacRing,
    refresh::{Policy, Presented, RefreshToken},
    session::Session,
    time::UnixMillis,
};

/// The jar's answer.
#[derive(Debug, Clone)]
pub struct Selection<'s> {
    pub chosen: Chosen<'s>,
    /// Every session whose refresh token, of any generation, came with a right tag.
    pub genuine: Vec<&'s Session>,
    /// How many of those are live. More than one is a conflict, and the newest wins.
    pub live: usize,
}

/// The token that is answered.
#[derive(Debug, Clone, Copy)]
pub enum Chosen<'s> {
    /// The jar holds no refresh token.
    Nothing,
    /// Tokens came, and none could be read or was ours. The sid is the one that a well-shaped one named.
    Forged(Option<Sid>),
    /// A well-shaped token of a session that the store does not know.
    Unknown(Sid),
    Genuine {
        session: &'s Session,
        token: RefreshToken,
    },
}

impl<'s> Chosen<'s> {
    /// What the refresh decision is told; `None` if the jar holds no refresh token.
    pub fn presented(&self) -> Option<Presented<'s>> {
        match self {
            Self::Nothing => None,
            Self::Forged(_) => Some(Presented::Forged),
            Self::Unknown(_) => Some(Presented::Unknown),
            Self::Genuine { session, token } => {
                Some(Presented::Genuine { session, generation: token.generation, branch: token.branch })
            }
        }
    }

    pub fn session(&self) -> Option<&'s Session> {
        match self {
            Self::Genuine { session, .. } => Some(session),
            Self::Nothing | Self::Forged(_) | Self::Unknown(_) => None,
        }
    }

    /// The sid that the token names, proven or not.
    pub fn sid(&self) -> Option<Sid> {
        match self {
            Self::Nothing => None,
            Self::Forged(sid) => *sid,
            Self::Unknown(sid) => Some(*sid),
            Self::Genuine { session, .. } => Some(session.sid),
        }
    }
}

/// Chooses among what the jar carried, given the sessions that the store found for it.
pub fn select<'s>(
    carried: &[CarriedRefresh],
    sessions: &'s [Session],
    ring: &MacRing,
    policy: &Policy,
    now: UnixMillis,
) -> Selection<'s> {
    let find = |sid: Sid| sessions.iter().find(|session| session.sid == sid);
    let tokens = || carried.iter().filter_map(|carried| carried.token);
    let mut genuine: Vec<(&Session, RefreshToken)> = tokens()
        .filter_map(|token| Some((find(token.sid)?, token)))
        .filter(|(session, token)| token.verifies(ring, &session.salt))
        .collect();
    let is_live = |session: &Session| session.over(policy, now).is_none();
    genuine.sort_by_key(|(session, token)| (is_live(session), session.created_at, session.sid, token.generation));

    let chosen = match genuine.last() {
        Some((session, token)) => Chosen::Genuine { session, token: *token },
        None => match tokens().find(|token| find(token.sid).is_none()) {
            Some(token) => Chosen::Unknown(token.sid),
            None if carried.is_empty() => Chosen::Nothing,
            None => Chosen::Forged(tokens().next().map(|token| token.sid)),
        },
    };
    let mut sessions: Vec<&Session> = genuine.into_iter().map(|(session, _)| session).collect();
    sessions.dedup_by_key(|session| session.sid);
    let live = sessions.iter().filter(|session| is_live(session)).count();
    Selection { chosen, genuine: sessions, live }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{SessionKey, Subject},
        key::{KeyId, MacKey},
        refresh::{Branch, Generation, Reuse, Rotate, Rotation, Salt},
        session::{AssuranceLevel, Authentication, EndReason, Ended},
        time::Millis,
    };

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn policy() -> Policy {
        Policy {
            rotation: Rotate::On,
            cooldown: Millis::seconds(120),
            overlap: Millis::seconds(30),
            reuse: Reuse::Prove,
            idle: Millis::days(7),
        }
    }

    fn ring() -> MacRing {
        MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![])
    }

    /// The session called `name`, created in the order of the letters.
    fn session(name: char, ended: bool) -> Session {
        let number = name as u8;
        let created_at = UnixMillis(NOW.0 - 10_000 + i64::from(number));
        Session {
            sid: Sid([number; 16]),
            session_key: SessionKey::from_random([number; 12]),
            salt: Salt([number; 16]),
            subject: Subject::from_random([number; 12]),
            created_at,
            ends_at: NOW.plus(Millis::days(1)),
            active_at: NOW,
            rotation: Rotation::first(created_at),
            ended: ended.then_some(Ended { at: NOW, reason: EndReason::Logout }),
            authentication: Authentication { at: NOW, level: AssuranceLevel::One, methods: vec![] },
            device: String::new(),
            claims: crate::claims::Claims::default(),
        }
    }

    /// Reads `a3 b1 ?1 x garbage`: tokens of sessions a and b, `?` of no session, `x` with a wrong tag.
    fn jar(text: &str) -> Vec<CarriedRefresh> {
        let token = |word: &str| {
            let name = word.chars().next()?;
            let generation = Generation(word[1..].parse().ok()?);
            let made_by = if name == 'x' { session('!', false) } else { session(name, false) };
            let sid = if name == 'x' { Sid([b'a'; 16]) } else { made_by.sid };
            Some(RefreshToken::issue(&ring(), sid, &made_by.salt, generation, Branch(0)))
        };
        text.split_whitespace().map(|word| CarriedRefresh { name: word.to_owned(), token: token(word) }).collect()
    }

    #[track_caller]
    fn check(carried: &str, ended: &str, expected: &str) {
        let sessions: Vec<Session> = "abc".chars().map(|name| session(name, ended.contains(name))).collect();
        let selection = select(&jar(carried), &sessions, &ring(), &policy(), NOW);
        let chosen = match selection.chosen {
            Chosen::Nothing => "nothing".to_owned(),
            Chosen::Forged(sid) => format!("forged{}", if sid.is_some() { " of a session" } else { "" }),
            Chosen::Unknown(_) => "unknown".to_owned(),
            Chosen::Genuine { session, token } => format!("{}{}", session.sid.0[0] as char, token.generation.0),
        };
        assert_eq!(format!("{chosen}, {} live", selection.live), expected, "{carried}");
    }

    #[test]
    fn the_newest_live_session_answers_with_its_highest_generation() {
        check("a1 b0 a5", "", "b0, 2 live");
        check("a1 a3 a2", "", "a3, 1 live");
        check("b9 a1", "b", "a1, 1 live");
    }

    #[test]
    fn the_newest_dead_session_answers_when_none_is_live() {
        check("a1 b2", "ab", "b2, 0 live");
        check("x1 a2", "a", "a2, 0 live");
    }

    #[test]
    fn garbage_beside_a_right_token_changes_nothing() {
        check("garbage x7 ?3 a1", "", "a1, 1 live");
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        check("", "", "nothing, 0 live");
        check("garbage", "", "forged, 0 live");
        check("x1", "", "forged of a session, 0 live");
        check("garbage x1 ?1", "", "unknown, 0 live");
    }
}
