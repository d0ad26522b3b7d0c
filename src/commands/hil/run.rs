//! `depot hil run`: case after case, a line for each.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hil::bench::record::CaseRecord;
use hil::bench::run::{Plan, Progress, Subject, default_out, exit_code, run as run_bench};
use hil::bench::{Case, compare};
use indicatif::{ProgressBar, ProgressStyle};
use rtk_reader::source::{Port, SourceError, default_lock_dirs, ports};

use crate::cli::HilRun;
use crate::commands::gnss::print;
use crate::error::Error;

/// Runs the cases, and says with its exit code what came of them.
pub async fn run(args: HilRun) -> Result<ExitCode, Error> {
    let subject = match (&args.port, args.twin) {
        (_, true) => Subject::Twin(args.seed),
        (Some(port), false) => Subject::Port(port.clone()),
        (None, false) => Subject::Port(the_receiver()?),
    };
    let out = args.out.unwrap_or_else(|| default_out(Path::new("hil-runs")));
    let plan = Plan {
        subject,
        cases: args.cases,
        limits: args.limits,
        map: Some(args.map),
        out,
        soak: args.soak,
        program: std::env::current_exe().map_err(Error::Start)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let mut lines = Lines::new();
    let record = run_bench(&plan, stop, &mut lines).await?;
    lines.bar.finish_and_clear();
    if let Some(error) = &record.error {
        print(&format!("ERROR    {error}\n"))?;
    }
    print(&format!("{}\nevidence: {}\n", compare::head(&record), plan.out.join("report.html").display()))?;
    Ok(ExitCode::from(exit_code(record.verdict)))
}

/// The one u-blox on USB.
fn the_receiver() -> Result<PathBuf, Error> {
    let (receivers, others): (Vec<Port>, Vec<Port>) =
        ports(Path::new("/"), &default_lock_dirs()).into_iter().partition(Port::is_ublox);
    let names = |ports: &[Port]| ports.iter().map(Port::name).collect();
    match receivers.as_slice() {
        [port] => Ok(PathBuf::from(port.name())),
        [] => Err(SourceError::NoReceiver { names: names(&others) }.into()),
        several => Err(SourceError::SeveralReceivers { names: names(several) }.into()),
    }
}

/// A line for each case that has ended, and on a terminal one that says which runs.
struct Lines {
    bar: ProgressBar,
}

impl Lines {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}");
        let bar = style.map(|style| bar.clone().with_style(style)).unwrap_or(bar);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }
}

impl Progress for Lines {
    fn begins(&mut self, number: usize, of: usize, case: &Case) {
        self.bar.reset_elapsed();
        self.bar.set_prefix(format!("{number}/{of} {}", case.name));
        self.bar.set_message(case.about);
    }

    fn ended(&mut self, record: &CaseRecord) {
        let line = format!("{:8} {:18} {}\n", record.verdict, record.name, compare::gist(record));
        // A reader that has gone is no reason to end the run: its evidence is kept.
        self.bar.suspend(|| drop(print(&line)));
    }
}
