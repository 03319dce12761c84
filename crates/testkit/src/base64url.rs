//! Base64url without padding, as tokens are written.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The bytes of a text; `None` if it is not base64url.
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut gathered, mut bits) = (0_u32, 0_u32);
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == character)?;
        gathered = ((gathered << 6) | u32::try_from(value).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((gathered >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}
