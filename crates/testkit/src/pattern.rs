//! Bodies of any size that nobody has to keep: the same block again and again, and the hash of what went by.

use std::{fmt::Write, io};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::StreamBody;
use hyper::body::{Body, Frame};

const BLOCK_BYTES: usize = 64 * 1024;

/// A hash of bytes that go by.
#[derive(Clone)]
pub struct Hash(Context);

impl std::fmt::Debug for Hash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hash")
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Hash {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// SHA-256 in hexadecimal digits.
    pub fn finish(self) -> String {
        self.0.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text can be written to");
            text
        })
    }
}

/// The bytes, block by block: `crates/testkit` and whoever compares agree on them.
pub fn pattern(bytes: u64) -> impl Iterator<Item = Bytes> + Send + Sync {
    let block: Bytes = (0..BLOCK_BYTES).map(|place| (place % 251) as u8).collect();
    let whole = bytes / BLOCK_BYTES as u64;
    let rest = block.slice(..(bytes % BLOCK_BYTES as u64) as usize);
    let blocks = (0..whole).map(move |_| block.clone());
    blocks.chain((!rest.is_empty()).then_some(rest))
}

/// The same as a body for a client to send.
pub fn pattern_body(bytes: u64) -> impl Body<Data = Bytes, Error = io::Error> + Send + Sync {
    StreamBody::new(stream::iter(pattern(bytes).map(|block| Ok(Frame::data(block)))))
}

pub(crate) fn pattern_stream(bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::iter(pattern(bytes).map(Ok))
}

/// The hash of a pattern of this size.
pub fn pattern_hash(bytes: u64) -> String {
    let mut hash = Hash::default();
    pattern(bytes).for_each(|block| hash.update(&block));
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_exactly_the_bytes_that_were_asked_for() {
        for bytes in [0, 1, 65_535, 65_536, 65_537, 1_000_000] {
            assert_eq!(pattern(bytes).map(|block| block.len() as u64).sum::<u64>(), bytes);
        }
    }

    #[test]
    fn the_hash_is_sha_256_and_tells_one_byte_more() {
        assert_eq!(pattern_hash(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_ne!(pattern_hash(65_536), pattern_hash(65_537));
    }
}
