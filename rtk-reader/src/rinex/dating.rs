//! When a capture was taken: RTCM's observations say the time of the week alone.

use crate::decode::{
    Message, nmea,
    rtcm::{self, EphemerisFields},
    ubx::Packet,
};

use super::time::{BEIDOU_WEEK, GALILEO_WEEK, GPS_AHEAD_OF_BEIDOU_S, GpsTime};

/// Finds a capture's date in the first message that has one.
///
/// Certain: UBX RXM-RAWX and NAV-PVT and a valid RMC, which say when they were sent. Good enough, if nothing
/// else comes: ZDA, which may be a clock's guess, and ephemerides of Galileo and BeiDou, whose week is whole
/// and which are of the hours around them. (GPS sends its week modulo 1024: alone it fits every 19.6 years.)
#[derive(Clone, Copy, Debug, Default)]
pub struct Dating {
    certain: Option<GpsTime>,
    likely: Option<GpsTime>,
}

impl Dating {
    /// Looks at a message; says whether to look on.
    pub fn add(&mut self, message: &Message) -> bool {
        if self.certain.is_none() {
            self.certain = certain(message);
        }
        if self.likely.is_none() {
            self.likely = likely(message);
        }
        self.certain.is_none()
    }

    /// A time in the capture, or within three days of it.
    #[must_use]
    pub fn date(&self) -> Option<GpsTime> {
        self.certain.or(self.likely)
    }
}

/// The time of a message that knows it.
pub(super) fn certain(message: &Message) -> Option<GpsTime> {
    match message {
        Message::Ubx(Packet::RxmRawx(rawx)) => rawx_time(rawx),
        Message::Ubx(Packet::NavPvt(pvt)) if pvt.date_valid && pvt.time_valid => {
            let seconds = f64::from(pvt.hour) * 3600.0 + f64::from(pvt.minute) * 60.0 + f64::from(pvt.second);
            GpsTime::of_utc((pvt.year, pvt.month, pvt.day), seconds)
        }
        Message::Nmea(nmea::Sentence { body: nmea::Body::Rmc(rmc), .. }) if rmc.valid => {
            utc(rmc.date?, rmc.time?)
        }
        _ => None,
    }
}

/// The time of RXM-RAWX; none before the receiver knows its week.
pub(super) fn rawx_time(rawx: &crate::decode::ubx::RxmRawx) -> Option<GpsTime> {
    let known = rawx.week != 0 && (0.0..604_800.0).contains(&rawx.time_of_week_s);
    known.then(|| GpsTime::of_week(rawx.week.into(), rawx.time_of_week_s))
}

fn likely(message: &Message) -> Option<GpsTime> {
    match message {
        Message::Nmea(nmea::Sentence { body: nmea::Body::Zda(zda), .. }) => utc(zda.date?, zda.time?),
        Message::Rtcm(rtcm::Message { body: rtcm::Body::Ephemeris(ephemeris), .. }) => {
            let (week, toe_s) = (i64::from(ephemeris.week?), f64::from(ephemeris.reference_time_s));
            match ephemeris.fields {
                EphemerisFields::GalileoFnav(_) | EphemerisFields::GalileoInav(_) => {
                    Some(GpsTime::of_week(week + GALILEO_WEEK, toe_s))
                }
                EphemerisFields::Beidou(_) => {
                    Some(GpsTime::of_week(week + BEIDOU_WEEK, toe_s + GPS_AHEAD_OF_BEIDOU_S as f64))
                }
                EphemerisFields::Gps(_) | EphemerisFields::Glonass(_) => None,
            }
        }
        _ => None,
    }
}

fn utc(date: nmea::Date, time: nmea::TimeOfDay) -> Option<GpsTime> {
    let seconds = f64::from(time.hour) * 3600.0 + f64::from(time.minute) * 60.0 + time.second;
    GpsTime::of_utc((date.year, date.month, date.day), seconds)
}
