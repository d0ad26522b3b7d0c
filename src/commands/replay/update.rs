//! `depot replay --update`: takes what the services do now into a session.

use replay::machines;
use replay::report::{Outcome, Report};
use replay::select::Selected;
use replay::session::Session;
use replay::update::{self, UpdateError};

use crate::cli::Update;
use crate::error::Error;

/// What was done with a session.
pub struct Updated {
    /// For a person.
    pub sentence: String,
    /// The session is now what the services do.
    pub settled: bool,
}

/// Writes it anew where it isn't as recorded, or is of an older version or format; none where nothing is to do.
pub fn session(
    selected: &Selected,
    report: &Report,
    how: Update,
    force: bool,
) -> Result<Option<Updated>, Error> {
    let path = &*selected.path;
    let opened = Session::open(path).map_err(UpdateError::from)?;
    let not = |why: &str| Ok(Some(Updated { sentence: format!("not updated: {why}"), settled: false }));
    match report.outcome() {
        Outcome::Same if !update::is_older(&opened) => return Ok(None),
        Outcome::Lossy if !force => {
            return not(
                "it can't be replayed to its end, and what can be is as recorded; --force keeps only that",
            );
        }
        Outcome::NotDeterministic => {
            return not("it does another thing each time, so there is nothing to accept");
        }
        _ => {}
    }
    if !selected.parts.is_empty() {
        return Err(UpdateError::Parts { name: opened.name() }.into());
    }
    if let Some(lossy) = report.lossy.as_ref().filter(|_| !force) {
        let (name, reason) = (path.display().to_string(), lossy.to_string());
        return Err(UpdateError::Lossy { name, reason }.into());
    }
    Ok(Some(match how {
        Update::Accept => {
            update::accept(path, &machines::build, force)?;
            let sentence = "updated: the session is now what the services do".to_owned();
            Updated { sentence, settled: report.lossy.is_none() }
        }
        Update::New => {
            let proposed = update::propose(path, &machines::build, force)?;
            let sentence =
                format!("proposed as {}; look at it with depot session review", proposed.display());
            Updated { sentence, settled: false }
        }
    }))
}
