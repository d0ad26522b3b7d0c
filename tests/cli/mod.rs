//! The command line, as a person meets it.

#[cfg(unix)]
mod bad_input;
#[cfg(unix)]
mod configure;
#[cfg(unix)]
mod configure_twin;
mod convert;
#[cfg(unix)]
mod feed;
mod gnss;
#[cfg(unix)]
mod monitor;
mod settings;
#[cfg(unix)]
mod up;
