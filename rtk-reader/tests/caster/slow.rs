//! Clients that don't read.

use std::time::Duration;

use rtk_reader::caster::{Config, Limits};

use crate::stage::{Stage, behind, frame, numbers, rest, rev1, rev2, unchunked};

/// Whoever takes nothing is cut between two frames, whether its queue ran over or its socket stood still; whoever
/// reads misses nothing.
async fn is_cut(limits: Limits) {
    let stage = Stage::new(Config { limits, ..Config::default() }).await;
    let (mut slow, mut slow_chunked) = (stage.ask(&rev1("ROVER")).await, stage.ask(&rev2("ROVER")).await);
    let mut quick = stage.ask(&rev1("ROVER")).await;
    let mut raw = tokio::net::TcpStream::connect(stage.raw).await.expect("it listens");
    stage.until(|report| report.clients == 3 && report.corrections.raw_clients == 1).await;
    let quick = tokio::spawn(async move { rest(&mut quick).await });
    let mut sent = Vec::new();
    let mut n = 0;
    // As much as all the buffers between them take, and more: until all three are cut.
    while stage.running.reports.borrow().corrections.slow_clients < 3 {
        assert!(n < 200_000, "never cut");
        n += 1;
        let one = frame(1077, n, 1000);
        stage.say(&one).await;
        sent.extend(one);
        // The quick one shall keep up.
        if n % 32 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    stage.end().await;
    let got = quick.await.expect("no panic");
    assert!(behind(&got, "ICY 200 OK\r\n") == sent, "{} of {} bytes", got.len(), sent.len());
    let got = rest(&mut slow).await;
    let got = behind(&got, "ICY 200 OK\r\n");
    assert!(!numbers(got).is_empty() && got.len() < sent.len() && sent.starts_with(got));
    let got = rest(&mut slow_chunked).await;
    let got = unchunked(behind(&got, "chunked\r\n\r\n"));
    assert!(!numbers(&got).is_empty() && got.len() < sent.len() && sent.starts_with(&got));
    let got = rest(&mut raw).await;
    assert!(got.len() < sent.len() && sent.starts_with(&got), "what came is as it was sent");
}

#[tokio::test]
async fn a_client_that_is_too_far_behind_is_cut_between_two_frames() {
    is_cut(Limits { stall: Duration::from_secs(3600), ..Limits::default() }).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_cut_between_two_frames() {
    is_cut(Limits { stall: Duration::from_millis(200), behind_bursts: 1 << 17, ..Limits::default() }).await;
}
