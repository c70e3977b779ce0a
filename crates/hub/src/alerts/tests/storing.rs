//! A store that fails loses nothing, and what is too much is left out.

use super::*;

fn full(room: &Room, times: usize) {
    let mut faults = room.desk.faults.lock().expect("whole");
    faults.extend(std::iter::repeat_n(StoreError::Full, times));
}

#[test]
fn a_round_that_was_not_stored_is_made_up_for_by_the_next_one() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    full(&room, 1);
    let all = round("rules/x.yaml/g", &[about("DiskFull", "a-1")]);
    assert_eq!(room.take(&all), Err(StoreError::Full));
    assert_eq!((room.incidents().len(), room.desk.active().len()), (0, 0));
    room.take(&all).expect("the store works");
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING]);
    // The same of an end, and of what is to be told of it.
    full(&room, 1);
    assert_eq!(room.take(&round("rules/x.yaml/g", &[])), Err(StoreError::Full));
    assert_eq!(room.desk.active().len(), 1);
    room.rules(&[]);
    full(&room, 1);
    room.hand.advance(MINUTE);
    assert_eq!(room.desk.look(), Err(StoreError::Full));
    room.desk.look().expect("the store works");
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED]);
}

#[test]
fn what_cannot_be_stored_in_any_way_holds_up_nothing_else() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    let lasting = || StoreError::NotFound { what: "incident", id: 9 };
    // The part of both, and then the first of them alone.
    room.desk.faults.lock().expect("whole").extend([lasting(), lasting()]);
    room.rules(&[about("DiskFull", "a-1"), about("DiskFull", "a-2")]);
    assert_eq!((room.incidents().len(), room.desk.counts().not_stored), (1, 1));
    // It is tried again with the next round.
    room.rules(&[about("DiskFull", "a-1"), about("DiskFull", "a-2")]);
    assert_eq!(room.incidents().len(), 2);
    room.advance(MINUTE);
    assert_eq!(room.told("ann").len(), 1);
}

#[test]
fn an_incident_that_nobody_can_read_keeps_no_new_one_away() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    let room = room.damaged("a-1upDiskFull", "a-1uqDiskFull");
    room.hear_all();
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING]);
    assert_eq!(room.desk.counts().not_stored, 0);
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let room = Room::new(&["a-1"], &[]);
    let large = "x".repeat(65 << 10);
    let over = firing(&[("alertname", "Large"), ("text", &large)]);
    room.rules(&[over, about("DiskFull", "a-1"), about("DiskFull", "a-1")]);
    assert_eq!((room.desk.active().len(), room.desk.counts().left_out), (1, 1));
    let many: Vec<Firing> = (0..10_002).map(|number| about(&format!("A{number}"), "a-1")).collect();
    room.take(&round("rules/many/g", &many)).expect("the store works");
    assert_eq!(room.desk.active().len(), 1 + 10_000);
    assert_eq!(room.desk.counts().left_out, 1 + 2);
    // Those that are known stay, whatever comes.
    room.take(&round("rules/many/g", &many)).expect("the store works");
    assert_eq!(room.desk.active().len(), 1 + 10_000);
    assert_eq!(room.store.alerts_of(room.incidents()[0].id).expect("readable").len(), 1000);
}

#[tokio::test]
async fn a_round_comes_and_the_desk_tells_it_in_its_own_time() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let (shutdown, end) = watchfire_runtime::Shutdown::new();
    let running = room.desk.clone().run(room.clock.clone(), shutdown);
    let running = task::spawn("alerts", running);
    let alerts = vec![critical("OnFire", "a-1")];
    let whole = Round {
        source: "rules".to_owned(),
        alerts,
        is_whole: true,
        at_ms: 0,
        poster: None,
        rules: None,
        order: 0,
    };
    room.desk.take(whole).await.expect("the store works");
    room.hand.advance(10 * SECOND);
    let told = crate::testing::until("the letter", || room.letters().pop()).await;
    assert_eq!(told.kind, FIRING);
    end.request();
    running.join().await.expect("it ends well");
}
