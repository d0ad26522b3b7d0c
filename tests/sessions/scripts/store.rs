//! Where dispatch keeps things.

use std::time::Duration;

use dispatch::SERVICE as DISPATCH;

use super::fleet::{drives, makes, mission, zone};
use crate::sessions::rover::Rover;
use crate::sessions::service::Fate;
use crate::sessions::stage::Stage;

/// dispatch is killed twice with a commit under way: once it was kept, and nobody had been told; once it was not.
/// Rovers and consoles come back to what the store holds.
pub fn dispatch_killed() -> Stage {
    let mut s = Stage::new(&[DISPATCH], None);
    s.until(100);
    s.opens(DISPATCH, "/ws/console", "");
    let zone = makes(&mut s, "POST /zones", &zone("Yard", 4));
    let mut rovers = [Rover::new("bvr-01"), Rover::new("bvr-02")];
    rovers.iter_mut().for_each(|rover| rover.connects(&mut s));
    let first = mission(&mut s, &zone, Some("bvr-01"));
    let second = mission(&mut s, &zone, Some("bvr-02"));
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{first}/start"), "").0, 201);
    let [one, two] = &mut rovers;
    drives(&mut s, &mut [one], 2);
    for keep in [true, false] {
        s.commits(DISPATCH, Fate::Slow(Duration::from_secs(1)));
        s.asks(DISPATCH, &format!("POST /missions/{second}/start"), "");
        one.drives(&mut s);
        s.after(200);
        s.kill(DISPATCH, keep);
        one.conn = None;
        two.conn = None;
        s.after(3_000);
        s.commits(DISPATCH, Fate::Kept);
        s.boot(DISPATCH);
        s.after(500);
        s.opens(DISPATCH, "/ws/console", "");
        one.connects(&mut s);
        two.connects(&mut s);
        s.after(500);
        drives(&mut s, &mut [two], if keep { 5 } else { 1 });
    }
    drives(&mut s, &mut [one, two], 3);
    s.asks(DISPATCH, "GET /tasks", "");
    s.after(500);
    s
}

/// Commits fail for a while: requests are answered 503 and change nothing, what rovers reported is tried again and
/// told once it is kept.
pub fn commit_fails() -> Stage {
    let mut s = Stage::new(&[DISPATCH], None);
    s.until(100);
    s.opens(DISPATCH, "/ws/console", "");
    let yard = makes(&mut s, "POST /zones", &zone("Yard", 4));
    let mut rover = Rover::new("bvr-01");
    rover.connects(&mut s);
    let mission = mission(&mut s, &yard, Some("bvr-01"));
    s.commits(DISPATCH, Fate::Fails("the disk is full"));
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "").0, 503);
    s.commits(DISPATCH, Fate::Kept);
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "").0, 201);
    drives(&mut s, &mut [&mut rover], 1);
    s.commits(DISPATCH, Fate::Fails("the disk is full"));
    drives(&mut s, &mut [&mut rover], 2);
    assert_eq!(s.gets(DISPATCH, "POST /zones", &zone("Orchard", 2).to_string()).0, 503);
    s.asks(DISPATCH, "GET /zones", "");
    s.commits(DISPATCH, Fate::Kept);
    s.after(3_000);
    drives(&mut s, &mut [&mut rover], 2);
    s.asks(DISPATCH, "GET /tasks", "");
    s.after(500);
    s
}
