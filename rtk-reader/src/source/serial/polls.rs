//! Asking a u-blox for what it doesn't say by itself.
//!
//! As it comes from its maker or from an integrator, a receiver doesn't tell who it is, how its antenna is or
//! how far its survey-in has come. A UBX frame with an empty payload asks for the message of its class and id
//! (u-blox F9 interface description UBX-22008968, "UBX polling mechanism"). Asked is only for what doesn't
//! come unasked, so that the line of a receiver that is well configured carries nothing more than before.
//!
//! Pure: whoever holds the port does the writing.

use std::time::Duration;

use crate::{
    Timestamp,
    frame::{MessageId, encode},
};

/// Asked for in vain this often in one opening, a message isn't asked for again: the receiver doesn't know it,
/// or the line to it isn't connected.
const ASKED_IN_VAIN: u32 = 3;

/// What is asked for, and whether once in an opening is enough.
const WANTED: [(MessageId, bool); 5] = [
    (MessageId::Ubx(0x0A, 0x04), true),  // MON-VER
    (MessageId::Ubx(0x0A, 0x38), false), // MON-RF
    (MessageId::Ubx(0x01, 0x3B), false), // NAV-SVIN
    (MessageId::Ubx(0x01, 0x35), false), // NAV-SAT
    (MessageId::Ubx(0x01, 0x43), false), // NAV-SIG
];

/// When to ask for what, in one opening of a port.
#[derive(Debug)]
pub(super) struct Polls {
    every: Duration,
    /// A u-blox is at the other end; nothing is written to anything else.
    is_ublox: bool,
    questions: [Question; WANTED.len()],
}

#[derive(Debug)]
struct Question {
    message: MessageId,
    once: bool,
    /// Not asked before; none: never again.
    due: Option<Timestamp>,
    in_vain: u32,
}

impl Polls {
    /// Asks nothing for `first`, in which it is heard what comes unasked; from then on for what has not come
    /// for `every`.
    pub(super) fn new(now: Timestamp, first: Duration, every: Duration, is_ublox: bool) -> Self {
        let due = Some(now.saturating_add(first));
        Self {
            every,
            is_ublox,
            questions: WANTED.map(|(message, once)| Question { message, once, due, in_vain: 0 }),
        }
    }

    /// Never asks.
    pub(super) fn off() -> Self {
        let mut polls = Self::new(Duration::ZERO, Duration::ZERO, Duration::ZERO, false);
        polls.give_up();
        polls
    }

    /// A good frame has come.
    pub(super) fn heard(&mut self, now: Timestamp, message: MessageId) {
        let MessageId::Ubx(..) = message else { return };
        self.is_ublox = true;
        for question in self.questions.iter_mut().filter(|question| question.message == message) {
            question.in_vain = 0;
            question.due = question.due.filter(|_| !question.once).map(|_| now.saturating_add(self.every));
        }
    }

    /// When there is something to ask.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.questions.iter().filter_map(|question| question.due).min().filter(|_| self.is_ublox)
    }

    /// What to write now; empty if nothing.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<u8> {
        let mut frames = Vec::new();
        if !self.is_ublox {
            return frames;
        }
        for question in &mut self.questions {
            let MessageId::Ubx(class, id) = question.message else { continue };
            if question.due.is_none_or(|due| due > now) {
                continue;
            }
            frames.extend(encode::ubx(class, id, &[]).unwrap_or_default());
            question.in_vain += 1;
            let again = question.in_vain < ASKED_IN_VAIN;
            question.due = again.then(|| now.saturating_add(self.every));
        }
        frames
    }

    /// The port takes no bytes.
    pub(super) fn give_up(&mut self) {
        self.questions.iter_mut().for_each(|question| question.due = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MON_VER: MessageId = MessageId::Ubx(0x0A, 0x04);
    const NAV_SVIN: MessageId = MessageId::Ubx(0x01, 0x3B);
    const NAV_PVT: MessageId = MessageId::Ubx(0x01, 0x07);

    fn s(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn polls() -> Polls {
        Polls::new(s(100), s(2), s(4), false)
    }

    /// Names of what is asked for at a time.
    fn asked(polls: &mut Polls, now: Timestamp) -> Vec<String> {
        let bytes = polls.take_due(now);
        let mut names = Vec::new();
        let mut framer = crate::frame::Framer::new();
        framer.push(now, &bytes, &mut |frame| {
            assert!(frame.payload().is_empty());
            names.push(frame.id().to_string());
        });
        names
    }

    #[test]
    fn nothing_is_asked_of_what_is_no_ublox() {
        let mut polls = polls();
        polls.heard(s(101), MessageId::Rtcm(Some(1005)));
        assert_eq!(polls.next(), None);
        assert!(asked(&mut polls, s(1000)).is_empty());
    }

    #[test]
    fn what_does_not_come_by_itself_is_asked_for_again_and_again_as_long_as_it_is_answered() {
        let mut polls = polls();
        polls.heard(s(101), NAV_PVT);
        assert_eq!(polls.next(), Some(s(102)));
        assert!(asked(&mut polls, s(101)).is_empty());
        assert_eq!(asked(&mut polls, s(102)), ["MON-VER", "MON-RF", "NAV-SVIN", "NAV-SAT", "NAV-SIG"]);
        polls.heard(s(103), MON_VER);
        for now in (103..200).step_by(4) {
            polls.heard(s(now), NAV_SVIN);
            assert!(!asked(&mut polls, s(now + 3)).contains(&"NAV-SVIN".to_owned()));
            let asked = asked(&mut polls, s(now + 4));
            assert!(asked.contains(&"NAV-SVIN".to_owned()), "at {now}: {asked:?}");
            assert!(!asked.contains(&"MON-VER".to_owned()), "once is enough");
        }
    }

    #[test]
    fn what_comes_by_itself_is_never_asked_for() {
        let mut polls = polls();
        for now in 101..200 {
            for (message, _) in WANTED {
                polls.heard(s(now), message);
            }
            assert!(asked(&mut polls, s(now)).is_empty());
        }
    }

    #[test]
    fn what_is_never_answered_is_given_up() {
        let mut polls = polls();
        polls.heard(s(101), NAV_PVT);
        let rounds = (0..100).filter(|n| !asked(&mut polls, s(102 + 4 * n)).is_empty()).count();
        assert_eq!((rounds, polls.next()), (3, None));
        assert_eq!(Polls::off().next(), None);
    }

    #[test]
    fn what_was_given_up_and_comes_later_is_not_asked_for() {
        let mut polls = polls();
        polls.give_up();
        polls.heard(s(150), NAV_SVIN);
        assert_eq!(polls.next(), None);
    }
}
