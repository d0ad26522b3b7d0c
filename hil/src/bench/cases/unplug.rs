//! The receiver goes: consoles are told.

use super::super::case::{Case, Fault, Measure, Measured, Need, Outcome, Running};
use super::super::{Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "unplug",
    about: "a console is told that the receiver was unplugged, and that it is back",
    measures: &[
        Measure::new("shown", Unit::Count, "1 if it was told"),
        Measure::new("shown_in", Unit::Seconds, "until it was told that the receiver is gone"),
        Measure::new("back_in", Unit::Seconds, "until it was told that it is back"),
    ],
    needs: &[Need::Fault(Fault::Unplug)],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let (clock, patience) = (stage.clock, stage.pace.shown);
        let (_, mut console, hands) = stage.depot().await?;
        console.forget();
        let gone_at = hands.unplug(clock).await?;
        let gone = console.until(gone_at + patience, |status| !status.connected).await;
        let back_at = hands.replug(clock).await?;
        let back = console.until(back_at + patience, |status| status.connected).await;
        let mut measured = vec![Measured::yes("shown", gone.is_some() && back.is_some())];
        let since =
            |from: rtk_reader::Timestamp, at: rtk_reader::Timestamp| at.saturating_sub(from).as_secs_f64();
        measured.extend(gone.map(|(at, _)| Measured::new("shown_in", since(gone_at, at))));
        measured.extend(back.map(|(at, _)| Measured::new("back_in", since(back_at, at))));
        Ok(Outcome::Measured(measured))
    })
}
