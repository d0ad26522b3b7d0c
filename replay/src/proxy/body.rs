//! Where a message's body ends (RFC 9112 sections 6 and 7).

use super::head::{self, MAX_HEAD_BYTES};

/// A chunk's size line with its extensions; a longer one isn't read.
const MAX_SIZE_LINE_BYTES: usize = 4096;

/// Reads one body.
#[derive(Debug)]
pub enum BodyScanner {
    /// So many bytes are left.
    Length(u64),
    /// The chunked coding.
    Chunked(Chunk),
    /// All there is.
    UntilClose,
}

#[derive(Debug)]
pub enum Chunk {
    Size(Vec<u8>),
    Data(u64),
    /// The line end after the data: how many of its two bytes have come.
    DataEnd(usize),
    Trailers(Vec<u8>),
}

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// All are of the body.
    More,
    /// It ended; so many bytes were of it.
    Done { consumed: usize, trailers: Vec<[String; 2]> },
    /// Not readable from here on: so many bytes were.
    Bad { consumed: usize, message: &'static str },
}

impl BodyScanner {
    pub fn chunked() -> Self {
        Self::Chunked(Chunk::Size(Vec::new()))
    }

    /// Takes what came, and hands on what is content.
    pub fn push(&mut self, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> Step {
        match self {
            Self::UntilClose => {
                content(bytes);
                Step::More
            }
            Self::Length(left) => {
                let consumed = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                content(bytes.get(..consumed).unwrap_or_default());
                *left = left.saturating_sub(consumed as u64);
                if *left == 0 { Step::Done { consumed, trailers: Vec::new() } } else { Step::More }
            }
            Self::Chunked(chunk) => chunk.push(bytes, content),
        }
    }
}

impl Chunk {
    fn push(&mut self, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> Step {
        let mut consumed = 0;
        while let Some(rest) = bytes.get(consumed..).filter(|rest| !rest.is_empty()) {
            let bad = |message| Step::Bad { consumed, message };
            match self {
                Self::Size(line) => {
                    let (taken, whole) = until_newline(rest);
                    if line.len().saturating_add(taken.len()) > MAX_SIZE_LINE_BYTES {
                        return bad("a chunk's size line is too long");
                    }
                    line.extend_from_slice(taken);
                    if whole {
                        match size(line) {
                            Some(0) => *self = Self::Trailers(Vec::new()),
                            Some(size) => *self = Self::Data(size),
                            None => return bad("a chunk's size is no hexadecimal number"),
                        }
                    }
                    consumed += taken.len();
                }
                Self::Data(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    content(rest.get(..taken).unwrap_or_default());
                    *left = left.saturating_sub(taken as u64);
                    if *left == 0 {
                        *self = Self::DataEnd(0);
                    }
                    consumed += taken;
                }
                Self::DataEnd(come) => {
                    if rest.first() != b"\r\n".get(*come) {
                        return bad("a chunk is longer than its size");
                    }
                    *self = if *come == 0 { Self::DataEnd(1) } else { Self::Size(Vec::new()) };
                    consumed += 1;
                }
                Self::Trailers(lines) => {
                    let (taken, whole) = until_newline(rest);
                    if lines.len().saturating_add(taken.len()) > MAX_HEAD_BYTES {
                        return bad("a body's trailers are too long");
                    }
                    lines.extend_from_slice(taken);
                    let alone = matches!(lines.as_slice(), b"\r\n" | b"\n");
                    if whole && (alone || lines.ends_with(b"\n\r\n") || lines.ends_with(b"\n\n")) {
                        let Some(trailers) = head::trailers(lines) else {
                            return bad("a body's trailers can't be read");
                        };
                        consumed += taken.len();
                        return Step::Done { consumed, trailers };
                    }
                    consumed += taken.len();
                }
            }
        }
        Step::More
    }
}

/// Up to and with the next line end, and whether there is one.
fn until_newline(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (bytes.get(..=at).unwrap_or_default(), true),
        None => (bytes, false),
    }
}

/// `1a;name=value\r\n`.
fn size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim_matches([' ', '\t', '\r', '\n']);
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> (String, Vec<usize>, Step) {
        let mut scanner = BodyScanner::chunked();
        let (mut content, mut lengths) = (Vec::new(), Vec::new());
        for piece in pieces {
            let step = scanner.push(piece, &mut |bytes| {
                content.extend_from_slice(bytes);
                lengths.push(bytes.len());
            });
            if step != Step::More {
                return (String::from_utf8(content).unwrap(), lengths, step);
            }
        }
        (String::from_utf8(content).unwrap(), lengths, Step::More)
    }

    #[test]
    fn chunks_are_content_whatever_pieces_they_come_in() {
        let bytes = b"4;a=b\r\nWiki\r\nB\r\npedia in \r\n\r\n0\r\nX-Sum: 1\r\n\r\nGET";
        let end = bytes.len() - 3;
        let trailers = vec![["X-Sum".to_owned(), "1".to_owned()]];
        let (text, lengths, step) = read(&[bytes]);
        assert_eq!((text.as_str(), lengths), ("Wikipedia in \r\n", vec![4, 11]));
        assert_eq!(step, Step::Done { consumed: end, trailers: trailers.clone() });
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let (text, _, step) = read(&single);
        assert_eq!((text.as_str(), step), ("Wikipedia in \r\n", Step::Done { consumed: 1, trailers }));
    }

    #[test]
    fn what_is_no_chunk_is_told() {
        let long = [b'1'; MAX_SIZE_LINE_BYTES + 1];
        let bad: [&[u8]; 5] = [b"x\r\n", b"\r\n", b"-1\r\n", b"1\r\nab", &long];
        for bytes in bad {
            assert!(matches!(read(&[bytes]).2, Step::Bad { .. }), "{bytes:?}");
        }
        assert!(matches!(read(&[b"10000000000000000\r\n"]).2, Step::Bad { .. }));
    }

    #[test]
    fn a_length_ends_where_it_says() {
        let mut scanner = BodyScanner::Length(5);
        let mut content = Vec::new();
        let mut take = |bytes: &[u8]| content.extend_from_slice(bytes);
        assert_eq!(scanner.push(b"abc", &mut take), Step::More);
        assert_eq!(scanner.push(b"defg", &mut take), Step::Done { consumed: 2, trailers: vec![] });
        assert_eq!(content, b"abcde");
    }
}
