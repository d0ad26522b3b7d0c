//! The caster over real sockets: what clients of every kind are sent, and what they can't do to each other.

mod bad_input;
mod gate;
mod outside;
mod peers;
mod serving;
mod slow;
mod stage;
