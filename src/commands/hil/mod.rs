//! `depot hil`: the bench and the virtual receiver.

#[cfg(unix)]
pub mod twin;
