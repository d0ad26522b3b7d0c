//! Configuration: layers, refusals, what outlives what.
