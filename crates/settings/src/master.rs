//! The master key: 32 random bytes in a file of its own, which open the keys in the database.

use std::{fmt, fs, io, os::unix::fs::PermissionsExt};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

/// Base64 as `openssl` and `base64` write it; the padding may be there.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) const MAKE_MASTER: &str = "`(umask 077; openssl rand -base64 32 > FILE)` makes one";

/// The key over the keys in the database, which is in no database itself.
#[derive(Clone)]
pub struct Master(Zeroizing<[u8; 32]>);

impl Master {
    /// The master key in this file; otherwise the rest of a sentence about whoever named the file. It never
    /// quotes what is in there.
    pub fn read(path: &str) -> Result<Self, String> {
        let refused = |error: io::Error| format!("names {path}, which cannot be read: {error}");
        let metadata = fs::metadata(path).map_err(refused)?;
        // The group may read it: that is how a file of root is given to one service.
        if metadata.permissions().mode() & 0o007 != 0 {
            return Err(format!("names {path}, which everybody on this machine can reach: run `chmod o= {path}`"));
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(refused)?);
        let bytes = BASE64.decode(text.trim()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| format!("names {path}, which holds no base64: {MAKE_MASTER}"))?;
        let master = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
            format!("names {path}, which holds {} bytes, and 32 random bytes are needed: {MAKE_MASTER}", bytes.len())
        })?;
        Ok(Self(Zeroizing::new(master)))
    }

    /// The bytes in clear, to derive keys from.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Master(..)")
    }
}
