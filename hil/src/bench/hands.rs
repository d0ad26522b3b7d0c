//! What the bench can do to a receiver beside talking to it: all to a twin, on hardware what the map's fixtures offer.
//! Touches plugs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rtk_reader::Timestamp;

use super::BenchError;
use super::case::Fault;
use super::clock::Clock;
use super::map::Fixtures;

/// A port vanishes within so long after a command took its power, and comes back within so long after the command ended.
const PLUGGED: Duration = Duration::from_secs(30);
/// How often it is looked whether a port is there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who can do what.
#[derive(Debug)]
pub enum Hands {
    /// The bench's own virtual receiver.
    Twin(Box<super::twin::Twin>),
    /// The fixtures of a place.
    Place(Place),
}

/// A place with fixtures, and what is going on there.
#[derive(Debug)]
pub struct Place {
    port: PathBuf,
    power_cycle: Vec<String>,
    cycling: Option<Child>,
}

impl Place {
    /// Of a receiver.
    #[must_use]
    pub fn new(port: &Path, fixtures: &Fixtures) -> Self {
        Self { port: port.to_owned(), power_cycle: fixtures.power_cycle.clone(), cycling: None }
    }
}

impl Hands {
    /// Whether something can be done; if not, why.
    ///
    /// # Errors
    /// The reason, as a SKIP tells it.
    pub fn can(&self, fault: Fault) -> Result<(), String> {
        match self {
            Self::Twin(twin) => twin.can(fault),
            Self::Place(place) => can_at_place(&place.power_cycle, fault),
        }
    }

    /// Takes the receiver away. Returns when that was.
    ///
    /// # Errors
    /// A command that fails, or takes no power.
    pub async fn unplug(&mut self, clock: Clock) -> Result<Timestamp, BenchError> {
        match self {
            Self::Twin(twin) => twin.unplug(clock),
            Self::Place(place) => place.unplug(clock).await,
        }
    }

    /// Brings it back, or waits for that. Returns when its port was there again.
    ///
    /// # Errors
    /// A command that fails, or a port that doesn't come back.
    pub async fn replug(&mut self, clock: Clock) -> Result<Timestamp, BenchError> {
        match self {
            Self::Twin(twin) => twin.replug(clock),
            Self::Place(place) => place.replug(clock).await,
        }
    }

    /// Takes its power and gives it back, and returns when its port is there again.
    ///
    /// # Errors
    /// A command that fails, or a port that doesn't come back.
    pub async fn power_cycle(&mut self, clock: Clock) -> Result<(), BenchError> {
        match self {
            Self::Twin(twin) => twin.power_cycle(),
            Self::Place(place) => {
                place.unplug(clock).await?;
                place.replug(clock).await.map(drop)
            }
        }
    }

    /// Makes it say nothing, or speak again.
    ///
    /// # Errors
    /// [`can`](Self::can) says whether it can.
    pub fn silence(&mut self, silent: bool) -> Result<(), BenchError> {
        match self {
            Self::Twin(twin) => twin.silence(silent),
            Self::Place(_) => Err(unable(Fault::Silence)),
        }
    }

    /// Takes its antenna off, or puts it on again.
    ///
    /// # Errors
    /// [`can`](Self::can) says whether it can.
    pub fn antenna_open(&mut self, open: bool) -> Result<(), BenchError> {
        match self {
            Self::Twin(twin) => twin.antenna_open(open),
            Self::Place(_) => Err(unable(Fault::AntennaOpen)),
        }
    }
}

/// What a place without hands of its own can do.
///
/// # Errors
/// The reason why not.
pub fn can_at_place(power_cycle: &[String], fault: Fault) -> Result<(), String> {
    match fault {
        Fault::Unplug | Fault::PowerCycle if !power_cycle.is_empty() => Ok(()),
        Fault::Unplug | Fault::PowerCycle => {
            Err(format!("{fault} is unsupported: the map has no fixture power_cycle for this receiver"))
        }
        Fault::Silence | Fault::AntennaOpen => {
            Err(format!("{fault} is unsupported on hardware: only a virtual receiver can do it"))
        }
    }
}

fn unable(fault: Fault) -> BenchError {
    let why = can_at_place(&[], fault).err().unwrap_or_default();
    BenchError::Fixture { command: fault.to_string(), why }
}

impl Place {
    async fn unplug(&mut self, clock: Clock) -> Result<Timestamp, BenchError> {
        let failed =
            |why: String, command: &[String]| BenchError::Fixture { command: command.join(" "), why };
        let Some((program, args)) = self.power_cycle.split_first() else {
            return Err(unable(Fault::PowerCycle));
        };
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| failed(error.to_string(), &self.power_cycle))?;
        self.cycling = Some(child);
        if self.wait_for(false, clock).await {
            return Ok(clock.now());
        }
        Err(failed(format!("the port was still there after {} s", PLUGGED.as_secs()), &self.power_cycle))
    }

    async fn replug(&mut self, clock: Clock) -> Result<Timestamp, BenchError> {
        let back = self.wait_for(true, clock).await;
        let at = clock.now();
        let status = match self.cycling.take() {
            Some(child) => Some(ended(child, clock).await),
            None => None,
        };
        let failed = |why: String| Err(BenchError::Fixture { command: self.power_cycle.join(" "), why });
        match status {
            Some(Err(why)) => failed(why),
            _ if !back => failed(format!("the port wasn't back after {} s", PLUGGED.as_secs())),
            _ => Ok(at),
        }
    }

    async fn wait_for(&self, there: bool, clock: Clock) -> bool {
        let until = clock.now() + PLUGGED;
        while self.port.exists() != there {
            if clock.now() >= until {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }
}

/// How a command ended; one that doesn't is ended.
async fn ended(mut child: Child, clock: Clock) -> Result<(), String> {
    let until = clock.now() + PLUGGED;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Ok(None) if clock.now() < until => tokio::time::sleep(LOOK_EVERY).await,
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it didn't end within {} s", PLUGGED.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_place_cannot_do_is_told_as_unsupported() {
        let cycle = ["uhubctl".to_owned()];
        assert_eq!(can_at_place(&cycle, Fault::PowerCycle), Ok(()));
        assert_eq!(
            can_at_place(&[], Fault::Unplug).unwrap_err(),
            "unplug is unsupported: the map has no fixture power_cycle for this receiver"
        );
        assert_eq!(
            can_at_place(&cycle, Fault::AntennaOpen).unwrap_err(),
            "antenna_open is unsupported on hardware: only a virtual receiver can do it"
        );
    }

    #[tokio::test]
    async fn a_command_takes_the_port_away_and_brings_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let (port, away) = (dir.path().join("ttyACM0"), dir.path().join("away"));
        std::fs::write(&port, "").unwrap();
        let script = format!("mv {0} {1}; sleep 0.1; mv {1} {0}", port.display(), away.display());
        let place = |script: &str| {
            let power_cycle = ["sh", "-c", script].map(str::to_owned).to_vec();
            Place::new(&port, &Fixtures { power_cycle, ..Fixtures::default() })
        };
        let clock = Clock::start();
        let mut hands = Hands::Place(place(&script));
        let gone = hands.unplug(clock).await.unwrap();
        let back = hands.replug(clock).await.unwrap();
        assert!(port.exists() && back > gone);
        let mut hands = Hands::Place(place("exit 3"));
        if let Hands::Place(place) = &mut hands {
            place.cycling = Some(Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap());
        }
        let error = hands.replug(clock).await.unwrap_err().to_string();
        assert!(error.contains("ended with exit status: 3"), "{error}");
    }
}
