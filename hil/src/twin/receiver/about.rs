//! What the receiver says when it is asked.

use fixtures::encode::ubx::{self, CommsPort};
use rtk_reader::receiver::{Output, Port};

use super::{Receiver, outputs, traffic::port_id};

pub(super) const MON_COMMS: Output = Output::Ubx(0x0A, 0x36);
/// Its ROM, in MON-VER and in the notices.
pub(super) const ROM: &str = "ROM BASE 0x118B2060";

impl Receiver {
    /// The frames that answer a poll of a message; none for a message that isn't known.
    pub(super) fn answer(&mut self, class: u8, id: u8) -> Vec<Vec<u8>> {
        let polled = Output::Ubx(class, id);
        if let Some((_, message)) = outputs::ORDER.iter().find(|(output, _)| *output == polled) {
            return self.last_epoch.as_ref().map(|epoch| epoch.message(*message, false)).unwrap_or_default();
        }
        match (class, id) {
            (0x0A, 0x04) => vec![self.mon_ver()],
            (0x0A, 0x36) => vec![self.mon_comms()],
            (0x27, 0x03) => vec![ubx::sec_uniqid(self.character.unique_id)],
            _ => Vec::new(),
        }
    }

    fn mon_ver(&self) -> Vec<u8> {
        let character = &self.character;
        let firmware = format!("FWVER={}", character.firmware);
        let protocol = format!("PROTVER={}", character.protocol);
        let module = format!("MOD={}", character.module);
        let extensions = [ROM, &firmware, &protocol, &module, "GPS;GLO;GAL;BDS", "SBAS;QZSS"];
        ubx::mon_ver(&character.software, &character.hardware, &extensions)
    }

    /// All five ports, those of which nothing is known too, in the order a real one tells them.
    pub(super) fn mon_comms(&self) -> Vec<u8> {
        let counts = |port: Port| match self.ports.iter().find(|connection| connection.port == port) {
            Some(connection) => {
                let skipped = connection.framer.counts().unframed_bytes;
                connection.traffic.counts(port, skipped)
            }
            None => CommsPort { port_id: port_id(port), ..CommsPort::default() },
        };
        let ports = [Port::I2c, Port::Uart1, Port::Uart2, Port::Usb, Port::Spi].map(counts);
        ubx::mon_comms(&ports, self.ports.iter().any(|connection| connection.traffic.dropped))
    }
}
