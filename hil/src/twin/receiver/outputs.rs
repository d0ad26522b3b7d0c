//! What goes out at an epoch, and in which order.

use fixtures::gnss::System;
use fixtures::scenario::{Epoch, FixKind, Message};
use rtk_reader::receiver::Output;

/// RTCM, UBX by class and id, NMEA: the order of `pygpsdata-rtcm3.log`.
pub const ORDER: [(Output, Message); 42] = [
    (Output::Rtcm(1005, 0), Message::Rtcm1005),
    (Output::Rtcm(1074, 0), Message::Msm4(System::Gps)),
    (Output::Rtcm(1077, 0), Message::Msm7(System::Gps)),
    (Output::Rtcm(1084, 0), Message::Msm4(System::Glonass)),
    (Output::Rtcm(1087, 0), Message::Msm7(System::Glonass)),
    (Output::Rtcm(1094, 0), Message::Msm4(System::Galileo)),
    (Output::Rtcm(1097, 0), Message::Msm7(System::Galileo)),
    (Output::Rtcm(1124, 0), Message::Msm4(System::Beidou)),
    (Output::Rtcm(1127, 0), Message::Msm7(System::Beidou)),
    (Output::Rtcm(1230, 0), Message::Rtcm1230),
    (Output::Ubx(0x01, 0x01), Message::NavPosEcef),
    (Output::Ubx(0x01, 0x02), Message::NavPosLlh),
    (Output::Ubx(0x01, 0x03), Message::NavStatus),
    (Output::Ubx(0x01, 0x04), Message::NavDop),
    (Output::Ubx(0x01, 0x07), Message::NavPvt),
    (Output::Ubx(0x01, 0x11), Message::NavVelEcef),
    (Output::Ubx(0x01, 0x12), Message::NavVelNed),
    (Output::Ubx(0x01, 0x13), Message::NavHpPosEcef),
    (Output::Ubx(0x01, 0x14), Message::NavHpPosLlh),
    (Output::Ubx(0x01, 0x20), Message::NavTimeGps),
    (Output::Ubx(0x01, 0x21), Message::NavTimeUtc),
    (Output::Ubx(0x01, 0x22), Message::NavClock),
    (Output::Ubx(0x01, 0x26), Message::NavTimeLs),
    (Output::Ubx(0x01, 0x34), Message::NavOrb),
    (Output::Ubx(0x01, 0x35), Message::NavSat),
    (Output::Ubx(0x01, 0x3B), Message::NavSvin),
    (Output::Ubx(0x01, 0x3C), Message::NavRelPosNed),
    (Output::Ubx(0x01, 0x43), Message::NavSig),
    (Output::Ubx(0x02, 0x15), Message::RxmRawx),
    (Output::Ubx(0x0A, 0x38), Message::MonRf),
    (Output::Nmea("RMC"), Message::Rmc),
    (Output::Nmea("VTG"), Message::Vtg),
    (Output::Nmea("GGA"), Message::Gga),
    (Output::Nmea("GSA"), Message::Gsa),
    (Output::Nmea("GSV"), Message::Gsv),
    (Output::Nmea("GLL"), Message::Gll),
    (Output::Nmea("GST"), Message::Gst),
    (Output::Nmea("ZDA"), Message::Zda),
    (Output::Nmea("GNS"), Message::Gns),
    (Output::Nmea("GBS"), Message::Gbs),
    (Output::Nmea("DTM"), Message::Dtm),
    // Ends the epoch, as its name says.
    (Output::Ubx(0x01, 0x61), Message::NavEoe),
];

/// Whether there is something to send at all: corrections begin with the first fix.
#[must_use]
pub fn is_due(output: Output, epoch: &Epoch) -> bool {
    !matches!(output, Output::Rtcm(..)) || epoch.solution.kind != FixKind::None
}

/// The system of an MSM that has observations to send.
#[must_use]
pub fn observed(message: Message, epoch: &Epoch) -> bool {
    match message {
        Message::Msm4(system) | Message::Msm7(system) => epoch.observes(system),
        _ => false,
    }
}
