//! `depot config`: what is in force and where each value comes from.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::gnss::print;
use crate::error::Error;
use crate::settings::Setting;

/// Prints one line per setting: `name = value  # origin`, which is TOML again.
pub fn run(settings: &[Setting]) -> Result<ExitCode, Error> {
    let lines: Vec<String> = settings.iter().map(assignment).collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (line, setting) in lines.iter().zip(settings) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{line:width$}  # {}", setting.origin);
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn assignment(setting: &Setting) -> String {
    match &setting.value {
        Some(value) if has_password(value) => format!("# {} holds a password and is not shown", setting.name),
        Some(value) => format!("{} = {}", setting.name, toml::Value::from(value.as_str())),
        None => format!("# {} is not set", setting.name),
    }
}

/// A URL's `user:password@`, or a parameter of it.
fn has_password(value: &str) -> bool {
    if value.to_ascii_lowercase().contains("password=") {
        return true;
    }
    // There may be several.
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split('/').next().and_then(|authority| authority.rsplit_once('@'));
        authority.is_some_and(|(user, _)| user.contains(':'))
    })
}
