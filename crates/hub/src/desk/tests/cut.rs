//! The hub that is cut off (promise P2, fault F8's sister).

use super::*;
use crate::testing::watched;
use watchfire_alert::PresenceLimits;

/// A room whose servers are on other machines.
fn far(servers: &[&str], users: &[(&str, Scope)]) -> Room {
    Room::with_addresses(tempfile::tempdir().expect("a folder"), servers, users, 0)
}

impl Room {
    fn with_addresses(
        folder: tempfile::TempDir,
        servers: &[&str],
        users: &[(&str, Scope)],
        ms: u64,
    ) -> Self {
        let mut room = Self::in_folder(folder, &[], users);
        room.hand.advance(Duration::from_millis(ms));
        let far = servers.iter().map(|name| watched(name, "203.0.113.9:5000")).collect();
        let (limits, open) = (PresenceLimits::default(), room.store.open_incidents());
        let open = open.expect("readable");
        let clock = room.clock.clone();
        room.fleet = Arc::new(Fleet::new(far, limits, &open, clock, Events::new()));
        let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it");
        desk.fleet = room.fleet.clone();
        desk.letters.fleet = room.fleet.clone();
        room
    }

    /// Lets time pass as the watch does, with signs of the servers that are heard.
    fn pass(&self, ms: u64, heard: &[usize]) {
        for step in 0..ms / 100 {
            self.hand.advance(Duration::from_millis(100));
            if step % 5 == 0 {
                heard.iter().for_each(|index| self.fleet.heard(*index));
            }
            let now = self.fleet.now();
            self.fleet.doubt_itself(now);
            for index in self.fleet.indices() {
                self.fleet.check(index, now);
            }
            if let Some(news) = self.fleet.take_cut_news() {
                self.desk.record_cut(&news).expect("the store works");
            }
            let changes = self.fleet.transitions(BATCH).now_or_never().unwrap_or_default();
            self.record(&changes);
        }
    }
}

const USERS: [&str; 3] = ["ann", "bob", "cat"];

fn users() -> [(&'static str, Scope); 3] {
    [("ann", team("a")), ("bob", Scope::everything()), ("cat", team("c"))]
}

#[test]
fn a_hub_that_is_cut_off_tells_each_user_once_and_blames_no_server() {
    let room = far(&["a-1", "a-2", "b-1"], &users());
    room.pass(10_000, &[0, 1, 2]);
    room.pass(120_000, &[]);
    assert_eq!(room.incidents(), [], "no server is blamed");
    let cut: Vec<Vec<String>> = USERS.iter().map(|user| room.subjects(user)).collect();
    assert_eq!(cut[0], ["[HUB CUT OFF] the hub hears nobody: 2 servers quiet"]);
    assert_eq!(cut[1], ["[HUB CUT OFF] the hub hears nobody: 3 servers quiet"]);
    assert!(cut[2].is_empty(), "none of hers is watched");
    room.pass(10_000, &[0, 1, 2]);
    let back: Vec<Vec<Notification>> = USERS.iter().map(|user| room.deliver(user)).collect();
    assert_eq!((back[0].len(), back[1].len(), back[2].len()), (1, 1, 0));
    let letter = &back[0][0];
    assert!(letter.content.subject.starts_with("[HUB BACK] the hub was cut off for 2 min"));
    assert!(!letter.content.text.contains("b-1"), "{}", letter.content.text);
    assert_eq!(letter.references.len(), 1, "it goes on from the first");
    assert_eq!(room.incidents(), []);
}

#[test]
fn a_cut_that_could_not_be_sent_is_one_letter_with_its_end() {
    let room = far(&["a-1", "a-2"], &users());
    room.pass(10_000, &[0, 1]);
    room.pass(60_000, &[]);
    room.pass(5_000, &[0, 1]);
    let [subject] = room.subjects("ann").try_into().expect("one");
    assert!(subject.starts_with("[HUB BACK] "), "{subject}");
}

#[test]
fn one_that_died_in_the_cut_is_told_after_it() {
    let room = far(&["a-1", "a-2", "a-3"], &users());
    room.pass(10_000, &[0, 1, 2]);
    room.pass(60_000, &[]);
    room.pass(12_000, &[0, 1]);
    let subjects = room.subjects("ann");
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects.iter().any(|subject| subject.starts_with("[DOWN] a-3: ")), "{subjects:?}");
}

#[test]
fn a_restart_in_a_cut_tells_it_no_second_time_and_tells_its_end() {
    let servers = ["a-1", "a-2"];
    let room = far(&servers, &users());
    room.pass(10_000, &[0, 1]);
    room.pass(10_000, &[]);
    assert_eq!(room.subjects("ann").len(), 1);
    let Room { store, fleet, desk, folder, .. } = room;
    drop((store, fleet, desk));
    let room = Room::with_addresses(folder, &servers, &users(), 20_000);
    room.desk.take_up().expect("the store works");
    room.pass(30_000, &[]);
    assert_eq!(room.deliver("ann"), [], "she knows");
    room.pass(10_000, &[0, 1]);
    let [subject] = room.subjects("ann").try_into().expect("one");
    assert!(subject.starts_with("[HUB BACK] "), "{subject}");
    room.pass(30_000, &[0, 1]);
    assert_eq!(room.deliver("ann"), []);
    assert_eq!(room.incidents(), []);
}

#[test]
fn half_of_the_fleet_gone_names_the_hubs_link_as_suspect() {
    let room = far(&["a-1", "a-2", "a-3", "b-1"], &users());
    room.pass(10_000, &[0, 1, 2, 3]);
    room.pass(10_000, &[0]);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    let text = &sent[0].content.text;
    assert!(text.contains("the hub's own link is suspect"), "{text}");
    assert!(!text.contains("b-1"), "{text}");
}
