//! The virtual receiver: its core, pure, and its shell, on real pseudo-terminals.

#[path = "twin/core.rs"]
mod core;
#[path = "twin/epochs.rs"]
mod epochs;
#[path = "twin/real.rs"]
mod real;
#[path = "twin/sentences.rs"]
mod sentences;
#[cfg(unix)]
#[path = "twin/shell.rs"]
mod shell;
#[path = "twin/support.rs"]
mod support;
