//! Goes with a person through what is proposed in the place of sessions, as `cargo insta review` does.
//!
//! One decision is one session: with half of its differences accepted, it would be one that no machine ever
//! played. A proposal is accepted only if it is still what today's machines make of the session, to the bit.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::machines::Factory;
use crate::player::{self, Options, Plan, ReplayError};
use crate::report::{Report, counted};
use crate::session::Session;
use crate::update;

/// Differences shown at a time.
const SHOWN: usize = 3;
/// Differences that can be shown of one session.
const TOLD: usize = 1_000;
/// An answer longer than this is none.
const MAX_ANSWER_BYTES: u64 = 1_024;

/// What became of the proposals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// In their session's place.
    pub accepted: u64,
    /// Removed.
    pub rejected: u64,
    /// Left for another time.
    pub skipped: u64,
    /// Not what today's machines do any more; left, too.
    pub stale: u64,
}

/// Why a review broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Questions can't be asked or answered.
    #[error("the review broke off: {0}; what was decided before is done")]
    Talk(io::Error),
    /// A proposal can't be put in place or removed.
    #[error("cannot {action} {name}: {source}; the session is as it was")]
    File {
        /// `replace`, `remove`.
        action: &'static str,
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
}

enum Answer {
    Accept,
    Reject,
    Skip,
    More,
    Quit,
}

/// Asks about each session. The end of the answers leaves the rest as it is.
///
/// # Errors
/// See [`ReviewError`].
pub fn run(
    sessions: &[PathBuf],
    factory: &Factory,
    answers: &mut dyn BufRead,
    talk: &mut dyn Write,
) -> Result<Reviewed, ReviewError> {
    let mut reviewed = Reviewed::default();
    for (n, session) in sessions.iter().enumerate() {
        let proposed = update::proposed(session);
        let head = format!("{} of {}: {}", n + 1, sessions.len(), session.display());
        let report = match fresh(session, &proposed, factory) {
            Ok(report) => report,
            Err(reason) => {
                writeln!(talk, "{head}: {reason}").map_err(ReviewError::Talk)?;
                reviewed.stale += 1;
                continue;
            }
        };
        let summary = match report.differences {
            0 => "no difference, only an older version or format".to_owned(),
            n => format!("{} ({})", counted(n, "difference"), report.sorts()),
        };
        writeln!(talk, "{head}: {summary}").map_err(ReviewError::Talk)?;
        match decide(&report, answers, talk).map_err(ReviewError::Talk)? {
            Answer::Accept => {
                act("replace", session, |to| fs::rename(&proposed, to))?;
                reviewed.accepted += 1;
            }
            Answer::Reject => {
                act("remove", &proposed, |proposed| fs::remove_file(proposed))?;
                reviewed.rejected += 1;
            }
            Answer::Skip | Answer::More => reviewed.skipped += 1,
            Answer::Quit => {
                reviewed.skipped += sessions.len().saturating_sub(n) as u64;
                break;
            }
        }
    }
    Ok(reviewed)
}

fn act(
    action: &'static str,
    path: &Path,
    act: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), ReviewError> {
    // A link to a session stays a link.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    act(&real).map_err(|source| ReviewError::File { action, name: path.display().to_string(), source })
}

fn decide(report: &Report, answers: &mut dyn BufRead, talk: &mut dyn Write) -> io::Result<Answer> {
    let mut shown = 0;
    let mut show = |talk: &mut dyn Write| {
        for difference in report.list.iter().skip(shown).take(SHOWN) {
            writeln!(talk, "\n{difference}")?;
        }
        shown += SHOWN;
        let left = report.differences.saturating_sub(shown as u64);
        if left > 0 { writeln!(talk, "\nand {left} more") } else { Ok(()) }
    };
    show(talk)?;
    loop {
        write!(talk, "\na accept, r reject, s skip, m more, q quit: ")?;
        talk.flush()?;
        match answer(answers)? {
            Some(Answer::More) => show(talk)?,
            Some(answer) => return Ok(answer),
            None => writeln!(talk, "one of a, r, s, m and q")?,
        }
    }
}

/// None: it is none of them.
fn answer(answers: &mut dyn BufRead) -> io::Result<Option<Answer>> {
    let mut line = String::new();
    if answers.take(MAX_ANSWER_BYTES).read_line(&mut line)? == 0 {
        return Ok(Some(Answer::Quit));
    }
    Ok(match line.trim() {
        "a" => Some(Answer::Accept),
        "r" => Some(Answer::Reject),
        "s" => Some(Answer::Skip),
        "m" => Some(Answer::More),
        "q" => Some(Answer::Quit),
        _ => None,
    })
}

/// What is different now, if the proposal is what would be proposed now; else why not, for a person.
fn fresh(session: &Path, proposed: &Path, factory: &Factory) -> Result<Report, String> {
    let opened = Session::open(session).map_err(|error| ReplayError::from(error).to_string())?;
    let mut made = Hashed(Sha256::new());
    // What couldn't be read was left out by whoever proposed it, if at all.
    update::rewrite(&opened, factory, &mut made, true).map_err(|error| error.to_string())?;
    let mut there = Sha256::new();
    let read = fs::File::open(proposed).and_then(|mut file| io::copy(&mut file, &mut there));
    read.map_err(|error| format!("cannot read {}: {error}; skipped", proposed.display()))?;
    if there.finalize() != made.0.finalize() {
        return Err(
            "the session or the services have changed since this was proposed; skipped: propose it again with depot replay --update=new"
                .to_owned(),
        );
    }
    let plan = Plan { options: Options { twice: false }, tell: TOLD, ..Plan::default() };
    player::replay_planned(&opened, factory, &plan).map_err(|error| error.to_string())
}

/// Only the checksum of what is written.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
