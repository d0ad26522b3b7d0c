//! The demonstration's fleet: simulated rovers, their missions, and what goes wrong with them.
//!
//! They are clients like any other: everything they and their missions do goes through the services' own ports,
//! and so into the recording.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fixtures::rover::{Model, Rover, Setup, drive::Pose};
use kit::clock::Clock;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::http;
use super::rover::{Services, Shell, Trouble};

/// Metres a second.
const SPEED_MPS: f64 = 1.5;
/// Metres between one rover's ground and the next.
const GROUND_M: f64 = 15.0;
/// How often it is asked whether dispatch has its database.
const READY_EVERY: Duration = Duration::from_millis(100);
/// How often a delivery is started, if its rover is free.
const DELIVER_EVERY: Duration = Duration::from_secs(30);
/// Every second of this minute that a patrol starts at.
const PATROL_CRON: &str = "*/20 * * * * *";
/// What goes wrong goes wrong again after so long.
const TROUBLE_EVERY: Duration = Duration::from_secs(90);
/// How often, before the fleet is left alone.
const TROUBLES: u32 = 1_000;
/// When, and for how long, a rover reaches nobody: long enough to be offline to discovery.
const OFFLINE: (Duration, Duration) = (Duration::from_secs(12), Duration::from_secs(14));
/// When a rover's program starts again.
const RESTART: Duration = Duration::from_secs(35);

/// How a rover's mission is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Once by request, and then for ever.
    Loop,
    /// By its schedule.
    Patrol,
    /// By request, again and again.
    Delivery,
}

impl Kind {
    fn of(rover: usize) -> Self {
        [Self::Loop, Self::Patrol, Self::Delivery][rover % 3]
    }

    /// Its name, its waypoints on the rover's ground, and its schedule.
    fn mission(self) -> (&'static str, &'static [(f64, f64)], Value) {
        match self {
            Self::Loop => (
                "Yard round",
                &[(3.0, 0.0), (12.0, 0.0), (12.0, 8.0), (3.0, 8.0)],
                json!({ "trigger": "manual", "loop": true }),
            ),
            Self::Patrol => (
                "Gate patrol",
                &[(2.0, 0.0), (6.0, 3.0), (10.0, 0.0), (2.0, 0.0)],
                json!({ "trigger": "cron", "cron": PATROL_CRON }),
            ),
            Self::Delivery => (
                "Delivery",
                &[(3.0, 0.0), (9.0, 0.0), (14.0, 4.0), (18.0, 4.0), (3.0, 0.0)],
                json!({ "trigger": "manual" }),
            ),
        }
    }
}

/// A fleet of so many, until `stop`.
pub async fn run(
    rovers: usize,
    addresses: Vec<(&str, SocketAddr)>,
    clock: Clock,
    seed: u64,
    stop: CancellationToken,
) {
    let at = |name| addresses.iter().find(|(known, _)| *known == name).map(|(_, at)| reachable(*at));
    let (Some(discovery), Some(dispatch)) = (at(discovery::SERVICE), at(dispatch::SERVICE)) else { return };
    if rovers == 0 {
        return;
    }
    info!(
        rovers,
        "simulated rovers connect; watch them at ws://{dispatch}/ws/console and http://{discovery}/rovers"
    );
    let services = Services { discovery, dispatch };
    let start = clock.now();
    let mut fleet = JoinSet::new();
    for number in 0..rovers {
        let rover = Rover::new(setup(number, seed), start);
        fleet.spawn(Shell::new(rover, services, clock, troubles(number, rovers, start)).run());
    }
    fleet.spawn(missions(rovers, dispatch));
    stop.cancelled().await;
    // Their sockets are dropped with them.
    fleet.shutdown().await;
}

fn setup(number: usize, seed: u64) -> Setup {
    let id = format!("sim-{:02}", number + 1);
    Setup {
        name: format!("Simulated rover {}", number + 1),
        address: format!("{id}.local:4850"),
        // Both kinds there are in the field.
        model: if number.is_multiple_of(2) { Model::Newer } else { Model::Older },
        speed_mps: SPEED_MPS,
        pose: Pose { x: 0.0, y: number as f64 * GROUND_M, theta: 0.0 },
        seed: seed.wrapping_mul(1_000).wrapping_add(number as u64),
        id,
    }
}

/// The second rover loses its connection, the third is restarted; in a smaller fleet, the last.
fn troubles(number: usize, rovers: usize, start: Duration) -> VecDeque<(Duration, Trouble)> {
    let last = rovers.saturating_sub(1);
    let mut troubles = VecDeque::new();
    for again in 0..TROUBLES {
        let from = start.saturating_add(TROUBLE_EVERY.saturating_mul(again));
        if number == last.min(1) {
            troubles.push_back((from.saturating_add(OFFLINE.0), Trouble::Offline(OFFLINE.1)));
        }
        if number == last.min(2) {
            troubles.push_back((from.saturating_add(RESTART), Trouble::Restart));
        }
    }
    troubles
}

/// Makes each rover's zone and mission, and starts what is to be started by hand.
async fn missions(rovers: usize, dispatch: SocketAddr) {
    let mut looks = tokio::time::interval(READY_EVERY);
    loop {
        looks.tick().await;
        if matches!(http::ask(dispatch, "GET", "/readyz", "").await, Some((200, _))) {
            break;
        }
    }
    let mut deliveries = Vec::new();
    for number in 0..rovers {
        let kind = Kind::of(number);
        let Some(mission) = mission(number, kind, dispatch).await else {
            warn!(rover = number + 1, "dispatch takes no mission for a simulated rover");
            continue;
        };
        match kind {
            // It waits for its rover, which may still be connecting.
            Kind::Loop => {
                post(dispatch, &format!("/missions/{mission}/start?queue=true"), &Value::Null).await;
            }
            Kind::Patrol => {}
            Kind::Delivery => deliveries.push(mission),
        }
    }
    let mut ticks = tokio::time::interval(DELIVER_EVERY);
    let mut query = "?queue=true";
    loop {
        ticks.tick().await;
        for mission in &deliveries {
            // Refused while its rover is still on its way; then the next time.
            let _ = post(dispatch, &format!("/missions/{mission}/start{query}"), &Value::Null).await;
        }
        query = "";
    }
}

/// Its id. A zone or mission of that name that is there already is used: the database may be kept.
async fn mission(number: usize, kind: Kind, dispatch: SocketAddr) -> Option<String> {
    let Setup { id: rover, pose, .. } = setup(number, 0);
    let (name, points, schedule) = kind.mission();
    let name = format!("{name} {}", number + 1);
    let waypoints: Vec<Value> =
        points.iter().map(|(x, y)| json!({ "x": x + pose.x, "y": y + pose.y })).collect();
    let zone = find_or_make(dispatch, "/zones", json!({ "name": name, "waypoints": waypoints })).await?;
    let mission = json!({ "name": name, "zoneId": zone, "roverId": rover, "schedule": schedule });
    find_or_make(dispatch, "/missions", mission).await
}

async fn find_or_make(dispatch: SocketAddr, path: &str, new: Value) -> Option<String> {
    let (_, known) = http::ask(dispatch, "GET", path, "").await?;
    let found =
        known.as_array().and_then(|known| known.iter().find(|one| one["name"] == new["name"])).cloned();
    let one = match found {
        Some(one) => one,
        None => post(dispatch, path, &new).await?,
    };
    one["id"].as_str().map(str::to_owned)
}

/// What was made; none if nothing was.
async fn post(dispatch: SocketAddr, path: &str, body: &Value) -> Option<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, made) = http::ask(dispatch, "POST", path, &body).await?;
    (status == 201).then_some(made)
}

/// Listening everywhere, it is reached here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fleet_has_its_troubles() {
        for rovers in 1..6 {
            let kinds = (0..rovers).flat_map(|number| troubles(number, rovers, Duration::ZERO));
            let first: Vec<_> = kinds.filter(|(at, _)| *at < TROUBLE_EVERY).collect();
            assert!(matches!(first[..], [(_, Trouble::Offline(_)), (_, Trouble::Restart)]), "{first:?}");
        }
        let all = troubles(0, 1, Duration::ZERO);
        assert!(all.iter().is_sorted_by_key(|(at, _)| *at));
    }

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        assert_eq!(reachable(([0, 0, 0, 0], 4890).into()), ([127, 0, 0, 1], 4890).into());
        assert_eq!(reachable(([10, 0, 0, 7], 4890).into()), ([10, 0, 0, 7], 4890).into());
    }
}
