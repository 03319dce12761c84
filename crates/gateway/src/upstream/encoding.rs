//! Refusals that have to be read although the upstream compresses what it answers.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, header};

use crate::limits;

/// Offers the upstream only what can be read here, out of what the client takes.
pub(crate) fn offer_readable(headers: &mut HeaderMap) {
    let offered = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let takes_gzip = offered.flat_map(|value| value.split(',')).any(is_gzip);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(if takes_gzip { "gzip" } else { "identity" }));
}

/// A coding with its weight, where 0 says no (RFC 9110 §12.5.3).
fn is_gzip(offer: &str) -> bool {
    let (coding, weight) = offer.split_once(';').unwrap_or((offer, ""));
    let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok());
    coding.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
}

/// The body as it was before it was compressed; no more of it than is read of any refusal.
pub(crate) fn decoded(headers: &HeaderMap, body: &Bytes) -> Bytes {
    let is_gzip =
        headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !is_gzip {
        return body.clone();
    }
    let mut text = Vec::new();
    let read = GzDecoder::new(&body[..]).take(limits::REFUSAL_BYTES_MAX as u64).read_to_end(&mut text);
    if read.is_ok() { text.into() } else { Bytes::new() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[track_caller]
    fn check(offered: Option<&'static str>, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.extend(offered.map(|offered| (header::ACCEPT_ENCODING, HeaderValue::from_static(offered))));
        offer_readable(&mut headers);
        assert_eq!(headers[header::ACCEPT_ENCODING], expected, "{offered:?}");
    }

    #[test]
    fn an_upstream_is_offered_gzip_where_the_client_takes_it_and_nothing_else() {
        check(Some("gzip, deflate, br, zstd"), "gzip");
        check(Some("br;q=1.0, GZIP;q=0.5"), "gzip");
        check(Some("br, gzip;q=0"), "identity");
        check(Some("br"), "identity");
        check(None, "identity");
    }

    fn compressed(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory can be written");
        encoder.finish().expect("memory can be written").into()
    }

    #[test]
    fn a_compressed_refusal_is_read_and_a_bomb_only_as_far_as_any_other() {
        let headers: HeaderMap = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))].into_iter().collect();
        assert_eq!(decoded(&headers, &compressed(b"{}")), "{}");
        assert_eq!(decoded(&HeaderMap::new(), &Bytes::from_static(b"{}")), "{}");
        assert_eq!(decoded(&headers, &compressed(&vec![0; 10_000_000])).len(), limits::REFUSAL_BYTES_MAX);
        assert_eq!(decoded(&headers, &Bytes::from_static(b"no gzip")), "");
    }
}
