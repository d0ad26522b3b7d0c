//! The framer from outside: on real captures, on damaged streams, in simulated time, on hostile bytes.

mod captures;
mod damage;
mod hostile;
mod seeds;
mod streams;
mod time;
