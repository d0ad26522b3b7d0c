//! CFG-MSGOUT: how often each message goes out of each port.
//!
//! Five keys to a message with ids in a row, for I2C, UART1, UART2, USB and SPI; the value counts epochs of
//! navigation (of RTCM: of measurement) from one to the next, 0 is never.

use std::fmt;

use serde::Serialize;

use super::{Key, KeyId, Kind, Name};

/// A receiver's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names")]
pub enum Port {
    I2c,
    Uart1,
    Uart2,
    Usb,
    Spi,
}

impl Port {
    /// In the order of the ids of a message's rates.
    pub const ALL: [Self; 5] = [Self::I2c, Self::Uart1, Self::Uart2, Self::Usb, Self::Spi];

    /// As keys' names have it.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::I2c => "I2C",
            Self::Uart1 => "UART1",
            Self::Uart2 => "UART2",
            Self::Usb => "USB",
            Self::Spi => "SPI",
        }
    }

    /// The group of its flags of protocols taken, CFG-…INPROT; that of the protocols given, CFG-…OUTPROT, is the
    /// next.
    fn inprot(self) -> u32 {
        match self {
            Self::I2c => 0x1071_0000,
            Self::Uart1 => 0x1073_0000,
            Self::Uart2 => 0x1075_0000,
            Self::Usb => 0x1077_0000,
            Self::Spi => 0x1079_0000,
        }
    }

    /// The flag: does it take UBX, NMEA, RTCM 3?
    #[must_use]
    pub fn takes(self, protocol: crate::frame::Protocol) -> KeyId {
        KeyId(self.inprot() | flag(protocol))
    }

    /// The flag: does it give UBX, NMEA, RTCM 3?
    #[must_use]
    pub fn gives(self, protocol: crate::frame::Protocol) -> KeyId {
        KeyId((self.inprot() + 0x1_0000) | flag(protocol))
    }

    /// The key of its speed; none where there is no line of bits.
    #[must_use]
    pub fn baud_key(self) -> Option<KeyId> {
        match self {
            Self::Uart1 => Some(KeyId(0x4052_0001)),
            Self::Uart2 => Some(KeyId(0x4053_0001)),
            _ => None,
        }
    }

    /// CFG-…-ENABLED.
    #[must_use]
    pub fn enabled_key(self) -> KeyId {
        KeyId(match self {
            Self::I2c => 0x1051_0003,
            Self::Uart1 => 0x1052_0005,
            Self::Uart2 => 0x1053_0005,
            Self::Usb => 0x1065_0001,
            Self::Spi => 0x1064_0006,
        })
    }
}

/// Protocols' items in the groups of flags.
fn flag(protocol: crate::frame::Protocol) -> u32 {
    match protocol {
        crate::frame::Protocol::Ubx => 1,
        crate::frame::Protocol::Nmea => 2,
        crate::frame::Protocol::Rtcm => 4,
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}

/// A message whose rate can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Output {
    /// Class and id.
    Ubx(u8, u8),
    /// The sentence without its talker.
    Nmea(&'static str),
    /// u-blox's own sentences: the number behind `$PUBX,`.
    Pubx(u8),
    /// RTCM 3 number; of 4072 also the subtype.
    Rtcm(u16, u8),
}

impl Output {
    /// Its protocol.
    #[must_use]
    pub fn protocol(self) -> crate::frame::Protocol {
        match self {
            Self::Ubx(..) => crate::frame::Protocol::Ubx,
            Self::Nmea(_) | Self::Pubx(_) => crate::frame::Protocol::Nmea,
            Self::Rtcm(..) => crate::frame::Protocol::Rtcm,
        }
    }

    fn is_on_by_default(self) -> bool {
        matches!(self, Self::Nmea("GGA" | "GLL" | "GSA" | "GSV" | "RMC" | "VTG"))
    }
}

/// As frames are named: `NAV-PVT`, `GGA`, `PUBX,00`, `1005`, `4072.1`.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ubx(class, id) => crate::frame::MessageId::Ubx(*class, *id).fmt(f),
            Self::Nmea(sentence) => f.write_str(sentence),
            Self::Pubx(number) => write!(f, "PUBX,{number:02}"),
            Self::Rtcm(4072, subtype) => write!(f, "4072.{subtype}"),
            Self::Rtcm(number, _) => number.fmt(f),
        }
    }
}

/// Message, its part of the keys' names, and the id of its rate on I2C.
const RATES: &[(Output, &str, u32)] = &[
    (Output::Nmea("DTM"), "NMEA_ID_DTM", 0x2091_00A6),
    (Output::Nmea("GBS"), "NMEA_ID_GBS", 0x2091_00DD),
    (Output::Nmea("GGA"), "NMEA_ID_GGA", 0x2091_00BA),
    (Output::Nmea("GLL"), "NMEA_ID_GLL", 0x2091_00C9),
    (Output::Nmea("GNS"), "NMEA_ID_GNS", 0x2091_00B5),
    (Output::Nmea("GRS"), "NMEA_ID_GRS", 0x2091_00CE),
    (Output::Nmea("GSA"), "NMEA_ID_GSA", 0x2091_00BF),
    (Output::Nmea("GST"), "NMEA_ID_GST", 0x2091_00D3),
    (Output::Nmea("GSV"), "NMEA_ID_GSV", 0x2091_00C4),
    (Output::Nmea("RLM"), "NMEA_ID_RLM", 0x2091_0400),
    (Output::Nmea("RMC"), "NMEA_ID_RMC", 0x2091_00AB),
    (Output::Nmea("VLW"), "NMEA_ID_VLW", 0x2091_00E7),
    (Output::Nmea("VTG"), "NMEA_ID_VTG", 0x2091_00B0),
    (Output::Nmea("ZDA"), "NMEA_ID_ZDA", 0x2091_00D8),
    (Output::Pubx(0), "PUBX_ID_POLYP", 0x2091_00EC),
    (Output::Pubx(3), "PUBX_ID_POLYS", 0x2091_00F1),
    (Output::Pubx(4), "PUBX_ID_POLYT", 0x2091_00F6),
    (Output::Rtcm(1005, 0), "RTCM_3X_TYPE1005", 0x2091_02BD),
    (Output::Rtcm(1074, 0), "RTCM_3X_TYPE1074", 0x2091_035E),
    (Output::Rtcm(1077, 0), "RTCM_3X_TYPE1077", 0x2091_02CC),
    (Output::Rtcm(1084, 0), "RTCM_3X_TYPE1084", 0x2091_0363),
    (Output::Rtcm(1087, 0), "RTCM_3X_TYPE1087", 0x2091_02D1),
    (Output::Rtcm(1094, 0), "RTCM_3X_TYPE1094", 0x2091_0368),
    (Output::Rtcm(1097, 0), "RTCM_3X_TYPE1097", 0x2091_0318),
    (Output::Rtcm(1124, 0), "RTCM_3X_TYPE1124", 0x2091_036D),
    (Output::Rtcm(1127, 0), "RTCM_3X_TYPE1127", 0x2091_02D6),
    (Output::Rtcm(1230, 0), "RTCM_3X_TYPE1230", 0x2091_0303),
    (Output::Rtcm(4072, 0), "RTCM_3X_TYPE4072_0", 0x2091_02FE),
    (Output::Rtcm(4072, 1), "RTCM_3X_TYPE4072_1", 0x2091_0381),
    (Output::Ubx(0x0A, 0x36), "UBX_MON_COMMS", 0x2091_034F),
    (Output::Ubx(0x0A, 0x0B), "UBX_MON_HW2", 0x2091_01B9),
    (Output::Ubx(0x0A, 0x37), "UBX_MON_HW3", 0x2091_0354),
    (Output::Ubx(0x0A, 0x09), "UBX_MON_HW", 0x2091_01B4),
    (Output::Ubx(0x0A, 0x02), "UBX_MON_IO", 0x2091_01A5),
    (Output::Ubx(0x0A, 0x06), "UBX_MON_MSGPP", 0x2091_0196),
    (Output::Ubx(0x0A, 0x38), "UBX_MON_RF", 0x2091_0359),
    (Output::Ubx(0x0A, 0x07), "UBX_MON_RXBUF", 0x2091_01A0),
    (Output::Ubx(0x0A, 0x21), "UBX_MON_RXR", 0x2091_0187),
    (Output::Ubx(0x0A, 0x31), "UBX_MON_SPAN", 0x2091_038B),
    (Output::Ubx(0x0A, 0x39), "UBX_MON_SYS", 0x2091_069D),
    (Output::Ubx(0x0A, 0x08), "UBX_MON_TXBUF", 0x2091_019B),
    (Output::Ubx(0x01, 0x22), "UBX_NAV_CLOCK", 0x2091_0065),
    (Output::Ubx(0x01, 0x36), "UBX_NAV_COV", 0x2091_0083),
    (Output::Ubx(0x01, 0x04), "UBX_NAV_DOP", 0x2091_0038),
    (Output::Ubx(0x01, 0x61), "UBX_NAV_EOE", 0x2091_015F),
    (Output::Ubx(0x01, 0x39), "UBX_NAV_GEOFENCE", 0x2091_00A1),
    (Output::Ubx(0x01, 0x13), "UBX_NAV_HPPOSECEF", 0x2091_002E),
    (Output::Ubx(0x01, 0x14), "UBX_NAV_HPPOSLLH", 0x2091_0033),
    (Output::Ubx(0x01, 0x09), "UBX_NAV_ODO", 0x2091_007E),
    (Output::Ubx(0x01, 0x34), "UBX_NAV_ORB", 0x2091_0010),
    (Output::Ubx(0x01, 0x62), "UBX_NAV_PL", 0x2091_0415),
    (Output::Ubx(0x01, 0x01), "UBX_NAV_POSECEF", 0x2091_0024),
    (Output::Ubx(0x01, 0x02), "UBX_NAV_POSLLH", 0x2091_0029),
    (Output::Ubx(0x01, 0x07), "UBX_NAV_PVT", 0x2091_0006),
    (Output::Ubx(0x01, 0x3C), "UBX_NAV_RELPOSNED", 0x2091_008D),
    (Output::Ubx(0x01, 0x35), "UBX_NAV_SAT", 0x2091_0015),
    (Output::Ubx(0x01, 0x32), "UBX_NAV_SBAS", 0x2091_006A),
    (Output::Ubx(0x01, 0x43), "UBX_NAV_SIG", 0x2091_0345),
    (Output::Ubx(0x01, 0x42), "UBX_NAV_SLAS", 0x2091_0336),
    (Output::Ubx(0x01, 0x03), "UBX_NAV_STATUS", 0x2091_001A),
    (Output::Ubx(0x01, 0x3B), "UBX_NAV_SVIN", 0x2091_0088),
    (Output::Ubx(0x01, 0x24), "UBX_NAV_TIMEBDS", 0x2091_0051),
    (Output::Ubx(0x01, 0x25), "UBX_NAV_TIMEGAL", 0x2091_0056),
    (Output::Ubx(0x01, 0x23), "UBX_NAV_TIMEGLO", 0x2091_004C),
    (Output::Ubx(0x01, 0x20), "UBX_NAV_TIMEGPS", 0x2091_0047),
    (Output::Ubx(0x01, 0x26), "UBX_NAV_TIMELS", 0x2091_0060),
    (Output::Ubx(0x01, 0x27), "UBX_NAV_TIMEQZSS", 0x2091_0386),
    (Output::Ubx(0x01, 0x21), "UBX_NAV_TIMEUTC", 0x2091_005B),
    (Output::Ubx(0x01, 0x11), "UBX_NAV_VELECEF", 0x2091_003D),
    (Output::Ubx(0x01, 0x12), "UBX_NAV_VELNED", 0x2091_0042),
    (Output::Ubx(0x02, 0x34), "UBX_RXM_COR", 0x2091_06B6),
    (Output::Ubx(0x02, 0x14), "UBX_RXM_MEASX", 0x2091_0204),
    (Output::Ubx(0x02, 0x15), "UBX_RXM_RAWX", 0x2091_02A4),
    (Output::Ubx(0x02, 0x59), "UBX_RXM_RLM", 0x2091_025E),
    (Output::Ubx(0x02, 0x32), "UBX_RXM_RTCM", 0x2091_0268),
    (Output::Ubx(0x02, 0x13), "UBX_RXM_SFRBX", 0x2091_0231),
    (Output::Ubx(0x02, 0x33), "UBX_RXM_SPARTN", 0x2091_0605),
    (Output::Ubx(0x0D, 0x03), "UBX_TIM_TM2", 0x2091_0178),
    (Output::Ubx(0x0D, 0x01), "UBX_TIM_TP", 0x2091_017D),
    (Output::Ubx(0x0D, 0x06), "UBX_TIM_VRFY", 0x2091_0092),
];

/// Every message whose rate can be set here.
pub(super) fn all() -> impl Iterator<Item = Key> {
    RATES.iter().flat_map(|&(output, name, first)| {
        (first..).zip(Port::ALL).map(move |(id, port)| Key {
            id: KeyId(id),
            name: Name::Rate(name, port),
            kind: Kind::U1,
            scale: 1.0,
            unit: "",
            default: Some(u64::from(output.is_on_by_default())),
        })
    })
}

pub(super) fn key_of(output: Output, port: Port) -> Option<KeyId> {
    let (_, _, first) = RATES.iter().find(|(other, ..)| *other == output)?;
    (*first..).zip(Port::ALL).find(|(_, other)| *other == port).map(|(id, _)| KeyId(id))
}

pub(super) fn output_of(id: KeyId) -> Option<(Output, Port)> {
    RATES.iter().find_map(|&(output, _, first)| {
        let place = usize::try_from(id.0.checked_sub(first)?).ok()?;
        Port::ALL.get(place).map(|&port| (output, port))
    })
}
