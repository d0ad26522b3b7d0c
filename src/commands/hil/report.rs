//! `depot hil report`: a run again, or two side by side.

use std::process::ExitCode;

use hil::bench::{compare, evidence, html};

use crate::cli::HilReport;
use crate::commands::gnss::print;
use crate::error::Error;

/// Prints a table; writes a page where one is asked for.
pub fn run(args: &HilReport) -> Result<ExitCode, Error> {
    let (record, series) = evidence::read(&args.run)?;
    let (text, page) = match &args.with {
        None => (compare::table(&record), html::report(&record, &series)),
        Some(with) => {
            let (after, after_series) = evidence::read(with)?;
            let page = html::comparison((&record, &series), (&after, &after_series));
            (compare::compared(&record, &after), page)
        }
    };
    print(&text)?;
    if let Some(file) = &args.html {
        std::fs::write(file, page).map_err(Error::file("write", file))?;
    }
    Ok(ExitCode::SUCCESS)
}
