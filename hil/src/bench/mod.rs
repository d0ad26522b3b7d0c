//! The bench.
//!
//! A [`Case`] measures; [`Limits`] say what is good; the [`run`](run::run) holds one against the other and keeps
//! [`evidence`] of it. What is computed (limits, statistics, plots, reports, comparisons) is pure; what touches a
//! port, a process or a file says so in its module's first line.

pub mod case;
pub mod cases;
pub mod clock;
pub mod compare;
pub mod console;
pub mod depot;
pub mod error;
pub mod evidence;
pub mod gather;
pub mod hands;
pub mod html;
pub mod journal;
pub mod junit;
pub mod latency;
pub mod limits;
pub mod link;
pub mod lock;
pub mod map;
pub mod ntrip;
pub mod observation;
pub mod plot;
pub mod quarantine;
pub mod record;
pub mod run;
pub mod stage;
pub mod stats;
pub mod twin;
pub mod unit;
pub mod verdict;

pub use case::{Case, Measure, Outcome};
pub use error::BenchError;
pub use limits::Limits;
pub use map::Map;
pub use record::Record;
pub use unit::Unit;
pub use verdict::Verdict;
