//! Our reading of NMEA sentences against the `nmea` crate's, on every sentence of the captures it reads.

use nmea::ParseResult;
use rtk_reader::{
    decode::{
        Message,
        nmea::{Body, Gga, Gll, Gst, Rmc, TimeOfDay, Txt, Vtg, Zda},
    },
    frame::Protocol,
};

use crate::captures;

#[test]
fn agrees_with_the_nmea_crate() {
    let Some(names) = captures::names() else { return };
    let mut compared = [0; 7];
    for name in names {
        for (protocol, bytes) in captures::frames(&captures::read(&name).unwrap()) {
            if protocol != Protocol::Nmea {
                continue;
            }
            let line = std::str::from_utf8(&bytes).unwrap().trim_end();
            let (Ok(theirs), Message::Nmea(ours)) =
                (nmea::parse_str(line), captures::message(protocol, &bytes))
            else {
                continue;
            };
            if let Some(kind) = compare(&theirs, &ours.body, line) {
                compared[kind] += 1;
            }
        }
    }
    assert!(compared.iter().all(|count| *count > 0), "{compared:?}");
}

/// Which kind it was, if it is one of those the crate reads well enough to compare.
fn compare(theirs: &ParseResult, ours: &Body, line: &str) -> Option<usize> {
    match (theirs, ours) {
        (ParseResult::GGA(theirs), Body::Gga(Gga { latitude_deg, longitude_deg, .. })) => {
            let Body::Gga(ours) = ours else { unreachable!() };
            assert_eq!((theirs.latitude, theirs.longitude), (*latitude_deg, *longitude_deg), "{line}");
            assert_eq!(theirs.fix_satellites, ours.satellites_used.map(u32::from), "{line}");
            same_f32(
                &[theirs.hdop, theirs.altitude, theirs.geoid_separation],
                &[ours.hdop, ours.altitude_m, ours.geoid_separation_m],
                line,
            );
            same_time(theirs.fix_time, ours.time, line);
            Some(0)
        }
        (
            ParseResult::RMC(theirs),
            Body::Rmc(Rmc { time, date, latitude_deg, longitude_deg, speed_knots, course_deg, .. }),
        ) => {
            assert_eq!((theirs.lat, theirs.lon), (*latitude_deg, *longitude_deg), "{line}");
            same_f32(&[theirs.speed_over_ground, theirs.true_course], &[*speed_knots, *course_deg], line);
            same_time(theirs.fix_time, *time, line);
            let date = date.map(|date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day));
            assert_eq!(theirs.fix_date.map(|date| date.to_string()), date, "{line}");
            Some(1)
        }
        (ParseResult::GLL(theirs), Body::Gll(Gll { latitude_deg, longitude_deg, time, valid, .. })) => {
            assert_eq!((theirs.latitude, theirs.longitude), (*latitude_deg, *longitude_deg), "{line}");
            assert_eq!(theirs.valid, *valid, "{line}");
            same_time(theirs.fix_time, *time, line);
            Some(2)
        }
        (
            ParseResult::GST(theirs),
            Body::Gst(Gst {
                time, range_rms_m, latitude_error_m, longitude_error_m, altitude_error_m, ..
            }),
        ) => {
            same_time(theirs.time, *time, line);
            same_f32(
                &[theirs.rms_sd, theirs.lat_sd, theirs.long_sd, theirs.alt_sd],
                &[*range_rms_m, *latitude_error_m, *longitude_error_m, *altitude_error_m],
                line,
            );
            Some(3)
        }
        (ParseResult::VTG(theirs), Body::Vtg(Vtg { course_deg, speed_knots, .. })) => {
            same_f32(&[theirs.true_course, theirs.speed_over_ground], &[*course_deg, *speed_knots], line);
            Some(4)
        }
        (ParseResult::ZDA(theirs), Body::Zda(Zda { time, .. })) => {
            same_time(theirs.utc_time, *time, line);
            Some(5)
        }
        (ParseResult::TXT(theirs), Body::Txt(Txt { sentences, sentence, identifier, text })) => {
            assert_eq!((theirs.count, theirs.seq, theirs.text_ident), (*sentences, *sentence, *identifier));
            assert_eq!(theirs.text.as_str(), text, "{line}");
            Some(6)
        }
        _ => None,
    }
}

fn same_f32<const N: usize>(theirs: &[Option<f32>; N], ours: &[Option<f64>; N], line: &str) {
    #[expect(clippy::cast_possible_truncation, reason = "to their precision")]
    let ours = ours.map(|value| value.map(|value| value as f32));
    assert_eq!(*theirs, ours, "{line}");
}

fn same_time(theirs: Option<impl ToString>, ours: Option<TimeOfDay>, line: &str) {
    // As `hh:mm:ss` with whatever decimals there are.
    let theirs = theirs.map(|time| {
        let text = time.to_string();
        let second: f64 = text[6..].parse().unwrap();
        (text[..5].to_owned(), second)
    });
    let ours = ours.map(|time| (format!("{:02}:{:02}", time.hour, time.minute), time.second));
    assert_eq!(theirs, ours, "{line}");
}
