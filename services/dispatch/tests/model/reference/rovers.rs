//! What rovers do and are told, each as it is and as dispatch sees it.

use super::{Known, LOST, Model, PONG, RESUME, Report, Status, Told, UNSENT};

impl Model {
    pub(super) fn settle_rover(&mut self, r: usize) {
        if self.rovers[r].awaited.iter().any(|(until, _)| *until <= self.now) {
            self.disconnect(r);
        }
        let held = self.held_by(r);
        if !self.rovers[r].connected {
            if let Some(t) = held.filter(|_| self.rovers[r].gone_since + LOST <= self.now) {
                self.tasks[t].end(Status::Failed, true);
            }
            return;
        }
        for t in 0..self.tasks.len() {
            let task = &self.tasks[t];
            if task.owed && task.rover == Some(r) && !self.rovers[r].cancelled.contains(&t) {
                self.rovers[r].cancelled.push(t);
                self.rovers[r].awaited.push((self.now + PONG, Told::Cancel(t)));
                self.tell(r, Told::Cancel(t));
            }
        }
        self.rovers[r].known = match self.rovers[r].known {
            Known::Claimed(t) | Known::This(t) if held == Some(t) => Known::This(t),
            Known::Claimed(t) => {
                if !self.rovers[r].cancelled.contains(&t) {
                    self.tell(r, Told::Cancel(t));
                }
                Known::Nothing
            }
            Known::Unknown { until } if held.is_some() => Known::Unknown { until },
            _ => Known::Nothing,
        };
        let Some(t) = held else { return };
        let task = &mut self.tasks[t];
        match self.rovers[r].known {
            Known::This(_) => return,
            Known::Unknown { until } if self.now < until && task.sent.is_none() => return,
            _ => {}
        }
        if !task.looped && task.heard == task.points {
            return task.end(Status::Done, false);
        }
        let start = task.heard;
        let proven = task.sent.replace(start).is_none();
        if let Some((drives, ..)) = self.rovers[r].drives.filter(|(drives, ..)| *drives == t) {
            let silent = self.now - self.rovers[r].registered >= RESUME;
            assert!(!proven || silent, "rover {r} has task {drives}, and could have said so");
        }
        self.rovers[r].known = Known::This(t);
        self.rovers[r].awaited.push((self.now + PONG, Told::Task { task: t, start }));
        self.tell(r, Told::Task { task: t, start });
    }

    fn tell(&mut self, r: usize, told: Told) {
        self.told.push((r, told));
        let drives = &mut self.rovers[r].drives;
        match told {
            Told::Task { task, start } => *drives = Some((task, start, start)),
            Told::Cancel(task) if drives.is_some_and(|(drives, ..)| drives == task) => *drives = None,
            Told::Cancel(_) | Told::Error => {}
        }
    }

    // What rovers do.

    /// A new connection, whether there is an old one or not. The rover says what it holds, or is too old to.
    pub fn connect(&mut self, r: usize, says: bool) {
        let held = self.held_by(r);
        let rover = &mut self.rovers[r];
        let drives = rover.drives.map(|(task, ..)| task);
        self.claims = drives;
        (rover.connected, rover.registered) = (true, self.now);
        (rover.awaited, rover.cancelled) = (Vec::new(), Vec::new());
        rover.known = match drives {
            _ if !says => Known::Unknown { until: self.now + RESUME },
            None => Known::Nothing,
            Some(task) => Known::Claimed(task),
        };
        if says {
            for (t, task) in self.tasks.iter_mut().enumerate() {
                task.owed &= task.rover != Some(r) || drives == Some(t);
            }
            if let Some(t) = held.filter(|t| drives == Some(*t)) {
                let task = &mut self.tasks[t];
                task.proven = task.sent.take().or(task.proven);
            }
        }
        self.settle();
        let unsent = std::mem::take(&mut self.rovers[r].unsent);
        for report in unsent {
            self.report(r, report);
            self.settle();
        }
    }

    pub fn disconnect(&mut self, r: usize) {
        let rover = &mut self.rovers[r];
        if std::mem::take(&mut rover.connected) {
            (rover.gone_since, rover.awaited) = (self.now, Vec::new());
        }
    }

    /// The rover's own program ends; the next connection is of a new one.
    pub fn reboot(&mut self, r: usize) {
        self.disconnect(r);
        (self.rovers[r].drives, self.rovers[r].unsent) = (None, Vec::new());
    }

    /// dispatch ends, and starts again with what it had committed.
    pub fn restart(&mut self) {
        self.now += 1;
        for r in 0..self.rovers.len() {
            self.disconnect(r);
            self.rovers[r].gone_since = self.now;
        }
    }

    /// Reaches the next waypoint, or the end; returns what it has to say.
    pub fn drive(&mut self, r: usize) -> Option<Report> {
        let (t, start, next) = self.rovers[r].drives?;
        let task = &mut self.tasks[t];
        if !task.looped && next == task.points {
            self.rovers[r].drives = None;
            return Some(Report::Complete { task: t });
        }
        assert!(next <= task.driven, "task {t}: waypoint {} is skipped", task.driven);
        task.driven = task.driven.max(next + 1);
        self.rovers[r].drives = Some((t, start, next + 1));
        Some(Report::Progress { task: t, start, n: next - start })
    }

    /// Gives up what it drives.
    pub fn give_up(&mut self, r: usize) -> Option<Report> {
        self.rovers[r].drives.take().map(|(task, ..)| Report::Failed { task })
    }

    /// What it said before, once more.
    pub fn repeat(&self, r: usize, back: u64) -> Option<Report> {
        let (task, start, next) = self.rovers[r].drives.filter(|(_, start, next)| next > start)?;
        Some(Report::Progress { task, start, n: (next - start - 1).saturating_sub(back) })
    }

    /// It has no connection: it keeps what it has to say, if there is room.
    pub fn keep(&mut self, r: usize, report: Report) {
        let unsent = &mut self.rovers[r].unsent;
        if unsent.len() < UNSENT {
            unsent.push(report);
        }
    }

    pub fn pong(&mut self, r: usize) {
        for (_, proven) in std::mem::take(&mut self.rovers[r].awaited) {
            match proven {
                Told::Task { task, start } => {
                    let task = &mut self.tasks[task];
                    if task.held() && task.sent == Some(start) {
                        (task.proven, task.sent) = (Some(start), None);
                    }
                }
                Told::Cancel(task) => self.tasks[task].owed = false,
                Told::Error => {}
            }
        }
    }

    /// A rover that reports on its task holds it.
    pub fn learn(&mut self, r: usize) {
        if let (Known::Unknown { .. }, Some(t)) = (self.rovers[r].known, self.held_by(r)) {
            self.rovers[r].known = Known::This(t);
        }
    }

    /// What dispatch makes of a report from a rover's socket.
    pub fn report(&mut self, r: usize, report: Report) {
        self.said.push(report);
        let (Report::Progress { task: t, .. } | Report::Complete { task: t } | Report::Failed { task: t }) =
            report;
        let Some(task) =
            self.tasks.get_mut(t).filter(|task| task.rover == Some(r) && task.status != Status::Pending)
        else {
            return self.tell(r, Told::Error);
        };
        let unknown = matches!(self.rovers[r].known, Known::Unknown { .. });
        if !task.open() {
            if unknown {
                self.rovers[r].known = Known::Nothing;
            }
            self.tell(r, Told::Error);
            return self.tell(r, Told::Cancel(t));
        }
        if unknown {
            self.rovers[r].known = Known::This(t);
        }
        let start = task.proven.or(task.sent).unwrap_or(0);
        match report {
            Report::Complete { .. } => task.end(Status::Done, task.sent.is_some()),
            Report::Failed { .. } => task.end(Status::Failed, task.sent.is_some()),
            Report::Progress { n, .. } => {
                let reached = start + n + 1;
                let reached = if task.looped { reached } else { reached.min(task.points) };
                (task.proven, task.heard) = (Some(start), task.heard.max(reached));
                task.status = Status::Active;
                assert!(task.heard <= task.driven, "task {t}: dispatch thinks it further than it is");
            }
        }
    }
}
