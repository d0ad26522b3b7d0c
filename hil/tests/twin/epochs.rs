//! What comes out by itself.
