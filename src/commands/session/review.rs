//! `depot session review`: goes through what `depot replay --update=new` proposes.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use replay::report::counted;
use replay::{machines, review, select};

use crate::cli::Review;
use crate::commands::{gnss::print, replay::in_ci};
use crate::error::Error;

/// Asks on the terminal.
pub fn run(args: &Review) -> Result<ExitCode, Error> {
    if in_ci() {
        return Err(Error::NotInCi { what: "a review" });
    }
    let sessions = select::pending(&args.paths)?;
    if sessions.is_empty() {
        print("nothing to review: propose new behaviour with depot replay --update=new\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !io::stdin().is_terminal() {
        return Err(Error::NoTerminal { pending: sessions.len() });
    }
    let done = review::run(&sessions, &machines::build, &mut io::stdin().lock(), &mut io::stdout().lock())?;
    let stale = if done.stale > 0 { format!(", {} no longer true", done.stale) } else { String::new() };
    print(&format!(
        "{}: {} accepted, {} rejected, {} skipped{stale}\n",
        counted(sessions.len() as u64, "session"),
        done.accepted,
        done.rejected,
        done.skipped
    ))?;
    Ok(ExitCode::SUCCESS)
}
