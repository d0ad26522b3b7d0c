//! A run: case after case, each held against its limits, with evidence. Touches everything.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rtk_reader::source::default_lock_dirs;
use tokio_util::sync::CancellationToken;

use super::case::{Case, Measured, Outcome};
use super::clock::Clock;
use super::evidence::Evidence;
use super::hands::{Hands, Place};
use super::journal::Journal;
use super::limits::Limits;
use super::lock::BenchLock;
use super::map::{Fixtures, Map};
use super::quarantine::{self, Day, Effect};
use super::record::{CaseRecord, FORM, Measurement, Record, Series};
use super::stage::{Pace, Setting, Stage};
use super::twin::Twin;
use super::{BenchError, Verdict, cases, compare};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is measured.
    pub subject: Subject,
    /// Names of cases; empty for all.
    pub cases: Vec<String>,
    /// Limits that replace built-in ones.
    pub limits: Option<PathBuf>,
    /// The hardware map; a file that isn't there is an empty one.
    pub map: Option<PathBuf>,
    /// Where the evidence goes.
    pub out: PathBuf,
    /// How long the soak goes on; none for no soak.
    pub soak: Option<Duration>,
    /// The program under test.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A receiver on a port.
    Port(PathBuf),
    /// A virtual receiver of the bench's own, drawn from a seed.
    Twin(u64),
}

/// Who is told how a run goes.
pub trait Progress {
    /// A case begins: its number from 1, of how many.
    fn begins(&mut self, number: usize, of: usize, case: &Case);
    /// It ended.
    fn ended(&mut self, record: &CaseRecord);
}

/// Runs what is planned, or until it is stopped. Whatever goes wrong is in the record.
///
/// # Errors
/// Only evidence that can't be written.
pub async fn run(
    plan: &Plan,
    stop: CancellationToken,
    progress: &mut (dyn Progress + Send),
) -> Result<Record, BenchError> {
    let clock = Clock::start();
    let journal = Journal::new(Evidence::begin(&plan.out, clock.now())?, clock);
    let started_at = clock.now();
    let mut record = Record {
        form: FORM,
        version: plan.version.clone(),
        station: station(),
        git_revision: git_revision(),
        started_at: utc(started_at).map_or_else(String::new, |time| format!("{time:.3}")),
        took_s: 0.0,
        verdict: Verdict::Skip,
        error: None,
        receiver: None,
        cases: Vec::new(),
        files: Vec::new(),
    };
    let mut series = Series::default();
    let done = tokio::select! {
        done = all(plan, clock, &journal, progress, &mut record, &mut series) => done,
        () = stop.cancelled() => Err(BenchError::Interrupted),
    };
    if let Err(error) = done {
        journal.log(&format!("ERROR {error}"));
        record.error = Some(error.to_string());
    }
    record.took_s = clock.since_s(started_at);
    let broken = record.error.as_ref().map(|_| Verdict::Error);
    record.verdict = Verdict::worst(record.cases.iter().map(CaseRecord::counts).chain(broken));
    journal.log(&compare::head(&record));
    journal.end(&mut record, &series)?;
    Ok(record)
}

/// The exit code of a run: 0 if its verdict is good, 110 for a limit, 111 for the bench.
#[must_use]
pub fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Skip | Verdict::Pass | Verdict::Marginal => 0,
        Verdict::Fail => 110,
        Verdict::Error => 111,
    }
}

async fn all(
    plan: &Plan,
    clock: Clock,
    journal: &Journal,
    progress: &mut (dyn Progress + Send),
    record: &mut Record,
    series: &mut Series,
) -> Result<(), BenchError> {
    let limits = Limits::load(plan.limits.as_deref(), cases::ALL)?;
    let chosen = chosen(&plan.cases)?;
    let map = plan.map.as_deref().map(Map::load).transpose()?.unwrap_or_default();
    let (port, hands, pace) = match &plan.subject {
        Subject::Port(port) => {
            let place = Place::new(port, &Fixtures::default());
            (port.clone(), Hands::Place(place), Pace::of_hardware())
        }
        Subject::Twin(seed) => {
            let twin = Twin::start(*seed)?;
            (twin.path(), Hands::Twin(Box::new(twin)), Pace::of_twin())
        }
    };
    // A twin is nobody else's, and its name is another's as soon as it is gone.
    let _lock = match &plan.subject {
        Subject::Port(port) => Some(BenchLock::take(&default_lock_dirs(), port, clock.now())?),
        Subject::Twin(_) => None,
    };
    let (journal_, program) = (journal.clone(), plan.program.clone());
    let setting =
        Setting { clock, journal: journal_, pace, soak: plan.soak, hands, port: port.clone(), program };
    let mut stage = Stage::set(setting).await?;
    record.receiver = Some(stage.receiver.clone());
    if let Hands::Twin(twin) = &stage.hands {
        stage.fixtures = twin.fixtures();
    } else if let Some(mapped) = stage.receiver.chip_id.as_deref().and_then(|chip| map.of(chip)) {
        stage.fixtures = mapped.fixtures.clone();
        stage.hands = Hands::Place(Place::new(&port, &mapped.fixtures));
    }
    journal.log(&format!("{:?}", stage.receiver));
    let today = today(clock);
    for (n, case) in chosen.iter().enumerate() {
        progress.begins(n + 1, chosen.len(), case);
        journal.log(&format!("{} begins", case.name));
        let done = one(case, &mut stage, &limits, today).await;
        record.receiver = Some(stage.receiver.clone());
        series.clone_from(&stage.series);
        journal.log(&format!("{} {} {}", done.name, done.verdict, compare::gist(&done)));
        progress.ended(&done);
        record.cases.push(done);
    }
    stage.release().await
}

fn chosen(names: &[String]) -> Result<Vec<&'static Case>, BenchError> {
    let known = || cases::ALL.iter().map(|case| case.name).collect();
    if let Some(name) = names.iter().find(|name| !cases::ALL.iter().any(|case| case.name == name.as_str())) {
        return Err(BenchError::UnknownCase { name: name.clone(), known: known() });
    }
    let wanted = |case: &&Case| names.is_empty() || names.iter().any(|name| name == case.name);
    Ok(cases::ALL.iter().filter(wanted).collect())
}

/// Runs a case: once, and once more after an ERROR. A measurement is never repeated.
async fn one(case: &'static Case, stage: &mut Stage, limits: &Limits, today: Day) -> CaseRecord {
    let began = stage.clock.now();
    let mut first_error = None;
    let result = match attempt(case, stage).await {
        Err(error) => {
            stage.journal.log(&format!("{} is tried again: {error}", case.name));
            first_error = Some(error.to_string());
            stage.clear();
            match attempt(case, stage).await {
                // That it can't be opened now says less than that it was lost.
                Err(_) if matches!(error, BenchError::PortLost { .. }) => Err(error),
                again => again,
            }
        }
        done => done,
    };
    if result.is_err() {
        stage.clear();
    }
    let mut record = CaseRecord {
        name: case.name.to_owned(),
        verdict: Verdict::Skip,
        reason: None,
        first_error,
        took_s: stage.clock.since_s(began),
        measurements: Vec::new(),
        quarantine: None,
    };
    match result.and_then(|outcome| judged(case, outcome, limits)) {
        Ok(Judged::Skipped(reason)) => record.reason = Some(reason),
        Ok(Judged::Measured(measurements)) => {
            record.verdict = Verdict::worst(measurements.iter().map(|m| m.verdict).chain([Verdict::Pass]));
            record.measurements = measurements;
        }
        Err(error) => {
            record.verdict = Verdict::Error;
            record.reason = Some(error.to_string());
        }
    }
    match quarantine::effect(&limits.quarantine, case.name, record.verdict, today) {
        Effect::None => {}
        Effect::Excused(entry) => record.quarantine = Some(entry.clone()),
        Effect::Expired(entry) => {
            let text = format!(
                "its quarantine ended on {} ({}): remove the entry or renew it; it is {}",
                entry.until, entry.reason, record.verdict
            );
            record.reason = Some(text);
            record.verdict = Verdict::Error;
        }
    }
    record
}

async fn attempt(case: &'static Case, stage: &mut Stage) -> Result<Outcome, BenchError> {
    if let Some(reason) = case.needs.iter().find_map(|need| need.missing(&stage.offer())) {
        return Ok(Outcome::Skipped(reason));
    }
    let limit = stage.pace.case + stage.soak.unwrap_or_default();
    match tokio::time::timeout(limit, (case.run)(stage)).await {
        Ok(result) => result,
        Err(_) => Err(BenchError::TooLong { case: case.name, limit_s: limit.as_secs_f64() }),
    }
}

#[derive(Debug)]
enum Judged {
    Measured(Vec<Measurement>),
    Skipped(String),
}

/// Holds what was measured against the limits.
fn judged(case: &Case, outcome: Outcome, limits: &Limits) -> Result<Judged, BenchError> {
    let measured = match outcome {
        Outcome::Skipped(reason) => return Ok(Judged::Skipped(reason)),
        Outcome::Measured(measured) => measured,
    };
    let judge = |Measured { name, of, value }: Measured| {
        let Some(announced) = case.measures.iter().find(|measure| measure.name == name) else {
            return Err(BenchError::NotAnnounced { case: case.name, name });
        };
        if !value.is_finite() {
            return Err(BenchError::NotANumber { case: case.name, name, value });
        }
        let limit = limits.of(case.name, name, of.as_deref());
        let verdict = limit.map_or(Verdict::Pass, |limit| limit.judge(value));
        Ok(Measurement { name: name.to_owned(), of, value, unit: announced.unit, limit, verdict })
    };
    measured.into_iter().map(judge).collect::<Result<_, _>>().map(Judged::Measured)
}

/// The machine's name.
fn station() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// Of the repository the bench was started in, with `-dirty` if something isn't committed.
fn git_revision() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn utc(at: Duration) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.as_millis()).ok()?).ok()
}

fn today(clock: Clock) -> Day {
    let date = utc(clock.now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    Day { year: date.year(), month: date.month(), day: date.day() }
}

/// Where evidence goes if nobody says: a folder named after the time, below this one.
#[must_use]
pub fn default_out(below: &Path) -> PathBuf {
    let time = utc(Clock::start().now()).unwrap_or_default();
    below.join(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_case_measures_is_held_against_its_limits() {
        let limits = Limits::built_in(cases::ALL).unwrap();
        let line = cases::ALL.iter().find(|case| case.name == "line").unwrap();
        let measured =
            |name, value| judged(line, Outcome::Measured(vec![Measured::new(name, value)]), &limits);
        let verdict = |name, value| match measured(name, value).unwrap() {
            Judged::Measured(measurements) => measurements[0].verdict,
            Judged::Skipped(reason) => panic!("{reason}"),
        };
        assert_eq!(verdict("load", 50.0), Verdict::Pass);
        assert_eq!(verdict("load", 75.0), Verdict::Marginal);
        assert_eq!(verdict("load", 95.0), Verdict::Fail);
        let error = measured("load", f64::NAN).unwrap_err().to_string();
        assert_eq!(
            error,
            "line measured load as NaN, which is no number: a defect of the case, please report it"
        );
        assert!(matches!(measured("colour", 1.0), Err(BenchError::NotAnnounced { .. })));
    }

    #[test]
    fn cases_are_chosen_by_name_in_their_own_order() {
        let names: Vec<_> = cases::ALL.iter().map(|case| case.name).collect();
        let chosen = |asked: &[&str]| {
            let asked: Vec<_> = asked.iter().map(|name| (*name).to_owned()).collect();
            chosen(&asked).map(|cases| cases.iter().map(|case| case.name).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&[]).unwrap(), names);
        assert_eq!(chosen(&[names[3], names[0]]).unwrap(), [names[0], names[3]]);
        let error = chosen(&["typo"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no case typo; the cases are line, "), "{error}");
    }

    #[test]
    fn an_exit_code_says_who_is_to_blame() {
        use Verdict::{Error, Fail, Marginal, Pass, Skip};
        assert_eq!([Skip, Pass, Marginal, Fail, Error].map(exit_code), [0, 0, 0, 110, 111]);
    }
}
