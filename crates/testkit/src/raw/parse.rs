//! Reading an answer out of bytes, with forgiveness: it is the server that is under test, not the reader.

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    pub status: u16,
    /// Every line in its order and its own letters.
    pub headers: Vec<(String, String)>,
    /// The body without its chunks.
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    bytes: usize,
}

impl RawAnswer {
    /// The answer at the beginning and its length; nothing before it is whole, or if it ends with the connection.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = head(bytes)?;
        let rest = &bytes[head.bytes..];
        let value = |name: &str| find(&head.headers, name).map(str::to_ascii_lowercase);
        let (body, trailers, used) = if head.status < 200 || matches!(head.status, 204 | 304) {
            (Vec::new(), Vec::new(), 0)
        } else if value("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            unchunked(rest)?
        } else {
            let length = value("content-length")?.parse().ok()?;
            (rest.get(..length)?.to_vec(), Vec::new(), length)
        };
        Some((Self { status: head.status, headers: head.headers, body, trailers }, head.bytes + used))
    }

    /// The answer whose end is that of the connection.
    pub(super) fn parse_closed(bytes: &[u8]) -> Option<Self> {
        let head = head(bytes)?;
        let has_length = ["content-length", "transfer-encoding"].iter().any(|name| find(&head.headers, name).is_some());
        let body = bytes[head.bytes..].to_vec();
        (!has_length).then_some(Self { status: head.status, headers: head.headers, body, trailers: Vec::new() })
    }

    /// The first line of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Every line of this name.
    pub fn every(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(line, _)| line.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }
}

fn head(bytes: &[u8]) -> Option<Head> {
    let end = position(bytes, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..end - 4]);
    let (first, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
    let status = first.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Head { status, headers: lines(rest), bytes: end })
}

fn lines(text: &str) -> Vec<(String, String)> {
    let pairs = text.split("\r\n").filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

type Unchunked = (Vec<u8>, Vec<(String, String)>, usize);

fn unchunked(bytes: &[u8]) -> Option<Unchunked> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = position(&bytes[at..], b"\r\n")?;
        let size = String::from_utf8_lossy(&bytes[at..at + line]).split(';').next()?.trim().to_owned();
        let size = usize::from_str_radix(&size, 16).ok()?;
        at += line + 2;
        if size == 0 {
            if bytes[at..].starts_with(b"\r\n") {
                return Some((body, Vec::new(), at + 2));
            }
            let end = position(&bytes[at..], b"\r\n\r\n")?;
            let trailers = lines(&String::from_utf8_lossy(&bytes[at..at + end]));
            return Some((body, trailers, at + end + 4));
        }
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        bytes.get(..at)?;
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(line, _)| line.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn position(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, status: u16, body: &str, used: usize) {
        let (answer, bytes) = RawAnswer::parse(bytes.as_bytes()).expect("it is whole");
        assert_eq!((answer.status, answer.text().as_str(), bytes), (status, body, used));
    }

    #[test]
    fn an_answer_ends_where_its_framing_says() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1", 200, "ok", 40);
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", 59);
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 100, "", 25);
        check("HTTP/1.0 204\r\n\r\n", 204, "", 16);
    }

    #[test]
    fn nothing_is_parsed_before_the_answer_is_whole() {
        let whole = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nx-sum: 1\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(RawAnswer::parse(&whole.as_bytes()[..end]), None, "{}", &whole[..end]);
        }
        let (answer, _) = RawAnswer::parse(whole.as_bytes()).expect("it is whole");
        assert_eq!(answer.trailers, [("x-sum".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn the_end_of_the_connection_ends_only_what_has_no_length() {
        assert_eq!(
            RawAnswer::parse_closed(b"HTTP/1.1 200 OK\r\n\r\nall").map(|answer| answer.text()),
            Some("all".to_owned())
        );
        assert_eq!(RawAnswer::parse_closed(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nall"), None);
    }
}
