//! What an account's password is known by: our own hash, or one that another system made.
//!
//! A foreign hash is read with bounds, because whoever wrote it chose how much work each login costs here.
//! It is kept until its owner logs in, and replaced then.

use std::num::NonZeroU32;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use aws_lc_rs::{
    digest::{SHA256, digest},
    pbkdf2::{self, PBKDF2_HMAC_SHA256},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::Password;
use crate::limits;

/// What a hash is made in.
pub(super) type Memory = Vec<Block>;

/// A hash that can be compared with, within bounds.
pub struct KeptHash(Kind);

enum Kind {
    Argon2(Box<PasswordHash>),
    Bcrypt { hash: String, of: Hashed },
    Pbkdf2 { iterations: NonZeroU32, salt: String, expected: Vec<u8> },
}

/// What was given to bcrypt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hashed {
    Password,
    /// Its SHA-256 in hexadecimal: Django's `bcrypt_sha256`.
    Digest,
}

/// Why a text cannot be kept. It never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    #[error(
        "the password hash is of no known kind: argon2 ($argon2id$…), bcrypt ($2b$…), or Django's pbkdf2_sha256$…, \
         argon2$…, bcrypt$…, bcrypt_sha256$…"
    )]
    Unknown,
    #[error("the password hash is damaged")]
    Damaged,
    #[error("the password hash would cost every login too much: {what} is {found}, at most {limit} is accepted")]
    Costly { what: &'static str, found: u64, limit: u64 },
}

impl KeptHash {
    pub fn parse(text: &str) -> Result<Self, NotKept> {
        if text.len() > limits::KEPT_HASH_BYTES_MAX {
            return Err(NotKept::Damaged);
        }
        let kind = match text.split_once('$').ok_or(NotKept::Unknown)? {
            ("", rest) if rest.starts_with("argon2") => argon2(text)?,
            ("", rest) if ["2a$", "2b$", "2y$"].iter().any(|version| rest.starts_with(version)) => {
                bcrypt(text, Hashed::Password)?
            }
            // Django writes the name of the algorithm in front.
            ("argon2", rest) => argon2(&format!("${rest}"))?,
            ("bcrypt", rest) => bcrypt(rest, Hashed::Password)?,
            ("bcrypt_sha256", rest) => bcrypt(rest, Hashed::Digest)?,
            ("pbkdf2_sha256", rest) => pbkdf2(rest)?,
            _ => return Err(NotKept::Unknown),
        };
        Ok(Self(kind))
    }

    /// Whether a new hash would be made the same way.
    pub fn is_as_we_make_it(&self) -> bool {
        let Kind::Argon2(hash) = &self.0 else { return false };
        let costs = |params: &Params| [params.m_cost(), params.t_cost(), params.p_cost()];
        hash.algorithm == Algorithm::default().ident()
            && hash.version == Some(Version::default().into())
            && Params::try_from(&**hash).is_ok_and(|params| costs(&params) == costs(&Params::DEFAULT))
    }

    /// Whether a new hash of a password that is right proves no more than this one did. bcrypt looks at 72
    /// bytes: behind them even a mistyped password is right, and would be the only right one from then on.
    pub fn says_all_of(&self, password: &Password) -> bool {
        match &self.0 {
            Kind::Bcrypt { of: Hashed::Password, .. } => password.expose().len() <= BCRYPT_BYTES,
            Kind::Argon2(_) | Kind::Bcrypt { .. } | Kind::Pbkdf2 { .. } => true,
        }
    }

    /// Whether this is the password, compared in constant time. Other systems hash what was typed, we its
    /// normal form.
    pub(super) fn is_of(&self, password: &Password, memory: &mut Memory) -> bool {
        let foreign = !self.is_as_we_make_it();
        self.is_of_bytes(password.expose(), memory)
            || (foreign && password.typed().is_some_and(|typed| self.is_of_bytes(typed, memory)))
    }

    fn is_of_bytes(&self, password: &[u8], memory: &mut Memory) -> bool {
        match &self.0 {
            Kind::Argon2(hash) => is_right(memory, password, hash).unwrap_or(false),
            Kind::Bcrypt { hash, of: Hashed::Password } => bcrypt::verify(password, hash).unwrap_or(false),
            Kind::Bcrypt { hash, of: Hashed::Digest } => {
                let hexadecimal: String =
                    digest(&SHA256, password).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                bcrypt::verify(hexadecimal, hash).unwrap_or(false)
            }
            Kind::Pbkdf2 { iterations, salt, expected } => {
                pbkdf2::verify(PBKDF2_HMAC_SHA256, *iterations, salt.as_bytes(), password, expected).is_ok()
            }
        }
    }
}

/// How much of a password bcrypt looks at.
const BCRYPT_BYTES: usize = 72;

impl std::fmt::Debug for KeptHash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("KeptHash(..)")
    }
}

fn bound(what: &'static str, found: u64, limit: u64) -> Result<(), NotKept> {
    if found > limit { Err(NotKept::Costly { what, found, limit }) } else { Ok(()) }
}

fn argon2(text: &str) -> Result<Kind, NotKept> {
    let hash = PasswordHash::new(text).map_err(|_| NotKept::Damaged)?;
    Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| NotKept::Unknown)?;
    let params = Params::try_from(&hash).map_err(|_| NotKept::Damaged)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(NotKept::Damaged);
    }
    let (memory, passes) = (u64::from(params.m_cost()), u64::from(params.t_cost()));
    bound("argon2's memory in KiB", memory, limits::KEPT_ARGON2_KIB_MAX)?;
    bound("argon2's memory in KiB times its passes", memory * passes, limits::KEPT_ARGON2_WORK_MAX)?;
    Ok(Kind::Argon2(Box::new(hash)))
}

fn bcrypt(text: &str, of: Hashed) -> Result<Kind, NotKept> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| NotKept::Damaged)?;
    // The library reads a cost of 32 and more, and a version that was only ever a mistake.
    if parts.get_cost() < 4 || text.starts_with("$2x$") {
        return Err(NotKept::Damaged);
    }
    bound("bcrypt's cost", parts.get_cost().into(), limits::KEPT_BCRYPT_COST_MAX)?;
    Ok(Kind::Bcrypt { hash: text.to_owned(), of })
}

/// `iterations$salt$hash`.
fn pbkdf2(text: &str) -> Result<Kind, NotKept> {
    let [iterations, salt, expected] = text.split('$').collect::<Vec<_>>()[..] else { return Err(NotKept::Damaged) };
    let iterations: NonZeroU32 = iterations.parse().map_err(|_| NotKept::Damaged)?;
    let expected = STANDARD.decode(expected).map_err(|_| NotKept::Damaged)?;
    if expected.len() != 32 {
        return Err(NotKept::Damaged);
    }
    bound("the number of PBKDF2's iterations", iterations.get().into(), limits::KEPT_PBKDF2_ITERATIONS_MAX)?;
    Ok(Kind::Pbkdf2 { iterations, salt: salt.to_owned(), expected })
}

/// The PHC string of a password under the default parameters.
pub(super) fn hash_in(memory: &mut Memory, password: &[u8], salt: &[u8; 16]) -> String {
    let argon2 = Argon2::default();
    let output = derive_in(memory, &argon2, password, salt, Params::DEFAULT_OUTPUT_LEN)
        .expect("the default parameters fit a salt of 16 bytes and a bounded password");
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params()).expect("the default parameters can be written down"),
        salt: Some(Salt::new(salt).expect("16 bytes are a salt")),
        hash: Some(output),
    };
    hash.to_string()
}

/// Whether a password is the one of a PHC string, under the parameters of that string; `None` if they fit
/// nothing.
fn is_right(memory: &mut Memory, password: &[u8], hash: &PasswordHash) -> Option<bool> {
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    // A hash without a version is of the first one (the Argon2 reference's encoding).
    let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(hash).ok()?);
    let output = derive_in(memory, &argon2, password, salt, expected.len())?;
    // Outputs compare in constant time.
    Some(output == *expected)
}

/// What is left of a former hash is overwritten before it is read. Memory beyond what our own hashes need is
/// given back.
fn derive_in(memory: &mut Memory, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], length: usize) -> Option<Output> {
    let blocks = argon2.params().block_count();
    memory.resize(memory.len().max(blocks), Block::default());
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..length)?;
    let derived = argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..blocks]);
    memory.truncate(Params::DEFAULT.block_count());
    memory.shrink_to_fit();
    derived.ok()?;
    Output::new(output).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that the libraries of other systems made; `tests/interop/make_foreign_hashes.py` says how.
    fn foreign() -> Vec<(String, Password, String)> {
        let text = include_str!("../../../../tests/interop/foreign_hashes.jsonl");
        let read = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let field = |name: &str| line[name].as_str().expect("a text").to_owned();
            (field("what"), password(&field("password")), field("hash"))
        };
        text.lines().map(read).collect()
    }

    fn password(text: &str) -> Password {
        Password::given(text).expect("a password")
    }

    #[test]
    fn the_hashes_of_other_systems_are_right_for_their_password_and_wrong_for_others() {
        let mut memory = Memory::new();
        for (what, right, hash) in foreign() {
            let kept = KeptHash::parse(&hash).unwrap_or_else(|why| panic!("{what}: {why}"));
            assert!(kept.is_of(&right, &mut memory), "{what}");
            assert!(!kept.is_of(&password("correct horse battery stapl"), &mut memory), "{what}");
            assert!(!kept.is_as_we_make_it() && kept.says_all_of(&right), "{what}");
        }
        assert_eq!(foreign().len(), 13);
        assert_eq!(memory.len(), Params::DEFAULT.block_count(), "memory of a larger hash is given back");
    }

    #[test]
    fn a_password_that_bcrypt_does_not_read_to_its_end_is_right_but_proves_no_new_hash() {
        let kept = KeptHash::parse(&bcrypt::hash("x".repeat(72), 4).expect("hashed")).expect("a hash");
        let mut memory = Memory::new();
        assert!(kept.is_of(&password(&"x".repeat(72)), &mut memory) && kept.says_all_of(&password(&"x".repeat(72))));
        let mistyped = password(&format!("{}y", "x".repeat(72)));
        assert!(kept.is_of(&mistyped, &mut memory) && !kept.says_all_of(&mistyped));
    }

    #[test]
    fn our_own_hash_is_as_we_make_it_and_any_other_parameter_is_not() {
        let ours = hash_in(&mut Memory::new(), b"four amber kettles", &[7; 16]);
        assert!(KeptHash::parse(&ours).expect("ours").is_as_we_make_it());
        for (from, to) in [("t=2", "t=3"), ("m=19456", "m=19457"), ("argon2id", "argon2i"), ("v=19", "v=16")] {
            let other = KeptHash::parse(&ours.replace(from, to)).expect("a hash");
            assert!(!other.is_as_we_make_it() && !other.is_of(&password("four amber kettles"), &mut Memory::new()));
        }
    }

    #[track_caller]
    fn check_refused(text: &str, part: &str) {
        let refused = KeptHash::parse(text).expect_err(text).to_string();
        assert!(refused.contains(part), "{text}: {refused}");
        let secret = text.rsplit('$').next().unwrap_or_default();
        assert!(secret.len() < 4 || !refused.contains(secret), "{refused}");
    }

    #[test]
    fn a_hash_that_would_cost_too_much_is_refused_with_a_sentence() {
        let phc = |params: &str| format!("$argon2id$v=19${params}$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert!(KeptHash::parse(&phc("m=131072,t=4,p=8")).is_ok());
        check_refused(&phc("m=131073,t=1,p=1"), "argon2's memory in KiB is 131073, at most 131072");
        check_refused(&phc("m=131072,t=5,p=1"), "memory in KiB times its passes is 655360");
        check_refused(&phc("m=8,t=4294967295,p=1"), "times its passes is 34359738360");
        check_refused(&format!("argon2{}", phc("m=4194304,t=1,p=1")), "argon2's memory in KiB is 4194304");
        let bcrypt = |cost: &str| format!("$2b${cost}$abcdefghijklmnopqrstuuPEuJAdrTb7Gp8GpCXp1YCdEU1YTxOLS");
        assert!(KeptHash::parse(&bcrypt("14")).is_ok());
        check_refused(&bcrypt("15"), "bcrypt's cost is 15, at most 14");
        check_refused(&format!("bcrypt_sha256${}", bcrypt("31")), "bcrypt's cost is 31");
        let pbkdf2 = |iterations: &str| format!("pbkdf2_sha256${iterations}$salt${}=", "A".repeat(43));
        assert!(KeptHash::parse(&pbkdf2("2000000")).is_ok());
        check_refused(&pbkdf2("2000001"), "PBKDF2's iterations is 2000001");
    }

    #[test]
    fn what_is_damaged_or_unknown_is_refused_and_never_repeated() {
        for text in ["", "hunter2", "!", "$1$abc$def", "sha1$abc$0123456789", "md5$$0123456789", "plain$hunter2"] {
            check_refused(text, "of no known kind");
        }
        for text in [
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$",
            "$2b$12$tooshort",
            "$2b$3x$abcdefghijklmnopqrstuuPEuJAdrTb7Gp8GpCXp1YCdEU1YTxOLS",
            "$2b$03$abcdefghijklmnopqrstuuPEuJAdrTb7Gp8GpCXp1YCdEU1YTxOLS",
            "pbkdf2_sha256$0$salt$AAAA",
            "pbkdf2_sha256$1000$salt$AAAA",
            "pbkdf2_sha256$1000$salt",
            "pbkdf2_sha256$-1$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            check_refused(text, "damaged");
        }
        check_refused(&format!("$argon2id${}", "a".repeat(600)), "damaged");
        check_refused("$2x$12$abcdefghijklmnopqrstuuPEuJAdrTb7Gp8GpCXp1YCdEU1YTxOLS", "of no known kind");
    }
}
