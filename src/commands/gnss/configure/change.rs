//! `base`, `rover` and `restore`: changes, all or nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kit::clock::Clock;
use rtk_reader::frame::Protocol;
use rtk_reader::receiver::plan::{Common, Load, Plan, PlanError, REFUSE_PERCENT, WARN_PERCENT};
use rtk_reader::receiver::{Change, Item, KeyId, Port, Snapshot, Target, Values, write_saved};
use tracing::{info, warn};

use super::super::print;
use super::talk::Talk;
use super::{ConfigureError, common, open, our_port, read_all, saved};
use crate::cli::configure::{CommonArgs, Restore};
use crate::error::Error;

/// Sets a receiver up as a plan says, which may need to know the receiver.
pub async fn set_up(
    args: &CommonArgs,
    survey_in: bool,
    plan: impl Fn(Option<&Snapshot>, Common) -> Result<Plan, PlanError>,
) -> Result<ExitCode, Error> {
    if let (true, false, Some(ours)) = (args.change.dry_run, survey_in, args.port.port_of_receiver) {
        let common = common(args, ours)?;
        let plan = plan(None, common).map_err(ConfigureError::from)?;
        bearable(plan.load(common.corrections, args.satellites, &Values::new()))?;
        return dry(&Target::everywhere(&plan.items().collect::<Vec<Item>>()));
    }
    let clock = Clock::start();
    let mut talk = open(&args.port, clock).await?;
    let before = read_all(&mut talk, survey_in).await?;
    let ours = our_port(&args.port, &talk, &before)?;
    let common = common(args, ours)?;
    let plan = plan(Some(&before), common).map_err(ConfigureError::from)?;
    for port in [Some(ours), (ours != common.corrections).then_some(common.corrections)].into_iter().flatten()
    {
        bearable(plan.load(port, args.satellites, &before.ram))?;
    }
    let target = Target::everywhere(&plan.for_receiver(&before).map_err(ConfigureError::from)?);
    if args.change.dry_run {
        return dry(&target);
    }
    carry_out(&mut talk, target, &before, ours, &args.change.data, clock).await
}

/// Puts back what a file says.
pub async fn restore(args: Restore) -> Result<ExitCode, Error> {
    let then = saved(&args.file)?;
    let clock = Clock::start();
    let mut talk = open(&args.port, clock).await?;
    let now = read_all(&mut talk, false).await?;
    if then.model != now.model {
        let (saved, found) = (then.model, now.model);
        return Err(ConfigureError::OtherModel { path: args.file, saved, found }.into());
    }
    let target = Target::back_to(&then, &now);
    if target.is_empty() {
        print("the receiver has all of it set already; nothing was changed\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.change.dry_run {
        return dry(&target);
    }
    let ours = our_port(&args.port, &talk, &now)?;
    carry_out(&mut talk, target, &now, ours, &args.change.data, clock).await
}

/// Refuses what a line can't carry, warns of what fills it.
fn bearable(load: Option<Load>) -> Result<(), ConfigureError> {
    match load {
        Some(load) if load.percent() > REFUSE_PERCENT => Err(PlanError::Overload(load).into()),
        Some(load) if load.percent() > WARN_PERCENT => {
            warn!("{load}");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Prints what would be set, and where.
fn dry(target: &Target) -> Result<ExitCode, Error> {
    let mut text = String::new();
    let saved = [("BBR", &target.bbr), ("flash", &target.flash)];
    let mut keys: Vec<KeyId> =
        target.ram.keys().chain(target.bbr.keys()).chain(target.flash.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let mut told: Vec<(Option<u64>, &str)> = Vec::new();
        told.extend(target.ram.get(&key).map(|value| (Some(*value), "RAM")));
        for (name, layer) in saved {
            told.extend(layer.get(&key).map(|value| (*value, name)));
        }
        let mut rest = told.as_slice();
        while let Some((value, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| other == value).count();
            let (these, others) = rest.split_at(same);
            let layers: Vec<&str> = these.iter().map(|(_, layer)| *layer).collect();
            // Writing to a String can't fail.
            let _ = writeln!(text, "{key:?} {} in {}", change_to(key, *value), layers.join(", "));
            rest = others;
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn change_to(key: KeyId, value: Option<u64>) -> String {
    match (value, key.key()) {
        (None, _) => "deleted".to_owned(),
        (Some(raw), Some(key)) => {
            let (raw_text, text) = (format!("0x{raw:x}"), key.text(raw));
            if raw_text == text { format!("= {text}") } else { format!("= {text} ({raw_text})") }
        }
        (Some(raw), None) => format!("= 0x{raw:x}"),
    }
}

/// Keeps what was, then changes it.
async fn carry_out(
    talk: &mut Talk,
    target: Target,
    before: &Snapshot,
    ours: Port,
    data: &Path,
    clock: Clock,
) -> Result<ExitCode, Error> {
    for key in [ours.takes(Protocol::Ubx), ours.gives(Protocol::Ubx), ours.enabled_key()] {
        if target.ram.get(&key) == Some(&0) {
            return Err(ConfigureError::CutsOff { key }.into());
        }
    }
    let kept = keep(before, data, clock)?;
    info!(file = %kept.display(), "what the receiver had set before is kept");
    let line = talk.baud().map(|baud| (ours, baud));
    let mut change = Change::new(talk.now(), target, before, line);
    talk.hold(&mut change).await;
    match change.report() {
        Some(report) if report.is_done() => {
            print(&format!("{report}; what it had before stands in {}\n", kept.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(report) => Err(ConfigureError::Failed { report: Box::new(report.clone()), before: kept }.into()),
        None => Err(ConfigureError::Read(rtk_reader::receiver::ReadError::PortLost).into()),
    }
}

/// Writes the configuration into a file of its own.
fn keep(before: &Snapshot, data: &Path, clock: Clock) -> Result<PathBuf, Error> {
    let folder = data.join("receivers");
    std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let model: String =
        before.model.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = folder.join(format!("{model}-{}.json", clock.now().as_millis()));
    write_new(&path, &write_saved(before))?;
    Ok(path)
}

/// Writes a file that must not exist, on the disk before anything else happens.
pub fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    let mut file = std::fs::File::create_new(path).map_err(Error::file("create", path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::file("write", path))
}
