//! WebSocket frames out of a byte stream that is forwarded as it is (RFC 6455 section 5.2).

use kit::machine::ConnId;
use kit::proxied::{CloseReason, FrameFault, Payload, ProxyEvent, Side};

/// The longest piece of a payload in one event; a longer frame is recorded in several.
pub const MAX_PIECE_BYTES: usize = 64 * 1024;
/// A frame's head: two bytes, eight of length, four of mask.
const MAX_HEAD_BYTES: usize = 14;
/// The longest control frame's payload.
const MAX_CONTROL_BYTES: u64 = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// Reads one direction. The same events come whatever pieces the bytes arrive in.
#[derive(Debug)]
pub struct FrameScanner {
    conn: ConnId,
    from: Side,
    /// An extension was agreed on, so reserved bits may have a meaning.
    extended: bool,
    head: [u8; MAX_HEAD_BYTES],
    head_bytes: usize,
    frame: Option<Frame>,
    /// The message whose fragments are coming.
    message: Option<Message>,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    is_text: bool,
}

/// A frame whose payload is coming.
#[derive(Debug)]
struct Frame {
    opcode: u8,
    fin: bool,
    rsv: u8,
    key: Option<[u8; 4]>,
    length: u64,
    is_text: bool,
    fault: Option<FrameFault>,
    /// Of the payload, what was told.
    offset: u64,
    piece: Vec<u8>,
}

impl FrameScanner {
    pub fn new(conn: ConnId, from: Side, extended: bool) -> Self {
        Self { conn, from, extended, head: [0; MAX_HEAD_BYTES], head_bytes: 0, frame: None, message: None }
    }

    /// Takes the bytes that came. An error is a length no frame can have: the stream can't be read from the
    /// returned bytes on.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<ProxyEvent>) -> Result<(), Vec<u8>> {
        loop {
            if let Some(frame) = &mut self.frame {
                bytes = frame.take(bytes);
                let whole = frame.left() == 0;
                if whole || frame.piece.len() >= MAX_PIECE_BYTES {
                    out.push(frame.tell(self.conn, self.from));
                }
                if !whole && bytes.is_empty() {
                    return Ok(());
                }
                if whole {
                    self.frame = None;
                }
            } else {
                let Some((byte, rest)) = bytes.split_first() else { return Ok(()) };
                if let Some(place) = self.head.get_mut(self.head_bytes) {
                    *place = *byte;
                    self.head_bytes += 1;
                }
                bytes = rest;
                let head = self.head.get(..self.head_bytes).unwrap_or_default();
                match read_head(head) {
                    Head::Short => {}
                    Head::Impossible => return Err([head, rest].concat()),
                    Head::Whole { length, key, long } => self.begin(length, key, long),
                }
            }
        }
    }

    /// The stream ends: tells the piece that was coming; returns the bytes of a head that was.
    pub fn end(&mut self, out: &mut Vec<ProxyEvent>) -> Vec<u8> {
        if let Some(mut frame) = self.frame.take() {
            out.push(frame.tell(self.conn, self.from));
        }
        let head = self.head.get(..self.head_bytes).unwrap_or_default().to_vec();
        self.head_bytes = 0;
        head
    }

    fn begin(&mut self, length: u64, key: Option<[u8; 4]>, long: bool) {
        let [first, ..] = self.head;
        self.head_bytes = 0;
        let (fin, rsv, opcode) = (first & 0x80 != 0, (first >> 4) & 7, first & 15);
        let is_control = opcode >= CLOSE;
        let fault = match (opcode, self.from, key) {
            (3..=7 | 11.., _, _) => Some(FrameFault::ReservedOpcode),
            (_, Side::Client, None) => Some(FrameFault::Unmasked),
            (_, Side::Upstream, Some(_)) => Some(FrameFault::Masked),
            _ if rsv != 0 && !self.extended => Some(FrameFault::ReservedBits),
            _ if is_control && (!fin || length > MAX_CONTROL_BYTES) => Some(FrameFault::LongControl),
            _ if long => Some(FrameFault::LongLength),
            (CONTINUATION, ..) if self.message.is_none() => Some(FrameFault::NothingToContinue),
            (TEXT | BINARY, ..) if self.message.is_some() => Some(FrameFault::WithinMessage),
            _ => None,
        };
        let is_text = match opcode {
            // What an extension has made of it is no text any more.
            TEXT => rsv == 0,
            CONTINUATION => self.message.is_some_and(|message| message.is_text),
            _ => false,
        };
        match opcode {
            TEXT | BINARY => self.message = (!fin).then_some(Message { is_text }),
            CONTINUATION if fin => self.message = None,
            _ => {}
        }
        let expected = usize::try_from(length).unwrap_or(MAX_PIECE_BYTES).min(MAX_PIECE_BYTES);
        let piece = Vec::with_capacity(expected);
        self.frame = Some(Frame { opcode, fin, rsv, key, length, is_text, fault, offset: 0, piece });
    }
}

impl Frame {
    /// Of the payload, what has not come.
    fn left(&self) -> u64 {
        self.length.saturating_sub(self.offset).saturating_sub(self.piece.len() as u64)
    }

    /// Takes what belongs to this piece; returns the rest.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = MAX_PIECE_BYTES.saturating_sub(self.piece.len());
        let wanted = usize::try_from(self.left()).unwrap_or(room).min(room);
        let (mine, rest) = bytes.split_at(wanted.min(bytes.len()));
        let before = self.piece.len();
        self.piece.extend_from_slice(mine);
        if let (Some(key), Some(new)) = (self.key, self.piece.get_mut(before..)) {
            // Pieces begin at multiples of four.
            let mut key = key;
            key.rotate_left(before % 4);
            unmask(new, key);
        }
        rest
    }

    fn tell(&mut self, conn: ConnId, from: Side) -> ProxyEvent {
        let piece = std::mem::take(&mut self.piece);
        let offset = self.offset;
        self.offset = self.offset.saturating_add(piece.len() as u64);
        let close = match piece.get(..2) {
            Some(&[high, low]) if self.opcode == CLOSE && offset == 0 => Some(CloseReason {
                code: u16::from_be_bytes([high, low]),
                reason: String::from_utf8_lossy(piece.get(2..).unwrap_or_default()).into_owned(),
            }),
            _ => None,
        };
        ProxyEvent::Frame {
            conn,
            from,
            opcode: self.opcode,
            fin: self.fin,
            rsv: self.rsv,
            masked: self.key.is_some(),
            length: self.length,
            offset,
            payload: if self.is_text { Payload::text(piece) } else { Payload::Bytes(piece) },
            close,
            fault: self.fault,
        }
    }
}

enum Head {
    Short,
    Impossible,
    Whole { length: u64, key: Option<[u8; 4]>, long: bool },
}

fn read_head(head: &[u8]) -> Head {
    let Some((&[_, second], rest)) = head.split_first_chunk::<2>() else { return Head::Short };
    let (length, rest, least) = match second & 127 {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest, 126),
            None => return Head::Short,
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest, 1 << 16),
            None => return Head::Short,
        },
        short => (u64::from(short), rest, 0),
    };
    // The most significant bit must be 0.
    if length > i64::MAX.unsigned_abs() {
        return Head::Impossible;
    }
    let key = if second & 128 == 0 {
        None
    } else {
        match rest.first_chunk::<4>() {
            Some(key) => Some(*key),
            None => return Head::Short,
        }
    };
    Head::Whole { length, key, long: length < least }
}

/// RFC 6455 section 5.3.
fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    let wide = u32::from_ne_bytes(key);
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as it goes over the wire.
    pub fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
        let mask = if key.is_some() { 128 } else { 0 };
        let mut bytes = vec![first];
        match payload.len() {
            short @ ..126 => bytes.push(mask | short as u8),
            medium @ ..0x1_0000 => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        bytes.extend(key.unwrap_or_default().iter().take(if key.is_some() { 4 } else { 0 }));
        let at = bytes.len();
        bytes.extend_from_slice(payload);
        for (n, byte) in bytes[at..].iter_mut().enumerate() {
            *byte ^= key.map_or(0, |key| key[n % 4]);
        }
        bytes
    }

    fn scan(from: Side, pieces: &[&[u8]]) -> Vec<ProxyEvent> {
        let mut scanner = FrameScanner::new(7, from, false);
        let mut out = Vec::new();
        for piece in pieces {
            if let Err(raw) = scanner.push(piece, &mut out) {
                let message = format!("{} bytes", raw.len());
                out.push(ProxyEvent::Violation { conn: 7, from, message });
                return out;
            }
        }
        let rest = scanner.end(&mut out);
        out.push(ProxyEvent::Raw { conn: 7, from, payload: Payload::Bytes(rest) });
        out
    }

    fn told(events: &[ProxyEvent]) -> Vec<(u8, bool, &Payload, Option<FrameFault>)> {
        let frame = |event: &'_ ProxyEvent| match event {
            ProxyEvent::Frame { .. } => Some(()),
            _ => None,
        };
        events
            .iter()
            .filter(|event| frame(event).is_some())
            .map(|event| match event {
                ProxyEvent::Frame { opcode, fin, payload, fault, .. } => (*opcode, *fin, payload, *fault),
                _ => unreachable!(),
            })
            .collect()
    }

    fn any_stream() -> impl Strategy<Value = Vec<u8>> {
        let one = (
            any::<u8>(),
            prop_oneof![0usize..8, 120usize..130, 65_530usize..65_540, 130_000usize..132_000],
            any::<Option<[u8; 4]>>(),
        )
            .prop_map(|(first, length, key)| frame(first, &vec![b'x'; length], key));
        let frames = proptest::collection::vec(one, 0..6).prop_map(|frames| frames.concat());
        prop_oneof![3 => frames, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_chunking_gives_the_same_events(
            bytes in any_stream(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
            from in prop_oneof![Just(Side::Client), Just(Side::Upstream)],
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let whole = scan(from, &[&bytes]);
            let cut = scan(from, &pieces);
            // Where it can't be read any more, what is returned depends on what had come.
            let frames = |events: &[ProxyEvent]| events[..events.len() - 1].to_vec();
            prop_assert_eq!(frames(&whole), frames(&cut));
            for event in &whole {
                prop_assert!(event.payload_bytes() <= MAX_PIECE_BYTES);
            }
        }
    }

    #[test]
    fn bytes_one_by_one_give_what_they_give_at_once() {
        let key = Some([1, 2, 3, 4]);
        let bytes =
            [frame(0x01, "hé".as_bytes(), key), frame(0x89, b"p", key), frame(0x80, b"llo", key)].concat();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let events = scan(Side::Client, &single);
        assert_eq!(events, scan(Side::Client, &[&bytes]));
        assert_eq!(
            told(&events),
            [
                (1, false, &Payload::Text("hé".into()), None),
                (9, true, &Payload::Bytes(b"p".to_vec()), None),
                (0, true, &Payload::Text("llo".into()), None),
            ]
        );
    }

    #[test]
    fn a_close_says_code_and_reason() {
        let events = scan(Side::Upstream, &[&frame(0x88, b"\x03\xe9going", None)]);
        let ProxyEvent::Frame { close: Some(close), .. } = &events[0] else { panic!("{events:?}") };
        assert_eq!((close.code, close.reason.as_str()), (1001, "going"));
    }

    #[test]
    fn a_broken_rule_is_told_and_read_on() {
        let key = Some([9, 9, 9, 9]);
        let cases: [(Vec<u8>, FrameFault); 8] = [
            (frame(0x83, b"", key), FrameFault::ReservedOpcode),
            (frame(0xc1, b"", key), FrameFault::ReservedBits),
            (frame(0x81, b"a", None), FrameFault::Unmasked),
            (frame(0x09, b"a", key), FrameFault::LongControl),
            (frame(0x89, &[0; 126], key), FrameFault::LongControl),
            (vec![0x82, 0xfe, 0, 1, 9, 9, 9, 9, 9], FrameFault::LongLength),
            (frame(0x80, b"a", key), FrameFault::NothingToContinue),
            ([frame(0x01, b"a", key), frame(0x81, b"b", key)].concat(), FrameFault::WithinMessage),
        ];
        for (bytes, fault) in cases {
            let after = frame(0x8a, b"", key);
            let events = scan(Side::Client, &[&bytes, &after]);
            let frames = told(&events);
            assert_eq!(frames[frames.len() - 2].3, Some(fault), "{frames:?}");
            assert_eq!(frames[frames.len() - 1].0, 10);
        }
        let events = scan(Side::Upstream, &[&frame(0x81, b"a", key)]);
        assert_eq!(told(&events)[0].3, Some(FrameFault::Masked));
    }

    #[test]
    fn a_length_beyond_all_reason_ends_the_reading() {
        let mut scanner = FrameScanner::new(1, Side::Upstream, false);
        let mut out = Vec::new();
        let bytes = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 5, 6];
        assert_eq!(scanner.push(&bytes, &mut out), Err(bytes.to_vec()));
        assert!(out.is_empty());
    }
}
