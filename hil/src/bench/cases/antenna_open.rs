//! The antenna is off: consoles are told.

use wire::gps_status::GpsStatus;

use super::super::case::{Case, Fault, Measure, Measured, Need, Outcome, Running};
use super::super::{Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "antenna_open",
    about: "a console is told that the antenna is off",
    measures: &[
        Measure::new("shown", Unit::Count, "1 if it was told"),
        Measure::new("shown_in", Unit::Seconds, "until it was told"),
    ],
    needs: &[Need::Fault(Fault::AntennaOpen)],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let (clock, patience) = (stage.clock, stage.pace.shown);
        let (_, mut console, hands) = stage.depot().await?;
        console.forget();
        let off_at = clock.now();
        hands.antenna_open(true)?;
        let told = console.until(off_at + patience, is_open).await;
        hands.antenna_open(false)?;
        // The next case finds it as this one did.
        let on_again = console.until(clock.now() + patience, |status| !is_open(status)).await;
        let mut measured = vec![Measured::yes("shown", told.is_some() && on_again.is_some())];
        measured
            .extend(told.map(|(at, _)| Measured::new("shown_in", at.saturating_sub(off_at).as_secs_f64())));
        Ok(Outcome::Measured(measured))
    })
}

fn is_open(status: &GpsStatus) -> bool {
    status.antennas.iter().any(|antenna| antenna.state == "open")
}
