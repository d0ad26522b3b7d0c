//! dispatch as rovers, consoles and operators meet it: a real process, real sockets.

mod contract;
mod ending;
mod killed;
mod limits;
mod peers;
mod postgres;
mod serving;
