//! The bench: a real receiver on USB or its twin on a pseudo-terminal, measured against limits with units, with evidence.
//!
//! What this crate promises:
//!
//! - **A verdict is one of five**, and says which: [`bench::Verdict`]. A measurement is never repeated until it pleases;
//!   only what the bench itself failed at is tried once more, and shown.
//! - **Services are driven by URL only.** The bench starts `depot up` as anyone would and looks at it from outside.
//! - **Evidence is kept however a run ends**: [`bench::evidence`].

#[cfg(unix)]
pub mod bench;
pub mod twin;
