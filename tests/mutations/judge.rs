//! What must hold whatever comes: judged by what a machine was fed and said, and by nothing else, so that a shrunk
//! session is judged like the whole.

use std::collections::{BTreeMap, BTreeSet};

use kit::machine::{ConnId, Input, Output};
use replay::shrink::Fed;
use serde_json::Value;

use super::drive::PROBE;
use super::fold::View;
use super::ledger::Kept;

/// Where consoles of a service listen, each as a path and a query.
pub fn consoles(service: &str) -> &'static [(&'static str, &'static str)] {
    match service {
        gps_status::SERVICE => &[("/ws", "")],
        discovery::SERVICE => &[("/ws", ""), ("/ws", "delta=1")],
        dispatch::SERVICE => &[("/ws/console", "")],
        _ => &[],
    }
}

/// Why it isn't right, in a sentence.
pub type Verdict = Result<(), String>;

/// One start of one service.
pub fn judge(service: &str, fed: &[Fed], panic: Option<&str>) -> Verdict {
    if let Some(panic) = panic {
        return Err(format!("it panicked: {panic}"));
    }
    let mut judge = Judge { service, ..Judge::default() };
    for (n, fed) in fed.iter().enumerate() {
        judge.step(fed).map_err(|problem| format!("input {n} ({:?}): {problem}", fed.input))?;
    }
    judge.end()
}

#[derive(Default)]
struct Judge<'a> {
    service: &'a str,
    asked: BTreeSet<u64>,
    unanswered: BTreeSet<u64>,
    /// Those that ever were.
    opened: BTreeSet<ConnId>,
    conns: BTreeMap<ConnId, Conn>,
    kept: Kept,
}

struct Conn {
    path: String,
    view: View,
    /// None for a rover, a feed, a stranger.
    sort: Option<usize>,
    /// As whom it has registered.
    rovers: BTreeSet<String>,
}

impl Judge<'_> {
    fn step(&mut self, fed: &Fed) -> Verdict {
        match &fed.input {
            Input::Http { id, .. } => {
                self.asked.insert(*id);
                self.unanswered.insert(*id);
            }
            Input::Open { conn, path, query } => {
                let of = |(known, wants): &&(&str, &str)| known == path && *wants == query.as_str();
                let wanted = consoles(self.service);
                // Rate limits are the session loop's part: to the machine such a console is like any.
                let plain = |(known, wants): &(&str, &str)| known == path && wants.is_empty();
                let sort = wanted.iter().position(|console| of(&console));
                let sort = sort.or_else(|| wanted.iter().position(plain));
                // What it was told before isn't known here.
                let sort = sort.filter(|_| !query.contains("since"));
                self.opened.insert(*conn);
                let (path, view) = (path.clone(), View::default());
                self.conns.insert(*conn, Conn { path, view, sort, rovers: BTreeSet::new() });
            }
            Input::Text { conn, text } => {
                let frame: Value = serde_json::from_str(text).unwrap_or_default();
                let rover = frame["rover_id"].as_str().map(str::to_owned);
                self.conns.get_mut(conn).into_iter().for_each(|conn| conn.rovers.extend(rover.clone()));
            }
            Input::Lagged { conn } => {
                self.conns.get_mut(conn).into_iter().for_each(|conn| conn.view = View::default());
            }
            Input::Closed { conn, .. } => drop(self.conns.remove(conn)),
            Input::Store { event } => {
                // What was under way has no answer any more but the one that came before.
                self.kept.told(event)?;
            }
            _ => {}
        }
        fed.outputs.iter().try_for_each(|output| self.output(output))
    }

    fn output(&mut self, output: &Output) -> Verdict {
        match output {
            Output::Http { id, status, body, .. } => {
                if !self.unanswered.remove(id) {
                    let known = self.asked.contains(id);
                    return Err(format!(
                        "request {id} is answered {}",
                        if known { "twice" } else { "unasked" }
                    ));
                }
                self.kept.answered(*status, body)
            }
            Output::Send { conn, text, .. } => {
                self.is_known(*conn, output)?;
                match self.conns.get_mut(conn) {
                    Some(open) if open.sort.is_some() => {
                        open.view.hear(text)?;
                        self.kept.published(text)
                    }
                    Some(rover) => self.kept.sent(&rover.rovers, text),
                    // It left while its report was being committed, and hears it no more.
                    None => Ok(()),
                }
            }
            Output::Publish { path, text, .. } => {
                for conn in self.conns.values_mut().filter(|conn| conn.path == *path && conn.sort.is_some()) {
                    conn.view.hear(text)?;
                }
                self.kept.published(text)
            }
            Output::Join { conn, path } => {
                self.conns.get_mut(conn).into_iter().for_each(|open| open.path.clone_from(path));
                self.is_known(*conn, output)
            }
            Output::Ping { conn, .. } | Output::Close { conn, .. } => self.is_known(*conn, output),
            Output::Commit { batch, changes } => self.kept.asked(*batch, changes),
        }
    }

    fn is_known(&self, conn: ConnId, output: &Output) -> Verdict {
        let known = self.opened.contains(&conn);
        if known { Ok(()) } else { Err(format!("{conn} never opened, and yet {output:?}")) }
    }

    /// If fresh consoles came last, everything has come to rest.
    fn end(self) -> Verdict {
        let is_probe = |conn: &ConnId| *conn >= PROBE;
        if !self.conns.keys().any(is_probe) || self.kept.is_committing() {
            return Ok(());
        }
        if let Some(id) = self.unanswered.first() {
            return Err(format!("request {id} has no answer"));
        }
        for (fresh, probe) in self.conns.iter().filter(|(conn, _)| is_probe(conn)) {
            let others = self.conns.iter().filter(|(conn, of)| !is_probe(conn) && of.sort == probe.sort);
            for (conn, other) in others {
                if other.view != probe.view {
                    return Err(format!(
                        "console {conn} knows {:?}, and the fresh one {fresh} {:?}",
                        other.view, probe.view
                    ));
                }
            }
        }
        Ok(())
    }
}
