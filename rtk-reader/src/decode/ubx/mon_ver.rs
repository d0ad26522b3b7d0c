//! MON-VER (0A 04): receiver and software version.
//!
//! | offset | field |
//! |---|---|
//! | 0 | swVersion, 30 characters |
//! | 30 | hwVersion, 10 characters |
//! | 40 + 30n | extension, 30 characters |
//!
//! Texts end at a zero or at their last place. (The `ublox` crate refuses a message whose text fills its place.)

use serde::Serialize;

use super::Reason;

/// Receiver and software version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonVer {
    /// `EXT CORE 1.00 (f10c36)`
    pub software: String,
    /// `00190000`
    pub hardware: String,
    /// At most 64; what follows is left out. `FWVER=HPG 1.32`, `PROTVER=27.31`, `MOD=ZED-F9P`…
    pub extensions: Vec<String>,
}

impl MonVer {
    /// The value of an extension, `MOD` → `ZED-F9P`.
    #[must_use]
    pub fn extension(&self, key: &str) -> Option<&str> {
        self.extensions.iter().find_map(|e| e.strip_prefix(key)?.strip_prefix('='))
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, None)?;
        let (software, rest) = payload.split_at_checked(30).unwrap_or_default();
        let (hardware, extensions) = rest.split_at_checked(10).unwrap_or_default();
        Ok(Self {
            software: text(software),
            hardware: text(hardware),
            extensions: extensions
                .chunks(LAYOUT.1)
                .take(MAX_EXTENSIONS)
                .map(text)
                .filter(|extension| !extension.is_empty())
                .collect(),
        })
    }
}

/// Bytes before the extensions, and of each.
const LAYOUT: (usize, usize) = (40, 30);
/// Receivers send up to about ten; further ones are left out.
const MAX_EXTENSIONS: usize = 64;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&b| b == 0).next().unwrap_or_default()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };

    /// A payload of the capture's texts, each filled up with zeros.
    fn payload(texts: &[(&str, usize)]) -> String {
        let mut hex = String::new();
        for (text, length) in texts {
            for at in 0..*length {
                hex.push_str(&format!("{:02x}", text.as_bytes().get(at).unwrap_or(&0)));
            }
        }
        hex
    }

    #[test]
    fn reads() {
        let full = "thirty characters, no zero at ";
        let sent =
            [("EXT CORE 1.00 (0fa0ae)", 30), ("00190000", 10), ("MOD=ZED-F9P", 30), ("", 30), (full, 30)];
        let Packet::MonVer(ver) = packet(0x0A, 0x04, &payload(&sent)) else { panic!("not a MON-VER") };
        assert_eq!((ver.software.as_str(), ver.hardware.as_str()), ("EXT CORE 1.00 (0fa0ae)", "00190000"));
        assert_eq!(ver.extensions, ["MOD=ZED-F9P", full.trim_end()]);
        assert_eq!((ver.extension("MOD"), ver.extension("MO")), (Some("ZED-F9P"), None));
    }

    #[test]
    fn refuses() {
        let cut = payload(&[("EXT CORE 1.00", 30), ("00190000", 10), ("MOD=ZED-F9P", 29)]);
        assert_eq!(reason(0x0A, 0x04, &cut), "expected blocks of 30 bytes, found 29 bytes");
    }
}
