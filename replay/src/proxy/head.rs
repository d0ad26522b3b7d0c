//! Heads of HTTP/1.x messages: where they end, what they say, and the one rewriting a proxy may do.

use kit::proxied::Framing;

/// A head longer than this isn't read: its connection is recorded raw from there on.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;
/// More headers than this aren't read either.
const MAX_HEADERS: usize = 256;

/// Collects a head, whatever pieces it comes in.
#[derive(Debug, Default)]
pub struct HeadBuffer {
    bytes: Vec<u8>,
    /// Of the line that is coming, without its CR.
    line_bytes: usize,
    /// A line that isn't blank was there: the next blank one ends the head.
    begun: bool,
}

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    /// All are of the head, and more are to come.
    More,
    /// It is whole; so many bytes were of it.
    Whole { consumed: usize },
    /// Longer than [`MAX_HEAD_BYTES`]; so many bytes were taken.
    TooLong { consumed: usize },
}

impl HeadBuffer {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes
    }

    pub fn push(&mut self, bytes: &[u8]) -> Collected {
        for (n, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.line_bytes == 0 && self.begun => return self.whole(bytes, n.saturating_add(1)),
                b'\n' => self.line_bytes = 0,
                b'\r' => {}
                _ => {
                    self.line_bytes = self.line_bytes.saturating_add(1);
                    self.begun = true;
                }
            }
            if self.bytes.len().saturating_add(n) >= MAX_HEAD_BYTES {
                return Collected::TooLong { consumed: self.keep(bytes, n.saturating_add(1)) };
            }
        }
        self.keep(bytes, bytes.len());
        Collected::More
    }

    fn whole(&mut self, bytes: &[u8], consumed: usize) -> Collected {
        Collected::Whole { consumed: self.keep(bytes, consumed) }
    }

    fn keep(&mut self, bytes: &[u8], consumed: usize) -> usize {
        self.bytes.extend_from_slice(bytes.get(..consumed).unwrap_or_default());
        consumed
    }
}

/// A request's head.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub minor: u8,
    pub headers: Headers,
}

/// A response's head.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub minor: u8,
    pub headers: Headers,
}

/// In the order sent.
#[derive(Debug, Default)]
pub struct Headers(pub Vec<[String; 2]>);

impl Headers {
    /// All values of a name.
    pub fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |[name, _]| name.eq_ignore_ascii_case(wanted));
        named.map(|[_, value]| value.as_str())
    }

    /// Whether a comma-separated list has an element.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(element))
    }

    /// What frames the body: the last transfer coding, or else the length. An error is one that can't be.
    fn framing(&self) -> Result<(Framing, u64), &'static str> {
        if let Some(last) = self.all("transfer-encoding").flat_map(|value| value.split(',')).last() {
            let is_chunked = last.trim().eq_ignore_ascii_case("chunked");
            return Ok((if is_chunked { Framing::Chunked } else { Framing::UntilClose }, 0));
        }
        let mut lengths = self.all("content-length").flat_map(|value| value.split(',')).map(str::trim);
        let Some(first) = lengths.next() else { return Ok((Framing::None, 0)) };
        let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
        match first.parse() {
            Ok(0) if lengths.all(|other| other == first) => Ok((Framing::None, 0)),
            Ok(length) if digits && lengths.all(|other| other == first) => Ok((Framing::Length, length)),
            _ => Err("its Content-Length is no number, or two"),
        }
    }
}

impl Request {
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        // RFC 9113, section 3.4: how a client begins that doesn't ask first.
        if bytes.starts_with(b"PRI * HTTP/2.0") {
            return Err("the client speaks HTTP/2 without asking; let it speak HTTP/1.1, which is recorded"
                .to_owned());
        }
        let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut room);
        match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err("a request's head ends too early".to_owned()),
            Err(error) => return Err(format!("a request's head can't be read: {error}")),
        }
        Ok(Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            minor: parsed.version.unwrap_or_default(),
            headers: headers(parsed.headers),
        })
    }

    /// A request without either has no body.
    pub fn framing(&self) -> Result<(Framing, u64), &'static str> {
        match self.headers.framing()? {
            (Framing::UntilClose, _) => Err("a request's last transfer coding must be chunked"),
            framing => Ok(framing),
        }
    }

    /// It asks for another protocol.
    pub fn upgrades(&self) -> bool {
        self.headers.lists("connection", "upgrade") && self.headers.all("upgrade").next().is_some()
    }
}

impl Response {
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut room);
        let mut config = httparse::ParserConfig::default();
        config
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true);
        match config.parse_response(&mut parsed, bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err("an answer's head ends too early".to_owned()),
            Err(error) => return Err(format!("an answer's head can't be read: {error}")),
        }
        Ok(Self {
            status: parsed.code.unwrap_or_default(),
            reason: parsed.reason.unwrap_or_default().to_owned(),
            minor: parsed.version.unwrap_or_default(),
            headers: headers(parsed.headers),
        })
    }

    /// Without either, the body ends with the connection; some answers never have one.
    pub fn framing(&self, to_head: bool) -> Result<(Framing, u64), &'static str> {
        if to_head || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok((Framing::None, 0));
        }
        let has_length = self.headers.all("content-length").next().is_some();
        match self.headers.framing()? {
            (Framing::None, _) if !has_length => Ok((Framing::UntilClose, 0)),
            framing => Ok(framing),
        }
    }
}

/// Header lines after a chunked body, with the blank line.
pub fn trailers(bytes: &[u8]) -> Option<Vec<[String; 2]>> {
    let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(bytes, &mut room) {
        Ok(httparse::Status::Complete((_, parsed))) => Some(headers(parsed).0),
        _ => None,
    }
}

fn headers(parsed: &[httparse::Header]) -> Headers {
    Headers(parsed.iter().map(|header| [header.name.to_owned(), text(header.value)]).collect())
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The request's head with `prefix` before its path, without the headers of a name, and with another `Host`, where
/// it has one. All other bytes are as they were.
pub fn rewrite(head: &[u8], prefix: &str, without: Option<&str>, host: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len().saturating_add(prefix.len()));
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    // Blank lines may stand before the request line.
    for line in lines.by_ref() {
        let is_blank = matches!(line, b"\r\n" | b"\n");
        let path = line.windows(2).position(|pair| pair == b" /").filter(|_| !is_blank);
        let (before, after) = line.split_at(path.map_or(0, |space| space.saturating_add(1)));
        out.extend_from_slice(before);
        if path.is_some() {
            out.extend_from_slice(prefix.as_bytes());
        }
        out.extend_from_slice(after);
        if !is_blank {
            break;
        }
    }
    for line in lines {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        match host.filter(|_| name.eq_ignore_ascii_case(b"host")) {
            Some(host) => {
                out.extend_from_slice(name);
                out.extend_from_slice(format!(": {host}\r\n").as_bytes());
            }
            None if without.is_some_and(|without| name.eq_ignore_ascii_case(without.as_bytes())) => {}
            None => out.extend_from_slice(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_blank_line() {
        let bytes = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let end = bytes.len() - 4;
        assert_eq!(HeadBuffer::default().push(bytes), Collected::Whole { consumed: end });
        let mut buffer = HeadBuffer::default();
        for byte in &bytes[..end - 1] {
            assert_eq!(buffer.push(&[*byte]), Collected::More);
        }
        assert_eq!(buffer.push(&bytes[end - 1..]), Collected::Whole { consumed: 1 });
        assert_eq!(buffer.take(), &bytes[..end]);
        let mut long = HeadBuffer::default();
        assert_eq!(long.push(&[b'a'; MAX_HEAD_BYTES]), Collected::More);
        assert_eq!(long.push(b"aa"), Collected::TooLong { consumed: 1 });
    }

    #[test]
    fn a_rewriting_changes_what_it_must_and_nothing_else() {
        let head = b"\r\nGET /a?x=/b HTTP/1.1\r\nhOST:  a \r\nsec-websocket-EXTENSIONS: permessage-deflate\r\nX: y\n\r\n";
        assert_eq!(
            rewrite(head, "/v1", Some("Sec-WebSocket-Extensions"), None),
            b"\r\nGET /v1/a?x=/b HTTP/1.1\r\nhOST:  a \r\nX: y\n\r\n"
        );
        for other in [&b"OPTIONS * HTTP/1.1\r\n\r\n"[..], b"GET http://a/b HTTP/1.1\r\n\r\n"] {
            assert_eq!(rewrite(other, "/v1", None, None), other);
        }
        assert_eq!(
            rewrite(b"GET / HTTP/1.1\r\nX: y\r\nhOST:  a \r\n\r\n", "", None, Some("b.example")),
            b"GET / HTTP/1.1\r\nX: y\r\nhOST: b.example\r\n\r\n"
        );
    }

    #[test]
    fn a_body_is_framed_as_the_standard_says() {
        let framing = |head: &str, to_head| Response::parse(head.as_bytes()).unwrap().framing(to_head);
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(framing(length, false), Ok((Framing::Length, 5)));
        assert_eq!(framing(length, true), Ok((Framing::None, 0)));
        assert_eq!(framing("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", false), Ok((Framing::None, 0)));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false), Ok((Framing::None, 0)));
        assert_eq!(framing("HTTP/1.0 200 OK\r\n\r\n", false), Ok((Framing::UntilClose, 0)));
        let both = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
        assert_eq!(framing(both, false), Ok((Framing::Chunked, 0)));
        for bad in ["+5", "5, 6", "", "x", "99999999999999999999"] {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bad}\r\n\r\n");
            assert!(framing(&head, false).is_err(), "{bad}");
        }
    }
}
