use std::time::Duration;

use watchfire_testkit::conditions::Conditions;

use super::{HUB, World};
use crate::fixture::LONG;

/// F3.
#[test]
fn a_third_of_all_packets_lost_is_no_trouble() {
    let Some(world) = World::start(30, &["web-1", "db-1"], &[]) else { return };
    let before = world.net.traffic("web-1", HUB).sent;
    let lossy = Conditions::clear().loss(0.3);
    world.net.set_all(lossy.delay(Duration::from_millis(10), Duration::ZERO));
    // Two pulses a second and a record: half a minute of it.
    world.net.wait_for_sent("web-1", HUB, before + 150, LONG);
    assert!(world.troubled().is_empty(), "nobody was missed");
}
