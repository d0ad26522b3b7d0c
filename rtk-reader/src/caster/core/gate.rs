//! Whether corrections may go out.
//!
//! A rover believes what it is sent. So nothing goes out before the base has a position, and nothing after the
//! position it tells has moved: a base that was carried away, or that made a new survey-in after a power cut,
//! would move every rover with it.

use serde::Serialize;

use crate::decode::rtcm::Station;
use crate::decode::ubx::NavSvin;

/// How far the ARP may be from where it is expected, metres, where nothing else is configured. Two survey-ins of
/// one place agree to a metre or two, so this finds a new survey-in, too; noise is none, an ARP is a constant.
pub const ARP_LIMIT_M: f64 = 1.0;
/// A 1005 nearer to the centre of the Earth, or farther from it, is no place a base can be (a receiver that was
/// given no position sends zeros), metres.
const ON_EARTH_M: std::ops::RangeInclusive<f64> = 6_300_000.0..=6_500_000.0;

/// Whether corrections go out, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum State {
    /// They do.
    Serving,
    /// The receiver is gone.
    ReceiverGone,
    /// It surveys in.
    SurveyIn,
    /// It hasn't told its position (1005 or 1006).
    NoPosition,
    /// Its position isn't where it was, or where it is configured: an alarm.
    Moved {
        /// From there, metres.
        distance_m: f64,
    },
}

impl State {
    /// One sentence for a person.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Serving => "corrections are served".to_owned(),
            Self::ReceiverGone => "no corrections: the receiver is gone".to_owned(),
            Self::SurveyIn => "no corrections yet: the base surveys in".to_owned(),
            Self::NoPosition => {
                "no corrections yet: the base has told no position (RTCM 1005 or 1006)".to_owned()
            }
            Self::Moved { distance_m } => format!(
                "no corrections: the base's position is {distance_m:.2} m from where it was or was configured; move it back, or restart to accept the new one (and correct --base-position)"
            ),
        }
    }

    /// The word programs know it by.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::ReceiverGone => "receiver_gone",
            Self::SurveyIn => "survey_in",
            Self::NoPosition => "no_position",
            Self::Moved { .. } => "moved",
        }
    }
}

/// Decides whether corrections may go out.
#[derive(Clone, Debug)]
pub struct Gate {
    limit_m: f64,
    /// Configured, or the first seen.
    expected_ecef_m: Option<[f64; 3]>,
    /// Told since the receiver came or began its survey-in.
    told_ecef_m: Option<[f64; 3]>,
    present: bool,
    surveying: bool,
}

impl Gate {
    /// Before a receiver is there. Without an expected position the first that is told is expected from then on.
    #[must_use]
    pub fn new(expected_ecef_m: Option<[f64; 3]>, limit_m: f64) -> Self {
        Self { limit_m, expected_ecef_m, told_ecef_m: None, present: false, surveying: false }
    }

    /// The receiver's bytes can arrive.
    pub fn opened(&mut self) {
        self.present = true;
    }

    /// The receiver is gone. It may come back as another, or elsewhere: it has to tell its position again.
    pub fn closed(&mut self) {
        self.present = false;
        self.surveying = false;
        self.told_ecef_m = None;
    }

    /// A 1005 or 1006.
    pub fn station(&mut self, station: &Station) {
        if !ON_EARTH_M.contains(&distance_m(station.ecef_m, [0.0; 3])) {
            self.told_ecef_m = None;
            return;
        }
        self.told_ecef_m = Some(station.ecef_m);
        // What is told during a survey-in is not its result.
        if !self.surveying {
            self.expected_ecef_m.get_or_insert(station.ecef_m);
        }
    }

    /// A survey-in under way ends what was told before it; one that was never begun says nothing (a base with a
    /// configured position has none).
    pub fn survey_in(&mut self, survey: &NavSvin) {
        let surveying = survey.active && !survey.valid;
        if surveying && !self.surveying {
            self.told_ecef_m = None;
        }
        self.surveying = surveying;
    }

    /// As of now.
    #[must_use]
    pub fn state(&self) -> State {
        if !self.present {
            return State::ReceiverGone;
        }
        if self.surveying {
            return State::SurveyIn;
        }
        let (Some(told), Some(expected)) = (self.told_ecef_m, self.expected_ecef_m) else {
            return State::NoPosition;
        };
        let distance_m = distance_m(told, expected);
        if distance_m > self.limit_m { State::Moved { distance_m } } else { State::Serving }
    }
}

fn distance_m([x, y, z]: [f64; 3], [a, b, c]: [f64; 3]) -> f64 {
    (x - a).hypot(y - b).hypot(z - c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE_M: [f64; 3] = [4_278_000.0, 635_600.0, 4_672_300.0];

    fn station(ecef_m: [f64; 3]) -> Station {
        Station {
            station_id: 0,
            itrf_year: 0,
            gps: true,
            glonass: true,
            galileo: true,
            virtual_station: false,
            single_oscillator: true,
            quarter_cycle: 0,
            ecef_m,
            latitude_deg: 0.0,
            longitude_deg: 0.0,
            height_m: 0.0,
            antenna_height_m: None,
        }
    }

    fn away(by_m: f64) -> Station {
        station([HERE_M[0] + by_m, HERE_M[1], HERE_M[2]])
    }

    fn survey(active: bool, valid: bool) -> NavSvin {
        NavSvin {
            itow_ms: 0,
            duration_s: 60,
            mean_ecef_m: HERE_M,
            mean_accuracy_m: 2.0,
            observations: 60,
            valid,
            active,
        }
    }

    fn open() -> Gate {
        let mut gate = Gate::new(None, ARP_LIMIT_M);
        gate.opened();
        gate
    }

    #[test]
    fn nothing_before_the_base_has_a_position() {
        let mut gate = Gate::new(None, ARP_LIMIT_M);
        assert_eq!(gate.state(), State::ReceiverGone);
        gate.opened();
        assert_eq!(gate.state(), State::NoPosition);
        gate.station(&station([0.0; 3]));
        assert_eq!(gate.state(), State::NoPosition);
        gate.station(&away(0.0));
        assert_eq!(gate.state(), State::Serving);
        gate.station(&station([0.0; 3]));
        assert_eq!(gate.state(), State::NoPosition, "and none after it lost it");
    }

    #[test]
    fn a_survey_in_has_to_end_and_its_result_to_be_told() {
        let mut gate = open();
        gate.survey_in(&survey(true, false));
        gate.station(&away(70.0));
        assert_eq!(gate.state(), State::SurveyIn);
        gate.survey_in(&survey(false, true));
        gate.station(&away(0.0));
        assert_eq!(gate.state(), State::Serving);
        // Another begins, and ends elsewhere.
        gate.survey_in(&survey(true, false));
        assert_eq!(gate.state(), State::SurveyIn);
        gate.survey_in(&survey(true, true));
        assert_eq!(gate.state(), State::NoPosition);
        gate.station(&away(1.5));
        assert_eq!(gate.state(), State::Moved { distance_m: 1.5 });
    }

    #[test]
    fn a_survey_in_that_was_never_begun_says_nothing() {
        let mut gate = open();
        gate.survey_in(&survey(false, false));
        gate.station(&away(0.0));
        assert_eq!(gate.state(), State::Serving);
    }

    #[test]
    fn a_base_that_moved_is_silent_until_it_is_back() {
        let mut gate = open();
        gate.station(&away(0.0));
        gate.station(&away(0.9));
        assert_eq!(gate.state(), State::Serving, "within the limit");
        gate.station(&away(2.0));
        assert_eq!(gate.state(), State::Moved { distance_m: 2.0 });
        // Not a step at a time: the distance is from where it was first.
        gate.station(&away(1.1));
        assert!(matches!(gate.state(), State::Moved { .. }));
        gate.station(&away(0.0));
        assert_eq!(gate.state(), State::Serving);
    }

    #[test]
    fn a_configured_position_counts_from_the_start() {
        let mut gate = Gate::new(Some(HERE_M), 0.05);
        gate.opened();
        gate.station(&away(0.06));
        assert!(matches!(gate.state(), State::Moved { .. }));
        gate.station(&away(0.04));
        assert_eq!(gate.state(), State::Serving);
    }

    #[test]
    fn a_receiver_that_comes_back_tells_its_position_again() {
        let mut gate = open();
        gate.station(&away(0.0));
        gate.closed();
        assert_eq!(gate.state(), State::ReceiverGone);
        gate.opened();
        assert_eq!(gate.state(), State::NoPosition);
        gate.station(&away(30.0));
        assert_eq!(gate.state(), State::Moved { distance_m: 30.0 }, "another place than before");
    }

    #[test]
    fn numbers_that_are_none_are_no_position() {
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            let mut gate = open();
            gate.station(&station([bad, 0.0, 0.0]));
            assert_eq!(gate.state(), State::NoPosition);
        }
    }
}
