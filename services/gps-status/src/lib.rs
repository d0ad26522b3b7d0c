//! gps-status: a receiver's bytes reduced to one status, and told to consoles.
