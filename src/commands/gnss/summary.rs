//! `depot gnss summary FILE`: what a capture holds, as a table or as one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use rtk_reader::decode::{Message, decode, nmea, rtcm, ubx};
use rtk_reader::frame::{Census, Frame, Framer, MessageId, Summary as Counts};
use rtk_reader::source::StreamTime;
use serde::Serialize;

use super::{
    input::{name, read_all},
    print,
};
use crate::cli::Summary;
use crate::error::Error;

/// Message types whose intervals are kept; those over it are counted, without intervals. A receiver sends
/// about thirty, hostile bytes can make up any number.
const TIMED_MESSAGES: usize = 1024;

/// Reads a capture and prints what it holds.
pub fn run(args: &Summary) -> Result<ExitCode, Error> {
    let mut framer = Framer::new();
    let mut scan = Scan { time: StreamTime::measuring(), ..Scan::default() };
    let input = read_all(&args.file, |bytes| {
        framer.push(Duration::ZERO, bytes, &mut |frame| scan.add(&frame));
        Ok(true)
    })?;
    framer.finish(&mut |frame| scan.add(&frame));
    let counts = framer.counts();
    let failures = Failures {
        bad_checksum: counts.bad_checksums(),
        false_starts: counts.false_starts,
        oversize: counts.oversize,
    };
    let report = scan.report(input.bytes, scan.census.summary(counts), failures);
    if counts.frames() == 0 {
        // A program may want to know what was there instead.
        if args.json {
            print(&report.json())?;
        }
        return Err(Error::NotGnss { path: name(&args.file), bytes: input.bytes });
    }
    let text = if args.json { report.json() } else { report.table(&name(&args.file)) };
    print(&text)?;
    input.damage.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// What is gathered frame by frame.
#[derive(Default)]
struct Scan {
    census: Census,
    time: StreamTime,
    seen: BTreeMap<MessageId, Seen>,
    undecodable: u64,
    position: Option<Position>,
    /// The last ARP.
    station: Option<rtcm::Station>,
}

/// When a message was seen, on the stream's own time line.
#[derive(Clone, Copy)]
struct Seen {
    count: u64,
    first: Duration,
    last: Duration,
    longest_gap: Duration,
}

impl Scan {
    fn add(&mut self, frame: &Frame<'_>) {
        self.census.add(frame);
        let at = self.time.at(frame);
        let known = self.seen.len();
        match self.seen.get_mut(&frame.id()) {
            Some(seen) => {
                seen.longest_gap = seen.longest_gap.max(at.saturating_sub(seen.last));
                seen.last = at;
                seen.count += 1;
            }
            None if known < TIMED_MESSAGES => {
                self.seen
                    .insert(frame.id(), Seen { count: 1, first: at, last: at, longest_gap: Duration::ZERO });
            }
            None => {}
        }
        self.look_into(&decode(frame));
    }

    fn look_into(&mut self, message: &Message) {
        match message {
            Message::Nmea(sentence) => match &sentence.body {
                nmea::Body::Gga(gga) if gga.quality > 0 => {
                    self.at(Fineness::Gga, gga.latitude_deg, gga.longitude_deg, gga.altitude_m);
                }
                nmea::Body::Gns(gns) => {
                    self.at(Fineness::Gns, gns.latitude_deg, gns.longitude_deg, gns.altitude_m);
                }
                nmea::Body::Rmc(rmc) if rmc.valid => {
                    self.at(Fineness::Flat, rmc.latitude_deg, rmc.longitude_deg, None);
                }
                nmea::Body::Gll(gll) if gll.valid => {
                    self.at(Fineness::Flat, gll.latitude_deg, gll.longitude_deg, None);
                }
                nmea::Body::Malformed { .. } => self.undecodable += 1,
                _ => {}
            },
            Message::Ubx(packet) => match packet {
                ubx::Packet::NavPvt(pvt) if pvt.fix_ok => {
                    self.at(
                        Fineness::Pvt,
                        Some(pvt.latitude_deg),
                        Some(pvt.longitude_deg),
                        Some(pvt.altitude_m),
                    );
                }
                ubx::Packet::NavHpposllh(hp) if !hp.invalid => {
                    self.at(Fineness::Hp, Some(hp.latitude_deg), Some(hp.longitude_deg), Some(hp.altitude_m));
                }
                ubx::Packet::Malformed { .. } => self.undecodable += 1,
                _ => {}
            },
            Message::Rtcm(message) => match &message.body {
                rtcm::Body::Station(station) => self.station = Some(station.clone()),
                rtcm::Body::Malformed { .. } => self.undecodable += 1,
                _ => {}
            },
        }
    }

    /// The finest position there is, and of those the last.
    fn at(
        &mut self,
        fineness: Fineness,
        latitude: Option<f64>,
        longitude: Option<f64>,
        altitude_m: Option<f64>,
    ) {
        let (Some(latitude_deg), Some(longitude_deg)) = (latitude, longitude) else { return };
        if self.position.as_ref().is_none_or(|position| position.fineness <= fineness) {
            self.position = Some(Position { fineness, latitude_deg, longitude_deg, altitude_m });
        }
    }

    fn report(&self, total_bytes: u64, counts: Counts, failures: Failures) -> Report {
        let span = self.time.now();
        let rate = |seen: &Seen| {
            let span_s = (seen.last - seen.first).as_secs_f64();
            (seen.count > 1 && span_s > 0.0).then(|| round((seen.count - 1) as f64 / span_s))
        };
        let messages = self.seen.iter().map(|(id, seen)| Row {
            protocol: match id {
                MessageId::Nmea(_) => "nmea",
                MessageId::Ubx(..) => "ubx",
                MessageId::Rtcm(_) => "rtcm",
            },
            message: id.to_string(),
            count: seen.count,
            rate_hz: rate(seen),
            longest_gap_s: (seen.count > 1).then(|| round(seen.longest_gap.as_secs_f64())),
        });
        Report {
            messages: messages.collect(),
            span_s: round(span.as_secs_f64()),
            total_bytes,
            undecodable: self.undecodable,
            position: self.position,
            station: self.station.clone(),
            failures,
            counts,
        }
    }
}

/// All that is told. Its JSON holds the keys of `counts` beside the others.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    counts: Counts,
    total_bytes: u64,
    /// From the first time in the stream to the last, seconds.
    span_s: f64,
    messages: Vec<Row>,
    undecodable: u64,
    failures: Failures,
    position: Option<Position>,
    /// The last ARP.
    station: Option<rtcm::Station>,
}

#[derive(Serialize)]
struct Row {
    protocol: &'static str,
    message: String,
    count: u64,
    /// Mean, Hz; none where the stream says no time.
    rate_hz: Option<f64>,
    longest_gap_s: Option<f64>,
}

#[derive(Clone, Copy, Serialize)]
struct Failures {
    bad_checksum: u64,
    false_starts: u64,
    oversize: u64,
}

/// Which message a position is from, the coarsest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fineness {
    /// RMC, GLL: no height.
    Flat,
    Gns,
    Gga,
    Pvt,
    Hp,
}

#[derive(Clone, Copy, Serialize)]
struct Position {
    #[serde(skip)]
    fineness: Fineness,
    latitude_deg: f64,
    longitude_deg: f64,
    /// Above mean sea level.
    altitude_m: Option<f64>,
}

impl Report {
    fn json(&self) -> String {
        // Numbers and strings: it can't fail.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    fn table(&self, name: &str) -> String {
        let mut text = format!("{name}: {} bytes, {} s\n\n", self.total_bytes, self.span_s);
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_string(), |value| format!("{value:.3}"));
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:8} {:14} {:>8} {:>9} {:>9}", "", "message", "count", "rate/Hz", "gap/s");
        for row in &self.messages {
            let (rate, gap) = (shown(row.rate_hz), shown(row.longest_gap_s));
            let _ =
                writeln!(text, "{:8} {:14} {:>8} {rate:>9} {gap:>9}", row.protocol, row.message, row.count);
        }
        let Failures { bad_checksum, false_starts, oversize } = self.failures;
        let nocs = self.counts.failed_candidates.get("nmea-nocs").copied().unwrap_or(0);
        let _ = writeln!(
            text,
            "\nnot used: {} bytes in {} runs; {bad_checksum} bad checksums, {nocs} lines without one, \
             {false_starts} cut off, {oversize} too long; {} good frames that make no sense",
            self.counts.unframed_bytes, self.counts.unframed_runs, self.undecodable
        );
        if let Some(Position { latitude_deg, longitude_deg, altitude_m, .. }) = self.position {
            let altitude =
                altitude_m.map_or_else(String::new, |m| format!(", {m:.3} m above mean sea level"));
            let _ = writeln!(text, "position: {latitude_deg:.8}, {longitude_deg:.8}{altitude}");
        }
        if let Some(station) = &self.station {
            let (id, [x, y, z]) = (station.station_id, station.ecef_m);
            let (latitude_deg, longitude_deg, height_m) =
                (station.latitude_deg, station.longitude_deg, station.height_m);
            let _ = writeln!(
                text,
                "station {id}: ARP at {latitude_deg:.8}, {longitude_deg:.8}, {height_m:.4} m above the ellipsoid \
                 (ECEF {x:.4}, {y:.4}, {z:.4} m)"
            );
        }
        text
    }
}

/// To a thousandth.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
