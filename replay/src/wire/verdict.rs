//! What came, compared with what was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit::machine::{Output, Timestamp};

use super::drive::Played;
use super::script::{Expected, Line, LineOf, Script};
use super::track::{Found, Track, bare};
use crate::compare::{self, Item, Pair};
use crate::diff::{self, Mismatch};
use crate::finding::{DifferenceKind, Finding, Tally, Whole};
use crate::frame;
use crate::player;
use crate::report::{Lossy, Report, utc};
use crate::session::Session;
use crate::volatile::{Breach, Checker, Moment, Rules};

/// One recorded message and what came for it, where it stands in the recording.
struct Entry<'a> {
    seq: u64,
    at: Timestamp,
    muted: bool,
    line: LineOf,
    pair: Pair,
    late: bool,
    expected: Option<&'a Expected>,
    found: Option<&'a Found>,
}

/// Compares everything.
pub fn report(
    session: &Session,
    script: &Script,
    lossy: Option<Lossy>,
    played: &Played,
    rules: &Rules,
    tell: usize,
) -> Report {
    let mut tally =
        Tally { checker: Some(Checker::new(rules)), keep: tell, inputs: played.sent, ..Tally::default() };
    // What the live service tells of its own past is older than the play.
    tally.checker.iter_mut().for_each(|checker| checker.begin(script.first_at, Timestamp::ZERO));
    let states: BTreeSet<(usize, String)> = (script.expected.iter())
        .flat_map(|((service, _), all)| all.iter().map(|expected| (*service, expected)))
        .filter(|(_, expected)| expected.whole_state)
        .map(|(service, expected)| (service, frame::message(&expected.output)))
        .collect();
    let mut entries = Vec::new();
    for line in lines(script, &played.track) {
        if !played.skipped.contains(&line.0) {
            compare_line(line, script, played, &states, &mut entries);
        }
    }
    let broke_off = played.broke_off.unwrap_or(u64::MAX);
    entries.retain(|entry| entry.seq < broke_off);
    entries.sort_by_key(|entry| entry.seq);
    tally.outputs = entries.iter().filter(|entry| entry.found.is_some()).count() as u64;
    for entry in &entries {
        judge(entry, script, played, &mut tally);
    }
    // Without what led to it, a difference is still one.
    let moments = player::moments(session, &tally.list, tell)
        .unwrap_or_else(|_| tally.list.iter().map(|_| player::Moment::default()).collect());
    let used_rules = tally.used_rules();
    let list = player::differences(tally.list, moments, Some(script.first_at));
    let unfinished = played.broke_off.map(|seq| Lossy::Silent { seq });
    let skipped = played.skipped.first().and_then(|service| script.services.get(*service));
    let unfed = skipped.map(|service| Lossy::NoFeed { service: service.to_string() });
    Report {
        selected: true,
        session: session.name(),
        recorded_by: session.about().version.clone(),
        versions: script.versions.iter().cloned().collect(),
        notes: script.notes.iter().chain(&played.notes).cloned().collect(),
        inputs: tally.inputs,
        outputs: tally.outputs,
        recorded: script.last_at.saturating_sub(script.first_at),
        elapsed: played.elapsed,
        differences: tally.differences,
        kinds: tally.kinds,
        first: list.first().cloned(),
        list,
        lossy: lossy.or(unfinished).or(unfed),
        used_rules,
        digests: Vec::new(),
    }
}

fn lines(script: &Script, track: &Track) -> BTreeSet<LineOf> {
    script
        .expected
        .keys()
        .chain(track.found.keys())
        .copied()
        .filter(|(_, line)| *line != Line::Feed)
        .collect()
}

fn compare_line<'a>(
    line: LineOf,
    script: &'a Script,
    played: &'a Played,
    states: &BTreeSet<(usize, String)>,
    entries: &mut Vec<Entry<'a>>,
) {
    let track = &played.track;
    let recorded: &[Expected] = script.expected.get(&line).map_or(&[], Vec::as_slice);
    let came: &[Found] = track.found.get(&line).map_or(&[], Vec::as_slice);
    // A paced connection was told as much as it could take, of any kind.
    let paced = !recorded.is_empty() && recorded.iter().all(|expected| expected.whole_state);
    let is_state = |found: &Found| paced || states.contains(&(line.0, frame::message(&found.output)));
    let strict: Vec<(usize, &Expected)> =
        recorded.iter().enumerate().filter(|(_, expected)| !expected.whole_state).collect();
    let found: Vec<&Found> = came.iter().filter(|found| !is_state(found)).collect();
    let item = |content: String, output: &Output| Item {
        stream: String::new(),
        kind: track.message(line, output),
        content,
    };
    let mine: Vec<Item> = strict
        .iter()
        .map(|(_, expected)| item(track.content_of_recorded(line, &expected.output), &expected.output))
        .collect();
    let theirs: Vec<Item> =
        found.iter().map(|found| item(track.content_of_found(line, &found.output), &found.output)).collect();
    let pairs = compare::align(&mine, &theirs);
    // What wasn't recorded stands behind the recorded message that came before it.
    let places: BTreeMap<usize, usize> =
        pairs.iter().filter_map(|pair| pair.found().zip(pair.recorded())).collect();
    for pair in pairs {
        let place = |found: usize| places.range(..found).next_back().map(|(_, recorded)| *recorded);
        let expected = pair.recorded().and_then(|n| strict.get(n)).copied();
        let stands = pair.recorded().or_else(|| pair.found().and_then(place)).and_then(|n| strict.get(n));
        let (seq, at, muted) = stands
            .map_or_else(|| beginning(line, script), |(_, stands)| (stands.seq, stands.at, stands.muted));
        let late = expected.is_some_and(|(place, _)| track.late.contains(&(line, place)));
        let found = pair.found().and_then(|n| found.get(n)).copied();
        let expected = expected.map(|(_, expected)| expected);
        entries.push(Entry { seq, at, muted, line, pair, late, expected, found });
    }
    // Of states only the last counts, and that it came: how many there are, and whether another is told before a
    // client has left, is a matter of timing.
    if let Some(last) = recorded.iter().rfind(|expected| expected.whole_state) {
        let kind = frame::message(&last.output);
        let recorded = track.content_of_recorded(line, &last.output);
        let states = || came.iter().rev().filter(|found| frame::message(&found.output) == kind);
        let it = states().find(|found| track.content_of_found(line, &found.output) == recorded);
        let (found, same) = (it.or_else(|| states().next()), it.is_some());
        let pair = match (found, same) {
            (None, _) => Pair::Missing { recorded: 0 },
            (Some(_), true) => Pair::Same { recorded: 0, found: 0 },
            (Some(_), false) => Pair::Different { recorded: 0, found: 0 },
        };
        let Expected { seq, at, muted, .. } = *last;
        entries.push(Entry { seq, at, muted, line, pair, late: false, expected: Some(last), found });
    }
}

/// Where a client's first input stands.
fn beginning(line: LineOf, script: &Script) -> (u64, Timestamp, bool) {
    let first = script.steps.iter().find(|step| step.line == line);
    first.map_or((0, script.first_at, false), |step| (step.seq, step.at, false))
}

fn judge(entry: &Entry, script: &Script, played: &Played, tally: &mut Tally) {
    let breach = breach(entry, &played.track, tally);
    if entry.muted {
        return;
    }
    let (expected, found) = (entry.expected.map(|e| &e.output), entry.found.map(|f| &f.output));
    let (kind, place) = match (entry.pair, breach) {
        (Pair::Missing { .. }, _) => (DifferenceKind::Missing, None),
        (Pair::Extra { .. }, _) => (DifferenceKind::Extra, None),
        (Pair::Reordered { .. }, _) => (DifferenceKind::Reordered, None),
        (_, Some(Breach::Inconsistent(place))) if !envelopes_differ(expected, found) => {
            (DifferenceKind::Inconsistent, Some(place))
        }
        (Pair::Same { .. }, None) if entry.late => (DifferenceKind::Late, Some(lateness(entry))),
        (Pair::Same { .. }, None) => return,
        (_, breach) => {
            let place = breach.map(Breach::mismatch).filter(|_| !envelopes_differ(expected, found));
            let whole = || diff::outputs(&bare(expected?), &bare(found?));
            (DifferenceKind::Different, place.or_else(whole))
        }
    };
    if !tally.wants(kind, entry.seq) {
        return;
    }
    let short = |output: Option<&Output>| output.map(|output| diff::short(&frame::output(output)));
    let none = played.why.get(&entry.line).filter(|_| found.is_none()).cloned();
    let all = || Mismatch { path: "$".to_owned(), expected: short(expected), found: short(found).or(none) };
    tally.keep(Finding {
        kind,
        service: script.services.get(entry.line.0).cloned().unwrap_or_else(|| Arc::from("")),
        at: entry.at,
        before_seq: entry.seq,
        peer: expected.or(found).map(frame::output_peer),
        mismatch: place.unwrap_or_else(all),
        whole: Some(Whole { recorded: expected.map(frame::whole), found: found.map(frame::whole) }),
    });
}

/// What rules say of two messages that are one. It is asked of those that are the same, too: ids and times are
/// to be consistent over the whole session.
fn breach(entry: &Entry, track: &Track, tally: &mut Tally) -> Option<Breach> {
    let (expected, found) = entry.expected.zip(entry.found)?;
    let texts = frame::output_text(&expected.output).zip(frame::output_text(&found.output));
    let (recorded_text, found_text) = texts?;
    let message = track.message(entry.line, &expected.output);
    let peer = frame::output_peer(&expected.output).to_string();
    let moment = Moment {
        service: track.service(entry.line),
        message: &message,
        peer: &peer,
        recorded_at: entry.at,
        found_at: found.at,
    };
    tally.checker.as_mut()?.texts(moment, recorded_text, found_text)
}

/// Whether they part before their text: in the status, or in what they are.
fn envelopes_differ(expected: Option<&Output>, found: Option<&Output>) -> bool {
    match (expected, found) {
        (Some(Output::Http { status, .. }), Some(Output::Http { status: found, .. })) => status != found,
        (Some(expected), Some(found)) => std::mem::discriminant(expected) != std::mem::discriminant(found),
        _ => false,
    }
}

fn lateness(entry: &Entry) -> Mismatch {
    Mismatch {
        path: "when".to_owned(),
        expected: Some(format!("{} (event {})", utc(entry.at), entry.seq)),
        found: Some("after it was waited for".to_owned()),
    }
}
