//! Which of the messages that came is which of those that were recorded, as they come.

use std::collections::{BTreeMap, BTreeSet};

use kit::machine::{Output, Timestamp};

use super::names::Names;
use super::script::{Expected, Line, LineOf, Script};
use crate::frame;
use crate::volatile::{Checker, Kind, Rules};

/// Recorded messages that one that came is compared with, from the first that hasn't come.
const LOOK_AHEAD: usize = 64;
/// Messages of one client that are kept; what comes after them isn't compared.
pub const MAX_FOUND: usize = 1_000_000;

/// A message that came.
#[derive(Clone, Debug)]
pub struct Found {
    pub at: Timestamp,
    pub output: Output,
}

/// Everything that was recorded and has come.
pub struct Track<'s> {
    script: &'s Script,
    checker: Checker<'s>,
    pub names: Names,
    pub found: BTreeMap<LineOf, Vec<Found>>,
    /// Recorded messages, by their place, that have come.
    taken: BTreeMap<LineOf, BTreeSet<usize>>,
    /// Those that are waited for, by number.
    owed: BTreeMap<u64, BTreeMap<LineOf, usize>>,
    /// The answers among them: they are asked for before every input.
    answers: BTreeSet<u64>,
    /// Those that weren't waited for any longer.
    pub late: BTreeSet<(LineOf, usize)>,
    /// Whether the last of the whole states that were recorded has come.
    states: BTreeMap<LineOf, bool>,
    /// Names that some answer brings; what isn't among them the client made up.
    drawn: BTreeMap<String, u64>,
    /// The first recorded message of a line that hasn't come.
    first: BTreeMap<LineOf, usize>,
}

impl<'s> Track<'s> {
    pub fn new(script: &'s Script, rules: &'s Rules) -> Self {
        let mut track = Self {
            script,
            checker: Checker::new(rules),
            names: Names::default(),
            found: BTreeMap::new(),
            taken: BTreeMap::new(),
            owed: BTreeMap::new(),
            answers: BTreeSet::new(),
            late: BTreeSet::new(),
            states: BTreeMap::new(),
            drawn: BTreeMap::new(),
            first: BTreeMap::new(),
        };
        for (line, all) in &script.expected {
            for (place, expected) in all.iter().enumerate() {
                track.draw(*line, expected);
                if expected.whole_state {
                    track.states.insert(*line, false);
                } else {
                    if matches!(line.1, Line::Request(_)) {
                        track.answers.insert(expected.seq);
                    }
                    track.owed.entry(expected.seq).or_default().insert(*line, place);
                }
            }
        }
        track
    }

    fn draw(&mut self, line: LineOf, expected: &Expected) {
        let Some(text) = frame::output_text(&expected.output) else { return };
        let message = self.message(line, &expected.output);
        let pairs = self.checker.pairs(self.service(line), &message, text, text);
        for (_, name, _) in pairs.into_iter().filter(|(kind, ..)| *kind != Kind::Seq) {
            let first = self.drawn.entry(name).or_insert(expected.seq);
            *first = expected.seq.min(*first);
        }
    }

    /// Whether what a client says has a name in it that the service had given by then, and hasn't yet.
    pub fn lacks(&self, text: &str, before: u64) -> bool {
        let drawn = |word| self.drawn.get(word).is_some_and(|seq| *seq < before);
        Names::words(text).any(|word| drawn(word) && self.names.live(word).is_none())
    }

    /// Whether a message recorded before is still to come.
    pub fn owes(&self, before: u64) -> bool {
        self.owed.range(..before).next().is_some()
    }

    /// Whether an answer recorded before is.
    pub fn owes_answers(&self, before: u64) -> bool {
        self.answers.range(..before).next().is_some()
    }

    /// The same of one client, its last state included.
    pub fn owes_to(&self, before: u64, line: LineOf) -> bool {
        self.owed.range(..before).any(|(_, lines)| lines.contains_key(&line))
            || self.states.get(&line).is_some_and(|told| !told)
    }

    /// Whether anything is still to come.
    pub fn owes_any(&self, of: impl Fn(LineOf) -> bool) -> bool {
        self.owed.values().any(|lines| lines.keys().any(|line| of(*line)))
            || self.states.iter().any(|(line, told)| !told && of(*line))
    }

    /// Waits no longer for what was recorded before; returns how many that are.
    pub fn give_up(&mut self, before: u64, of: impl Fn(LineOf) -> bool) -> usize {
        let mut given_up = Vec::new();
        for (seq, lines) in self.owed.range_mut(..before) {
            lines.retain(|line, place| {
                let gone = of(*line);
                given_up.extend(gone.then_some((*seq, *line, *place)));
                !gone
            });
        }
        for (seq, line, place) in &given_up {
            self.answers.remove(seq);
            self.late.insert((*line, *place));
            if self.owed.get(seq).is_some_and(BTreeMap::is_empty) {
                self.owed.remove(seq);
            }
        }
        given_up.len()
    }

    /// A whole state that hasn't come isn't waited for any longer.
    pub fn give_up_state(&mut self, line: LineOf) {
        self.states.remove(&line);
    }

    /// Takes a message.
    pub fn take(&mut self, line: LineOf, found: Found) {
        if let Some(place) = self.place(line, &found.output) {
            self.is_it(line, place, &found.output);
        } else if let Some(place) = self.instead(line, &found.output) {
            // It came with another content; to wait for the recorded one would be in vain.
            self.settle(line, place);
        }
        let all = self.found.entry(line).or_default();
        if all.len() < MAX_FOUND {
            all.push(found);
        }
    }

    /// The recorded message that it is.
    fn place(&mut self, line: LineOf, found: &Output) -> Option<usize> {
        let all = self.script.expected.get(&line)?;
        let taken = self.taken.entry(line).or_default();
        let first = self.first.entry(line).or_insert(0);
        while taken.contains(first) || all.get(*first).is_some_and(|expected| expected.whole_state) {
            *first += 1;
        }
        let first = *first;
        let free: Vec<usize> = (first..all.len())
            .filter(|place| {
                !taken.contains(place) && all.get(*place).is_some_and(|expected| !expected.whole_state)
            })
            .take(LOOK_AHEAD)
            .collect();
        let content = self.content_of_found(line, found);
        let last = all.iter().rposition(|expected| expected.whole_state);
        if let Some((last, expected)) = last.and_then(|last| Some((last, all.get(last)?)))
            && frame::message(&expected.output) == frame::message(found)
        {
            let told = self.content_of_recorded(line, &expected.output) == content;
            self.states.entry(line).and_modify(|state| *state |= told);
            if told {
                return Some(last);
            }
        }
        free.into_iter().find(|place| {
            all.get(*place).is_some_and(|expected| {
                self.content_of_recorded(line, &expected.output) == content
                    && self.names.agree(&self.pairs(line, &expected.output, found))
            })
        })
    }

    fn is_it(&mut self, line: LineOf, place: usize, found: &Output) {
        let Some(expected) = self.script.expected.get(&line).and_then(|all| all.get(place)) else { return };
        self.names.learn(self.pairs(line, &expected.output, found));
        if let (Output::Http { link: Some(recorded), .. }, Output::Http { link: Some(live), .. }) =
            (&expected.output, found)
        {
            self.names.learn_link(recorded, live);
        }
        if !expected.whole_state {
            self.taken.entry(line).or_default().insert(place);
        }
        self.settle(line, place);
    }

    /// The first recorded message of its kind that hasn't come; of a request, the answer.
    fn instead(&self, line: LineOf, found: &Output) -> Option<usize> {
        let all = self.script.expected.get(&line)?;
        let kind = frame::message(found);
        let owed = |place: &usize| {
            all.get(*place).is_some_and(|expected| {
                self.owed.get(&expected.seq).is_some_and(|lines| lines.contains_key(&line))
                    && frame::message(&expected.output) == kind
            })
        };
        (0..all.len()).find(owed)
    }

    fn settle(&mut self, line: LineOf, place: usize) {
        let Some(expected) = self.script.expected.get(&line).and_then(|all| all.get(place)) else { return };
        if let Some(lines) = self.owed.get_mut(&expected.seq) {
            self.answers.remove(&expected.seq);
            lines.remove(&line);
            if lines.is_empty() {
                self.owed.remove(&expected.seq);
            }
        }
    }

    fn pairs(&self, line: LineOf, recorded: &Output, found: &Output) -> Vec<(Kind, String, String)> {
        let texts = frame::output_text(recorded).zip(frame::output_text(found));
        texts.map_or_else(Vec::new, |(recorded_text, found_text)| {
            self.checker.pairs(self.service(line), &self.message(line, recorded), recorded_text, found_text)
        })
    }

    /// A recorded message's content, with the live names of what has one and all else that is volatile masked.
    pub fn content_of_recorded(&self, line: LineOf, output: &Output) -> String {
        self.content(line, output, &|name| self.names.live(name).cloned())
    }

    /// The same of one that came.
    pub fn content_of_found(&self, line: LineOf, output: &Output) -> String {
        self.content(line, output, &|name| self.names.recorded(name).map(|_| name.to_owned()))
    }

    fn content(&self, line: LineOf, output: &Output, known: &dyn Fn(&str) -> Option<String>) -> String {
        let bare = bare(output);
        let text = frame::output_text(output).unwrap_or_default();
        let masked = self.checker.masked_but(self.service(line), &self.message(line, output), text, known);
        frame::with_text(&bare, masked.unwrap_or_else(|| text.to_owned()))
    }

    /// What rules call it.
    pub fn message(&self, line: LineOf, output: &Output) -> String {
        match output {
            Output::Http { .. } => {
                self.script.requests.get(&line).cloned().unwrap_or_else(|| "http".to_owned())
            }
            output => frame::message(output),
        }
    }

    pub fn service(&self, line: LineOf) -> &'s str {
        self.script.services.get(line.0).map_or("", |service| &**service)
    }
}

/// Without what doesn't travel: a frame's key. Whether there is a link matters, where it leads doesn't.
pub fn bare(output: &Output) -> Output {
    let mut bare = output.clone();
    match &mut bare {
        Output::Send { key, .. } => *key = None,
        Output::Http { link: Some(link), .. } => link.clear(),
        _ => {}
    }
    bare
}
