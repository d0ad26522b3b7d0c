//! Pictures: numbers in, SVG text out. Pure.
//!
//! Each is one `<svg>` without style sheets, scripts or references of its own: it takes its colours from classes that
//! the report's style names, and everything that was a text outside is escaped. However many numbers come in, the
//! picture is bounded.

mod axes;
mod bars;
mod points;
mod sky;
mod svg;

pub use bars::{cn0, histogram};
pub use points::{positions, rtcm, soak, surveys};
pub use sky::sky;
pub use svg::escaped;

/// Width of every picture, in its own units.
pub const WIDTH: f64 = 640.0;
