//! Nothing goes out that would mislead a rover.

use rtk_reader::caster::Config;
use rtk_reader::frame::encode;

use crate::stage::{HERE_M, Stage, arp, behind, frame, numbers, rest, rev1};

fn away(by_m: f64) -> Vec<u8> {
    arp([HERE_M[0] + by_m, HERE_M[1], HERE_M[2]])
}

/// UBX-NAV-SVIN (u-blox F9 HPG 1.32 interface description, 3.15.25).
fn survey_in(active: bool, valid: bool) -> Vec<u8> {
    let mut payload = [0; 40];
    payload[36] = u8::from(valid);
    payload[37] = u8::from(active);
    encode::ubx(0x01, 0x3B, &payload).expect("it fits")
}

#[tokio::test]
async fn nothing_before_the_base_has_a_position_and_nothing_when_it_moves() {
    let stage = Stage::silent(Config::default()).await;
    let mut client = stage.ask(&rev1("ROVER")).await;
    let report = stage.until(|report| report.clients == 1).await;
    assert_eq!(report.corrections.reason, Some("receiver_gone"));
    stage.open().await;
    stage.say(&frame(1077, 1, 100)).await;
    stage.until(|report| report.corrections.reason == Some("no_position")).await;
    stage.say(&survey_in(true, false)).await;
    stage.say(&frame(1087, 1, 100)).await;
    stage.until(|report| report.corrections.reason == Some("survey_in")).await;
    stage.say(&[survey_in(false, true), frame(1097, 1, 100), away(0.0), frame(1107, 1, 100)].concat()).await;
    stage.until(|report| report.corrections.serving).await;
    // Carried away: not even the 1005 that tells so goes out.
    stage.say(&[away(3.0), frame(1117, 1, 100)].concat()).await;
    let alarm = stage.until(|report| report.corrections.reason == Some("moved")).await;
    assert!(alarm.corrections.message.contains("3.00 m"), "{}", alarm.corrections.message);
    assert_eq!(alarm.clients, 1, "clients stay, and wait");
    // And carried back.
    stage.say(&[away(0.0), frame(1127, 1, 100)].concat()).await;
    stage.until(|report| report.corrections.serving).await;
    stage.close().await;
    stage.until(|report| report.corrections.reason == Some("receiver_gone")).await;
    stage.open().await;
    stage.say(&[frame(1137, 1, 100), away(0.1), frame(1230, 1, 100)].concat()).await;
    stage.until(|report| report.corrections.serving).await;
    stage.end().await;
    let got = rest(&mut client).await;
    assert_eq!(numbers(behind(&got, "ICY 200 OK\r\n")), [1005, 1107, 1005, 1127, 1005, 1230]);
}

#[tokio::test]
async fn a_base_that_isnt_where_it_was_configured_serves_nobody() {
    let config = Config { base_ecef_m: Some(HERE_M), arp_limit_m: 0.05, ..Config::default() };
    let stage = Stage::silent(config).await;
    stage.open().await;
    stage.say(&away(0.06)).await;
    stage.until(|report| report.corrections.reason == Some("moved")).await;
    stage.say(&away(0.04)).await;
    stage.until(|report| report.corrections.serving).await;
    stage.end().await;
}
