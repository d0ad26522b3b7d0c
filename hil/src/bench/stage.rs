//! What a case works with: the receiver, by the bench's own link or by a depot under test, never by both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rtk_reader::source::default_lock_dirs;

use super::BenchError;
use super::case::Need;
use super::clock::Clock;
use super::console::Console;
use super::depot::{self, Depot};
use super::hands::Hands;
use super::journal::Journal;
use super::link::{Line, Link, NAV_PVT, NAV_SAT, NAV_SIG, NAV_SVIN};
use super::lock::BenchLock;
use super::map::Fixtures;
use super::observation::Observation;
use super::record::{ReceiverRecord, Series};

/// How long things take at most, and how long they are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The stream is listened to.
    pub observe: Duration,
    /// A first fix is waited for.
    pub first_fix: Duration,
    /// A survey-in takes at least so long …
    pub survey: Duration,
    /// … and until its accuracy is below this, metres.
    pub survey_accuracy_m: f64,
    /// A survey-in is waited for.
    pub survey_patience: Duration,
    /// Until a change shows at a console.
    pub shown: Duration,
    /// Latencies are gathered.
    pub latency: Duration,
    /// The receiver is taken away and brought back so often.
    pub replugs: u32,
    /// A case, without a soak's own time.
    pub case: Duration,
}

impl Pace {
    /// Of a receiver that has satellites to find.
    #[must_use]
    pub fn of_hardware() -> Self {
        Self {
            observe: Duration::from_secs(60),
            first_fix: Duration::from_secs(180),
            survey: Duration::from_secs(60),
            survey_accuracy_m: 2.0,
            survey_patience: Duration::from_secs(900),
            shown: Duration::from_secs(20),
            latency: Duration::from_secs(30),
            replugs: 20,
            case: Duration::from_secs(3600),
        }
    }

    /// Of a twin in a hurry.
    #[must_use]
    pub fn of_twin() -> Self {
        Self {
            observe: Duration::from_secs(8),
            first_fix: Duration::from_secs(30),
            survey: Duration::from_secs(2),
            survey_accuracy_m: 20.0,
            survey_patience: Duration::from_secs(30),
            shown: Duration::from_secs(20),
            latency: Duration::from_secs(5),
            replugs: 20,
            case: Duration::from_secs(120),
        }
    }
}

/// What there is for cases to use.
#[derive(Debug)]
pub struct Offer<'a> {
    /// What the place offers.
    pub fixtures: &'a Fixtures,
    /// What can be done to the receiver; none where only the fixtures are known.
    pub hands: Option<&'a Hands>,
    /// The line has a speed; none where that isn't known yet.
    pub line: Option<bool>,
    /// `--soak`.
    pub soak: Option<Duration>,
}

impl Need {
    /// Why a case that needs it is skipped; none if it is there.
    #[must_use]
    pub fn missing(self, offer: &Offer<'_>) -> Option<String> {
        match self {
            Self::OpenSky if !offer.fixtures.open_sky => Some(
                "the map doesn't say open_sky for this receiver: what it sees is no measure of it".to_owned(),
            ),
            Self::KnownPoint if offer.fixtures.known_point.is_none() => {
                Some("the map has no known_point for this receiver".to_owned())
            }
            Self::Line if offer.line == Some(false) => {
                Some("the receiver is on USB itself: its port has no line speed".to_owned())
            }
            Self::Fault(fault) => match offer.hands {
                Some(hands) => hands.can(fault).err(),
                None => super::hands::can_at_place(&offer.fixtures.power_cycle, fault).err(),
            },
            Self::Soak if offer.soak.is_none() => Some("no --soak was given".to_owned()),
            Self::OpenSky | Self::KnownPoint | Self::Line | Self::Soak => None,
        }
    }
}

/// The receiver and all that is around it.
#[derive(Debug)]
pub struct Stage {
    /// Of the run.
    pub clock: Clock,
    /// The evidence.
    pub journal: Journal,
    /// How long what takes.
    pub pace: Pace,
    /// `--soak`
    pub soak: Option<Duration>,
    /// What can be done to the receiver.
    pub hands: Hands,
    /// What its place offers.
    pub fixtures: Fixtures,
    /// Its port.
    pub port: PathBuf,
    /// Its line, as found at the start.
    pub line: Line,
    /// Who it is.
    pub receiver: ReceiverRecord,
    /// For the pictures.
    pub series: Series,
    /// The program under test.
    pub program: PathBuf,
    link: Option<Link>,
    depot: Option<Depot>,
    depots: u32,
    observed: Option<Arc<Observation>>,
}

/// Who is on a port.
///
/// # Errors
/// A port that can't be used, is another's, or has no receiver that the cases are made for.
pub async fn who_is_on(port: &Path) -> Result<ReceiverRecord, BenchError> {
    let clock = Clock::start();
    let _lock = BenchLock::take(&default_lock_dirs(), port, clock.now())?;
    let line = super::link::find_line(port, clock).await?;
    Link::open(port, line.baud, clock, None)?.identify(line, false).await
}

/// What is known before the first case.
#[derive(Debug)]
pub struct Setting {
    /// Of the run.
    pub clock: Clock,
    /// The evidence.
    pub journal: Journal,
    /// How long what takes.
    pub pace: Pace,
    /// `--soak`
    pub soak: Option<Duration>,
    /// What can be done to the receiver.
    pub hands: Hands,
    /// Its port.
    pub port: PathBuf,
    /// The program under test.
    pub program: PathBuf,
}

impl Stage {
    /// Finds the receiver's line and asks who it is.
    ///
    /// # Errors
    /// A port that can't be used, or another kind of receiver.
    pub async fn set(setting: Setting) -> Result<Self, BenchError> {
        let Setting { clock, journal, pace, soak, hands, port, program } = setting;
        let twin = matches!(hands, Hands::Twin(_));
        let line = super::link::find_line(&port, clock).await?;
        let mut link = Link::open(&port, line.baud, clock, Some(journal.clone()))?;
        let receiver = link.identify(line, twin).await?;
        Ok(Self {
            clock,
            journal,
            pace,
            soak,
            hands,
            fixtures: Fixtures::default(),
            port,
            line,
            receiver,
            series: Series::default(),
            program,
            link: Some(link),
            depot: None,
            depots: 0,
            observed: None,
        })
    }

    /// What there is for cases to use.
    #[must_use]
    pub fn offer(&self) -> Offer<'_> {
        let line = Some(self.line.baud.is_some());
        Offer { fixtures: &self.fixtures, hands: Some(&self.hands), line, soak: self.soak }
    }

    /// The bench's own link; a depot that runs is stopped first.
    ///
    /// # Errors
    /// A depot that doesn't end as it should, or a port that can't be opened.
    pub async fn link(&mut self) -> Result<&mut Link, BenchError> {
        self.stop_depot().await?;
        let link = match self.link.take() {
            Some(link) => link,
            None => Link::open(&self.port, self.line.baud, self.clock, Some(self.journal.clone()))?,
        };
        Ok(self.link.insert(link))
    }

    /// The port is nobody's.
    ///
    /// # Errors
    /// A depot that doesn't end as it should.
    pub async fn release(&mut self) -> Result<(), BenchError> {
        self.link = None;
        self.stop_depot().await
    }

    /// The same after a case that failed: whatever state they were in, link and depot are gone.
    pub fn clear(&mut self) {
        self.link = None;
        self.depot = None;
        self.observed = None;
    }

    /// What the receiver says, listened to once for all cases.
    ///
    /// # Errors
    /// A port that was lost.
    pub async fn observe(&mut self) -> Result<Arc<Observation>, BenchError> {
        if let Some(observed) = &self.observed {
            return Ok(observed.clone());
        }
        let span = self.pace.observe;
        let link = self.link().await?;
        let observed = link.observe(span, &[NAV_PVT, NAV_SAT, NAV_SIG, NAV_SVIN]).await?;
        if let Some(station) = observed.stations().last() {
            self.receiver.station_id = Some(station.station_id);
        }
        super::gather::gather(&observed, self.fixtures.known_point, &mut self.series);
        let observed = Arc::new(observed);
        self.observed = Some(observed.clone());
        Ok(observed)
    }

    /// A depot under test on the port, started if none runs, and a console that has its first status with the receiver
    /// connected.
    ///
    /// # Errors
    /// A depot that doesn't come to that.
    pub async fn depot(&mut self) -> Result<(&mut Depot, Console, &mut Hands), BenchError> {
        let running = match self.depot.take() {
            Some(depot) => depot,
            None => {
                let mut args = Vec::new();
                if let Some(baud) = self.line.baud {
                    args.extend(["--baud".to_owned(), baud.to_string()]);
                }
                self.start_depot(&args).await?
            }
        };
        let clock = self.clock;
        let url = running.url("gps-status")?.to_owned();
        let running = self.depot.insert(running);
        let mut console = Console::connect(&url, clock).await?;
        let until = clock.now() + self.pace.shown;
        let talks = |status: &wire::gps_status::GpsStatus| status.connected && status.satellites > 0;
        if console.until(until, talks).await.is_none() {
            return Err(BenchError::Nothing {
                what: "status of a receiver with satellites",
                waited_s: self.pace.shown.as_secs_f64(),
                advice: "look into the depot's log; without sky this case can't be measured",
            });
        }
        Ok((running, console, &mut self.hands))
    }

    async fn start_depot(&mut self, args: &[String]) -> Result<Depot, BenchError> {
        self.link = None;
        let number = self.next_depot();
        let folder = self.journal.folder();
        self.journal.log(&format!("starts depot {number}"));
        Depot::start(&self.program, &folder, number, &self.port, args, self.clock).await
    }

    /// Runs a depot on the port that is to end by itself, and returns its exit code and its last words.
    ///
    /// # Errors
    /// One that doesn't end.
    pub async fn depot_that_ends(&mut self, args: &[String]) -> Result<(Option<i32>, String), BenchError> {
        self.release().await?;
        let (number, folder, limit) = (self.next_depot(), self.journal.folder(), self.pace.shown);
        let ended = Depot::until_it_ends(&self.program, &folder, number, &self.port, args, limit, self.clock);
        let (status, said) = ended.await?;
        Ok((status.code(), said))
    }

    fn next_depot(&mut self) -> u32 {
        let number = self.depots;
        self.depots = self.depots.saturating_add(1);
        number
    }

    /// Sessions recorded so far.
    #[must_use]
    pub fn sessions(&self) -> Vec<PathBuf> {
        let folder = self.journal.folder();
        (0..self.depots).map(|n| depot::session_file(&folder, n)).filter(|path| path.exists()).collect()
    }

    async fn stop_depot(&mut self) -> Result<(), BenchError> {
        match self.depot.take() {
            Some(depot) => {
                self.journal.log("stops the depot");
                depot.stop().await
            }
            None => Ok(()),
        }
    }
}
