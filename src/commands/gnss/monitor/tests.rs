//! Verdicts by table, and the page as it looks.

use std::collections::VecDeque;
use std::time::Duration;

use insta::assert_snapshot;
use kit::machine::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use wire::gps_status::{
    Antenna, Caster, Corrections, FixQuality, GpsStatus, Line, Mode, Receiver, RtcmMessage, Satellite,
    Signal, Station, SurveyIn,
};

use super::page::{Page, View, draw};
use super::seen::{News, Seen};
use super::verdict::{Finding, Link, Standing, Verdict};

/// 2026-01-05 12:00:00 UTC
const START: Duration = Duration::from_secs(1_767_614_400);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn ms(at: Timestamp) -> u64 {
    at.as_millis() as u64
}

/// A base that makes corrections, of a depot that hands them to two clients, as of a time.
fn status(now: Timestamp) -> GpsStatus {
    let rtcm = |number, ago_ms| RtcmMessage {
        number,
        count: 1_200,
        last_seen: ms(now) - ago_ms,
        interval_ms: Some(1_000.4),
        jitter_ms: Some(12.3),
    };
    let satellite = |constellation: &'static str, number, cn0_dbhz: f64| Satellite {
        constellation: constellation.into(),
        number,
        elevation_deg: Some(45.0),
        azimuth_deg: Some(183.0),
        used: Some(true),
        signals: vec![
            Signal { band: "L1".into(), cn0_dbhz },
            Signal { band: "L2".into(), cn0_dbhz: cn0_dbhz - 6.0 },
        ],
    };
    GpsStatus {
        connected: true,
        mode: Mode::Base,
        fix_quality: FixQuality::Gps,
        satellites: 24,
        latitude: Some(46.948_09),
        longitude: Some(7.447_44),
        altitude: Some(540.4),
        hdop: Some(0.6),
        survey_in: Some(SurveyIn {
            active: false,
            valid: true,
            duration: 300,
            accuracy: 0.8383,
            observations: 301,
        }),
        rtcm_messages: vec![rtcm(1005, 400), rtcm(1077, 100), rtcm(1087, 90)],
        clients: Some(2),
        last_update: ms(now),
        satellites_in_view: vec![satellite("gps", 5, 44.0), satellite("glonass", 12, 47.0)],
        station: Some(Station {
            id: 3,
            ecef_m: [4_325_000.0, 565_000.0, 4_638_000.0],
            latitude: 46.948_09,
            longitude: 7.447_44,
            ellipsoidal_height_m: 590.0,
            antenna_height_m: None,
        }),
        receiver: Some(Receiver {
            model: Some("ZED-F9P".into()),
            firmware: Some("HPG 1.32".into()),
            protocol: Some("27.31".into()),
            software: "EXT CORE 1.00".into(),
            hardware: "00190000".into(),
        }),
        antennas: vec![Antenna { block: 0, state: "ok".into(), power: "on".into(), jamming: 8 }],
        errors: wire::gps_status::Errors { bad_checksum: 1, noise_bytes: 17, ..Default::default() },
        line: Some(Line {
            device: "/dev/ttyACM0".into(),
            baud: Some(460_800),
            bytes_per_second: 4_400.0,
            load: Some(0.095),
        }),
        caster: None,
    }
}

fn seen(depot: bool, now: Timestamp, change: impl FnOnce(&mut GpsStatus)) -> Seen {
    let (mut seen, mut status) = (Seen::of(depot), status(now));
    change(&mut status);
    seen.take(now, News::Status(Box::new(status)));
    seen
}

fn verdict(seen: &Seen, now: Timestamp) -> Verdict {
    Verdict::of(seen, now, None)
}

/// A change of a status that is all right, and what is found then.
type Case = (&'static str, fn(&mut GpsStatus), Option<Link>, Standing);

#[test]
fn every_broken_link_is_named() {
    let cases: [Case; 15] = [
        ("Serving corrections to 2 clients", |_| {}, None, Standing::Good),
        ("to one client", |s| s.clients = Some(1), None, Standing::Good),
        ("nobody is connected", |s| s.clients = Some(0), None, Standing::Good),
        ("no caster runs", |s| s.clients = None, Some(Link::Caster), Standing::Broken),
        ("not connected; plug it in", |s| s.connected = false, Some(Link::Port), Standing::Broken),
        (
            "the antenna is open",
            |s| s.antennas[0].state = "open".into(),
            Some(Link::Antenna),
            Standing::Broken,
        ),
        (
            "the antenna is shorted",
            |s| s.antennas[0].state = "short".into(),
            Some(Link::Antenna),
            Standing::Broken,
        ),
        (
            "hears no satellite",
            |s| (s.fix_quality, s.rtcm_messages, s.satellites_in_view) = (FixQuality::NoFix, vec![], vec![]),
            Some(Link::Antenna),
            Standing::Broken,
        ),
        (
            "no position yet",
            |s| (s.fix_quality, s.rtcm_messages) = (FixQuality::NoFix, vec![]),
            Some(Link::Receiver),
            Standing::Broken,
        ),
        (
            "120 s of survey-in, good to 2.50 m",
            |s| {
                s.survey_in = Some(SurveyIn {
                    active: true,
                    valid: false,
                    duration: 120,
                    accuracy: 2.5,
                    observations: 121,
                });
            },
            Some(Link::Receiver),
            Standing::Waiting,
        ),
        (
            "uses corrections and makes none",
            |s| (s.mode, s.rtcm_messages) = (Mode::Rover, vec![]),
            Some(Link::Receiver),
            Standing::Broken,
        ),
        ("sends no observations", |s| s.rtcm_messages.truncate(1), Some(Link::Frames), Standing::Broken),
        (
            "the last was a 1087",
            |s| s.rtcm_messages.iter_mut().for_each(|m| m.last_seen -= 10_001),
            Some(Link::Frames),
            Standing::Broken,
        ),
        ("without the antenna's position", |s| s.station = None, Some(Link::Frames), Standing::Broken),
        // What goes out is what counts, whatever the fix says.
        ("Serving corrections", |s| s.fix_quality = FixQuality::NoFix, None, Standing::Good),
    ];
    for (says, change, link, standing) in cases {
        let verdict = verdict(&seen(true, at(0), change), at(1));
        let sentence = verdict.sentence(at(1));
        assert!(sentence.contains(says), "{sentence}");
        assert_eq!((verdict.link(), verdict.standing()), (link, standing), "{sentence}");
        if let (Some(link), Standing::Broken) = (link, standing) {
            assert!(sentence.starts_with(&format!("Broken at the {} since ", link.name())), "{sentence}");
            assert_eq!(verdict.holds(link), Some(false), "{sentence}");
        }
        // To the right of what is broken nothing is known.
        let after = Link::ALL
            .into_iter()
            .filter(|other| link.is_some_and(|link| *other > link && *other != Link::Port));
        assert!(after.map(|link| verdict.holds(link)).all(|holds| holds.is_none()), "{sentence}");
    }
}

#[test]
fn silence_begins_when_the_receiver_was_last_heard() {
    let mut seen = seen(true, at(0), |_| {});
    assert_eq!(verdict(&seen, at(3)).standing(), Standing::Good);
    let silent = verdict(&seen, at(63));
    assert_eq!((&silent.finding, silent.since), (&Finding::Silent, at(0)));
    assert!(silent.sentence(at(63)).starts_with("Broken at the receiver since 12:00:00 UTC (63 s): "));
    // The same again, with more noise: bytes come that are no messages.
    let mut noisy = status(at(0));
    noisy.errors.noise_bytes += 500;
    seen.take(at(63), News::Status(Box::new(noisy)));
    let noisy = Verdict::of(&seen, at(64), Some(&silent));
    assert_eq!((noisy.finding.clone(), noisy.link()), (Finding::WrongBaud, Some(Link::Port)));
    // It speaks again.
    seen.take(at(70), News::Status(Box::new(status(at(70)))));
    assert_eq!(verdict(&seen, at(70)).standing(), Standing::Good);
}

#[test]
fn what_lasts_has_lasted_since_it_began() {
    let seen = |clients: u32, now| seen(true, now, |status| status.clients = Some(clients));
    let first = verdict(&seen(2, at(0)), at(0));
    let second = Verdict::of(&seen(3, at(100)), at(100), Some(&first));
    assert_eq!((second.finding.clone(), second.since), (Finding::Serving { clients: 3 }, at(0)));
    assert_eq!(second.sentence(at(180)), "Serving corrections to 3 clients, since 12:00:00 UTC (3 min)");
    let away = seen_away(&seen(3, at(100)), "connection refused");
    let third = Verdict::of(&away, at(200), Some(&second));
    assert_eq!(third.since, at(200));
    assert!(third.sentence(at(200)).starts_with("No depot answers (connection refused)"));
    assert!(Link::ALL.iter().all(|link| third.holds(*link).is_none()));
}

fn seen_away(seen: &Seen, why: &str) -> Seen {
    let mut seen = seen.clone();
    seen.take(at(200), News::Away(why.into()));
    seen
}

#[test]
fn a_caster_that_holds_back_says_why_and_since_when() {
    let mut seen = seen(true, at(0), |_| {});
    let served = |now, serving: bool| {
        let corrections = Corrections {
            serving,
            reason: (!serving).then(|| "moved".into()),
            message: "the base has moved 3.1 m from its configured point".into(),
            since: ms(at(10)),
            slow_clients: 0,
            refused: 0,
            raw_clients: 0,
        };
        let caster = Some(Caster { ntrip_clients: Vec::new(), corrections, pushes: Vec::new() });
        News::Status(Box::new(GpsStatus { caster, ..status(now) }))
    };
    seen.take(at(20), served(at(20), false));
    let held = verdict(&seen, at(20));
    assert_eq!((held.link(), held.since), (Some(Link::Caster), at(10)));
    let expected =
        "Broken at the caster since 12:00:10 UTC (10 s): the base has moved 3.1 m from its configured point";
    assert_eq!(held.sentence(at(20)), expected);
    seen.take(at(21), served(at(21), true));
    assert_eq!(verdict(&seen, at(21)).finding, Finding::Serving { clients: 2 });
}

#[test]
fn at_the_port_nobody_knows_of_a_caster() {
    let mut here = seen(false, at(0), |status| status.clients = None);
    assert_eq!(verdict(&here, at(0)).finding, Finding::Made);
    assert_eq!(verdict(&here, at(0)).holds(Link::Caster), None);
    let silent = seen(false, at(0), |status| status.rtcm_messages.clear());
    assert_eq!(verdict(&silent, at(2)).finding, Finding::NothingTold, "it may only not have said it yet");
    let mut silent_still = silent.clone();
    let mut later = status(at(5));
    later.rtcm_messages.clear();
    silent_still.take(at(5), News::Status(Box::new(later)));
    assert_eq!(verdict(&silent_still, at(5)).finding, Finding::NoRtcm);
    let mut gone = status(at(5));
    gone.connected = false;
    here.take(at(5), News::Status(Box::new(gone)));
    here.take(at(5), News::Away("/dev/ttyACM0 was unplugged".into()));
    let expected =
        "Broken at the port since 12:00:05 UTC (0 s): /dev/ttyACM0 was unplugged; waiting for the receiver";
    assert_eq!(verdict(&here, at(5)).sentence(at(5)), expected);
    here.take(at(6), News::Ended);
    assert_eq!(verdict(&here, at(6)).finding, Finding::Ended);
    assert_eq!(verdict(&Seen::of(false), at(0)).finding, Finding::NothingTold);
}

fn page(seen: &Seen, now: Timestamp, view: View, (width, height): (u16, u16)) -> String {
    let raw: VecDeque<String> = (0..100).map(|i| format!("UBX NAV-PVT {i}")).collect();
    let verdict = verdict(seen, now);
    let page = Page { verdict: &verdict, seen, now, origin: "/dev/ttyACM0", view, raw: &raw, notice: "" };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
    terminal.draw(|frame| draw(frame, &page)).expect("drawn");
    terminal.backend().to_string()
}

#[test]
fn the_page_of_a_base_that_serves() {
    assert_snapshot!(page(&seen(true, at(0), |_| {}), at(2), View::Status, (110, 22)), @r#"
    "/dev/ttyACM0──────────────────────────────────────────────────────────────────────────────────────────────────"
    "Serving corrections to 2 clients, since 12:00:02 UTC (0 s)                                                    "
    "                                                                                                              "
    "antenna ✓ → receiver ✓ → port ✓ → frames ✓ → caster ✓ → clients ✓                                             "
    "receiver──────────────────────────────────────────────────────────────────────────────────────────────────────"
    "ZED-F9P HPG 1.32  mode base  survey-in done, 300 s, 0.8383 m, 301 positions                                   "
    "fix GNSS, 24 satellites used  46.9480900, 7.4474400, 540.40 m above sea level                                 "
    "ARP: 46.94809000, 7.44744000, 590.0000 m ellipsoidal, station 3                                               "
    "antenna: block 0: ok, power on, jamming 8/255                                                                 "
    "RTCM 3───────────────────────────────────────────────── satellites: 2 in view, 2 heard, C/N0 in dB-Hz─────────"
    "type  count    Hz      jitter/ms age/s                      el  az       signals                              "
    "1005  1200     1.00    12        0.4                    R12 45  183 used L1 47  L2 41                         "
    "1077  1200     1.00    12        0.1                    G05 45  183 used L1 44  L2 38                         "
    "1087  1200     1.00    12        0.1                                                                          "
    "                                                                                                              "
    "                                                                                                              "
    "                                                                                                              "
    "clients, line, errors─────────────────────────────────────────────────────────────────────────────────────────"
    "2 clients                                                                                                     "
    "/dev/ttyACM0 at 460800 baud, 4400 bytes/s, 10 % of it                                                         "
    "1 bad checksums, 17 bytes of noise                                                                            "
    "s raw  r record  ? help  q quit                                                                               "
    "#);
}

#[test]
fn the_page_of_an_open_antenna_on_a_small_terminal() {
    let open = seen(true, at(0), |status| {
        status.antennas[0].state = "open".into();
        status.rtcm_messages.extend(status.rtcm_messages.clone());
    });
    assert_snapshot!(page(&open, at(2), View::Status, (80, 18)), @r#"
    "/dev/ttyACM0────────────────────────────────────────────────────────────────────"
    "Broken at the antenna since 12:00:02 UTC (0 s): the antenna is open; look at its"
    "cable and plugs                                                                 "
    "antenna ✗ → receiver ? → port ✓ → frames ? → caster ? → clients ?               "
    "receiver────────────────────────────────────────────────────────────────────────"
    "ZED-F9P HPG 1.32  mode base  survey-in done, 300 s, 0.8383 m, 301 positions     "
    "fix GNSS, 24 satellites used  46.9480900, 7.4474400, 540.40 m above sea level   "
    "ARP: 46.94809000, 7.44744000, 590.0000 m ellipsoidal, station 3                 "
    "antenna: block 0: open, power on, jamming 8/255                                 "
    "RTCM 3────────────────────────────────── satellites: 2 in view, 2 heard, C/N0 in"
    "type  count    Hz      jitter/ms age/s       el  az       signals               "
    "1005  1200     1.00    12        0.4     R12 45  183 used L1 47  L2 41          "
    "…     5 more                             G05 45  183 used L1 44  L2 38          "
    "clients, line, errors───────────────────────────────────────────────────────────"
    "2 clients                                                                       "
    "/dev/ttyACM0 at 460800 baud, 4400 bytes/s, 10 % of it                           "
    "1 bad checksums, 17 bytes of noise                                              "
    "s raw  r record  ? help  q quit                                                 "
    "#);
}

#[test]
fn help_and_raw() {
    let here = seen(false, at(0), |_| {});
    assert_snapshot!(page(&here, at(2), View::Help, (80, 20)), @r#"
    "/dev/ttyACM0────────────────────────────────────────────────────────────────────"
    "The receiver makes corrections, since 12:00:02 UTC (0 s)                        "
    "                                                                                "
    "antenna ✓ → receiver ✓ → port ✓ → frames ✓ → caster ? → clients ?               "
    "help────────────────────────────────────────────────────────────────────────────"
    "The first line says whether corrections go out, or which link is broken:        "
    "                                                                                "
    "  antenna   what the receiver says of it, and whether a satellite is heard      "
    "  receiver  whether it speaks, has its position, and makes corrections          "
    "  port      whether it is there, and bytes on it are messages                   "
    "  frames    whether RTCM has observations and the antenna's position            "
    "  caster    whether the depot hands them on, and if not, why                    "
    "  clients   who takes them                                                      "
    "                                                                                "
    "  s  the messages as they come, and back      r  record the raw bytes, and stop "
    "  ?  this, and back                           q  end                            "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "s raw  r record  ? help  q quit                                                 "
    "#);
    assert_snapshot!(page(&here, at(2), View::Raw, (60, 9)), @r#"
    "/dev/ttyACM0────────────────────────────────────────────────"
    "The receiver makes corrections, since 12:00:02 UTC (0 s)    "
    "                                                            "
    "antenna ✓ → receiver ✓ → port ✓ → frames ✓ → caster ? → clie"
    "messages, the newest last───────────────────────────────────"
    "UBX NAV-PVT 97                                              "
    "UBX NAV-PVT 98                                              "
    "UBX NAV-PVT 99                                              "
    "s raw  r record  ? help  q quit                             "
    "#);
}

/// Any size, any status: nothing panics.
#[test]
fn no_terminal_is_too_small() {
    for width in [1, 7, 40, 300] {
        for height in [1, 3, 5, 9, 60] {
            for view in [View::Status, View::Raw, View::Help] {
                page(&seen(true, at(0), |_| {}), at(2), view, (width, height));
                page(&Seen::of(true), at(2), view, (width, height));
            }
        }
    }
}
