//! What people prove themselves with, and what the server proves itself with: passwords, TOTP, access
//! tokens.

pub mod access;
pub mod kept_hash;
pub mod password;
pub mod password_pool;
pub mod totp;

pub use access::{AccessTokens, IssuedAccess};
pub use kept_hash::{KeptHash, NotKept};
pub use password::Password;
pub use password_pool::{PasswordPool, Verified};
