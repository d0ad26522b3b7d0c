//! How much of its peers a service bears, and for how long.

use std::time::Duration;

use clap::Args;
use kit::serve::ServeLimits;
use kit::session::SessionLimits;
use kit::web::BodyLimits;

/// The longest time between two pings; with a shorter idle time-out it is half of that.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What a service bears of its peers.
#[derive(Clone, Copy, Debug, Args)]
pub struct LimitArgs {
    /// Connections a service bears at once; more are answered 503
    #[arg(long, env = "DEPOT_MAX_CONNECTIONS", default_value_t = 10_000, value_name = "N")]
    pub max_connections: usize,
    /// Largest body of a request, bytes; a larger one is answered 413
    #[arg(long, env = "DEPOT_MAX_BODY_BYTES", default_value_t = 1 << 20, value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=64 << 20))]
    pub max_body_bytes: u32,
    /// Seconds that a request's body may take to arrive; then it is answered 400
    #[arg(long, env = "DEPOT_BODY_TIMEOUT_S", default_value_t = 10, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub body_timeout_s: u64,
    /// Seconds that a request's headers may take to arrive; then its connection is closed, as is one on which
    /// no request comes
    #[arg(long, env = "DEPOT_HEADER_TIMEOUT_S", default_value_t = 10, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub header_timeout_s: u64,
    /// Largest message a WebSocket's peer may send, bytes; a larger one closes it with 1009. --gnss feed needs
    /// 70000
    #[arg(long, env = "DEPOT_MAX_FRAME_BYTES", default_value_t = 128 << 10, value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=64 << 20))]
    pub max_frame_bytes: u32,
    /// Seconds after which a WebSocket's peer that says nothing, not even a pong, is closed; it is pinged twice
    /// in that time, and every 30 s at least
    #[arg(long, env = "DEPOT_IDLE_TIMEOUT_S", default_value_t = 60, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(2..=86_400))]
    pub idle_timeout_s: u64,
}

impl LimitArgs {
    /// Of WebSockets.
    pub fn sessions(&self) -> SessionLimits {
        let idle_after = Duration::from_secs(self.idle_timeout_s);
        SessionLimits {
            max_message_bytes: bytes(self.max_frame_bytes),
            ping_every: PING_EVERY.min(idle_after / 2),
            idle_after,
            max_sessions: self.max_connections,
            ..SessionLimits::default()
        }
    }

    /// Of requests' bodies.
    pub fn bodies(&self) -> BodyLimits {
        let arrives_within = Duration::from_secs(self.body_timeout_s);
        BodyLimits { max_bytes: bytes(self.max_body_bytes), arrives_within }
    }

    /// Of a listener.
    pub fn serving(&self, shutdown: Duration) -> ServeLimits {
        let header = Duration::from_secs(self.header_timeout_s);
        ServeLimits { header, shutdown, ..ServeLimits::default() }
    }
}

fn bytes(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        limits: LimitArgs,
    }

    #[test]
    fn the_defaults_are_the_shells_own() {
        let Alone { limits } = Alone::parse_from(["alone"]);
        assert_eq!(limits.sessions(), SessionLimits::default());
        assert_eq!(limits.bodies(), BodyLimits::default());
        let default = ServeLimits::default();
        assert_eq!(limits.serving(default.shutdown), default);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in ["max-body-bytes=0", "max-frame-bytes=1023", "max-body-bytes=5000000000"]
            .into_iter()
            .chain(["body-timeout-s=0", "header-timeout-s=0", "idle-timeout-s=1", "idle-timeout-s=86401"])
        {
            assert!(Alone::try_parse_from(["alone", &format!("--{bad}")]).is_err(), "{bad}");
        }
        let Alone { limits } = Alone::parse_from(["alone", "--idle-timeout-s", "3"]);
        assert_eq!(limits.sessions().ping_every, Duration::from_millis(1500));
    }
}
