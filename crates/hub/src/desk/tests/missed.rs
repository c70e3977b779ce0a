use watchfire_wire::FallbackTold;

use super::*;
use crate::testing::recipient;

#[tokio::test]
async fn an_outage_that_is_told_of_again_after_a_restart_is_one_letter() {
    let users = [("ann", Scope::everything())];
    let admins = [recipient("ann", Scope::everything())];
    let told =
        FallbackTold { outage: [7; 16], by: "a".repeat(40), agreed: 3, ..FallbackTold::default() };
    let room = Room::new(&["a-1"], &users);
    for _ in 0..2 {
        room.desk.tell_missed(&admins, &told, "a-1").expect("the store works");
    }
    let room = room.restart(&["a-1"], &users);
    room.desk.tell_missed(&admins, &told, "a-1").expect("the store works");
    let letters = room.deliver("ann");
    let kinds: Vec<NotificationKind> = letters.iter().map(|letter| letter.kind).collect();
    assert_eq!(kinds, [NotificationKind::HubBack]);
    room.desk.tell_missed(&admins, &told, "a-1").expect("the store works");
    assert!(room.deliver("ann").is_empty(), "nor after it was sent");
}
