//! The command line, as a person meets it.

#[cfg(unix)]
mod bad_input;
#[cfg(unix)]
mod configure;
#[cfg(unix)]
mod configure_twin;
#[cfg(unix)]
mod feed;
mod gnss;
mod settings;
#[cfg(unix)]
mod up;
