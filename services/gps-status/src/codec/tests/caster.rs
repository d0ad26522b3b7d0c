//! What the NTRIP caster beside the service tells.

use super::*;

const REPORT: &str = r#"{"clients":2,"ntripClients":[{"mountpoint":"ROVER","user":null,"address":"10.0.0.7:4711",
"userAgent":"NTRIP x","connectedSince":1700000000000,"bytes":4400,"latitude":45.06,"longitude":7.66,"fixQuality":4,
"correctionAge":1.4,"lastGga":1700000001000}],"corrections":{"serving":false,"reason":"moved",
"message":"no corrections","since":1700000000500,"slowClients":1,"refused":3,"rawClients":0},"pushes":[]}"#;

fn status(bench: &mut Bench) -> serde_json::Value {
    let request = Input::Http {
        id: 1,
        method: "GET".to_owned(),
        path: "/status".to_owned(),
        query: String::new(),
        body: String::new(),
        idempotency_key: None,
    };
    let out = bench.handle(request);
    let Some(Output::Http { body, .. }) = out.first() else { panic!("{out:?}") };
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn without_a_caster_nothing_is_claimed() {
    let status = status(&mut Bench::open());
    assert!(status["clients"].is_null());
    let fields = status.as_object().expect("an object");
    for field in ["ntripClients", "corrections", "pushes"] {
        assert!(!fields.contains_key(field), "as before there were casters: {field}");
    }
}

#[test]
fn clients_and_the_alarm_are_told_on_the_systems_clock() {
    let mut bench = Bench::open();
    bench.handle(Input::Clock { offset_ms: 10_000 });
    let before = bench.codec.core.version();
    bench.handle(Input::Caster { report: REPORT.to_owned() });
    assert_ne!(bench.codec.core.version(), before, "consoles are told");
    let version = bench.codec.core.version();
    bench.handle(Input::Caster { report: REPORT.to_owned() });
    assert_eq!(bench.codec.core.version(), version, "nothing new");
    let status = status(&mut bench);
    assert_eq!(status["clients"], 2);
    assert_eq!(status["corrections"]["reason"], "moved");
    assert_eq!(status["corrections"]["since"], 1_700_000_010_500u64);
    assert_eq!(status["ntripClients"][0]["lastGga"], 1_700_000_011_000u64);
    assert_eq!(status["ntripClients"][0]["fixQuality"], 4);
}

#[test]
fn a_report_that_isnt_one_changes_nothing() {
    let mut bench = Bench::open();
    for bad in ["", "{}", "[]", r#"{"clients":-1}"#, "\u{0}"] {
        bench.handle(Input::Caster { report: bad.to_owned() });
    }
    assert!(status(&mut bench)["clients"].is_null());
}

/// The caster's own words are understood: they are written down in another crate.
#[test]
fn what_a_caster_writes_is_read() {
    let report = rtk_reader::caster::Report {
        clients: 1,
        ntrip_clients: vec![rtk_reader::caster::ClientReport {
            mountpoint: "ROVER".to_owned(),
            user: Some("rover".to_owned()),
            address: "10.0.0.7:4711".to_owned(),
            user_agent: None,
            connected_since: 1,
            bytes: 2,
            latitude: None,
            longitude: None,
            fix_quality: None,
            correction_age: None,
            last_gga: None,
        }],
        pushes: vec![rtk_reader::caster::PushReport {
            target: "ntrip://caster.example:2101/BASE1".to_owned(),
            connected: false,
            error: Some("it refused".to_owned()),
            since: 3,
            bytes: 0,
        }],
        ..Default::default()
    };
    let mut bench = Bench::open();
    bench.handle(Input::Caster { report: serde_json::to_string(&report).expect("JSON") });
    let status = status(&mut bench);
    let told = serde_json::to_value(&report).expect("JSON");
    for field in ["clients", "ntripClients", "corrections", "pushes"] {
        assert_eq!(status[field], told[field], "{field}");
    }
}
