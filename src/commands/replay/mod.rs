//! `depot replay PATH…`: proves that what was recorded can be done again.

use std::path::Path;
use std::process::ExitCode;

use replay::html::Html;
use replay::junit::Junit;
use replay::machines;
use replay::message;
use replay::player::{self, Options};
use replay::report::{NOT_FOUND, Report};
use replay::select::{self, Selected};
use replay::suite::{self, Done, FailError, Masks, Order, Summary};
use replay::window::Window;
use replay::wire;

mod update;

use super::gnss::{input::progress, print};
use crate::cli::{Level, MessageFormat, Replay};
use crate::error::Error;

/// Differences of a session that are told one by one where there is room for them.
const TOLD_DIFFERENCES: usize = 100;

/// Replays all, whatever became of the others; [`suite::WORST_FIRST`] says whose exit code it is.
pub fn run(args: &Replay) -> Result<ExitCode, Error> {
    if args.update.is_some() && !args.force && in_ci() {
        return Err(Error::NotInCi { what: "--update" });
    }
    let window = window(args);
    if window.is_empty() {
        return Err(Error::EmptyWindow);
    }
    let mut sessions = select::sessions(&args.paths)?;
    if sessions.is_empty() {
        return Err(Error::NothingSelected);
    }
    let all = sessions.len();
    if let Some(shard) = args.shard {
        sessions.retain(|selected| shard.holds(&selected.path));
    }
    let mut told = Told {
        args,
        named: all > 1,
        codes: Vec::new(),
        junit: Junit::default(),
        html: Html::default(),
        only: None,
        selected: window.is_whole(),
    };
    let mut result = Ok(());
    let live = live(args);
    let order = Order { window: &window, wire: live.as_ref(), ..order(args) };
    let summary = replayed(&sessions, &order, &mut |done| {
        let previous = std::mem::replace(&mut result, Ok(()));
        result = previous.and_then(|()| told.one(done));
    });
    result?;
    // A typo in --only must not pass for a proof.
    let nothing = (!told.selected && !told.codes.is_empty()).then_some(NOT_FOUND);
    let code = suite::worst(told.codes.iter().copied().chain(nothing));
    if let Some(file) = &args.junit {
        std::fs::write(file, told.junit.document(&summary)).map_err(Error::file("write", file))?;
    }
    if let Some(file) = &args.html {
        std::fs::write(file, told.html.document(&summary)).map_err(Error::file("write", file))?;
    }
    if let Some(error) = told.only.take() {
        return Err(error);
    }
    told.end(&summary, all, code)?;
    Ok(ExitCode::from(code))
}

/// Whether this runs where nobody looks; the variable is what all the usual services set.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(&*value, "" | "0" | "false"))
}

/// Replays one file, prints its report, and returns its exit code.
pub fn one(file: &Path) -> Result<u8, Error> {
    let selected = Selected::file(file);
    let options = Options::default();
    let order = Order {
        options,
        jobs: 1,
        fail_fast: false,
        masks: Masks::default(),
        tell: 1,
        window: &player::WHOLE,
        wire: None,
        watch: &|_| (),
    };
    let mut result = Ok(0);
    replayed(&[selected], &order, &mut |done| {
        result = match done.result {
            Ok(report) => print(&format!("{report}\n")).map(|()| report.outcome().exit_code()),
            Err(error) => Err(error.into()),
        };
    });
    result
}

fn order(args: &Replay) -> Order<'static> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    Order {
        options: Options { twice: !args.once },
        jobs: match args.level {
            Level::Core => args.jobs.map_or(cores, std::num::NonZeroUsize::get),
            // A live service hears one session at a time.
            Level::Wire => 1,
        },
        fail_fast: args.fail_fast,
        masks: match (args.exact, args.masked) {
            (true, _) => Masks::Exact,
            (_, true) => Masks::RulesAndDefaults,
            _ => Masks::Rules,
        },
        tell: match (args.message_format, &args.html) {
            (MessageFormat::Human, None) => 1,
            _ => TOLD_DIFFERENCES,
        },
        window: &player::WHOLE,
        wire: None,
        watch: &|_| (),
    }
}

fn window(args: &Replay) -> Window {
    Window { from: args.part.from, until: args.part.until, only: args.part.only.clone() }
}

/// The live services, where clients are played.
fn live(args: &Replay) -> Option<wire::Order> {
    (args.level == Level::Wire).then(|| wire::Order {
        targets: args.wire.url.iter().cloned().collect(),
        rate: args.wire.rate,
        answer_within: args.wire.answer_within,
    })
}

fn replayed(sessions: &[Selected], order: &Order, each: &mut dyn FnMut(Done)) -> Summary {
    let bytes = |path: &std::path::PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let length = |selected: &Selected| match &*selected.parts {
        [] => bytes(&selected.path),
        parts => parts.iter().map(bytes).fold(0, u64::saturating_add),
    };
    let bar = progress(Some(sessions.iter().map(length).fold(0, u64::saturating_add)));
    let watch = |read_bytes| bar.set_position(read_bytes);
    let order = Order { watch: &watch, ..*order };
    let summary = suite::run(sessions, &machines::build, &order, &mut |done| bar.suspend(|| each(done)));
    bar.finish_and_clear();
    summary
}

/// What has been told so far.
struct Told<'a> {
    args: &'a Replay,
    /// Whether results need their session's name.
    named: bool,
    codes: Vec<u8>,
    junit: Junit,
    html: Html,
    /// Why the only session couldn't be replayed.
    only: Option<Error>,
    /// Something of a session was to be compared.
    selected: bool,
}

impl Told<'_> {
    fn one(&mut self, done: Done) -> Result<(), Error> {
        self.junit.add(&done);
        if self.args.html.is_some() {
            self.html.add(&done);
        }
        let code = suite::exit_code(&done.result);
        self.selected |= done.result.as_ref().is_ok_and(|report| report.selected);
        let updated = match (&done.result, self.args.update) {
            (Ok(report), Some(how)) => update::session(&done.selected, report, how, self.args.force),
            _ => Ok(None),
        };
        let path = done.selected.path.clone();
        self.result(done)?;
        match updated {
            Ok(Some(updated)) => {
                self.codes.push(if updated.settled { 0 } else { code });
                self.say(&format!("{}: {}", path.display(), updated.sentence))
            }
            Ok(None) => {
                self.codes.push(code);
                Ok(())
            }
            Err(error) => {
                self.codes.extend([code, error.code()]);
                error.tell();
                Ok(())
            }
        }
    }

    /// Something besides the results.
    fn say(&self, sentence: &str) -> Result<(), Error> {
        match self.args.message_format {
            MessageFormat::Human => print(&format!("{sentence}\n")),
            MessageFormat::Json => print(&message::note(sentence)),
        }
    }

    fn result(&mut self, done: Done) -> Result<(), Error> {
        if self.args.message_format == MessageFormat::Json {
            return print(&message::session(&done));
        }
        let name = done.selected.path.display();
        match (done.result, self.named) {
            (Ok(report), true) => print(&format!("{name}: {report}\n")),
            (Ok(report), false) => print(&format!("{}{report}\n", self.found_name(&done.selected, &report))),
            (Err(error), true) => {
                print(&format!("{name}: not replayed\n"))?;
                Error::from(error).tell();
                Ok(())
            }
            (Err(error), false) => {
                self.only = Some(error.into());
                Ok(())
            }
        }
    }

    /// A session that wasn't named but found is named in its result.
    fn found_name(&self, selected: &Selected, report: &Report) -> String {
        let named = self.args.paths.contains(&selected.path);
        if named { String::new() } else { format!("{}: ", report.session) }
    }

    fn end(&self, summary: &Summary, all: usize, code: u8) -> Result<(), Error> {
        let json = self.args.message_format == MessageFormat::Json;
        let unused = if self.args.shard.is_none() { &*summary.unused_rules } else { &[] };
        for warning in unused {
            if json {
                print(&message::warning(warning))?;
            } else {
                tracing::warn!("{warning}");
            }
        }
        if json {
            return print(&message::summary(summary, code));
        }
        match self.args.shard {
            Some(shard) => print(&format!("{summary} (shard {shard} of {all} sessions)\n")),
            None if self.named => print(&format!("{summary}\n")),
            None => Ok(()),
        }
    }
}

impl From<FailError> for Error {
    fn from(error: FailError) -> Self {
        match error {
            FailError::Replay(error) => error.into(),
            FailError::Rules(error) => error.into(),
            FailError::Wire(error) => error.into(),
        }
    }
}
