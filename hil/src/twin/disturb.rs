//! Faults between the receiver and its line, and between the line and the host; pure and seeded.

use std::collections::VecDeque;
use std::time::Duration;

use fixtures::rng::Rng;

use super::fault::{Fault, FaultName};

/// Bytes that a delay may hold; the oldest beyond are lost.
const DELAYED_BYTES: usize = 1 << 20;
/// Frames of an epoch that a stuck receiver repeats; an epoch has at most a few dozen.
const REPEATED_FRAMES: usize = 512;

/// Which faults go on.
#[derive(Debug)]
pub(super) struct Disturbance {
    rng: Rng,
    silence: bool,
    garbage: bool,
    loss_ppm: u32,
    delay: Duration,
    stuck: bool,
    truncate: bool,
    /// The last epoch's frames.
    last: Vec<Vec<u8>>,
    delayed: VecDeque<(Duration, Vec<u8>)>,
    delayed_bytes: usize,
}

impl Disturbance {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            silence: false,
            garbage: false,
            loss_ppm: 0,
            delay: Duration::ZERO,
            stuck: false,
            truncate: false,
            last: Vec::new(),
            delayed: VecDeque::new(),
            delayed_bytes: 0,
        }
    }

    /// Those of its faults that are its to begin.
    pub fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Silence => self.silence = true,
            Fault::Garbage => self.garbage = true,
            Fault::Loss { ppm } => self.loss_ppm = ppm,
            Fault::Delay { by } => self.delay = by,
            Fault::Stuck => self.stuck = true,
            Fault::Truncate => self.truncate = true,
            Fault::Unplug { .. } | Fault::PowerOff | Fault::Slow { .. } | Fault::AntennaOpen => {}
        }
    }

    pub fn end(&mut self, fault: FaultName) {
        match fault {
            FaultName::Silence => self.silence = false,
            FaultName::Garbage => self.garbage = false,
            FaultName::Loss => self.loss_ppm = 0,
            FaultName::Delay => self.delay = Duration::ZERO,
            FaultName::Stuck => self.stuck = false,
            FaultName::Truncate => self.truncate = false,
            FaultName::Unplug | FaultName::PowerOff | FaultName::Slow | FaultName::AntennaOpen => {}
        }
    }

    pub fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// What is sent of an epoch's frames.
    pub fn epoch(&mut self, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        if self.stuck {
            return self.last.clone();
        }
        if !frames.is_empty() {
            self.last.clone_from(&frames);
            self.last.truncate(REPEATED_FRAMES);
        }
        frames
    }

    /// What is sent of a frame.
    pub fn frame(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        if self.truncate && frame.len() > 1 {
            self.truncate = false;
            let length = self.rng.between(1, frame.len());
            frame.truncate(length);
        }
        frame
    }

    /// The line carries bytes.
    pub fn carry(&mut self, now: Duration, mut bytes: Vec<u8>) {
        if self.silence || bytes.is_empty() {
            return;
        }
        if self.garbage {
            bytes.iter_mut().for_each(|byte| *byte = self.rng.next_u64() as u8);
        }
        if self.loss_ppm > 0 {
            let chance = f64::from(self.loss_ppm) / 1e6;
            bytes.retain(|_| !self.rng.chance(chance));
        }
        self.delayed_bytes += bytes.len();
        // Never before what came before.
        let at = (now + self.delay).max(self.delayed.back().map_or(Duration::ZERO, |(at, _)| *at));
        self.delayed.push_back((at, bytes));
        while self.delayed_bytes > DELAYED_BYTES {
            let Some((_, lost)) = self.delayed.pop_front() else { return };
            self.delayed_bytes -= lost.len();
        }
    }

    /// What arrives.
    pub fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        let (_, bytes) = self.delayed.pop_front_if(|(at, _)| *at <= now)?;
        self.delayed_bytes -= bytes.len();
        Some(bytes)
    }

    pub fn next_arrival(&self) -> Option<Duration> {
        self.delayed.front().map(|(at, _)| *at)
    }

    /// What was on its way is lost.
    pub fn forget(&mut self) {
        self.delayed.clear();
        self.delayed_bytes = 0;
    }
}
