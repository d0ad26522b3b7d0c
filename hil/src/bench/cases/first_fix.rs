//! The first fix, with all known and with nothing.

use std::time::Duration;

use rtk_reader::decode::ubx::Packet;

use super::super::case::{Case, Measure, Measured, Need, Outcome};
use super::super::link::{Link, NAV_PVT};
use super::super::stage::Stage;
use super::super::{BenchError, Unit};

const MEASURES: &[Measure] = &[Measure::new("first_fix", Unit::Seconds, "from the restart to the first fix")];

pub const HOT: Case = Case {
    name: "first_fix_hot",
    about: "a fix soon after a start at which all is known",
    measures: MEASURES,
    needs: &[Need::OpenSky],
    run: |stage| Box::pin(run(stage, 0)),
};

pub const COLD: Case = Case {
    name: "first_fix_cold",
    about: "a fix after a start at which nothing is known",
    measures: MEASURES,
    needs: &[Need::OpenSky],
    run: |stage| Box::pin(run(stage, 0xFFFF)),
};

/// CFG-RST's kind: only GNSS, so that the port stays (UBX-22008968, "UBX-CFG-RST").
const ONLY_GNSS: u8 = 2;
/// A restart shows within so long.
const RESTARTED: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

async fn run(stage: &mut Stage, forget: u16) -> Result<Outcome, BenchError> {
    let (clock, patience) = (stage.clock, stage.pace.first_fix);
    let link = stage.link().await?;
    // Whether the port answers is no part of the time.
    let _ = fixed(link).await?;
    link.reset(forget, ONLY_GNSS).await?;
    let began = clock.now();
    while fixed(link).await? {
        if clock.now() >= began + RESTARTED {
            return Err(BenchError::Nothing {
                what: "loss of the fix after a restart",
                waited_s: RESTARTED.as_secs_f64(),
                advice: "does the receiver take UBX-CFG-RST?",
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    while !fixed(link).await? {
        if clock.now() >= began + patience {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // One that never came took at least so long, which the limit judges.
    Ok(Outcome::Measured(vec![Measured::new("first_fix", clock.since_s(began))]))
}

async fn fixed(link: &mut Link) -> Result<bool, BenchError> {
    match link.ask(NAV_PVT).await? {
        Packet::NavPvt(pvt) => Ok(pvt.fix_ok && (2..=5).contains(&pvt.fix_type)),
        _ => Ok(false),
    }
}
