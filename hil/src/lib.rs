//! The bench: a real receiver on USB or its twin on a pseudo-terminal, measured against limits with units.

pub mod twin;
