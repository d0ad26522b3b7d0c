//! The CFG messages of before there were items, as far as hosts still send them: CFG-PRT, CFG-MSG, CFG-INF, CFG-RATE,
//! CFG-CFG, CFG-TMODE3 (UBX-22008968 has them as deprecated). Polled, each answers with itself.

use fixtures::encode::ubx;
use rtk_reader::frame::Protocol;
use rtk_reader::receiver::{Item, KeyId, Layers, Output, Port, Request, Transaction, keys};

use super::config::{Config, Refused};

const CFG: u8 = 0x06;
const PRT: u8 = 0x00;
const MSG: u8 = 0x01;
const INF: u8 = 0x02;
const RATE: u8 = 0x08;
const CFG_CFG: u8 = 0x09;
const TMODE3: u8 = 0x71;

/// NMEA sentences by their id in class F0.
const SENTENCES: [(u8, &str); 12] = [
    (0x00, "GGA"),
    (0x01, "GLL"),
    (0x02, "GSA"),
    (0x03, "GSV"),
    (0x04, "RMC"),
    (0x05, "VTG"),
    (0x06, "GRS"),
    (0x07, "GST"),
    (0x08, "ZDA"),
    (0x09, "GBS"),
    (0x0A, "DTM"),
    (0x0D, "GNS"),
];
/// RTCM messages by their id in class F5.
const CORRECTIONS: [(u8, u16, u8); 12] = [
    (0x05, 1005, 0),
    (0x4A, 1074, 0),
    (0x4D, 1077, 0),
    (0x54, 1084, 0),
    (0x57, 1087, 0),
    (0x5E, 1094, 0),
    (0x61, 1097, 0),
    (0x7C, 1124, 0),
    (0x7F, 1127, 0),
    (0xE6, 1230, 0),
    (0xFE, 4072, 0),
    (0xFD, 4072, 1),
];
/// Protocols by their bits in CFG-PRT's masks.
const MASK: [(u16, Protocol); 3] =
    [(1 << 0, Protocol::Ubx), (1 << 1, Protocol::Nmea), (1 << 5, Protocol::Rtcm)];

/// Does what a message says.
pub(super) fn handle(
    config: &mut Config,
    port: Port,
    id: u8,
    payload: &[u8],
) -> Result<Vec<Vec<u8>>, Refused> {
    match (id, payload) {
        (PRT, []) => Ok(vec![port_frame(config, port)]),
        (PRT, [number]) => Ok(vec![port_frame(config, numbered(*number)?)]),
        (PRT, payload) => set_port(config, payload),
        (MSG, &[class, message]) => {
            let rates = Port::ALL.map(|port| Some(config.get(rate_key(class, message, port)?) as u8));
            let rates: Option<Vec<u8>> = rates.into_iter().collect();
            let answer = [vec![class, message], rates.ok_or(Refused)?, vec![0]].concat();
            Ok(vec![ubx::frame(CFG, MSG, &answer)])
        }
        (MSG, &[class, message, rate]) => set_rates(config, class, message, &[(port, rate)]),
        (MSG, &[class, message, ref rates @ .., _]) if rates.len() == Port::ALL.len() => {
            let rates: Vec<_> = Port::ALL.into_iter().zip(rates.iter().copied()).collect();
            set_rates(config, class, message, &rates)
        }
        // Which notices are wanted: taken, and all are sent anyhow.
        (INF, [_, _, ..]) => Ok(Vec::new()),
        (RATE, []) => {
            let values = [0x3021_0001, 0x3021_0002, 0x2021_0003].map(|key| config.get(KeyId(key)) as u16);
            let payload: Vec<u8> = values.into_iter().flat_map(u16::to_le_bytes).collect();
            Ok(vec![ubx::frame(CFG, RATE, &payload)])
        }
        (RATE, &[a, b, c, d, e, f]) => {
            let value = |low, high| u64::from(u16::from_le_bytes([low, high]));
            set(config, &[(0x3021_0001, value(a, b)), (0x3021_0002, value(c, d)), (0x2021_0003, value(e, f))])
        }
        (CFG_CFG, payload) => keep(config, payload),
        (TMODE3, []) => Ok(vec![ubx::frame(CFG, TMODE3, &time_mode(config))]),
        (TMODE3, payload) => set_time_mode(config, payload),
        _ => Err(Refused),
    }
}

/// Masks of what to clear, save and load, and of the devices meant; what a bit covers isn't told apart.
fn keep(config: &mut Config, payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let (masks, _) = payload.as_chunks::<4>();
    let &[clear, save, load] = masks else { return Err(Refused) };
    if payload.len() > 13 {
        return Err(Refused);
    }
    if clear != [0; 4] {
        config.clear_all();
    }
    if save != [0; 4] {
        config.save_all();
    }
    if load != [0; 4] {
        config.start();
    }
    Ok(Vec::new())
}

fn set(config: &mut Config, items: &[(u32, u64)]) -> Result<Vec<Vec<u8>>, Refused> {
    let items = items.iter().map(|(key, value)| Item { key: KeyId(*key), value: *value }).collect();
    config.change(&Request::Set { layers: Layers::RAM, transaction: Transaction::None, items })?;
    Ok(Vec::new())
}

fn set_rates(
    config: &mut Config,
    class: u8,
    message: u8,
    rates: &[(Port, u8)],
) -> Result<Vec<Vec<u8>>, Refused> {
    let item = |(port, rate): &(Port, u8)| Some((rate_key(class, message, *port)?.0, u64::from(*rate)));
    let items: Option<Vec<_>> = rates.iter().map(item).collect();
    set(config, &items.ok_or(Refused)?)
}

/// CFG-TMODE3: version, mode and kind of position in two bytes, three coordinates and their high-precision parts,
/// accuracy, and a survey-in's shortest time and accuracy; each is as in its item.
const TMODE3_BYTES: usize = 40;
/// Bit of the flags: latitude, longitude and height, not ECEF.
const LLH: u8 = 1;
const ECEF_KEYS: [u32; 6] = [0x4003_0003, 0x4003_0004, 0x4003_0005, 0x2003_0006, 0x2003_0007, 0x2003_0008];
const LLH_KEYS: [u32; 6] = [0x4003_0009, 0x4003_000A, 0x4003_000B, 0x2003_000C, 0x2003_000D, 0x2003_000E];
/// FIXED_POS_ACC, SVIN_MIN_DUR, SVIN_ACC_LIMIT.
const FIGURES: [u32; 3] = [0x4003_000F, 0x4003_0010, 0x4003_0011];

fn time_mode(config: &Config) -> Vec<u8> {
    let [mode, kind] = [0x2003_0001, 0x2003_0002].map(|key| config.get(KeyId(key)) as u8);
    let [x, y, z, x_rest, y_rest, z_rest] = if kind == LLH { LLH_KEYS } else { ECEF_KEYS };
    let mut payload = vec![0, 0, mode, kind];
    let long = |key: u32| (config.get(KeyId(key)) as u32).to_le_bytes();
    payload.extend([x, y, z].into_iter().flat_map(long));
    payload.extend([x_rest, y_rest, z_rest].map(|key| config.get(KeyId(key)) as u8));
    payload.push(0);
    payload.extend(FIGURES.into_iter().flat_map(long));
    payload.resize(TMODE3_BYTES, 0);
    payload
}

fn set_time_mode(config: &mut Config, payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let payload: &[u8; TMODE3_BYTES] = payload.try_into().map_err(|_| Refused)?;
    let (words, _) = payload.as_chunks::<4>();
    let &[[_, _, mode, kind], x, y, z, [x_rest, y_rest, z_rest, _], accuracy, duration, limit, ..] = words
    else {
        return Err(Refused);
    };
    let kind = kind & LLH;
    let keys = if kind == LLH { LLH_KEYS } else { ECEF_KEYS };
    let long = |bytes| u64::from(u32::from_le_bytes(bytes));
    let place = [long(x), long(y), long(z), x_rest.into(), y_rest.into(), z_rest.into()];
    let mut items = vec![(0x2003_0001, mode.into()), (0x2003_0002, kind.into())];
    items.extend(keys.into_iter().zip(place));
    items.extend(FIGURES.into_iter().zip([accuracy, duration, limit].map(long)));
    set(config, &items)
}

/// `PUBX,40`: how often a sentence goes out of each port.
pub(super) fn set_sentence_rates(config: &mut Config, sentence: &str, rates: &[u8]) -> Result<(), Refused> {
    let (id, _) = SENTENCES.iter().find(|(_, name)| *name == sentence).ok_or(Refused)?;
    let rates: Vec<_> = Port::ALL.into_iter().zip(rates.iter().copied()).collect();
    set_rates(config, 0xF0, *id, &rates).map(drop)
}

/// `PUBX,41`: protocols and speed of a port, as CFG-PRT has them.
pub(super) fn set_protocols(
    config: &mut Config,
    number: u8,
    takes: u16,
    gives: u16,
    baud: u32,
) -> Result<(), Refused> {
    let mut payload = vec![number, 0, 0, 0, 0, 0, 0, 0];
    payload.extend(baud.to_le_bytes());
    payload.extend([takes, gives, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    set_port(config, &payload).map(drop)
}

fn rate_key(class: u8, message: u8, port: Port) -> Option<KeyId> {
    let output = match class {
        0xF0 => {
            let (_, sentence) = SENTENCES.iter().find(|(id, _)| *id == message)?;
            Output::Nmea(sentence)
        }
        0xF1 => Output::Pubx(message),
        0xF5 => {
            let (_, number, subtype) = CORRECTIONS.iter().find(|(id, ..)| *id == message)?;
            Output::Rtcm(*number, *subtype)
        }
        _ => Output::Ubx(class, message),
    };
    keys::rate(output, port)
}

fn numbered(number: u8) -> Result<Port, Refused> {
    Port::ALL.get(usize::from(number)).copied().ok_or(Refused)
}

/// CFG-PRT: number, mode (8N1), speed, masks of the protocols taken and given.
fn port_frame(config: &Config, port: Port) -> Vec<u8> {
    let mask = |key: fn(Port, Protocol) -> KeyId| {
        let on = MASK.iter().filter(|(_, protocol)| config.is_on(key(port, *protocol)));
        on.fold(0_u16, |mask, (bit, _)| mask | bit)
    };
    let number = Port::ALL.iter().position(|other| *other == port).unwrap_or(0) as u8;
    let baud = port.baud_key().map_or(0, |key| config.get(key) as u32);
    let mode = if port.baud_key().is_some() { 0x08C0_u32 } else { 0 };
    let mut payload = vec![number, 0, 0, 0];
    payload.extend(mode.to_le_bytes());
    payload.extend(baud.to_le_bytes());
    payload.extend(mask(Port::takes).to_le_bytes());
    payload.extend(mask(Port::gives).to_le_bytes());
    payload.extend([0; 4]);
    ubx::frame(CFG, PRT, &payload)
}

fn set_port(config: &mut Config, payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let payload: &[u8; 20] = payload.try_into().map_err(|_| Refused)?;
    let &[number, _, _, _, _, _, _, _, b0, b1, b2, b3, in0, in1, out0, out1, ..] = payload;
    let port = numbered(number)?;
    let mut items = Vec::new();
    for (bit, protocol) in MASK {
        let flag = |mask: [u8; 2]| u64::from(u16::from_le_bytes(mask) & bit != 0);
        items.push((port.takes(protocol).0, flag([in0, in1])));
        items.push((port.gives(protocol).0, flag([out0, out1])));
    }
    if let Some(key) = port.baud_key() {
        items.push((key.0, u64::from(u32::from_le_bytes([b0, b1, b2, b3]))));
    }
    set(config, &items)
}
