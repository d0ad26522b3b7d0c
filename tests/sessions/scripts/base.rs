//! The base and its receiver.

use gps_status::SERVICE as GPS;
use serde_json::{Value, json};

use crate::sessions::stage::Stage;

/// From power-up through survey-in to the first corrections, with two consoles, one of which leaves early.
pub fn survey_in() -> Stage {
    let mut s = Stage::new(&[GPS], Some("scenario:seed=1,survey=20,accuracy=2,duration=45"));
    s.until(300);
    let first = s.opens(GPS, "/ws", "");
    s.until(2_000);
    s.asks(GPS, "GET /health", "");
    s.until(5_200);
    s.asks(GPS, "GET /status", "");
    s.until(8_000);
    let second = s.opens(GPS, "/ws", "min_interval_ms=500");
    s.until(15_000);
    s.asks(GPS, "GET /nothing?here=1", "");
    s.asks(GPS, "POST /status", "");
    s.until(30_300);
    s.pinged(GPS, first);
    s.until(33_000);
    s.leaves(GPS, second, Some(1000));
    s.until(44_000);
    s.asks(GPS, "GET /status", "");
    s
}

/// A receiver that is unplugged, comes back, and falls silent, on a bad line; a console that lags, one that
/// talks nonsense, one that has nothing to look for here; and a system clock that learns the time.
pub fn receiver_unplugged() -> Stage {
    let receiver = "scenario:seed=2,survey=5,accuracy=5,duration=40,arp=5,noise=0.0005,flip=0.00005,unplug=16+4,silence=30+5";
    let mut s = Stage::new(&[GPS], Some(receiver));
    let first = s.opens(GPS, "/ws", "");
    s.until(100);
    let lagging = s.opens(GPS, "/ws", "batch_ms=100");
    s.until(1_000);
    s.opens(GPS, "/feed", "");
    s.until(1_500);
    s.opens(GPS, "/elsewhere", "");
    s.until(3_000);
    s.says(GPS, first, "hello?");
    s.says(GPS, first, r#"{"type":"hello"}"#);
    s.sends_binary(GPS, first, 5);
    s.until(12_000);
    s.stalls(GPS, lagging);
    s.until(14_000);
    s.clock_steps(GPS, 3_600_000);
    s.until(18_000);
    s.asks(GPS, "GET /health", "");
    s.until(19_000);
    s.reads_again(GPS, lagging);
    s.until(25_000);
    s.stalls(GPS, lagging);
    s.until(34_000);
    s.asks(GPS, "GET /status", "");
    s.until(36_000);
    s.reads_again(GPS, lagging);
    s.until(37_000);
    s.leaves(GPS, first, None);
    s
}

/// A base that serves corrections and is knocked over: the caster's alarm, and its way back; a rover that comes and
/// leaves meanwhile, and a system clock that learns the time.
pub fn moved() -> Stage {
    let mut s = Stage::new(&[GPS], Some("scenario:seed=3,survey=4,accuracy=20,duration=16"));
    s.until(100);
    s.caster_tells(GPS, &caster(0, "receiver_gone"));
    s.until(300);
    let console = s.opens(GPS, "/ws", "");
    s.until(1_000);
    s.caster_tells(GPS, &caster(0, "survey_in"));
    s.until(2_500);
    s.caster_tells(GPS, &caster(1, "survey_in"));
    s.until(7_000);
    s.caster_tells(GPS, &caster(1, "serving"));
    s.until(9_000);
    s.clock_steps(GPS, 3_600_000);
    s.asks(GPS, "GET /status", "");
    s.until(10_000);
    s.caster_tells(GPS, &caster(1, "moved"));
    s.until(11_000);
    s.asks(GPS, "GET /status", "");
    // Of another depot: it tells nothing here, and harms nothing.
    s.caster_tells(GPS, &json!({ "clients": "many" }));
    s.caster_tells(GPS, &caster(0, "moved"));
    s.until(13_000);
    s.caster_tells(GPS, &caster(0, "serving"));
    s.until(15_000);
    s.asks(GPS, "GET /status", "");
    s.leaves(GPS, console, Some(1000));
    s
}

fn caster(clients: u32, word: &str) -> Value {
    let client = json!({
        "mountpoint": "ROVER", "user": "bvr-01", "address": "10.0.0.7:50123", "userAgent": "NTRIP rover/1",
        "connectedSince": 1_800_000_000_000u64, "bytes": 8800, "latitude": -45.8775, "longitude": 170.5,
        "fixQuality": 4, "correctionAge": 1.2, "lastGga": 1_800_000_001_000u64,
    });
    let serving = word == "serving";
    json!({
        "clients": clients,
        "ntripClients": vec![client; clients as usize],
        "corrections": {
            "serving": serving, "reason": if serving { Value::Null } else { word.into() },
            "message": format!("as told: {word}"), "since": 1_800_000_000_500u64,
            "slowClients": 0, "refused": 0, "rawClients": 0,
        },
        "pushes": [],
    })
}
