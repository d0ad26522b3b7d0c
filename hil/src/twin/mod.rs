//! A ZED-F9P that isn't there: a virtual receiver behind a pseudo-terminal, which nobody on the wire can tell from a
//! real one.
//!
//! - [`receiver`] is the receiver itself, pure: configuration in layers, answers, epochs.
//! - [`line`](mod@line), [`garble`](mod@garble) are the line, pure: speed, room, and what a wrong speed makes of bytes.
//! - [`Twin`] is the shell: a thread, a pseudo-terminal and a clock.
//! - [`fault`] is what can be done to a receiver; [`Twin`] can do all of it, [`fault::Hardware`] nothing.
//!
//! The content is a function of the character and of what it is told; when bytes come is the machine's matter.

pub mod fault;
pub mod garble;
pub mod line;
pub mod receiver;

#[cfg(unix)]
mod disturb;
#[cfg(unix)]
mod port;
#[cfg(unix)]
mod pty;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod shell;

pub use fault::{Fault, FaultError, FaultName, Faults, Order, Unsupported};
pub use receiver::{Character, Receiver, StartKind};
#[cfg(unix)]
pub use shell::{Control, Options, PortKind, Status, Twin, TwinError};
