use watchfire_alert::PresenceLimits;
use watchfire_api::fallback::Whom;
use watchfire_model::{Labels, Server};
use watchfire_runtime::ManualClock;

use super::*;
use crate::config::WatchedServer;
use crate::events::Events;
use crate::testing::{manual_clock, name};

fn terms() -> Terms {
    let whom = Whom { channels: vec!["json://secret".to_owned()], allow: Vec::new() };
    Terms { after_s: 120, after_stop_s: 1800, hub: "hub".to_owned(), whom }
}

fn agent(index: usize) -> AgentId {
    AgentId::of_public_key(&[u8::try_from(index).expect("few")])
}

struct Room {
    fallbacks: Arc<Fallbacks>,
    fleet: Arc<Fleet>,
    sessions: Sessions,
    hand: ManualClock,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Room {
    fn new(servers: usize) -> Self {
        let (clock, hand) = manual_clock();
        let server = |index: usize| WatchedServer {
            server: Server::new(name(&format!("web-{index}")), Labels::new()),
            address: None,
            login: None,
            agent: Some(agent(index)),
        };
        let servers = (0..servers).map(server).collect();
        let limits = PresenceLimits::default();
        let fleet = Arc::new(Fleet::new(servers, limits, &[], clock.clone(), Events::new()));
        let folder = tempfile::tempdir().expect("a folder");
        let fallbacks = Fallbacks::open(Some(terms()), folder.path(), fleet.clone(), clock.clone());
        let sessions = Sessions::without_history(fleet.clone(), clock.clone());
        Self { fallbacks, fleet, sessions, hand, clock, folder }
    }

    fn greet(&self, index: usize, holds: Option<[u8; 16]>) {
        let remote = format!("192.0.2.{index}:4000").parse().expect("an address");
        let seat = FallbackSeat { port: 5000, deal: holds };
        self.fallbacks.greeted((index, agent(index)), (remote, false), seat);
    }

    /// The next deal, if one comes within so many seconds.
    fn dealt_within(&self, seconds: u64) -> Option<Deal> {
        (0..seconds).find_map(|_| {
            self.hand.advance(Duration::from_secs(1));
            self.fallbacks.look(&self.sessions)
        })
    }

    fn told(&self, index: usize, outage: u8) -> bool {
        let told = FallbackTold {
            outage: [outage; 16],
            by: agent(index).to_string(),
            agreed: 3,
            since_unix_ms: 1,
            told_unix_ms: 2,
        };
        self.fallbacks.told(agent(index), told)
    }
}

#[test]
fn it_is_dealt_out_once_the_agents_have_come_and_not_again() {
    let room = Room::new(4);
    assert!(room.dealt_within(20).is_none(), "nobody is there");
    room.greet(0, None);
    assert!(room.dealt_within(3).is_none(), "others may follow");
    (1..4).for_each(|index| room.greet(index, None));
    let deal = room.dealt_within(10).expect("all are there");
    assert_eq!((deal.members().len(), deal.quorum()), (4, 3));
    let addresses: HashSet<String> =
        deal.members().iter().filter_map(|one| Some(one.address?.to_string())).collect();
    assert!(addresses.contains("192.0.2.3:5000"), "{addresses:?}");
    assert!(room.dealt_within(120).is_none());
}

#[test]
fn one_that_is_away_for_ten_minutes_is_no_member_any_more() {
    let room = Room::new(3);
    (0..3).for_each(|index| room.greet(index, None));
    room.dealt_within(10).expect("all are there");
    for _ in 0..59 {
        (0..2).for_each(|index| room.greet(index, None));
        assert!(room.dealt_within(10).is_none(), "it may be back soon");
    }
    (0..2).for_each(|index| room.greet(index, None));
    let deal = room.dealt_within(30).expect("another deal");
    assert_eq!((deal.members().len(), deal.quorum()), (2, 2));
    assert!(deal.hand(agent(2)).is_none());
}

#[test]
fn a_hub_that_begins_anew_has_the_same_deal_and_one_with_other_terms_another() {
    let room = Room::new(3);
    (0..3).for_each(|index| room.greet(index, None));
    let deal = room.dealt_within(10).expect("all are there");
    let kept = Kept { deal: deal.clone(), is_used: false };
    room.fallbacks.place.write(&kept).expect("it can be written");
    let open =
        |terms| Fallbacks::open(terms, room.folder.path(), room.fleet.clone(), room.clock.clone());
    let again = Room { fallbacks: open(Some(terms())), ..Room::new(3) };
    assert!(again.fallbacks.state().deal.as_ref().is_some_and(|one| one.id() == deal.id()));
    assert_eq!(again.fallbacks.state().seats.len(), 3, "they may be back soon");
    let other = open(Some(Terms { after_s: 60, ..terms() }));
    assert!(other.state().deal.is_none());
    assert!(open(None).state().deal.is_none());
}

#[test]
fn each_outage_is_told_of_once_and_the_keys_are_dealt_anew() {
    let room = Room::new(3);
    (0..3).for_each(|index| room.greet(index, None));
    let deal = room.dealt_within(10).expect("all are there");
    assert!((0..3).all(|index| !room.told(index, 7)), "it is not on disk yet");
    assert_eq!(room.fallbacks.state().news.len(), 1);
    let next = room.dealt_within(10).expect("another deal");
    assert!(next.id() != deal.id() && next.members() == deal.members());
    room.told(0, 8);
    assert_eq!(room.fallbacks.state().news.len(), 2);
    assert!((0..100).all(|outage| !room.told(0, outage)));
    assert_eq!(room.fallbacks.state().news.len(), MAX_NEWS);
    for outage in 0..100 {
        room.hand.advance(NEWS_TIME);
        room.told(0, outage);
        room.fallbacks.state().is_known([outage; 16]);
        assert!(room.told(1, outage), "it need not be said again");
    }
    assert_eq!(room.fallbacks.state().known.len(), MAX_KNOWN);
    assert!(room.fallbacks.state().news.is_empty());
}

#[test]
fn what_cannot_be_told_yet_is_no_outage_less_and_is_not_forgotten() {
    let room = Room::new(3);
    (0..3).for_each(|index| room.greet(index, None));
    for _ in 0..100 {
        assert!(!room.told(0, 7));
        assert_eq!(room.fallbacks.state().news.len(), 1, "it is said again");
        room.fallbacks.state().is_put_off([7; 16]);
    }
}

#[test]
fn used_keys_are_dealt_anew_also_by_a_hub_that_was_started_anew_meanwhile() {
    for is_used in [true, false] {
        let room = Room::new(3);
        (0..3).for_each(|index| room.greet(index, None));
        let deal = room.dealt_within(10).expect("all are there");
        let kept = Kept { deal: deal.clone(), is_used };
        room.fallbacks.place.write(&kept).expect("it can be written");
        let fallbacks = Fallbacks::open(
            Some(terms()),
            room.folder.path(),
            room.fleet.clone(),
            room.clock.clone(),
        );
        let again = Room { fallbacks, ..room };
        (0..3).for_each(|index| again.greet(index, Some(deal.id())));
        let next = again.dealt_within(10);
        assert_eq!(next.is_some_and(|next| next.id() != deal.id()), is_used);
    }
}

#[test]
fn who_takes_no_part_has_nothing_to_tell() {
    let room = Room::new(4);
    (0..3).for_each(|index| room.greet(index, None));
    room.dealt_within(10).expect("all are there");
    assert!(room.told(3, 7), "it need not say it again");
    assert!(room.fallbacks.state().news.is_empty());
}
