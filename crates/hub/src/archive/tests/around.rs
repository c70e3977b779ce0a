use super::Room;
use crate::around::Before;
use crate::testing::name;

#[test]
fn the_time_before_the_last_tick_is_told() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.tell(3900);
    room.flush();
    for _ in 0..2 {
        let around = room.archive.around(&name("a-1"), &|| false).expect("it told something");
        let last = room.archive.0.fleet.snapshot(0).status.expect("told").1;
        assert_eq!(around.until_ms, last.at.unix_ms);
        let minute = room.archive.minute(0, &last, &|| false).expect("readable");
        let times: Vec<i64> = minute.iter().map(|status| status.at.unix_ms).collect();
        assert!((50..=60).contains(&times.len()), "{times:?}");
        assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
        assert!(times[0] > last.at.unix_ms - 60_000 && times.last() == Some(&last.at.unix_ms));
        let then_ms = last.at.unix_ms - 3_600_000;
        let hour_ago = around.hour_ago.expect("a table");
        assert!((then_ms - 120_000..=then_ms).contains(&hour_ago.at.unix_ms));
        assert!(!around.changes.is_empty(), "its kernel told something");
        assert!(around.changes.is_sorted_by_key(|change| change.at_ms));
        // What is not sealed yet is found as before.
        room.seal();
    }
    assert!(room.archive.around(&name("nobody"), &|| false).is_none());
}

/// Whoever has no time gets the last reading alone, and no error.
#[test]
fn out_of_time_is_less_and_no_failure() {
    let mut room = Room::new(&["a-1"]);
    room.tell(100);
    room.flush();
    let around = room.archive.around(&name("a-1"), &|| true).expect("it told something");
    assert!(around.hour_ago.is_none() && around.changes.is_empty());
    let last = room.archive.0.fleet.snapshot(0).status.expect("told").1;
    assert!(room.archive.minute(0, &last, &|| true).expect("readable").len() <= 2);
}
