//! MON-COMMS (0A 36): communication ports.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 1 | nPorts | |
//! | 2 | txErrors: bit 0 mem, bit 1 alloc | |
//! | 8 + 40n | portId | |
//! | 10, 12, 16, 17 + 40n | txPending, txBytes, txUsage, txPeakUsage | bytes, percent |
//! | 18, 20, 24, 25 + 40n | rxPending, rxBytes, rxUsage, rxPeakUsage | bytes, percent |
//! | 26 + 40n | overrunErrs | 100 ms slots |
//! | 44 + 40n | skipped | bytes |
//!
//! (The `ublox` crate takes port ids for 0 to 5; receivers send 0x0100, 0x0201, 0x0300.)

use serde::Serialize;

use super::{Bytes, Reason};

/// Communication ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonComms {
    /// Transmit buffer: memory allocation error, buffer full.
    pub tx_errors: u8,
    /// One per port.
    pub ports: Vec<MonCommsPort>,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonCommsPort {
    /// As sent: 0x0100 UART1, 0x0201 UART2, 0x0300 USB…
    pub port_id: u16,
    /// Bytes waiting to be sent.
    pub tx_pending: u16,
    /// Bytes ever sent.
    pub tx_bytes: u32,
    /// Percent.
    pub tx_usage_percent: u8,
    /// Percent.
    pub tx_peak_usage_percent: u8,
    /// Bytes waiting to be read.
    pub rx_pending: u16,
    /// Bytes ever received.
    pub rx_bytes: u32,
    /// Percent.
    pub rx_usage_percent: u8,
    /// Percent.
    pub rx_peak_usage_percent: u8,
    /// Overruns (100 ms slots).
    pub overrun_errors: u16,
    /// Bytes skipped.
    pub skipped: u32,
}

/// Bytes before the ports, and of each.
const LAYOUT: (usize, usize) = (8, 40);

impl MonComms {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, payload.get(1).copied())?;
        let ports = payload.get(LAYOUT.0..).unwrap_or_default().chunks(LAYOUT.1).map(MonCommsPort::read);
        Ok(Self { tx_errors: payload.get(2).copied().unwrap_or_default(), ports: ports.collect() })
    }
}

impl MonCommsPort {
    fn read(block: &[u8]) -> Self {
        let mut b = Bytes::new(block);
        let mut port = Self {
            port_id: b.u16(),
            tx_pending: b.u16(),
            tx_bytes: b.u32(),
            tx_usage_percent: b.u8(),
            tx_peak_usage_percent: b.u8(),
            rx_pending: b.u16(),
            rx_bytes: b.u32(),
            rx_usage_percent: b.u8(),
            rx_peak_usage_percent: b.u8(),
            overrun_errors: b.u16(),
            skipped: 0,
        };
        // Messages per protocol, and eight reserved bytes.
        b.skip(16);
        port.skipped = b.u32();
        port
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    const COMMS: &str = concat!(
        "0001000000010506",
        "0003",
        "00000a4a000007130000d4040000000200005a0000000000000000000000000000000000000000000000"
    );

    #[test]
    fn reads() {
        let port = MonCommsPort {
            port_id: 0x0300,
            tx_pending: 0,
            tx_bytes: 18_954,
            tx_usage_percent: 7,
            tx_peak_usage_percent: 19,
            rx_pending: 0,
            rx_bytes: 1236,
            rx_usage_percent: 0,
            rx_peak_usage_percent: 2,
            overrun_errors: 0,
            skipped: 0,
        };
        assert_eq!(
            packet(0x0A, 0x36, &COMMS[..96]),
            Packet::MonComms(MonComms { tx_errors: 0, ports: vec![port] })
        );
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x0A, 0x36, &COMMS[..94]), "expected 1 blocks of 40 bytes, found 39 bytes");
    }
}
