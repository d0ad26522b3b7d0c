//! dispatch as the contract has it, small enough to read in one sitting: no commits, no ids, no wire. Time is in
//! seconds, zones, missions, tasks and rovers are indices, and a place on a task is one number: the waypoints
//! driven before it, laps included. It knows what dispatch has been told *and* what rovers really do.
//!
//! What it says of repetitions: a task is sent from the first waypoint that dispatch has not heard to be reached.
//! So a waypoint is driven again only if the word of it was lost or had not come when the task was sent. And a
//! rover that still has the task is sent it again only (1) when it registers without having proven the delivery
//! before, or (2) when it neither says what it holds nor reports for [`RESUME`] seconds. None is ever skipped.

mod rovers;

/// Seconds for a pong.
const PONG: u64 = 10;
/// Seconds for a rover that doesn't say what it holds.
pub const RESUME: u64 = 60;
/// Seconds after which a rover is given up.
const LOST: u64 = 300;
/// Seconds between the firings of a schedule, and after which one is missed.
pub const EVERY: i64 = 120;
const MISSED: i64 = 60;
/// A clock that is set back by more seconds was wrong; its firings don't count.
const WRONG: i64 = 3_600;
/// Reports that a rover keeps while it has no connection.
const UNSENT: usize = 32;

#[derive(Clone, Debug)]
pub struct Zone {
    pub points: u64,
    pub gone: bool,
}

#[derive(Clone, Debug)]
pub struct Mission {
    pub zone: usize,
    pub rover: Option<usize>,
    pub looped: bool,
    pub enabled: bool,
    pub gone: bool,
    /// Fires every [`EVERY`] seconds.
    cron: bool,
    due: Option<i64>,
    /// When it fired, or should have, and what became of it.
    pub fired: Option<(i64, Fired)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    Started,
    Skipped,
    Missed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Pending,
    Assigned,
    Active,
    Done,
    Failed,
    Cancelled,
}

#[derive(Clone, Debug)]
pub struct Task {
    pub mission: usize,
    zone: usize,
    pub points: u64,
    pub looped: bool,
    pub rover: Option<usize>,
    pub status: Status,
    /// Waypoints that dispatch has heard to be reached.
    pub heard: u64,
    /// Where the delivery starts that the rover counts from, and one that may have come since.
    proven: Option<u64>,
    sent: Option<u64>,
    /// The rover has to be told that it ended.
    owed: bool,
    /// Waypoints really reached, each counted once.
    pub driven: u64,
}

impl Task {
    pub fn open(&self) -> bool {
        self.status <= Status::Active
    }

    fn held(&self) -> bool {
        matches!(self.status, Status::Assigned | Status::Active)
    }

    fn end(&mut self, status: Status, owed: bool) {
        (self.status, self.owed, self.sent) = (status, owed, None);
    }
}

/// What dispatch knows a rover to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Nothing,
    Unknown { until: u64 },
    Claimed(usize),
    This(usize),
}

/// What a rover reports. It counts in what it was sent: from `start` on, so many waypoints before this one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Report {
    Progress { task: usize, start: u64, n: u64 },
    Complete { task: usize },
    Failed { task: usize },
}

/// What a rover is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    Task { task: usize, start: u64 },
    Cancel(usize),
    Error,
}

#[derive(Clone, Debug)]
pub struct Rover {
    // As it is.
    pub connected: bool,
    /// What it drives: task, where that started, where it goes next.
    pub drives: Option<(usize, u64, u64)>,
    unsent: Vec<Report>,
    // As dispatch sees it.
    gone_since: u64,
    known: Known,
    registered: u64,
    /// Deliveries whose pong is awaited: until when, and what it proves.
    awaited: Vec<(u64, Told)>,
    cancelled: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub enum Request {
    NewZone { points: u64 },
    DeleteZone(usize),
    NewMission { zone: usize, rover: Option<usize>, looped: bool, cron: bool },
    Enable(usize, bool),
    DeleteMission(usize),
    Start { mission: usize, queue: bool },
    Stop(usize),
    Cancel(usize),
}

#[derive(Clone, Debug)]
pub struct Model {
    pub now: u64,
    /// Of the clock on the wall.
    pub offset: i64,
    pub zones: Vec<Zone>,
    pub missions: Vec<Mission>,
    pub tasks: Vec<Task>,
    pub rovers: Vec<Rover>,
    /// What rovers were told since this was last cleared.
    pub told: Vec<(usize, Told)>,
    /// What was answered since then.
    pub answers: Vec<u16>,
    /// What rovers said since then, and what the one that registered drove.
    pub said: Vec<Report>,
    pub claims: Option<usize>,
}

impl Model {
    pub fn new(rovers: usize) -> Self {
        let rover = Rover {
            connected: false,
            drives: None,
            unsent: Vec::new(),
            gone_since: 0,
            known: Known::Nothing,
            registered: 0,
            awaited: Vec::new(),
            cancelled: Vec::new(),
        };
        let rovers = vec![rover; rovers];
        let (zones, missions, tasks) = (Vec::new(), Vec::new(), Vec::new());
        let (told, answers, said) = (Vec::new(), Vec::new(), Vec::new());
        Self { now: 0, offset: 0, zones, missions, tasks, rovers, told, answers, said, claims: None }
    }

    pub fn held_by(&self, rover: usize) -> Option<usize> {
        self.tasks.iter().position(|task| task.held() && task.rover == Some(rover))
    }

    // Requests.

    /// Decides it, and returns the status of the answer.
    pub fn request(&mut self, request: Request) -> u16 {
        self.assign();
        let mission = |m: usize| self.missions.get(m).filter(|mission| !mission.gone);
        match request {
            Request::NewZone { points } => {
                self.zones.push(Zone { points, gone: false });
                201
            }
            Request::DeleteZone(z) => match self.zones.get_mut(z).filter(|zone| !zone.gone) {
                None => 404,
                Some(_) if self.tasks.iter().any(|task| task.open() && task.zone == z) => 409,
                Some(zone) => {
                    zone.gone = true;
                    204
                }
            },
            Request::NewMission { zone, rover, looped, cron } => {
                if self.zones.get(zone).is_none_or(|zone| zone.gone) {
                    return 400;
                }
                let due = cron.then(|| next(self.wall()));
                let (enabled, gone, fired) = (true, false, None);
                self.missions.push(Mission { zone, rover, looped, enabled, gone, cron, due, fired });
                201
            }
            Request::Enable(m, enabled) => {
                if mission(m).is_none() {
                    return 404;
                }
                let wall = self.wall();
                let mission = &mut self.missions[m];
                if mission.enabled != enabled {
                    mission.due = (enabled && mission.cron).then(|| next(wall));
                }
                mission.enabled = enabled;
                200
            }
            Request::DeleteMission(m) => {
                if mission(m).is_none() {
                    return 404;
                }
                if self.tasks.iter().any(|task| task.open() && task.mission == m) {
                    return 409;
                }
                (self.missions[m].gone, self.missions[m].due) = (true, None);
                204
            }
            Request::Start { mission: m, queue } => {
                let Some(Mission { rover, enabled, .. }) = mission(m).cloned() else {
                    return 404;
                };
                let free = self.free(rover);
                if !enabled || (free.is_none() && !queue) {
                    return 409;
                }
                self.start(m, free).map_or(409, |()| 201)
            }
            Request::Stop(m) => {
                if mission(m).is_none() {
                    return 404;
                }
                let runs = self.tasks.iter_mut().filter(|task| task.open() && task.mission == m);
                if runs.map(|task| task.end(Status::Cancelled, task.held())).count() > 0 { 200 } else { 404 }
            }
            Request::Cancel(t) => match self.tasks.get_mut(t).filter(|task| task.open()) {
                None => 404,
                Some(task) => {
                    task.end(Status::Cancelled, task.held());
                    200
                }
            },
        }
    }

    /// A task for this rover, or one that waits.
    fn start(&mut self, m: usize, free: Option<usize>) -> Option<()> {
        let Mission { zone, rover, looped, .. } = self.missions[m];
        let Zone { points, .. } = *self.zones.get(zone).filter(|zone| !zone.gone && zone.points > 0)?;
        let (status, sent) = free.map_or((Status::Pending, None), |_| (Status::Assigned, Some(0)));
        let (mission, rover, proven, owed) = (m, free.or(rover), None, false);
        self.tasks.push(Task {
            mission,
            zone,
            points,
            looped,
            rover,
            status,
            heard: 0,
            proven,
            sent,
            owed,
            driven: 0,
        });
        Some(())
    }

    fn free(&self, rover: Option<usize>) -> Option<usize> {
        let fits = |r: &usize| rover.is_none_or(|rover| rover == *r);
        (0..self.rovers.len()).filter(fits).find(|r| self.rovers[*r].connected && self.held_by(*r).is_none())
    }

    /// Who waits gets a rover, oldest first.
    pub fn assign(&mut self) {
        for t in 0..self.tasks.len() {
            if self.tasks[t].status == Status::Pending
                && let Some(rover) = self.free(self.tasks[t].rover)
            {
                let task = &mut self.tasks[t];
                (task.status, task.rover, task.sent) = (Status::Assigned, Some(rover), Some(0));
            }
        }
    }

    // What dispatch does by itself.

    /// Gives waiting tasks to rovers, and tells rovers what they should know and don't.
    pub fn settle(&mut self) {
        for _ in 0..3 {
            for r in 0..self.rovers.len() {
                self.settle_rover(r);
            }
            for m in 0..self.missions.len() {
                self.fire(m);
            }
            self.assign();
        }
    }

    fn wall(&self) -> i64 {
        self.now.cast_signed() + self.offset
    }

    fn fire(&mut self, m: usize) {
        let wall = self.wall();
        let Some(due) = self.missions[m].due.filter(|due| *due <= wall) else { return };
        let outcome = if wall - due > MISSED {
            Fired::Missed
        } else if self.tasks.iter().any(|task| task.open() && task.mission == m) {
            Fired::Skipped
        } else {
            self.start(m, None).map_or(Fired::Skipped, |()| Fired::Started)
        };
        let mission = &mut self.missions[m];
        (mission.due, mission.fired) = (Some(next(wall)), Some((due, outcome)));
    }

    /// The clock on the wall is set. What has fired doesn't fire again, unless the clock was wrong.
    pub fn set_clock(&mut self, offset: i64) {
        self.offset = offset;
        let wall = self.wall();
        for mission in &mut self.missions {
            let fired = mission.fired.map(|(at, _)| at).filter(|at| at - wall <= WRONG);
            let again = next(fired.unwrap_or(wall).max(wall));
            mission.due = mission.due.map(|due| due.min(again));
        }
    }

    /// Time passes; whatever is due is done when it is.
    pub fn wait(&mut self, seconds: u64) {
        let end = self.now + seconds;
        while self.now < end {
            self.now += 1;
            self.settle();
        }
    }
}

/// The first firing after this time.
fn next(wall: i64) -> i64 {
    (wall.div_euclid(EVERY) + 1) * EVERY
}
