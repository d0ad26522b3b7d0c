//! Away and back, again and again: each time the depot hears the receiver again.

use rtk_reader::Timestamp;
use wire::gps_status::GpsStatus;

use super::super::case::{Case, Fault, Measure, Measured, Need, Outcome, Running};
use super::super::{Unit, stage::Stage, stats};

pub const CASE: Case = Case {
    name: "replug",
    about: "each time the receiver comes back it is heard again",
    measures: &[
        Measure::new("missed", Unit::Count, "times it was not heard again"),
        Measure::new("times", Unit::Count, "times it was heard again"),
        Measure::new("first_frame_p50", Unit::Seconds, "until the first good frame, half of them sooner"),
        Measure::new("first_frame_max", Unit::Seconds, "until the first good frame, the longest"),
    ],
    needs: &[Need::Fault(Fault::Unplug)],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let (clock, patience, times) = (stage.clock, stage.pace.shown, stage.pace.replugs);
        let (_, mut console, hands) = stage.depot().await?;
        let (mut heard, mut missed) = (Vec::new(), 0u32);
        for _ in 0..times {
            console.forget();
            let gone_at = hands.unplug(clock).await?;
            let gone = console.until(gone_at + patience, |status| !status.connected).await;
            let back_at = hands.replug(clock).await?;
            let before = gone.as_ref().map_or(0, |(_, status)| messages(status));
            let hears = |status: &GpsStatus| status.connected && messages(status) > before;
            let first = console.until(back_at + patience, hears).await.filter(|_| gone.is_some());
            match first {
                Some((at, _)) => heard.push(since_s(back_at, at)),
                None => missed += 1,
            }
        }
        let mut measured =
            vec![Measured::new("missed", f64::from(missed)), Measured::new("times", heard.len() as f64)];
        measured.extend(stats::median(&heard).map(|median| Measured::new("first_frame_p50", median)));
        measured.extend(stats::largest(&heard).map(|largest| Measured::new("first_frame_max", largest)));
        Ok(Outcome::Measured(measured))
    })
}

/// RTCM messages counted so far: one more is a good frame.
fn messages(status: &GpsStatus) -> u64 {
    status.rtcm_messages.iter().map(|message| message.count).sum()
}

fn since_s(from: Timestamp, at: Timestamp) -> f64 {
    at.saturating_sub(from).as_secs_f64()
}
