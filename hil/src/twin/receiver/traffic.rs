//! A port's traffic, as MON-COMMS counts it.

use fixtures::encode::ubx::CommsPort;
use rtk_reader::frame::Protocol;
use rtk_reader::receiver::Port;

/// Start bit, eight, stop bit.
const BITS_PER_BYTE: u64 = 10;

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    counts: CommsPort,
    /// In the second that is going on.
    tx_this_second: u64,
    rx_this_second: u64,
    pub dropped: bool,
}

impl Traffic {
    pub fn sent(&mut self, bytes: usize) {
        self.counts.tx_bytes = self.counts.tx_bytes.wrapping_add(bytes as u32);
        self.tx_this_second += bytes as u64;
    }

    pub fn received(&mut self, bytes: usize) {
        self.counts.rx_bytes = self.counts.rx_bytes.wrapping_add(bytes as u32);
        self.rx_this_second += bytes as u64;
    }

    pub fn understood(&mut self, protocol: Protocol) {
        let place = match protocol {
            Protocol::Ubx => 0,
            Protocol::Nmea => 1,
            Protocol::Rtcm => 3,
        };
        if let Some(count) = self.counts.messages.get_mut(place) {
            *count = count.wrapping_add(1);
        }
    }

    pub fn pending(&mut self, bytes: usize, dropped: bool) {
        self.counts.tx_pending = bytes.try_into().unwrap_or(u16::MAX);
        self.dropped |= dropped;
    }

    /// A second is over; a port without a speed is never busy.
    pub fn second(&mut self, baud: Option<u32>) {
        let usage = |bytes: u64| match baud {
            Some(baud) if baud > 0 => (bytes * BITS_PER_BYTE * 100 / u64::from(baud)).min(100) as u8,
            _ => 0,
        };
        let counts = &mut self.counts;
        (counts.tx_usage, counts.rx_usage) = (usage(self.tx_this_second), usage(self.rx_this_second));
        counts.tx_peak_usage = counts.tx_peak_usage.max(counts.tx_usage);
        counts.rx_peak_usage = counts.rx_peak_usage.max(counts.rx_usage);
        (self.tx_this_second, self.rx_this_second) = (0, 0);
    }

    pub fn counts(&self, port: Port, skipped: u64) -> CommsPort {
        CommsPort { port_id: port_id(port), skipped: skipped as u32, ..self.counts }
    }
}

/// As `ucenter-ZEDF9P-configdebug.log` has them.
pub(super) fn port_id(port: Port) -> u16 {
    match port {
        Port::I2c => 0x0000,
        Port::Uart1 => 0x0100,
        Port::Uart2 => 0x0201,
        Port::Usb => 0x0300,
        Port::Spi => 0x0400,
    }
}
