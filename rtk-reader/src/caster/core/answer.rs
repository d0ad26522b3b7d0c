//! What a caster answers, byte for byte.

use super::{Request, RequestError, Rev};

/// Who we are in `Server`.
const SERVER: &str = concat!("NTRIP depot/", env!("CARGO_PKG_VERSION"));
/// Of a table or a stream: tomorrow's is another.
const NO_CACHE: &str = "Cache-Control: no-store, no-cache, max-age=0\r\nPragma: no-cache\r\n";

/// The head of a stream; frames follow at once. Rev 1 has no empty line: it would be two stray bytes before the
/// first frame.
#[must_use]
pub fn stream(request: &Request, date: &str) -> String {
    match request.rev {
        Rev::One => "ICY 200 OK\r\n".to_owned(),
        Rev::Two => {
            let chunks = if is_chunked(request) { "Transfer-Encoding: chunked\r\n" } else { "" };
            format!(
                "HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\nServer: {SERVER}\r\nDate: {date}\r\n{NO_CACHE}Connection: close\r\nContent-Type: gnss/data\r\n{chunks}\r\n"
            )
        }
    }
}

/// Whether frames go in chunks.
#[must_use]
pub fn is_chunked(request: &Request) -> bool {
    request.rev == Rev::Two && !request.http_1_0
}

/// One chunk around `bytes` (RFC 9112 section 7.1), and where they are in it. None around nothing: that would be
/// the last.
#[must_use]
pub fn chunk(bytes: &[u8]) -> Option<(Vec<u8>, std::ops::Range<usize>)> {
    if bytes.is_empty() {
        return None;
    }
    let mut chunk = format!("{:X}\r\n", bytes.len()).into_bytes();
    let start = chunk.len();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    Some((chunk, start..start.saturating_add(bytes.len())))
}

/// Ends a chunked stream.
#[must_use]
pub fn last_chunk() -> &'static [u8] {
    b"0\r\n\r\n"
}

/// The sourcetable with its head.
#[must_use]
pub fn table(rev: Rev, table: &str, date: &str) -> String {
    let length = table.len();
    match rev {
        Rev::One => format!(
            "SOURCETABLE 200 OK\r\nServer: {SERVER}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{table}"
        ),
        Rev::Two => format!(
            "HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\nServer: {SERVER}\r\nDate: {date}\r\n{NO_CACHE}Connection: close\r\nContent-Type: gnss/sourcetable\r\nContent-Length: {length}\r\n\r\n{table}"
        ),
    }
}

/// Why a client gets no stream. (Of an unknown mountpoint rev 1 isn't told: it gets the sourcetable.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No or wrong credentials, or not for this mountpoint.
    Unauthorized,
    /// No such mountpoint; rev 2.
    NotFound,
    /// Too many wrong passwords from its address.
    TooManyFailures,
    /// As many clients as are borne, or as many passwords under examination.
    Full,
    /// No whole request within its time.
    TooLate,
    /// No request.
    Bad(RequestError),
}

impl Refusal {
    /// The whole answer; without a request it is told as to rev 1, whose clients read HTTP here, too.
    #[must_use]
    pub fn answer(self, request: Option<&Request>, date: &str) -> String {
        let rev = match (self, request) {
            (Self::Bad(RequestError::Method(rev)), _) => rev,
            (_, request) => request.map_or(Rev::One, |request| request.rev),
        };
        let (status, text) = match self {
            Self::Unauthorized => {
                ("401 Unauthorized", "A user and password for this mountpoint, please.".into())
            }
            Self::NotFound => {
                ("404 Not Found", "No such mountpoint: GET / lists those that are here.".into())
            }
            Self::TooManyFailures => (
                "429 Too Many Requests",
                "Too many wrong passwords from your address: try again in a minute.".into(),
            ),
            Self::Full => {
                ("503 Service Unavailable", "As many clients as this caster bears: try again later.".into())
            }
            Self::TooLate => ("408 Request Timeout", "No whole request came in time.".into()),
            Self::Bad(RequestError::TooLong) => {
                ("431 Request Header Fields Too Large", sentence(RequestError::TooLong))
            }
            Self::Bad(error @ RequestError::Method(_)) => ("405 Method Not Allowed", sentence(error)),
            Self::Bad(error) => ("400 Bad Request", sentence(error)),
        };
        let (protocol, version) = match rev {
            Rev::One => ("HTTP/1.0", ""),
            Rev::Two => ("HTTP/1.1", "Ntrip-Version: Ntrip/2.0\r\n"),
        };
        let mountpoint = request.map_or("", |request| request.mountpoint.as_str());
        let more = match self {
            // A realm is quoted; a mountpoint of ours needs no escape.
            Self::Unauthorized => format!("WWW-Authenticate: Basic realm=\"/{}\"\r\n", plain(mountpoint)),
            Self::TooManyFailures | Self::Full => "Retry-After: 60\r\n".to_owned(),
            Self::Bad(RequestError::Method(_)) => "Allow: GET\r\n".to_owned(),
            _ => String::new(),
        };
        let length = text.len() + 2;
        format!(
            "{protocol} {status}\r\n{version}Server: {SERVER}\r\nDate: {date}\r\n{more}Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}\r\n"
        )
    }
}

fn sentence(error: RequestError) -> std::borrow::Cow<'static, str> {
    error.to_string().into()
}

/// Only what needs no escape in a quoted string.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Tue, 01 Jan 2030 00:00:00 GMT";

    fn request(rev: Rev, http_1_0: bool) -> Request {
        let mountpoint = "ROVER".to_owned();
        Request { rev, http_1_0, mountpoint, credentials: None, user_agent: None, gga: None }
    }

    #[test]
    fn heads_of_streams() {
        assert_eq!(stream(&request(Rev::One, false), DATE), "ICY 200 OK\r\n");
        let chunked = stream(&request(Rev::Two, false), DATE).replace("\r\n", "\n");
        insta::assert_snapshot!(chunked.replace(env!("CARGO_PKG_VERSION"), "[version]"), @"
        HTTP/1.1 200 OK
        Ntrip-Version: Ntrip/2.0
        Server: NTRIP depot/[version]
        Date: Tue, 01 Jan 2030 00:00:00 GMT
        Cache-Control: no-store, no-cache, max-age=0
        Pragma: no-cache
        Connection: close
        Content-Type: gnss/data
        Transfer-Encoding: chunked
        ");
        let plain = stream(&request(Rev::Two, true), DATE);
        assert!(plain.contains("gnss/data") && !plain.contains("chunked"), "{plain}");
    }

    #[test]
    fn refusals() {
        let asked = request(Rev::One, true);
        let told = Refusal::Unauthorized.answer(Some(&asked), DATE).replace("\r\n", "\n");
        insta::assert_snapshot!(told.replace(env!("CARGO_PKG_VERSION"), "[version]"), @r#"
        HTTP/1.0 401 Unauthorized
        Server: NTRIP depot/[version]
        Date: Tue, 01 Jan 2030 00:00:00 GMT
        WWW-Authenticate: Basic realm="/ROVER"
        Connection: close
        Content-Type: text/plain
        Content-Length: 50

        A user and password for this mountpoint, please.
        "#);
        let other = Refusal::NotFound.answer(Some(&request(Rev::Two, false)), DATE);
        assert!(other.starts_with("HTTP/1.1 404 Not Found\r\nNtrip-Version: Ntrip/2.0\r\n"), "{other}");
        let method = Refusal::Bad(RequestError::Method(Rev::Two)).answer(None, DATE);
        assert!(
            method.starts_with("HTTP/1.1 405 Method Not Allowed\r\nNtrip-Version: Ntrip/2.0\r\n"),
            "{method}"
        );
        for (refusal, status) in [
            (Refusal::Full, "503 "),
            (Refusal::TooManyFailures, "429 "),
            (Refusal::TooLate, "408 "),
            (Refusal::Bad(RequestError::TooLong), "431 "),
            (Refusal::Bad(RequestError::Method(Rev::One)), "405 "),
            (Refusal::Bad(RequestError::NotHttp), "400 "),
        ] {
            let told = refusal.answer(None, DATE);
            let (head, body) = told.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with(&format!("HTTP/1.0 {status}")), "{told}");
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{told}");
        }
    }

    #[test]
    fn chunks() {
        let (bytes, inner) = chunk(&[7; 26]).expect("a chunk");
        assert_eq!(bytes.get(inner), Some(&[7; 26][..]));
        assert!(bytes.starts_with(b"1A\r\n\x07") && bytes.ends_with(b"\x07\r\n"));
        assert_eq!(chunk(&[]), None);
    }

    #[test]
    fn a_table_says_its_length() {
        for rev in [Rev::One, Rev::Two] {
            let told = table(rev, "ENDSOURCETABLE\r\n", DATE);
            assert!(told.contains("Content-Length: 16\r\n\r\nENDSOURCETABLE\r\n"), "{told}");
        }
        assert!(table(Rev::One, "", DATE).starts_with("SOURCETABLE 200 OK\r\n"));
        assert!(table(Rev::Two, "", DATE).contains("Content-Type: gnss/sourcetable\r\n"));
    }
}
