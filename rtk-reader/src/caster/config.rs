//! What a caster is told at its start.

use std::time::Duration;

use super::core::{ARP_LIMIT_M, Identity, Mountpoint, PushTarget, Users};

/// What a caster is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// For the sourcetable.
    pub identity: Identity,
    /// The first is also what is pushed.
    pub mountpoints: Vec<Mountpoint>,
    /// Without any, everybody may have everything.
    pub users: Users,
    /// Where the base is, ECEF, metres; where it first says that it is when none.
    pub base_ecef_m: Option<[f64; 3]>,
    /// How far it may be from there, metres.
    pub arp_limit_m: f64,
    /// Outside casters.
    pub pushes: Vec<PushTarget>,
    /// What it bears.
    pub limits: Limits,
    /// Random: a key for passwords that are remembered, and the beginning of the waits between pushes.
    pub key: [u8; 16],
}

impl Default for Config {
    fn default() -> Self {
        Self {
            identity: Identity::default(),
            mountpoints: vec![Mountpoint::all(DEFAULT_MOUNTPOINT)],
            users: Users::default(),
            base_ecef_m: None,
            arp_limit_m: ARP_LIMIT_M,
            pushes: Vec::new(),
            limits: Limits::default(),
            key: [0; 16],
        }
    }
}

/// The mountpoint rovers in the field ask for.
pub const DEFAULT_MOUNTPOINT: &str = "ROVER";

/// What a caster bears of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, raw ones not counted; further ones are answered 503.
    pub clients: usize,
    /// The same, of one address.
    pub per_address: usize,
    /// Connections at once to the raw stream; further ones are closed.
    pub raw_clients: usize,
    /// A client that hasn't sent a whole request for so long is answered 408.
    pub request: Duration,
    /// A client whose socket takes nothing for so long is cut.
    pub stall: Duration,
    /// Bursts that wait for a client; whoever is further behind is cut. They are shared by all clients of a
    /// mountpoint.
    pub behind_bursts: usize,
    /// What the receiver sends is watched for so long before an outside caster is told of it, once and for as long as
    /// the connection lasts.
    pub learn: Duration,
    /// After a stop, how long clients may take to take what is left.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 4096,
            per_address: 1024,
            raw_clients: 64,
            request: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            behind_bursts: 256,
            learn: Duration::from_secs(3),
            shutdown: Duration::from_secs(5),
        }
    }
}
