//! A wrong speed is named, and the right one with it.

use super::super::case::{Case, Measure, Measured, Need, Outcome, Running};
use super::super::{BenchError, Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "wrong_baud",
    about: "a depot at a wrong speed says so, and which is right",
    measures: &[
        Measure::new("named", Unit::Count, "1 if the right speed is in its last words"),
        Measure::new("exit_code", Unit::Count, "8 is a wrong speed"),
    ],
    needs: &[Need::Line],
    run,
};

/// Of two, the one that the receiver hasn't.
const SPEEDS: [u32; 2] = [38_400, 230_400];

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let Some(right) = stage.line.baud else {
            return Ok(Outcome::Skipped(
                "the receiver is on USB itself: its port has no line speed".to_owned(),
            ));
        };
        let wrong = SPEEDS.into_iter().find(|speed| *speed != right).unwrap_or_default();
        let (code, said) = stage.depot_that_ends(&["--baud".to_owned(), wrong.to_string()]).await?;
        if !stage.port.exists() {
            return Err(BenchError::PortLost { port: stage.port.clone() });
        }
        Ok(Outcome::Measured(vec![
            Measured::yes("named", said.contains(&format!("at {right} Bd"))),
            Measured::new("exit_code", f64::from(code.unwrap_or(-1))),
        ]))
    })
}
