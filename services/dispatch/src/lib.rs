//! dispatch: zones, missions and tasks of a rover fleet. It never loses a task and never lies to a console:
//! what is told has been committed, and what was committed survives a power cut.

pub mod core;
pub mod store;
