//! What holds whatever comes in.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Late(u64),
    Register(u8, u8),
    Beat(u8, String),
    Post(String),
    Connect(ConnId, bool),
    Lagged(ConnId),
    Gone(ConnId),
    Clock(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let conn = || 1_u64..6;
    let beat = prop_oneof![
        Just(String::new()),
        (0_u8..3).prop_map(|mode| json!({ "mode": mode }).to_string()),
        (0_u8..3).prop_map(|volts| json!({ "battery_voltage": volts }).to_string()),
        any::<f64>().prop_map(|x| json!({ "pose": { "x": x, "y": 0.0, "theta": -x } }).to_string()),
        "[{}\":a-z0-9,]{0,30}",
    ];
    prop_oneof![
        4 => (0_u64..400).prop_map(Step::Pass),
        2 => (0_u64..12_000).prop_map(Step::Pass),
        1 => (0_u64..12_000).prop_map(Step::Late),
        3 => (0_u8..8, 0_u8..3).prop_map(|(id, name)| Step::Register(id, name)),
        6 => (0_u8..8, beat).prop_map(|(id, body)| Step::Beat(id, body)),
        1 => any::<String>().prop_map(Step::Post),
        2 => (conn(), any::<bool>()).prop_map(|(conn, delta)| Step::Connect(conn, delta)),
        1 => conn().prop_map(Step::Lagged),
        1 => conn().prop_map(Step::Gone),
        1 => any::<i64>().prop_map(Step::Clock),
    ]
}

fn take(bench: &mut Bench, step: Step) {
    match step {
        Step::Pass(millis) => bench.pass(ms(millis)),
        // The shell was busy: no time-out fired.
        Step::Late(millis) => bench.now += ms(millis),
        Step::Register(id, name) => {
            let id = format!("r{id}");
            let body = json!({ "id": id, "name": name.to_string(), "address": "h:4850" }).to_string();
            bench.http("POST", "/register", &body);
        }
        Step::Beat(id, body) => _ = bench.beat(&format!("r{id}"), &body),
        Step::Post(body) => _ = bench.http("POST", "/register", &body),
        Step::Connect(conn, delta) => _ = bench.connect(conn, if delta { "delta=1" } else { "" }),
        Step::Lagged(conn) => _ = bench.handle(Input::Lagged { conn }),
        Step::Gone(conn) => _ = bench.handle(Input::Closed { conn, code: None }),
        Step::Clock(offset_ms) => _ = bench.handle(Input::Clock { offset_ms }),
    }
}

/// A registry of four, so that rovers are forgotten; the consoles 100 and 101 listen from start to end.
fn run(steps: Vec<Step>, mut after: impl FnMut(&mut Bench)) -> Bench {
    let mut bench = Bench::with(Config { max_rovers: 4 });
    bench.connect(100, "");
    bench.connect(101, "delta=1");
    for step in steps {
        take(&mut bench, step);
        after(&mut bench);
    }
    bench
}

/// What each delta console heard, in order.
fn mirrors(bench: &Bench) -> BTreeMap<ConnId, Mirror> {
    let mut mirrors: BTreeMap<ConnId, Mirror> = BTreeMap::new();
    for (_, output) in &bench.out {
        match output {
            Output::Join { conn, .. } => _ = mirrors.insert(*conn, Mirror::default()),
            Output::Send { conn, text, .. } => {
                if text.contains("rovers_snapshot") {
                    mirrors.get_mut(conn).expect("joined").take(text);
                } else {
                    mirrors.remove(conn);
                }
            }
            Output::Publish { path, text, .. } if path == DELTA_CONSOLES => {
                mirrors.values_mut().for_each(|mirror| mirror.take(text));
            }
            _ => {}
        }
    }
    mirrors
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn consoles_are_told_the_last_state_and_never_too_often(
        steps in prop::collection::vec(step(), 1..80),
        stop in any::<bool>(),
    ) {
        let mut bench = run(steps, |bench| {
            let told: Value = serde_json::from_str(&bench.http("GET", "/rovers", "").1).unwrap();
            assert_eq!(told, bench.codec.state(), "what is told is what is so");
            assert!(bench.rovers().len() <= 4, "bounded");
        });
        if stop {
            bench.handle(Input::Stopping);
        } else {
            bench.pass(Duration::from_secs(60));
            prop_assert_eq!(bench.codec.next_timeout(), None, "nothing is left to wait for");
            prop_assert!(bench.rovers().iter().all(|rover| !rover.online));
        }
        for path in [CONSOLES, DELTA_CONSOLES] {
            let mut times: Vec<_> = bench.published(path).iter().map(|(at, _)| *at).collect();
            if stop {
                times.pop();
            }
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= ms(250)), "{:?}", times);
        }
        let list: Value = serde_json::from_str(&bench.http("GET", "/rovers", "").1).unwrap();
        let told = bench.out.iter().rev().find_map(|(_, output)| match output {
            Output::Publish { path, text, .. } if path == CONSOLES => Some(text),
            Output::Send { conn: 100, text, .. } => Some(text),
            _ => None,
        });
        let told: Value = serde_json::from_str(told.expect("it connected")).unwrap();
        prop_assert_eq!(&told["data"], &list, "the last state, of a list");
        prop_assert_eq!(mirrors(&bench)[&101].list(), list, "the last state, of deltas");
    }

    #[test]
    fn a_rover_goes_offline_once_each_time_it_was_online(steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = run(steps, |_| ());
        bench.pass(Duration::from_secs(60));
        let mut online: BTreeMap<String, bool> = BTreeMap::new();
        for (_, text) in bench.published(DELTA_CONSOLES) {
            let frame: Value = serde_json::from_str(text).unwrap();
            // After more were forgotten than a delta can name.
            if frame["type"] == "rovers_snapshot" {
                let state = |rover: &Value| Some((rover["id"].as_str()?.to_owned(), rover["online"].as_bool()?));
                online = frame["data"].as_array().into_iter().flatten().filter_map(state).collect();
            }
            for change in frame["changed"].as_array().into_iter().flatten() {
                let id = change["id"].as_str().unwrap().to_owned();
                if let Some(now) = change["online"].as_bool() {
                    let before = online.insert(id, now);
                    // It may have come and gone, or gone and come, between two publications.
                    prop_assert!(before != Some(false) || now || change.get("lastSeen").is_some());
                }
            }
        }
    }

    #[test]
    fn the_same_inputs_make_the_same_outputs(steps in prop::collection::vec(step(), 1..40)) {
        prop_assert_eq!(run(steps.clone(), |_| ()).out, run(steps, |_| ()).out);
    }
}
