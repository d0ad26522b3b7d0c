//! The sessions that are kept, as they are made.

use super::stage::{Cue, Script};

/// Every session of `fixtures/sessions` that a script made.
pub const SCRIPTS: &[Script] = &[BASE_SURVEY_IN, RECEIVER_UNPLUGGED];

/// From power-up through survey-in to the first corrections, with two consoles, one of which leaves early.
const BASE_SURVEY_IN: Script = Script {
    name: "base-survey-in",
    scenario: "scenario:seed=1,survey=20,accuracy=2,duration=45",
    cues: &[
        (300, Cue::Open { path: "/ws", query: "" }),
        (2_000, Cue::Asks { method: "GET", path: "/health", query: "" }),
        (5_200, Cue::Asks { method: "GET", path: "/status", query: "" }),
        (8_000, Cue::Open { path: "/ws", query: "min_interval_ms=500" }),
        (15_000, Cue::Asks { method: "GET", path: "/nothing", query: "here=1" }),
        (15_010, Cue::Asks { method: "POST", path: "/status", query: "" }),
        (30_300, Cue::Pinged { conn: 1 }),
        (33_000, Cue::Leaves { conn: 2, code: Some(1000) }),
        (44_000, Cue::Asks { method: "GET", path: "/status", query: "" }),
    ],
};

/// A receiver that is unplugged, comes back, and falls silent, on a bad line; a console that lags, one that
/// talks nonsense, one that has nothing to look for here; and a system clock that learns the time.
const RECEIVER_UNPLUGGED: Script = Script {
    name: "receiver-unplugged",
    scenario: "scenario:seed=2,survey=5,accuracy=5,duration=40,arp=5,noise=0.0005,flip=0.00005,unplug=16+4,silence=30+5",
    cues: &[
        (0, Cue::Open { path: "/ws", query: "" }),
        (100, Cue::Open { path: "/ws", query: "batch_ms=100" }),
        (1_000, Cue::Open { path: "/feed", query: "" }),
        (1_500, Cue::Open { path: "/elsewhere", query: "" }),
        (3_000, Cue::Says { conn: 1, text: "hello?" }),
        (3_100, Cue::Says { conn: 1, text: "{\"type\":\"hello\"}" }),
        (3_200, Cue::SendsBinary { conn: 1, bytes: 5 }),
        (12_000, Cue::Stalls { conn: 2 }),
        (14_000, Cue::ClockSteps { offset_ms: 3_600_000 }),
        (18_000, Cue::Asks { method: "GET", path: "/health", query: "" }),
        (19_000, Cue::ReadsAgain { conn: 2 }),
        (25_000, Cue::Stalls { conn: 2 }),
        (34_000, Cue::Asks { method: "GET", path: "/status", query: "" }),
        (36_000, Cue::ReadsAgain { conn: 2 }),
        (37_000, Cue::Leaves { conn: 1, code: None }),
    ],
};
