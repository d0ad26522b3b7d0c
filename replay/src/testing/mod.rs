//! A test for each session, in any crate's tests.
//!
//! [`sessions!`](crate::sessions) makes a whole test program of one line. Each session that a pattern finds is a
//! test under its path, which `cargo test` and nextest list, filter and shard. It replays the session, twice, and
//! holds what it *means* ([`meaning()`]) against an insta snapshot. What fails is told as `depot replay` tells it,
//! with a shrunk session beside that still fails.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::machines::Factory;
use crate::player::Options;
use crate::report::{Outcome, Report};
use crate::select::{self, Selected};
use crate::session::Session;
use crate::shrink;
use crate::suite::{self, FailError, Masks, Order};

mod end_state;
mod lines;
mod meaning;
mod names;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use insta;
pub use meaning::meaning;

/// What a search for a smaller session may take: a person waits for the test.
pub const SHRINK_BUDGET: Duration = Duration::from_secs(10);

/// Which sessions, and how.
#[derive(Clone, Copy)]
pub struct Suite {
    /// A file, folder or glob, from `root`.
    pub pattern: &'static str,
    /// The crate whose tests these are.
    pub root: &'static str,
    /// Where shrunk sessions go, below it; the system's folder for temporary files if none.
    pub target: Option<&'static str>,
    /// What plays the services.
    pub factory: &'static Factory<'static>,
    /// Holds a session's meaning against the snapshot of this name; panics if it is another.
    pub holds: fn(name: &str, meaning: &str),
}

/// `sessions!("fixtures/sessions/**/*.mcap");` is the whole of a test target with `harness = false`. The pattern is
/// a file, a folder or a glob from the crate's folder; snapshots lie in `snapshots` beside the source file. Another
/// factory than [`machines::build`](crate::machines::build) may follow.
#[macro_export]
macro_rules! sessions {
    ($pattern:literal $(,)?) => {
        $crate::sessions!($pattern, $crate::machines::build);
    };
    ($pattern:literal, $factory:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::testing::main($crate::testing::Suite {
                pattern: $pattern,
                root: env!("CARGO_MANIFEST_DIR"),
                target: option_env!("CARGO_TARGET_TMPDIR"),
                factory: &$factory,
                holds: |name, meaning| {
                    use $crate::testing::insta;
                    insta::assert_snapshot!(name, meaning);
                },
            })
        }
    };
}

/// Runs them as the command line says, which is that of any Rust test program.
#[must_use]
pub fn main(suite: Suite) -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, trials(suite)).exit_code()
}

/// A test for each session. A pattern that can't be read, or finds nothing, is a test that fails: a suite that
/// became empty by a renamed folder must not pass.
fn trials(suite: Suite) -> Vec<Trial> {
    let found = select::sessions(&[Path::new(suite.root).join(suite.pattern)]);
    let none = |problem: String| vec![Trial::test(suite.pattern, move || Err(Failed::from(problem)))];
    match found {
        Err(error) => none(error.to_string()),
        Ok(found) if found.is_empty() => none(format!("no session matches {}", suite.pattern)),
        Ok(found) => {
            let trial = |selected: Selected| {
                let name = name(&selected);
                Trial::test(name.clone(), move || check(suite, &name, &selected))
            };
            found.into_iter().map(trial).collect()
        }
    }
}

/// `v1/base-survey-in`: the path below the folder it was looked for in.
fn name(selected: &Selected) -> String {
    let below = selected.path.strip_prefix(&selected.top).unwrap_or(&selected.path);
    // A file that is named is found under itself.
    let below = if below.as_os_str().is_empty() {
        Path::new(selected.path.file_name().unwrap_or_default())
    } else {
        below
    };
    let parts = below.with_extension("");
    parts.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn check(suite: Suite, name: &str, selected: &Selected) -> Result<(), Failed> {
    let order = Order {
        options: Options::default(),
        jobs: 1,
        fail_fast: false,
        masks: Masks::Rules,
        tell: 1,
        window: &crate::player::WHOLE,
        wire: None,
        watch: &|_| (),
    };
    let mut result = None;
    suite::run(std::slice::from_ref(selected), suite.factory, &order, &mut |done| result = Some(done.result));
    let report =
        result.ok_or("the session wasn't replayed")?.map_err(|error: FailError| error.to_string())?;
    let session = selected.open()?;
    match report.outcome() {
        Outcome::Same | Outcome::Lossy => {
            (suite.holds)(&name.replace('/', "-"), &meaning(&session, &report)?);
            Ok(())
        }
        Outcome::Differs | Outcome::NotDeterministic => Err(told(suite, name, &session, &report).into()),
    }
}

/// The report, the seeds, and a smaller session.
fn told(suite: Suite, name: &str, session: &Session, report: &Report) -> String {
    let shrunk = match shrink::shrink(session, suite.factory, shrink::Budget::Time(SHRINK_BUDGET)) {
        Ok(shrunk) => match keep(suite, name, &shrunk.bytes) {
            Ok(path) => format!("{shrunk}: {}", path.display()),
            Err(error) => format!("the shrunk session can't be kept: {error}"),
        },
        Err(error) => format!("no smaller session: {error}"),
    };
    let seeds: Vec<String> =
        names::seeds(session).iter().map(|(service, seed)| format!("{service} {seed}")).collect();
    format!("{report}\nseeds: {}\n{shrunk}", seeds.join(", "))
}

/// Where a shrunk session of a test lies.
fn keep(suite: Suite, name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let target = suite.target.map_or_else(std::env::temp_dir, PathBuf::from);
    let path = target.join("shrunk").join(format!("{name}.mcap"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, bytes)?;
    Ok(path)
}
