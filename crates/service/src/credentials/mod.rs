//! What people prove themselves with, and what the server proves itself with: passwords, TOTP, access
//! tokens, and the tokens of foreign issuers.

pub mod access;
pub mod foreign;
pub mod kept_hash;
pub mod password;
pub mod password_pool;
pub mod totp;

pub use access::{AccessTokens, IssuedAccess};
pub use kept_hash::{KeptHash, NotKept};
pub use password::Password;
pub use password_pool::{PasswordPool, Verified};
