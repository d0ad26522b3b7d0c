//! Everything or nothing, whatever goes wrong on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use rtk_reader::receiver::Conversation as _;
use rtk_reader::receiver::change::{Failure, Outcome};
use rtk_reader::receiver::{
    Change, Do, Item, KeyId, Layer, Port, ReadError, Reading, Snapshot, Target, keys,
};

use crate::model::{Fault, Model, run};

const BAUD: KeyId = KeyId(0x4052_0001);
const LINE: Option<(Port, u32)> = Some((Port::Uart1, 38_400));

/// A receiver from its maker, with a few keys in flash and BBR.
fn before() -> Snapshot {
    let ram = keys::all().map(|key| (key.id, key.default.unwrap_or(7))).collect();
    let some = |every: usize| keys::all().step_by(every).map(|key| (key.id, 1)).collect();
    Snapshot {
        model: "ZED-F9P".into(),
        firmware: "HPG 1.32".into(),
        protocol: "27.31".into(),
        ram,
        bbr: some(31),
        flash: some(13),
        ..Snapshot::default()
    }
}

/// Eighty keys, the line's own speed among them.
fn target() -> Target {
    let mut items: Vec<Item> = keys::all()
        .filter(|key| keys::rated(key.id).is_some())
        .take(79)
        .map(|key| Item { key: key.id, value: 5 })
        .collect();
    items.push(Item { key: BAUD, value: 460_800 });
    Target::everywhere(&items)
}

fn is_set(model: &Model, target: &Target) -> bool {
    let saved = |wanted: &BTreeMap<KeyId, Option<u64>>, layer: Layer| {
        wanted.iter().all(|(key, value)| model.layers.layer(layer).get(key) == value.as_ref())
    };
    target.ram.iter().all(|(key, value)| model.layers.ram.get(key) == Some(value))
        && saved(&target.bbr, Layer::Bbr)
        && saved(&target.flash, Layer::Flash)
}

fn changed(model: &mut Model) -> (Change, Duration) {
    let mut change = Change::new(Duration::ZERO, target(), &before(), LINE);
    let time = run(&mut change, model, 38_400);
    (change, time)
}

#[test]
fn without_a_fault_everything_is_set_and_the_line_is_at_its_new_speed() {
    let mut model = Model::new(before(), BAUD, BTreeMap::new());
    let (change, time) = changed(&mut model);
    let report = change.report().unwrap();
    assert_eq!(report.to_string(), "80 keys are set in RAM, BBR and flash, and read back");
    assert_eq!((report.baud, model.baud), (Some(460_800), 460_800));
    assert!(is_set(&model, &target()));
    assert!(time < Duration::from_millis(100), "{time:?}: nothing is waited for");
}

#[test]
fn a_receiver_that_does_not_save_is_put_back() {
    let mut model = Model::new(before(), BAUD, BTreeMap::new());
    model.flash_locked = true;
    let (change, _) = changed(&mut model);
    assert_eq!(
        change.report().unwrap().to_string(),
        "the receiver refused setting BBR and flash: undone, the receiver is as it was before, read back from every layer"
    );
    assert_eq!(model.layers, before());
}

#[test]
fn a_dead_receiver_is_told_of() {
    let faults = BTreeMap::from([(3, Fault::Dies)]);
    let (change, time) = changed(&mut Model::new(before(), BAUD, faults));
    assert_eq!(change.report().unwrap().outcome, Outcome::Silent);
    assert!(time < Duration::from_secs(90), "{time:?}");
}

#[test]
fn a_lost_port_ends_it() {
    let mut change = Change::new(Duration::ZERO, target(), &before(), LINE);
    change.lost();
    assert_eq!(change.report().unwrap().outcome, Outcome::PortLost);
}

#[test]
fn who_stops_it_has_it_undone() {
    let mut model = Model::new(before(), BAUD, BTreeMap::new());
    let mut change = Change::new(Duration::ZERO, target(), &before(), LINE);
    let Some(Do::Write(bytes)) = change.take() else { panic!("it begins with a question") };
    model.written(&bytes, 38_400);
    assert_ne!(model.layers, before());
    change.stop(Duration::ZERO);
    run(&mut change, &mut model, 38_400);
    let report = change.report().unwrap();
    assert_eq!((&report.outcome, report.failure), (&Outcome::Undone, Some(Failure::Stopped)));
    assert_eq!(model.layers, before());
}

#[test]
fn a_receiver_is_read_whole_and_put_back_from_that() {
    let mut model =
        Model::new(before(), BAUD, BTreeMap::from([(2, Fault::AnswerLate), (5, Fault::AnswerLost)]));
    let layers = [Layer::Ram, Layer::Bbr, Layer::Flash];
    let mut reading = Reading::new(Duration::ZERO, Duration::from_secs(1), &layers, false);
    run(&mut reading, &mut model, 38_400);
    let snapshot = reading.result().unwrap().clone().unwrap();
    assert_eq!(snapshot, before());

    changed(&mut model);
    let now = model.layers.clone();
    assert_ne!(now, snapshot);
    let back = Target::back_to(&snapshot, &now);
    let mut change = Change::new(Duration::ZERO, back, &now, Some((Port::Uart1, 460_800)));
    run(&mut change, &mut model, 460_800);
    assert!(change.report().unwrap().is_done(), "{}", change.report().unwrap());
    assert_eq!(model.layers, before());
    assert!(Target::back_to(&snapshot, &model.layers).is_empty());
}

#[test]
fn another_receiver_gets_one_sentence() {
    let old = Snapshot { model: "NEO-M8P-2".into(), protocol: "20.30".into(), ..before() };
    let mut reading = Reading::new(Duration::ZERO, Duration::from_secs(1), &[Layer::Ram], false);
    run(&mut reading, &mut Model::new(old, BAUD, BTreeMap::new()), 38_400);
    insta::assert_snapshot!(reading.result().unwrap().clone().unwrap_err(), @"NEO-M8P-2 with protocol 20.30 is older than u-blox generation 9 (protocol 27.00) and has no configuration keys: set it up with u-center");

    let mut reading = Reading::new(Duration::ZERO, Duration::from_secs(1), &[Layer::Ram], false);
    let silent = BTreeMap::from([(0, Fault::Dies)]);
    run(&mut reading, &mut Model::new(before(), BAUD, silent), 38_400);
    assert_eq!(reading.result(), Some(&Err(ReadError::NoAnswer)));
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LostOnTheWay),
        Just(Fault::AnswerLost),
        Just(Fault::AnswerLate),
        Just(Fault::Refused),
        Just(Fault::ReadsWrong),
    ]
}

fn faults(most: usize) -> impl Strategy<Value = BTreeMap<usize, Fault>> {
    proptest::collection::btree_map(0usize..30, fault(), 0..=most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn with_few_faults_all_is_set_or_all_is_as_before(faults in faults(3), strict: bool) {
        let mut model = Model::new(before(), BAUD, faults);
        model.strict = strict;
        let (change, _) = changed(&mut model);
        let report = change.report().unwrap();
        match report.outcome {
            Outcome::Done => prop_assert!(is_set(&model, &target())),
            Outcome::Undone => {
                prop_assert!(report.failure.is_some());
                prop_assert_eq!(&model.layers, &before());
            }
            _ => prop_assert!(false, "{}", report),
        }
        prop_assert_eq!(report.baud, Some(model.baud));
    }

    #[test]
    fn with_many_faults_the_report_is_true(faults in faults(20), dies in proptest::option::of(0usize..40), strict: bool) {
        let mut faults = faults;
        faults.extend(dies.map(|at| (at, Fault::Dies)));
        let mut model = Model::new(before(), BAUD, faults);
        model.strict = strict;
        let (change, time) = changed(&mut model);
        match &change.report().unwrap().outcome {
            Outcome::Done => prop_assert!(is_set(&model, &target())),
            Outcome::Undone => prop_assert_eq!(&model.layers, &before()),
            Outcome::NotUndone { wrong } => prop_assert!(!wrong.is_empty()),
            Outcome::Silent => {}
            Outcome::PortLost => prop_assert!(false, "the port was there"),
        }
        prop_assert!(time < Duration::from_secs(600), "{:?}", time);
    }
}
