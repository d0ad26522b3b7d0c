//! The receiver itself, pure: bytes in from each port, bytes out of each port, time as an argument.
//!
//! It is told everything by [`Receiver::receive`], [`Receiver::handle_timeout`] and the methods named like what is done
//! to it, which append [`Effect`]s in the order in which they happen. Call [`Receiver::handle_timeout`] at
//! [`Receiver::next_timeout`]; times don't run backwards.

mod about;
mod character;
mod config;
mod legacy;
mod limits;
mod mode;
mod outputs;
mod requests;
mod sentences;
mod traffic;

use std::time::Duration;

use fixtures::Scenario;
use fixtures::encode::nmea;
use fixtures::rng::Noise;
use fixtures::scenario::{Antenna, Base, Epoch, LATENCY};
use fixtures::time::Instant;
use rtk_reader::frame::{Framer, Protocol};
use rtk_reader::receiver::{KeyId, Output, Port, keys};

pub use character::{Character, StartKind};
pub use config::{Config, Refused, TRANSACTION_ITEMS, takes};
pub use limits::BAUD_RATES;
use traffic::Traffic;

const MEASUREMENT_PERIOD: KeyId = KeyId(0x3021_0001);
const MEASUREMENTS_PER_SOLUTION: KeyId = KeyId(0x3021_0002);
const STATION_ID: KeyId = KeyId(0x3009_0001);

/// What the receiver does to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A whole message goes out of a port.
    Send {
        /// Which.
        port: Port,
        /// The frame.
        frame: Vec<u8>,
    },
    /// What is sent from here on goes at another speed.
    Baud {
        /// Of which port.
        port: Port,
        /// Bits per second.
        baud: u32,
    },
    /// It starts anew: what waits in its ports is gone, and USB loses it until it [is up](Receiver::is_up) again.
    Restart,
}

/// A receiver.
#[derive(Debug)]
pub struct Receiver {
    character: Character,
    config: Config,
    base: Base,
    ports: Vec<Connection>,
    /// None without power.
    power: Option<Power>,
    /// How many starts there were: what is drawn differs from one to the next.
    starts: u64,
    last_epoch: Option<Epoch>,
}

/// A port that something is plugged into.
#[derive(Debug)]
struct Connection {
    port: Port,
    framer: Framer,
    traffic: Traffic,
}

#[derive(Clone, Copy, Debug)]
struct Power {
    up_at: Duration,
    told: bool,
    /// The next measurement, milliseconds since 1970.
    next_ms: u64,
    measurements: u64,
}

impl Receiver {
    /// Gets power for the first time, at `now`. Only the ports named exist for the world; the others can be configured.
    #[must_use]
    pub fn new(character: Character, ports: &[Port], now: Duration) -> Self {
        let scenario = Scenario {
            seed: character.seed,
            place: character.place,
            geoid_separation_m: character.geoid_separation_m,
            start: character.start,
            ..Scenario::default()
        };
        let connection =
            |port: &Port| Connection { port: *port, framer: Framer::new(), traffic: Traffic::default() };
        let mut base = scenario.epochs();
        base.set_wander(character.wander);
        let config = Config::new(&character.saved);
        let kind = character.first_start;
        let mut receiver = Self {
            character,
            config,
            base,
            ports: ports.iter().map(connection).collect(),
            power: None,
            starts: 0,
            last_epoch: None,
        };
        receiver.start(now, kind);
        receiver
    }

    /// What it is.
    #[must_use]
    pub fn character(&self) -> &Character {
        &self.character
    }

    /// How it is configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The speed of a port; none where there is no line of bits.
    #[must_use]
    pub fn baud(&self, port: Port) -> Option<u32> {
        port.baud_key().map(|key| self.config.get(key) as u32)
    }

    /// It has power and has booted.
    #[must_use]
    pub fn is_up(&self, now: Duration) -> bool {
        self.power.is_some_and(|power| now >= power.up_at)
    }

    /// What was true at the last epoch.
    #[must_use]
    pub fn epoch(&self) -> Option<&Epoch> {
        self.last_epoch.as_ref()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; may lie in the past.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        let power = self.power?;
        if !power.told {
            return Some(power.up_at);
        }
        let framers = self.ports.iter().filter_map(|connection| connection.framer.next_timeout());
        framers.chain([self.sent_at(power.next_ms)]).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(power) = &mut self.power else { return };
        if now < power.up_at {
            return;
        }
        if !std::mem::replace(&mut power.told, true) {
            self.say_hello(effects);
        }
        self.time_out_framers(now, effects);
        while let Some(power) = self.power.filter(|power| now >= self.sent_at(power.next_ms)) {
            let period_ms = self.period_ms();
            // Epochs missed while nobody called are missed.
            let now_ms = self.at(now.saturating_sub(LATENCY)).unix_ms();
            let at_ms = now_ms - (now_ms % period_ms).min(now_ms.saturating_sub(power.next_ms));
            self.power = Some(Power {
                next_ms: at_ms - at_ms % period_ms + period_ms,
                measurements: power.measurements + 1,
                ..power
            });
            self.measure(at_ms, power.measurements, effects);
        }
    }

    /// Bytes come in.
    pub fn receive(&mut self, now: Duration, port: Port, bytes: &[u8], effects: &mut Vec<Effect>) {
        if !self.is_up(now) {
            return;
        }
        let Some(connection) = self.ports.iter_mut().find(|connection| connection.port == port) else {
            return;
        };
        connection.traffic.received(bytes.len());
        let mut frames = Vec::new();
        connection.framer.push(now, bytes, &mut |frame| frames.push((frame.protocol, frame.bytes.to_vec())));
        self.handle_frames(now, port, frames, effects);
    }

    /// Power goes.
    pub fn power_off(&mut self) {
        self.power = None;
        if !self.character.backup_battery {
            self.config.lose_bbr();
        }
    }

    /// Power comes back, if it was gone.
    pub fn power_on(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.power.is_none() {
            let kind = if self.character.backup_battery { StartKind::Hot } else { StartKind::Cold };
            self.restart(now, kind, effects);
        }
    }

    /// The antenna is unscrewed, or screwed on again.
    pub fn set_antenna(&mut self, connected: bool) {
        self.base.set_antenna(if connected { Antenna::Ok } else { Antenna::Open });
    }

    /// Tells what waits in a port and whether something was dropped there, for MON-COMMS.
    pub fn set_pending(&mut self, port: Port, pending_bytes: usize, dropped: bool) {
        if let Some(connection) = self.ports.iter_mut().find(|connection| connection.port == port) {
            connection.traffic.pending(pending_bytes, dropped);
        }
    }

    /// The hardware starts anew: RAM is made of what is saved, and speeds with it.
    fn restart(&mut self, now: Duration, kind: StartKind, effects: &mut Vec<Effect>) {
        effects.push(Effect::Restart);
        let before: Vec<_> = self.bauds().collect();
        self.config.start();
        self.start(now, kind);
        self.tell_bauds(&before, effects);
    }

    fn start(&mut self, now: Duration, kind: StartKind) {
        for connection in &mut self.ports {
            connection.framer = Framer::new();
            connection.traffic = Traffic::default();
        }
        let up_at = now + self.character.boot;
        let period_ms = self.period_ms();
        let up_ms = self.at(up_at).unix_ms();
        let next_ms = up_ms - up_ms % period_ms + period_ms;
        self.power = Some(Power { up_at, told: false, next_ms, measurements: 0 });
        self.last_epoch = None;
        self.base.set_listening(true);
        self.start_gnss(now, kind);
        self.base.set_mode(mode::of(&self.config));
    }

    /// Forgets satellites, and finds them again.
    fn start_gnss(&mut self, now: Duration, kind: StartKind) {
        self.starts += 1;
        let draw = Noise::new(self.character.seed).gauss([b's'.into(), self.starts, 0]);
        let first_fix = self.character.first_fix(kind).mul_f64((1.0 + 0.1 * draw).clamp(0.7, 1.3));
        self.base.restart(now.as_millis() as u64, first_fix.as_millis() as u64, kind != StartKind::Cold);
    }

    fn at(&self, now: Duration) -> Instant {
        self.character.start.plus_ms(now.as_millis() as u64)
    }

    /// When the messages of an epoch begin.
    fn sent_at(&self, epoch_ms: u64) -> Duration {
        Duration::from_millis(epoch_ms.saturating_sub(self.character.start.unix_ms())) + LATENCY
    }

    fn period_ms(&self) -> u64 {
        self.config.get(MEASUREMENT_PERIOD).max(limits::MEASUREMENT_MS)
    }

    fn measure(&mut self, at_ms: u64, number: u64, effects: &mut Vec<Effect>) {
        let uptime_ms = at_ms.saturating_sub(self.character.start.unix_ms());
        let at = self.character.start.plus_ms(uptime_ms);
        let second = at_ms.is_multiple_of(1_000).then_some(at_ms / 1_000);
        self.base.set_station_id(self.config.get(STATION_ID) as u16);
        let epoch = self.base.observe(at, uptime_ms, second);
        if second.is_some() {
            let bauds: Vec<_> = self.ports.iter().map(|connection| self.baud(connection.port)).collect();
            self.ports.iter_mut().zip(bauds).for_each(|(connection, baud)| connection.traffic.second(baud));
        }
        let ratio = self.config.get(MEASUREMENTS_PER_SOLUTION).max(1);
        let solution = number.is_multiple_of(ratio).then_some(number / ratio);
        for port in self.ports.iter().map(|connection| connection.port).collect::<Vec<_>>() {
            self.send_epoch(port, &epoch, number, solution, effects);
        }
        self.last_epoch = Some(epoch);
    }

    fn send_epoch(
        &mut self,
        port: Port,
        epoch: &Epoch,
        measurement: u64,
        solution: Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        let due = |output: Output| {
            let rate = keys::rate(output, port).map_or(0, |key| self.config.get(key));
            // RTCM counts measurements, the others solutions.
            let number = if matches!(output, Output::Rtcm(..)) { Some(measurement) } else { solution };
            rate > 0
                && number.is_some_and(|number| number.is_multiple_of(rate))
                && outputs::is_due(output, epoch)
        };
        let sent: Vec<_> = outputs::ORDER.into_iter().filter(|(output, _)| due(*output)).collect();
        let comms = due(about::MON_COMMS).then(|| self.mon_comms());
        let last_msm = sent.iter().rposition(|(_, message)| outputs::observed(*message, epoch));
        for (i, (output, message)) in sent.into_iter().enumerate() {
            for frame in epoch.message(message, Some(i) != last_msm) {
                self.send(port, output.protocol(), frame, effects);
            }
        }
        if let Some(comms) = comms {
            self.send(port, Protocol::Ubx, comms, effects);
        }
    }

    /// If the port is on and gives that protocol.
    fn send(&mut self, port: Port, protocol: Protocol, frame: Vec<u8>, effects: &mut Vec<Effect>) {
        if !self.config.is_on(port.gives(protocol)) || !self.config.is_on(port.enabled_key()) {
            return;
        }
        if let Some(connection) = self.ports.iter_mut().find(|connection| connection.port == port) {
            connection.traffic.sent(frame.len());
            effects.push(Effect::Send { port, frame });
        }
    }

    /// What ROM and firmware print when they have started.
    fn say_hello(&mut self, effects: &mut Vec<Effect>) {
        let antenna = if self.base_antenna_open() { "ANTSTATUS=OPEN" } else { "ANTSTATUS=OK" };
        let Character { hardware, firmware, protocol, module, .. } = &self.character;
        let notices = [
            "u-blox AG - www.u-blox.com".to_owned(),
            format!("HW UBX 9 {hardware}"),
            about::ROM.to_owned(),
            format!("FWVER={firmware}"),
            format!("PROTVER={protocol}"),
            format!("MOD={module}"),
            "ANTSUPERV=AC SD PDoS SR".to_owned(),
            antenna.to_owned(),
        ];
        for port in self.ports.iter().map(|connection| connection.port).collect::<Vec<_>>() {
            for notice in &notices {
                self.send(port, Protocol::Nmea, nmea::txt(notice), effects);
            }
        }
    }

    fn base_antenna_open(&self) -> bool {
        self.base.antenna() == Antenna::Open
    }

    fn bauds(&self) -> impl Iterator<Item = (Port, u32)> {
        Port::ALL.into_iter().filter_map(|port| Some((port, self.baud(port)?)))
    }

    fn tell_bauds(&self, before: &[(Port, u32)], effects: &mut Vec<Effect>) {
        let changed = self.bauds().filter(|now| !before.contains(now));
        effects.extend(changed.map(|(port, baud)| Effect::Baud { port, baud }));
    }
}
