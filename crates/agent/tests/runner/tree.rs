//! That nothing of a command stays.

use watchfire_wire::Message;

use super::rig::{Rig, finish, runs, sh};

#[tokio::test]
async fn a_daemon_of_a_command_ends_with_it() {
    let rig = Rig::open("");
    let done = rig.sh("setsid sleep 990001 & (setsid sleep 990002 &) ; echo begun").await;
    assert_eq!((done.out.as_slice(), done.exit.code), (&b"begun\n"[..], Some(0)));
    assert!(!runs("990001") && !runs("990002"), "they had sessions of their own");
}

#[tokio::test]
async fn a_child_that_ignores_every_word_is_killed_when_the_time_is_over() {
    let rig = Rig::open("timeout = \"1s\"");
    let done =
        rig.sh("trap '' TERM HUP INT; setsid sleep 990003 & while :; do sleep 1; done").await;
    assert!(done.exit.timed_out, "{done:?}");
    assert_eq!((done.exit.code, done.exit.signal), (None, Some(9)));
    assert!(!runs("990003"));
}

#[tokio::test]
async fn one_that_hears_the_word_ends_in_its_own_way() {
    let rig = Rig::open("timeout = \"1s\"");
    let done = rig.sh("trap 'echo bye; exit 3' TERM; sleep 990004 & wait").await;
    assert_eq!((done.out.as_slice(), done.exit.code), (&b"bye\n"[..], Some(3)), "{done:?}");
    assert!(done.exit.timed_out);
}

#[tokio::test]
async fn a_bomb_of_a_hundred_leaves_nobody() {
    let rig = Rig::open("timeout = \"2s\"\nprocesses = 400");
    let bomb = "i=0; while [ $i -lt 100 ]; do (setsid sleep 990005 &) ; i=$((i+1)); done; sleep 99";
    let done = rig.sh(bomb).await;
    assert!(done.exit.timed_out, "{done:?}");
    assert!(!runs("990005"));
    assert_eq!(rig.sh("echo alive").await.out, b"alive\n", "the runner goes on");
}

#[tokio::test]
async fn one_that_goes_on_to_fork_meets_its_limit_and_ends() {
    if !super::rig::is_root() {
        eprintln!("left out: only root can give a command a user of its own to count");
        return;
    }
    let rig = Rig::open("timeout = \"2s\"\nprocesses = 40");
    let done = rig.sh("bomb() { bomb & bomb; sleep 990006; }; bomb").await;
    assert!(done.exit.timed_out || done.exit.code.is_some(), "{done:?}");
    assert!(!runs("990006"));
}

#[tokio::test]
async fn a_cancel_ends_it_and_so_does_an_agent_that_is_gone() {
    let rig = Rig::open("");
    let mut running = rig.begin(sh("echo begun; setsid sleep 990007 & sleep 990007"), b"").await;
    while !matches!(running.events.next().await, Some(Message::Output(_))) {}
    running.control.cancel().await;
    let Some(Message::Exit(exit)) = running.events.next().await else { panic!("no end") };
    assert!(exit.canceled && exit.signal == Some(15), "{exit:?}");
    assert!(!runs("990007"));

    let mut running = rig.begin(sh("echo begun; exec sleep 990008"), b"").await;
    while !matches!(running.events.next().await, Some(Message::Output(_))) {}
    drop(running);
    // The runner is asked until the other one's end is written down.
    while !rig.audit().contains("canceled\"}\n") || runs("990008") {
        drop(finish(rig.begin(sh("true"), b"").await).await);
    }
}

#[tokio::test]
async fn whoever_kills_its_supervisor_does_not_get_away() {
    let rig = Rig::open(if super::rig::is_root() { "user = \"root\"" } else { "" });
    let done = rig.sh("setsid sleep 990009 & kill -9 $PPID; sleep 990009").await;
    assert_eq!((done.exit.code, done.exit.signal), (None, None), "{done:?}");
    assert!(done.exit.output_lost);
    // Its children were the runner's by then.
    assert_eq!(rig.sh("echo alive").await.out, b"alive\n");
    assert!(!runs("990009"));
}
