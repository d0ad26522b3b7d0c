//! The receiver says nothing: consoles are told.

use super::super::case::{Case, Fault, Measure, Measured, Need, Outcome, Running};
use super::super::{Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "silence",
    about: "a console is told that the receiver says nothing",
    measures: &[
        Measure::new("shown", Unit::Count, "1 if it was told"),
        Measure::new("shown_in", Unit::Seconds, "until the status had no fix any more"),
    ],
    needs: &[Need::Fault(Fault::Silence)],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let (clock, patience) = (stage.clock, stage.pace.shown);
        let (_, mut console, hands) = stage.depot().await?;
        console.forget();
        let before =
            console.next(clock.now() + patience).await.map_or(0, |(_, status)| status.errors.silences);
        let silent_at = clock.now();
        hands.silence(true)?;
        let told = console.until(silent_at + patience, |status| status.errors.silences > before).await;
        hands.silence(false)?;
        let mut measured = vec![Measured::yes("shown", told.is_some())];
        let since = |at: rtk_reader::Timestamp| at.saturating_sub(silent_at).as_secs_f64();
        measured.extend(told.map(|(at, _)| Measured::new("shown_in", since(at))));
        Ok(Outcome::Measured(measured))
    })
}
