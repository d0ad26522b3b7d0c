//! What an NTRIP client asks: bytes to a request.
//!
//! Rev 1 is the NTRIP 1.0 document (RTCM 10410.0), rev 2 NTRIP 2.0 (RTCM 10410.1). Which one a client speaks
//! says its `Ntrip-Version` header alone: gpsd asks in HTTP/1.1 and wants rev 1.

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

/// The longest head that is read; a longer one is refused.
pub const HEAD_BYTES: usize = 4096;
/// Header lines; one with more is refused. Clients send three to eight.
const HEADERS: usize = 48;
/// What is kept of a `User-Agent`, bytes.
const USER_AGENT_BYTES: usize = 96;

/// The revision of NTRIP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rev {
    /// Answers begin with `ICY` or `SOURCETABLE`.
    One,
    /// Answers are HTTP/1.1.
    Two,
}

/// A whole head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// See [`Rev`].
    pub rev: Rev,
    /// Asked in HTTP/1.0: it doesn't know chunks.
    pub http_1_0: bool,
    /// Percent-decoded, without slash and query; empty asks for the sourcetable.
    pub mountpoint: String,
    /// Of `Authorization: Basic`.
    pub credentials: Option<Credentials>,
    /// Printable ASCII, cut at 96 characters.
    pub user_agent: Option<String>,
    /// Rev 2's `Ntrip-GGA` header: a sentence.
    pub gga: Option<String>,
}

/// Who a client says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Up to the first colon.
    pub user: String,
    /// The rest.
    pub password: String,
}

/// A password is not for logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a head is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Over [`HEAD_BYTES`], or too many header lines.
    #[error("a request's head may have {HEAD_BYTES} bytes in {HEADERS} lines: send fewer headers")]
    TooLong,
    /// Not HTTP.
    #[error("this is not an NTRIP request: send GET /MOUNTPOINT HTTP/1.1 and an empty line")]
    NotHttp,
    /// Not GET, of a client of this revision.
    #[error("only GET is answered here: this caster takes no streams from others")]
    Method(Rev),
}

/// A head as it comes, in whatever pieces.
#[derive(Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
}

impl Head {
    /// Takes bytes; the request once its empty line is there, and what came behind it.
    ///
    /// # Errors
    /// As soon as it can't become a request any more. Nothing should be pushed after that.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<(Request, Vec<u8>)>, RequestError> {
        let room = HEAD_BYTES.saturating_sub(self.bytes.len());
        // What follows the head may come with it: that is not the head's length.
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let mut lenient = httparse::ParserConfig::default();
        // A header that makes no sense is none of ours.
        lenient.ignore_invalid_headers_in_requests(true);
        match lenient.parse_request(&mut parsed, &self.bytes) {
            Ok(httparse::Status::Complete(length)) => {
                let request = read(&parsed)?;
                let mut rest = self.bytes.get(length..).unwrap_or_default().to_vec();
                rest.extend_from_slice(bytes.get(room..).unwrap_or_default());
                Ok(Some((request, rest)))
            }
            Ok(httparse::Status::Partial) if self.bytes.len() < HEAD_BYTES => Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                Err(RequestError::TooLong)
            }
            Err(_) => Err(RequestError::NotHttp),
        }
    }

    /// Nothing has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn read(parsed: &httparse::Request<'_, '_>) -> Result<Request, RequestError> {
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(found.value).trim().to_owned())
    };
    let version = header("Ntrip-Version").unwrap_or_default().to_ascii_lowercase();
    let rev = if version.starts_with("ntrip/2") { Rev::Two } else { Rev::One };
    // Methods are case-sensitive in HTTP; a client that writes `get` means it all the same.
    if !parsed.method.is_some_and(|method| method.eq_ignore_ascii_case("GET")) {
        return Err(RequestError::Method(rev));
    }
    Ok(Request {
        rev,
        http_1_0: parsed.version == Some(0),
        mountpoint: mountpoint(parsed.path.unwrap_or_default()),
        credentials: header("Authorization").and_then(|value| basic(&value)),
        user_agent: header("User-Agent").map(|text| printable(&text)).filter(|text| !text.is_empty()),
        gga: header("Ntrip-GGA"),
    })
}

/// Of a target `/ROVER?x`, `ROVER`, or `http://caster:2101/ROVER` as through a proxy.
fn mountpoint(target: &str) -> String {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => target,
    };
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// RFC 7617.
fn basic(value: &str) -> Option<Credentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Credentials { user: user.to_owned(), password: password.to_owned() })
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| (' '..='~').contains(c)).take(USER_AGENT_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Option<(Request, Vec<u8>)>, RequestError> {
        Head::default().push(text.as_bytes())
    }

    fn request(text: &str) -> Request {
        parse(text).expect("a request").expect("a whole one").0
    }

    #[test]
    fn what_programs_of_others_send() {
        // RTKLIB's str2str.
        let str2str = request(
            "GET /ROVER HTTP/1.0\r\nUser-Agent: NTRIP RTKLIB/2.4.3 b34\r\nAuthorization: Basic cm92ZXI6c2VjcmV0\r\n\r\n",
        );
        assert_eq!((str2str.rev, str2str.http_1_0, str2str.mountpoint.as_str()), (Rev::One, true, "ROVER"));
        let credentials = str2str.credentials.expect("credentials");
        assert_eq!((credentials.user.as_str(), credentials.password.as_str()), ("rover", "secret"));
        // gpsd 3.22: HTTP/1.1, and no Ntrip-Version.
        let gpsd = request(
            "GET /ROVER HTTP/1.1\r\nUser-Agent: NTRIP gpsd/3.22\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        assert_eq!((gpsd.rev, gpsd.http_1_0), (Rev::One, false));
        let rev2 = request("GET /ROVER HTTP/1.1\r\nHost: a\r\nntrip-version: nTRIP/2.0\r\n\r\n");
        assert_eq!((rev2.rev, rev2.user_agent), (Rev::Two, None));
        let old = request("GET /ROVER HTTP/1.0\r\nNtrip-Version: Ntrip/2.0\r\n\r\n");
        assert_eq!((old.rev, old.http_1_0), (Rev::Two, true));
    }

    #[test]
    fn targets() {
        for (target, mountpoint) in [
            ("/", ""),
            ("/?STR;;;DEU", ""),
            ("/ROVER?x=1", "ROVER"),
            ("ROVER", "ROVER"),
            ("/RO%56ER", "ROVER"),
            ("http://depot.local:2101/ROVER", "ROVER"),
            ("http://depot.local:2101", ""),
        ] {
            assert_eq!(request(&format!("GET {target} HTTP/1.1\r\n\r\n")).mountpoint, mountpoint, "{target}");
        }
    }

    #[test]
    fn a_position_may_come_with_the_request() {
        let (_, rest) = parse("GET /ROVER HTTP/1.0\n\n$GPGGA,…").expect("good").expect("whole");
        assert_eq!(rest, "$GPGGA,…".as_bytes());
    }

    #[test]
    fn what_is_no_request_is_refused_as_soon_as_that_is_clear() {
        assert_eq!(parse("\x16\x03\x01\x02"), Err(RequestError::NotHttp));
        assert_eq!(parse("SOURCE secret /ROVER\r\n\r\n"), Err(RequestError::NotHttp));
        assert_eq!(parse("POST /ROVER HTTP/1.1\r\n\r\n"), Err(RequestError::Method(Rev::One)));
        let two = "HEAD /ROVER HTTP/1.1\r\nNtrip-Version: Ntrip/2.0\r\n\r\n";
        assert_eq!(parse(two), Err(RequestError::Method(Rev::Two)));
        assert_eq!(parse(&format!("GET /{} ", "x".repeat(HEAD_BYTES))), Err(RequestError::TooLong));
        assert_eq!(
            parse(&format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(HEADERS + 1))),
            Err(RequestError::TooLong)
        );
        assert_eq!(parse("GET / HTTP/1.1\r\nHost: a\r\n"), Ok(None));
    }

    #[test]
    fn credentials_that_are_none_count_as_none() {
        for value in ["Basic", "Basic !", "Digest cm92ZXI6c2VjcmV0", "Basic cm92ZXI=", "Basic /w=="] {
            let asked = request(&format!("GET /ROVER HTTP/1.0\r\nAuthorization: {value}\r\n\r\n"));
            assert_eq!(asked.credentials, None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(cuts in prop::collection::vec(0usize..120, 0..6)) {
            let text = "GET /ROVER HTTP/1.1\r\nNtrip-Version: Ntrip/2.0\r\nAuthorization: Basic cm92ZXI6c2VjcmV0\r\n\r\n$GP";
            let whole = parse(text);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len() - 4)).collect();
            cuts.sort_unstable();
            let mut head = Head::default();
            let mut from = 0;
            for cut in cuts {
                prop_assert_eq!(head.push(&text.as_bytes()[from..cut]), Ok(None));
                from = cut;
            }
            prop_assert_eq!(head.push(&text.as_bytes()[from..]), whole);
        }

        #[test]
        fn whatever_comes_is_answered_or_waited_for(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
            let mut head = Head::default();
            for piece in bytes.chunks(97) {
                match head.push(piece) {
                    Ok(None) => prop_assert!(head.bytes.len() <= HEAD_BYTES),
                    _ => break,
                }
            }
        }
    }
}
