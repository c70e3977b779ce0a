use watchfire_testkit::conditions::Conditions;

use super::World;
use crate::fixture::{LONG, eventually, watchfire};

/// How many servers are behind one path.
const MANY: usize = 10;

/// F24, small: ten servers of a rack are cut off in one moment.
#[test]
fn a_rack_that_is_cut_off_is_one_letter() {
    let rack = "rack";
    let Some(world) = World::start(41, &["well-1"], &[rack]) else { return };
    let hub_data = world.lab.path("hub-data").display().to_string();
    let keys = world.lab.path("rack").display().to_string();
    let (hub, many) = (world.address.to_string(), MANY.to_string());
    let sim = watchfire(["sim", "--servers", &many, "--hub", &hub, "--hub-data", &hub_data]);
    let sim = sim.args(["--folder", &keys]).called("sim").log(world.lab.path("sim.log"));
    let _sim = world.net.host(rack).start(sim);
    eventually("the rack is up", LONG, || {
        let rows = world.asked(|api| api.servers());
        let up = rows.iter().filter(|row| row.presence == "up").count();
        (up == MANY + 1).then_some(())
    });
    assert_eq!(world.sink.mails().len(), 0);

    world.net.partition(&[rack]);
    let told = eventually("it is told", LONG, || {
        Some(world.asked(|api| api.incident_rows())).filter(|rows| rows.len() == MANY)
    });
    assert!(told.iter().all(|row| row.presence == "down"), "{told:#?}");
    let letters = world.sink.wait_for(1, LONG);
    assert!(letters[0].subject().contains("10 servers"), "{}", letters[0].subject());
    for row in &told {
        assert!(letters[0].text.contains(&row.server), "{} is not named", row.server);
    }

    world.net.set_all(Conditions::clear());
    // How many are back at once is chance; that each is told once is not.
    for row in &told {
        world.wait_until_over(&row.server);
    }
    world.agent("well-1").kill();
    world.wait_until_told("well-1");
    let subjects: Vec<String> =
        world.sink.mails().iter().map(|mail| mail.subject().to_owned()).collect();
    let of_rack = subjects.iter().filter(|subject| !subject.contains("well-1")).count();
    assert!((2..MANY).contains(&of_rack), "they are gone, and back: {subjects:?}");
}
