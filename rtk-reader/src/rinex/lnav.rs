//! GPS ephemerides out of the navigation message on L1 C/A, as UBX RXM-SFRBX hands it on.
//!
//! IS-GPS-200, 20.3.3.3 and 20.3.3.4. RTCM 1019 took its fields over bit for bit, in an order of its own: they are
//! put in that order here, and read by its decoder.

use std::collections::BTreeMap;

use crate::decode::{
    Constellation,
    rtcm::{self, Body, Ephemeris},
    ubx::RxmSfrbx,
};

/// Words of a subframe.
const WORDS: usize = 10;
/// Data bits of a word, without parity.
const WORD_BITS: usize = 24;
/// What the first word begins with.
const PREAMBLE: u32 = 0x8B;
/// Subframes that an ephemeris is in.
const SUBFRAMES: usize = 3;

/// Where a field is: subframe from 1, its first data bit there, how many.
type Field = (usize, usize, usize);

const IODC_LOW: Field = (1, 168, 8);
const IODE: [Field; 2] = [(2, 48, 8), (3, 216, 8)];

/// The fields of 1019 behind number and satellite, in its order.
const FIELDS: [Field; 29] = [
    (1, 48, 10),  // week
    (1, 60, 4),   // URA
    (1, 58, 2),   // code on L2
    (3, 224, 14), // IDOT
    IODE[0],
    (1, 176, 16), // toc
    (1, 192, 8),  // af2
    (1, 200, 16), // af1
    (1, 216, 22), // af0
    (1, 70, 2),   // IODC, its high bits
    IODC_LOW,
    (2, 56, 16),  // Crs
    (2, 72, 16),  // delta n
    (2, 88, 32),  // M0
    (2, 120, 16), // Cuc
    (2, 136, 32), // e
    (2, 168, 16), // Cus
    (2, 184, 32), // root of A
    (2, 216, 16), // toe
    (3, 48, 16),  // Cic
    (3, 64, 32),  // Omega0
    (3, 96, 16),  // Cis
    (3, 112, 32), // i0
    (3, 144, 16), // Crc
    (3, 160, 32), // omega
    (3, 192, 24), // Omega dot
    (1, 160, 8),  // TGD
    (1, 64, 6),   // health
    (1, 72, 1),   // L2 P data off
];
/// The last field of 1019.
const FIT: Field = (2, 232, 1);

type Subframe = [u32; WORDS];

/// Puts subframes together, by satellite.
#[derive(Clone, Debug, Default)]
pub(super) struct Lnav {
    /// At most as many as there are satellite numbers, 254.
    satellites: BTreeMap<u16, [Option<Subframe>; SUBFRAMES]>,
}

impl Lnav {
    /// Takes a subframe; the ephemeris, when it is whole.
    pub(super) fn add(&mut self, sfrbx: &RxmSfrbx) -> Option<Ephemeris> {
        let id = sfrbx.satellite.filter(|id| id.constellation == Constellation::Gps && sfrbx.sig_id == 0)?;
        let subframe: Subframe = sfrbx.words.as_slice().try_into().ok()?;
        // A word has 30 bits: those of L2C fill 32, and look different here.
        if subframe[0] >> 22 != PREAMBLE {
            return None;
        }
        let number = bits(&subframe, 43, 3).fold(0, |number, bit| number << 1 | usize::from(bit));
        let kept = self.satellites.entry(id.number).or_default();
        *kept.get_mut(number.checked_sub(1)?)? = Some(subframe);
        let [Some(first), Some(second), Some(third)] = *kept else { return None };
        let frame = [first, second, third];
        let field = |field: Field| {
            let (subframe, start, length) = field;
            bits(frame.get(subframe - 1).unwrap_or(&first), start, length).collect::<Vec<bool>>()
        };
        // All three are of one issue, or a new one has begun to come.
        if IODE.iter().any(|iode| field(*iode) != field(IODC_LOW)) {
            return None;
        }
        let of = |value: u16, length: u16| (0..length).rev().map(move |bit| value >> bit & 1 == 1);
        let mut message: Vec<bool> = of(1019, 12).chain(of(id.number, 6)).collect();
        message.extend(FIELDS.iter().chain([&FIT]).flat_map(|at| field(*at)));
        let byte = |bits: &[bool]| {
            bits.iter().enumerate().fold(0u8, |byte, (place, bit)| byte | u8::from(*bit) << (7 - place))
        };
        let payload: Vec<u8> = message.chunks(8).map(byte).collect();
        match rtcm::decode(&payload).body {
            Body::Ephemeris(ephemeris) => Some(ephemeris),
            _ => None,
        }
    }
}

/// Data bits of a subframe, the parity left out; the first is 0.
fn bits(subframe: &Subframe, start: usize, length: usize) -> impl Iterator<Item = bool> {
    (start..start + length).map(|at| {
        let word = subframe.get(at / WORD_BITS).copied().unwrap_or_default();
        word >> (29 - at % WORD_BITS) & 1 == 1
    })
}
