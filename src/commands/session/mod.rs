//! `depot session …`: what can be done with a recording besides replaying it.

pub mod args;
pub mod review;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use replay::machines;
use replay::player::ReplayError;
use replay::session::{self, Problem};
use replay::tools::cat::{Form, Told, cat};
use replay::tools::redact::{Rule, Rules, Stream, redact};
use replay::tools::series::Series;
use replay::tools::{OutFile, cut, diff, har, info, jsonl, raw, recover};
use replay::{shrink, tools::ToolError};
use serde::Serialize;

use super::gnss::print;
use crate::cli::MessageFormat;
use crate::error::Error;
use args::{Format, Session};

/// The output is whole, the input wasn't.
const LOSSY: u8 = 3;
/// Two sessions differ.
const DIFFERS: u8 = 100;

/// Does it; the exit code tells whether the input could be read to its end.
pub fn run(what: &Session) -> Result<ExitCode, Error> {
    match what {
        Session::Info(args) => tell_info(args),
        Session::Cat(args) => print_events(args),
        Session::Diff(args) => compare(args),
        Session::Cut(args) => {
            let (series, out) = open(&args.input.files, &args.out)?;
            let cut = cut::cut(&series, &args.part.selection(), out)?;
            print(&format!("{cut}\n"))?;
            ended(cut.problem.as_ref())
        }
        Session::Redact(args) => redacted(args),
        Session::Recover(args) => recovered(args),
        Session::Join(args) => {
            let (series, out) = open(&args.input.files, &args.out)?;
            let (written, problem) = series.join(out)?;
            print(&format!("{} events, {} bytes\n", written.events, written.bytes))?;
            ended(problem.as_ref())
        }
        Session::Convert(args) => convert(args),
        Session::Review(args) => review::run(args),
        Session::Shrink(args) => shrunk(args),
    }
}

fn open(files: &[PathBuf], out: &args::Out) -> Result<(Series, OutFile), Error> {
    let series = Series::open(files)?;
    let out = OutFile::create(&out.out, out.force, series.paths())?;
    Ok((series, out))
}

/// Says why the input couldn't be read to its end.
fn ended(problem: Option<&Problem>) -> Result<ExitCode, Error> {
    let Some(problem) = problem else { return Ok(ExitCode::SUCCESS) };
    print(&format!("{problem}; `depot session recover` saves what is behind it\n"))?;
    Ok(ExitCode::from(LOSSY))
}

fn json(value: &impl Serialize) -> Result<(), Error> {
    print(&(serde_json::to_string(value).unwrap_or_default() + "\n"))
}

fn tell_info(args: &args::Info) -> Result<ExitCode, Error> {
    let info = info::info(&Series::open(&args.input.files)?)?;
    match args.message_format {
        MessageFormat::Human => print(&info.to_string())?,
        MessageFormat::Json => json(&info)?,
    }
    Ok(ExitCode::from(if info.damage.is_some() { LOSSY } else { 0 }))
}

fn print_events(args: &args::Cat) -> Result<ExitCode, Error> {
    let series = Series::open(&args.input.files)?;
    let form = match args.message_format {
        MessageFormat::Human => Form::Line,
        MessageFormat::Json => Form::Json,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let Told { any, problem } = cat(&series, &args.part.selection(), form, &mut out)?;
    match out.flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(Error::file("write", "standard output")(error));
        }
        _ => {}
    }
    drop(out);
    if !any && problem.is_none() {
        return Err(ToolError::Nothing { name: series.name() }.into());
    }
    match (problem, form) {
        // JSON lines are for a program: its exit code says it.
        (Some(_), Form::Json) => Ok(ExitCode::from(LOSSY)),
        (problem, _) => ended(problem.as_ref()),
    }
}

fn compare(args: &args::Diff) -> Result<ExitCode, Error> {
    let [a, b] = [&args.a, &args.b].map(|path| Series::open(std::slice::from_ref(path)));
    let diff = diff::diff(&a?, &b?)?;
    match args.message_format {
        MessageFormat::Human => print(&format!("{diff}\n"))?,
        MessageFormat::Json => json(&diff)?,
    }
    Ok(ExitCode::from(match diff.is_same() {
        false => DIFFERS,
        true if !diff.problems.is_empty() => LOSSY,
        true => 0,
    }))
}

fn redacted(args: &args::Redact) -> Result<ExitCode, Error> {
    let built_in = [
        (args.positions, Rule::Positions),
        (args.names, Rule::Names),
        (args.ids, Rule::Ids),
        (args.addresses, Rule::Addresses),
        (args.secrets, Rule::Secrets),
    ];
    let mut members: Vec<Rule> = built_in.into_iter().filter_map(|(on, rule)| on.then_some(rule)).collect();
    members.extend(args.paths.iter().cloned());
    let stream = match (args.drop_stream, args.keep_stream) {
        (true, _) => Stream::Drop,
        (_, true) => Stream::Keep,
        _ => Stream::Refuse,
    };
    let (series, out) = open(&args.input.files, &args.out)?;
    let done = redact(&series, &Rules { members, addresses: args.addresses, stream }, out)?;
    let mut text = format!("{} values replaced by {} pseudonyms\n", done.replaced, done.values);
    if done.dropped_bytes > 0 {
        text += &format!(
            "{} bytes of the receiver are left out: it can't be replayed at core level any more\n",
            done.dropped_bytes
        );
    }
    if done.kept_bytes > 0 {
        text +=
            &format!("{} bytes of the receiver are in it as they were, positions and all\n", done.kept_bytes);
    }
    if done.replaced > 0 && done.dropped_bytes == 0 {
        text += "what the services said of the real values isn't what they say of these: `depot replay --update` makes it a session that replays as recorded\n";
    }
    print(&text)?;
    ended(done.problem.as_ref())
}

fn recovered(args: &args::Recover) -> Result<ExitCode, Error> {
    let out = OutFile::create(&args.out.out, args.out.force, std::slice::from_ref(&args.file))?;
    let recovery = recover::recover(&args.file, out)?;
    match args.message_format {
        MessageFormat::Human => print(&format!("{recovery}\n"))?,
        MessageFormat::Json => json(&recovery)?,
    }
    Ok(ExitCode::from(if recovery.is_whole() { 0 } else { LOSSY }))
}

fn convert(args: &args::Convert) -> Result<ExitCode, Error> {
    let to = args.to.unwrap_or_else(|| format_of(&args.out.out).unwrap_or(Format::Raw));
    let selection = args.part.selection();
    if let [file] = &*args.files
        && let Some(from @ (Format::Jsonl | Format::Har)) = format_of(file)
    {
        if to != Format::Mcap {
            return Err(usage("JSON lines and HAR can be converted to a session only: -o FILE.mcap"));
        }
        if !selection.is_all() {
            return Err(usage("--from, --until and --only are for recordings: convert first, then cut"));
        }
        return made(file, from, &args.out);
    }
    if to != Format::Raw && !selection.is_all() {
        return Err(usage(
            "--from, --until and --only are for the receiver's bytes: cut first, then convert",
        ));
    }
    let (series, out) = open(&args.files, &args.out)?;
    let (text, problem) = match to {
        Format::Mcap => {
            let (written, problem) = series.join(out)?;
            (format!("{} events", written.events), problem)
        }
        Format::Jsonl => {
            let (events, problem) = jsonl::export(&series, out)?;
            (format!("{events} events"), problem)
        }
        Format::Har => {
            let har::Exported { entries, frames, left_out, problem } = har::export(&series, out)?;
            let more = if left_out > 0 { format!(", {left_out} entries left out") } else { String::new() };
            (format!("{entries} entries, {frames} WebSocket frames{more}"), problem)
        }
        Format::Raw => {
            let (bytes, problem) = raw::export(&series, &selection, out)?;
            (format!("{bytes} bytes"), problem)
        }
    };
    print(&format!("{text}\n"))?;
    ended(problem.as_ref())
}

/// A session made of something else.
fn made(file: &Path, from: Format, out: &args::Out) -> Result<ExitCode, Error> {
    let failed = |source| ToolError::Read { name: file.display().to_string(), source };
    let name = file.display().to_string();
    let out = OutFile::create(&out.out, out.force, &[file.to_owned()])?;
    let written = if from == Format::Har {
        har::import(&name, &std::fs::read_to_string(file).map_err(failed)?, out)?
    } else {
        jsonl::import(&name, &mut BufReader::new(File::open(file).map_err(failed)?), out)?
    };
    print(&format!("{} events, {} bytes\n", written.events, written.bytes))?;
    Ok(ExitCode::SUCCESS)
}

fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "mcap" => Some(Format::Mcap),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "har" => Some(Format::Har),
        _ => None,
    }
}

fn usage(text: &str) -> Error {
    clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, format!("{text}\n")).into()
}

fn shrunk(args: &args::Shrink) -> Result<ExitCode, Error> {
    let mut out = OutFile::create(&args.out.out, args.out.force, std::slice::from_ref(&args.file))?;
    let session = session::Session::open_named(&args.file).map_err(ReplayError::from)?;
    // A machine that panics does so in every trial; what it says is in the result.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let shrunk = shrink::shrink(&session, &machines::build, shrink::Budget::Time(args.budget));
    std::panic::set_hook(hook);
    let shrunk = shrunk?;
    out.write_all(&shrunk.bytes).map_err(Error::file("write", &args.out.out))?;
    out.finish()?;
    print(&format!("{shrunk}\n"))?;
    Ok(ExitCode::SUCCESS)
}
