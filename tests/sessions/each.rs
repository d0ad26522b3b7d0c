//! A test for each session of `fixtures/sessions`; `tests/sessions/mod.rs` says how they are made.

replay::sessions!("fixtures/sessions/**/*.mcap");
