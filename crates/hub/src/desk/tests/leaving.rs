//! What a server's goodbye leaves on the disk.

use watchfire_model::Goodbye;

use super::*;

#[test]
fn a_goodbye_is_kept_until_the_server_is_heard_judged_or_taken_out() {
    let room = Room::new(&["a-1", "b-1", "c-1"], &[]);
    let index = |server: &str| room.fleet.index(&name(server)).expect("it is in");
    for server in ["a-1", "b-1", "c-1"] {
        room.fleet.heard(index(server));
    }
    room.fleet.said_goodbye(index("a-1"), Goodbye::Upgrade);
    room.fleet.said_goodbye(index("b-1"), Goodbye::Reboot);
    room.fleet.said_goodbye(index("c-1"), Goodbye::Stop);
    let pending = || room.fleet.transitions(100).now_or_never().unwrap_or_default();
    let kept = || -> Vec<(String, Goodbye)> {
        let all = room.store.leaving().expect("readable");
        all.into_iter().map(|one| (one.server.to_string(), one.goodbye)).collect()
    };
    room.record(&pending());
    let of = |server: &str, goodbye| (server.to_owned(), goodbye);
    assert_eq!(kept(), [of("a-1", Goodbye::Upgrade), of("b-1", Goodbye::Reboot)]);
    room.fleet.heard(index("a-1"));
    room.record(&pending());
    assert_eq!(kept(), [of("b-1", Goodbye::Reboot)]);
    room.desk.server_gone(&name("b-1"), room.fleet.now()).expect("the store works");
    assert_eq!(kept(), []);
}
