//! The framer from outside: on real captures, on damaged streams, in simulated time, on hostile bytes.

mod allocations;
mod captures;
mod damage;
mod hostile;
mod seeds;
mod streams;
mod time;
