//! `depot hil list`: what there is to be measured, and by what.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use hil::bench::map::{Fixtures, Map, Mapped};
use hil::bench::stage::Offer;
use hil::bench::{BenchError, Case, Limits, cases};
use rtk_reader::source::{Port, default_lock_dirs, ports};

use crate::cli::HilList;
use crate::commands::gnss::print;
use crate::error::Error;

/// Lists receivers and cases.
pub fn run(args: &HilList) -> Result<ExitCode, Error> {
    let limits = Limits::load(args.limits.as_deref(), cases::ALL).map_err(BenchError::from)?;
    let map = Map::load(&args.map).map_err(BenchError::from)?;
    let mut receivers = ports(Path::new("/"), &default_lock_dirs());
    receivers.retain(Port::is_ublox);
    let mut text = String::from("receivers:\n");
    // Writing to a String can't fail, here and below.
    for port in &receivers {
        let _ = writeln!(text, "  {}{}", port.name(), known(&map, port));
    }
    if receivers.is_empty() {
        text.push_str("  none on USB; `depot hil run --twin` measures a virtual one\n");
    }
    let away = map.receivers.iter().filter(|mapped| !receivers.iter().any(|port| is(mapped, port)));
    for mapped in away {
        let _ = writeln!(text, "  {} {} ({}), not plugged in", mapped.model, mapped.chip_id, mapped.notes);
    }
    let mapped = match receivers.as_slice() {
        [port] => map.receivers.iter().find(|mapped| is(mapped, port)),
        _ => None,
    };
    text.push_str("\ncases:\n");
    for case in cases::ALL {
        tell(&mut text, case, &limits, mapped.map(|mapped| &mapped.fixtures));
    }
    for entry in &limits.quarantine {
        let _ = writeln!(text, "\nin quarantine until {}: {}: {}", entry.until, entry.case, entry.reason);
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn is(mapped: &Mapped, port: &Port) -> bool {
    mapped.port == port.path || Some(&mapped.port) == port.by_id.as_ref()
}

fn known(map: &Map, port: &Port) -> String {
    let holder = port.holder.as_ref().map_or_else(String::new, |holder| format!(", held by {holder}"));
    match map.receivers.iter().find(|mapped| is(mapped, port)) {
        Some(Mapped { model, firmware, chip_id, notes, .. }) => {
            let notes = if notes.is_empty() { String::new() } else { format!(": {notes}") };
            format!("  {model} {firmware} ({chip_id}){notes}{holder}")
        }
        None => format!("  not in the map: run `depot hil map`{holder}"),
    }
}

/// A case with its limits, and why it would be skipped.
fn tell(text: &mut String, case: &Case, limits: &Limits, fixtures: Option<&Fixtures>) {
    let _ = writeln!(text, "  {:18} {}", case.name, case.about);
    for measure in case.measures {
        let bounds: Vec<String> = limits
            .of_case(case.name)
            .filter(|(key, _)| key.split_once('/').map_or(*key, |(name, _)| name) == measure.name)
            .map(|(key, limit)| match key.split_once('/') {
                Some((_, part)) => format!("{part}: {}", limit.text()),
                None => limit.text(),
            })
            .collect();
        let bounds = if bounds.is_empty() { "no limit".to_owned() } else { bounds.join(", ") };
        let _ = writeln!(text, "    {:18} {:7} {bounds}; {}", measure.name, measure.unit, measure.about);
    }
    let nothing = Fixtures::default();
    // Whether the line has a speed is known when it is looked at; whether it soaks, when it is told.
    let fixtures = fixtures.unwrap_or(&nothing);
    let offer = Offer { fixtures, hands: None, line: None, soak: None };
    if let Some(reason) = case.needs.iter().find_map(|need| need.missing(&offer)) {
        let _ = writeln!(text, "    skipped on hardware: {reason}");
    }
}
