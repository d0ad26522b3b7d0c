//! `depot session …`: work with recordings.

pub mod review;
