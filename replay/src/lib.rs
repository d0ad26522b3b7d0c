//! Sessions: recorded from a running service, replayed to the bit.
