//! The sourcetable: CAS, NET and STR lines.
//!
//! Fields and their order are NTRIP 2.0's (RTCM 10410.1); rev 1's are the same.

use std::time::Duration;

use super::{Facts, Mountpoint};
use crate::decode::Constellation;

/// What the receiver can't know, for the table. A text left empty is told as `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Where clients reach the caster; host or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The place, `Dunedin`.
    pub name: String,
    /// Who runs it.
    pub operator: String,
    /// Three letters after ISO 3166.
    pub country: String,
    /// A password is asked for.
    pub authenticates: bool,
}

/// The whole table, with CR LF and its end.
#[must_use]
pub fn sourcetable(identity: &Identity, mountpoints: &[Mountpoint], facts: &Facts) -> String {
    let (latitude, longitude) = position(facts);
    let name = field(&identity.name);
    let operator = field(&identity.operator);
    let country = country(identity);
    let auth = if identity.authenticates { "B" } else { "N" };
    let mut table = format!(
        "CAS;{};{};{name};{operator};0;{country};{latitude};{longitude};0.0.0.0;0;none\r\nNET;{name};{operator};{auth};N;none;none;none;none\r\n",
        field(&identity.host),
        identity.port,
    );
    for mountpoint in mountpoints {
        table.push_str("STR;");
        table.push_str(&str_fields(identity, mountpoint, facts));
        table.push_str("\r\n");
    }
    table.push_str("ENDSOURCETABLE\r\n");
    table
}

/// One mountpoint's line without `STR;`: also what a push tells the outside caster.
#[must_use]
pub fn str_fields(identity: &Identity, mountpoint: &Mountpoint, facts: &Facts) -> String {
    let takes = |number: u16| mountpoint.takes(Some(number));
    let details: Vec<String> =
        facts.types(takes).map(|(number, facts)| format!("{number}{}", rate(facts.interval()))).collect();
    let systems: Vec<&str> = facts.systems(takes).into_iter().map(system).collect();
    let (latitude, longitude) = position(facts);
    let name = field(&identity.name);
    [
        mountpoint.name.clone(),
        name.clone(),
        "RTCM 3.3".to_owned(),
        details.join(","),
        facts.carriers(takes).to_string(),
        systems.join("+"),
        name,
        country(identity),
        latitude,
        longitude,
        // No position is needed of the client, and there is one base.
        "0;0".to_owned(),
        facts.model().map_or_else(|| "none".to_owned(), field),
        "none".to_owned(),
        if identity.authenticates { "B" } else { "N" }.to_owned(),
        "N".to_owned(),
        format!("{:.0}", facts.bits_per_s(takes)),
        "none".to_owned(),
    ]
    .join(";")
}

/// Seconds between two in parentheses; nothing as long as that isn't known.
fn rate(interval: Option<Duration>) -> String {
    let Some(interval) = interval else { return String::new() };
    let s = interval.as_secs_f64();
    if s < 0.95 { format!("({s:.1})") } else { format!("({s:.0})") }
}

fn position(facts: &Facts) -> (String, String) {
    let (latitude, longitude) = facts.position_deg().unwrap_or_default();
    (format!("{latitude:.4}"), format!("{longitude:.4}"))
}

fn country(identity: &Identity) -> String {
    if identity.country.is_empty() { "XXX".to_owned() } else { field(&identity.country) }
}

/// A field holds no separator and no line end.
fn field(text: &str) -> String {
    let clean: String = text.chars().filter(|c| *c != ';' && !c.is_control()).collect();
    if clean.trim().is_empty() { "none".to_owned() } else { clean.trim().to_owned() }
}

fn system(constellation: Constellation) -> &'static str {
    match constellation {
        Constellation::Gps => "GPS",
        Constellation::Glonass => "GLO",
        Constellation::Galileo => "GAL",
        Constellation::Beidou => "BDS",
        Constellation::Qzss => "QZS",
        Constellation::Sbas => "SBAS",
        Constellation::Navic => "IRN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::decode::rtcm;

    fn station(latitude_deg: f64, longitude_deg: f64) -> rtcm::Message {
        let station = rtcm::Station {
            station_id: 0,
            itrf_year: 0,
            gps: true,
            glonass: true,
            galileo: true,
            virtual_station: false,
            single_oscillator: true,
            quarter_cycle: 0,
            ecef_m: [0.0; 3],
            latitude_deg,
            longitude_deg,
            height_m: 0.0,
            antenna_height_m: None,
        };
        rtcm::Message { number: Some(1005), body: rtcm::Body::Station(station) }
    }

    fn msm(number: u16, constellation: Constellation, bands: &[&'static str]) -> rtcm::Message {
        let signals = bands.iter().map(|band| rtcm::MsmSignal {
            satellite: crate::decode::SatelliteId { constellation, number: 1 },
            code: None,
            signal: 2,
            band: Some(band),
            cn0_dbhz: None,
            pseudorange_m: None,
            phaserange_m: None,
            phaserange_rate_mps: None,
            lock_indicator: 0,
            half_cycle: false,
        });
        let body = rtcm::Body::Msm(rtcm::Msm {
            constellation,
            level: 7,
            station_id: 0,
            epoch_ms: 0,
            glonass_day: None,
            multiple: false,
            iods: 0,
            clock_steering: 0,
            external_clock: 0,
            smoothing: false,
            smoothing_interval: 0,
            satellites: Vec::new(),
            glonass_channels: Vec::new(),
            signals: signals.collect(),
        });
        rtcm::Message { number: Some(number), body }
    }

    fn facts() -> Facts {
        let mut facts = Facts::default();
        for second in 0..20u64 {
            let at = Timestamp::from_secs(1_800_000_000 + second);
            if second % 10 == 0 {
                facts.rtcm(at, 25, &station(-45.877_567, 170.500_111));
            }
            facts.rtcm(at, 500, &msm(1077, Constellation::Gps, &["L1", "L2"]));
            facts.rtcm(at, 300, &msm(1127, Constellation::Beidou, &["B1I"]));
            facts.rtcm(at + Duration::from_millis(500), 100, &msm(1097, Constellation::Galileo, &["E1"]));
            facts.rtcm(at, 100, &msm(1097, Constellation::Galileo, &["E1"]));
        }
        facts
    }

    #[test]
    fn lines_say_what_is_sent() {
        let identity = Identity {
            host: "depot.local".into(),
            port: 2101,
            name: "Dun;edin\r\n".into(),
            operator: "Fleet".into(),
            country: "NZL".into(),
            authenticates: true,
        };
        let mountpoints = [
            Mountpoint::all("ROVER"),
            "ROVER_B=1005,1127".parse().expect("a mountpoint"),
            "NONE=4072".parse().expect("a mountpoint"),
        ];
        insta::assert_snapshot!(sourcetable(&identity, &mountpoints, &facts()).replace('\r', ""), @"
        CAS;depot.local;2101;Dunedin;Fleet;0;NZL;-45.8776;170.5001;0.0.0.0;0;none
        NET;Dunedin;Fleet;B;N;none;none;none;none
        STR;ROVER;Dunedin;RTCM 3.3;1005(10),1077(1),1097(0.5),1127(1);2;GPS+GAL+BDS;Dunedin;NZL;-45.8776;170.5001;0;0;none;none;B;N;8130;none
        STR;ROVER_B;Dunedin;RTCM 3.3;1005(10),1127(1);1;BDS;Dunedin;NZL;-45.8776;170.5001;0;0;none;none;B;N;2420;none
        STR;NONE;Dunedin;RTCM 3.3;;0;;Dunedin;NZL;-45.8776;170.5001;0;0;none;none;B;N;0;none
        ENDSOURCETABLE
        ");
    }

    #[test]
    fn before_the_receiver_spoke_nothing_is_claimed() {
        let table = sourcetable(&Identity::default(), &[Mountpoint::all("ROVER")], &Facts::default());
        insta::assert_snapshot!(table.replace('\r', ""), @"
        CAS;none;0;none;none;0;XXX;0.0000;0.0000;0.0.0.0;0;none
        NET;none;none;N;N;none;none;none;none
        STR;ROVER;none;RTCM 3.3;;0;;none;XXX;0.0000;0.0000;0;0;none;none;N;N;0;none
        ENDSOURCETABLE
        ");
    }

    #[test]
    fn what_is_no_longer_sent_is_listed_no_more() {
        let mut facts = facts();
        let later = Timestamp::from_secs(1_800_000_200);
        facts.rtcm(later, 500, &msm(1077, Constellation::Gps, &["L1"]));
        assert_eq!(facts.types(|_| true).map(|(number, _)| number).collect::<Vec<_>>(), [1077]);
        assert_eq!(facts.types(|_| true).next().and_then(|(_, facts)| facts.interval()), None);
    }

    #[test]
    fn types_are_bounded() {
        let mut facts = Facts::default();
        for number in 1..4000 {
            facts.rtcm(
                Timestamp::from_secs(1),
                9,
                &rtcm::Message { number: Some(number), body: rtcm::Body::Unknown { length: 3 } },
            );
        }
        assert_eq!(facts.types(|_| true).count(), super::super::MAX_TYPES);
    }
}
