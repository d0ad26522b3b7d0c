//! `depot hil`: the bench and the virtual receiver.

#[cfg(unix)]
pub mod list;
#[cfg(unix)]
pub mod map;
#[cfg(unix)]
pub mod report;
#[cfg(unix)]
pub mod run;
#[cfg(unix)]
pub mod twin;
