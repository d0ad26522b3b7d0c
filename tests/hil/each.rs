//! Each case of the bench as a test: on a virtual receiver of its own, and on the receiver of `HIL_PORT` where that is
//! set. And what the bench does when it can't do its work.

#![expect(clippy::print_stderr, reason = "a skip must be seen")]

mod bad;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hil::bench::case::Case;
use hil::bench::record::{CaseRecord, Record};
use hil::bench::run::{Plan, Progress, Subject, run};
use hil::bench::{Verdict, cases, evidence};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio_util::sync::CancellationToken;

/// The cases wait more than they work.
const THREADS: usize = 8;
/// Enough for the soak to be judged.
const SOAK: Duration = Duration::from_secs(2);
/// Cases on hardware come one after another.
static RECEIVER: Mutex<()> = Mutex::new(());

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let port = std::env::var_os("HIL_PORT").filter(|port| !port.is_empty()).map(PathBuf::from);
    let mut trials: Vec<Trial> = cases::ALL
        .iter()
        .map(|case| Trial::test(format!("twin::{}", case.name), move || on_twin(case)))
        .collect();
    trials.extend(cases::ALL.iter().map(|case| {
        let name = format!("hardware::{}", case.name);
        match port.clone() {
            Some(port) => Trial::test(name, move || on_hardware(case, port)),
            None => {
                Trial::test(name, || Ok(())).with_kind("HIL_PORT names no receiver").with_ignored_flag(true)
            }
        }
    }));
    trials.extend(bad::trials());
    libtest_mimic::run(&arguments, trials).exit();
}

/// A plan of one case.
fn plan(subject: Subject, case: &str, out: &Path) -> Plan {
    Plan {
        subject,
        cases: vec![case.to_owned()],
        limits: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hil/limits.toml")),
        map: None,
        out: out.to_owned(),
        soak: Some(SOAK),
        program: env!("CARGO_BIN_EXE_depot").into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn on_twin(case: &'static Case) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let record = bench(&plan(Subject::Twin(1), case.name, folder.path()));
    let done = judge(&record, case.name)?;
    if done.verdict == Verdict::Skip {
        return Err(
            format!("a virtual receiver can do everything, and it is skipped: {:?}", done.reason).into()
        );
    }
    kept(&record, folder.path())
}

fn on_hardware(case: &'static Case, port: PathBuf) -> Result<(), Failed> {
    let _alone = RECEIVER.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let mut plan = plan(Subject::Port(port), case.name, folder.path());
    plan.limits = None;
    plan.map = Some(std::env::var_os("HIL_MAP").map_or_else(|| "hil-map.toml".into(), PathBuf::from));
    let record = bench(&plan);
    let done = judge(&record, case.name)?;
    if done.verdict == Verdict::Skip {
        eprintln!("skipped: {}: {}", case.name, done.reason.as_deref().unwrap_or_default());
    }
    kept(&record, folder.path())
}

/// The case's record, if nothing failed.
fn judge<'a>(record: &'a Record, case: &str) -> Result<&'a CaseRecord, Failed> {
    let told = || hil::bench::compare::table(record);
    let done = record.cases.iter().find(|done| done.name == case).ok_or_else(told)?;
    match record.verdict {
        Verdict::Skip | Verdict::Pass | Verdict::Marginal => Ok(done),
        Verdict::Fail | Verdict::Error => Err(told().into()),
    }
}

/// What the run leaves behind is whole, and says what the run said.
fn kept(record: &Record, folder: &Path) -> Result<(), Failed> {
    let (read, _) = evidence::read(folder)?;
    for name in &read.files {
        let empty =
            std::fs::metadata(folder.join(name)).map_err(|error| format!("{name}: {error}"))?.len() == 0;
        if empty && name != "raw.ubx" {
            return Err(format!("{name} is empty").into());
        }
    }
    let junit = std::fs::read_to_string(folder.join("junit.xml"))?;
    roxmltree::Document::parse(&junit)?;
    if read == *record { Ok(()) } else { Err("record.json says something else".into()) }
}

/// Runs a plan to its end.
fn bench(plan: &Plan) -> Record {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let record = runtime.block_on(run(plan, CancellationToken::new(), &mut Quiet)).expect("evidence");
    runtime.shutdown_background();
    record
}

struct Quiet;

impl Progress for Quiet {
    fn begins(&mut self, _: usize, _: usize, _: &Case) {}
    fn ended(&mut self, _: &CaseRecord) {}
}
