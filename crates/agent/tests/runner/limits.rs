//! What a command gets, and how much.

use watchfire_wire::{OpenWork, Work};

use super::rig::{Rig, finish, is_root, open, sh};

#[tokio::test]
async fn it_has_five_variables_three_files_and_a_session() {
    let rig = Rig::open("");
    let done = rig.work(open(&["env"])).await;
    let text = String::from_utf8(done.out).expect("text");
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
    names.sort_unstable();
    let (names, values): (Vec<_>, Vec<_>) = names.into_iter().unzip();
    assert_eq!(names, ["HOME", "LANG", "PATH", "USER", "WATCHFIRE_COMMAND_ID"]);
    assert_eq!(values[4], "07".repeat(16));

    let done = rig.sh("ls /proc/self/fd; cat /proc/self/oom_score_adj").await;
    // The fourth is the folder that ls reads.
    assert_eq!(done.out, b"0\n1\n2\n3\n0\n");
    let done = rig.sh("cut -d' ' -f6 /proc/$$/stat; echo $$; umask; ulimit -c; ulimit -n").await;
    let text = String::from_utf8(done.out).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], lines[1], "it leads a session of its own");
    assert_eq!(lines[2..], ["0022", "0", "1024"]);
}

#[tokio::test]
async fn it_runs_as_the_user_of_the_policy_with_nothing_of_roots() {
    if !is_root() {
        eprintln!("left out: only root can become somebody else");
        return;
    }
    let rig = Rig::open("users = [\"daemon\"]");
    let done = rig
        .sh("id -u; id -G; grep -E '^(CapEff|CapPrm|CapAmb|NoNewPrivs)' /proc/self/status")
        .await;
    let text = String::from_utf8(done.out).expect("text");
    let none = "0000000000000000";
    let wanted = format!(
        "65534\n65534\nCapPrm:\t{none}\nCapEff:\t{none}\nCapAmb:\t{none}\nNoNewPrivs:\t1\n"
    );
    assert_eq!(text, wanted);
    let asking = |user: &str| {
        Work::Open(OpenWork {
            argv: vec!["id".to_owned(), "-un".to_owned()],
            user: user.to_owned(),
            ..OpenWork::default()
        })
    };
    assert_eq!(rig.work(asking("daemon")).await.out, b"daemon\n");
    for foreign in ["root", "bin", "nobody-at-all"] {
        let done = rig.work(asking(foreign)).await;
        let why = done.refused.expect("not allowed");
        assert!(why.contains(&format!("as the user {foreign:?}")), "{why}");
    }
}

#[tokio::test]
async fn who_says_too_much_is_cut_and_ended() {
    let rig = Rig::open("output = \"1MiB\"");
    let done = rig.work(open(&["yes"])).await;
    assert_eq!(done.out.len(), 1 << 20);
    assert!(done.exit.truncated && done.exit.signal == Some(9), "{:?}", done.exit);
    assert!(!done.exit.timed_out && !done.exit.canceled);
    // Exactly as much as it may say is not too much.
    let done = rig.sh("head -c 1048576 /dev/zero; echo -n >&2").await;
    assert_eq!((done.out.len(), done.exit.code, done.exit.truncated), (1 << 20, Some(0), false));
}

#[tokio::test]
async fn what_was_said_last_is_not_lost() {
    let rig = Rig::open("");
    let done = rig.sh("head -c 300000 /dev/zero; echo end >&2; kill -11 $$").await;
    assert_eq!((done.out.len(), done.err.as_slice()), (300_000, &b"end\n"[..]));
    assert_eq!((done.exit.code, done.exit.signal), (None, Some(11)));
    assert!(done.exit.peak_rss_bytes > 0 && done.exit.ended_unix_ms >= done.exit.began_unix_ms);
}

#[tokio::test]
async fn input_comes_whole_and_ends() {
    let rig = Rig::open("");
    let input = vec![b'x'; 400_000];
    let done = finish(rig.begin(open(&["wc", "-c"]), &input).await).await;
    assert_eq!(done.out, b"400000\n");
    assert_eq!(rig.work(open(&["wc", "-c"])).await.out, b"0\n", "without one there is none");
}

#[tokio::test]
async fn only_so_many_run_at_once() {
    let rig = Rig::open("at_once = 2");
    let first = rig.begin(sh("echo; sleep 990010"), b"").await;
    let second = rig.begin(sh("echo; sleep 990010"), b"").await;
    let mut held = [first, second];
    for running in &mut held {
        while !matches!(running.events.next().await, Some(watchfire_wire::Message::Output(_))) {}
    }
    let why = rig.sh("true").await.refused.expect("one too many");
    assert!(why.contains("2 commands run here already"), "{why}");
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let rig = Rig::open("");
    for (argv, word) in [
        (&["no-such-program"][..], "not found in /usr/local/sbin"),
        (&["/etc/passwd"], "Permission denied"),
        (&["./sh"], "not found"),
        (&[""], "no program"),
        (&["echo", "a\0b"], "NUL"),
    ] {
        let why = rig.work(open(argv)).await.refused.expect("it does not start");
        assert!(why.contains(word), "{why}");
    }
    let long = "x".repeat(128 << 10);
    let command = rig.runner().run(watchfire_wire::Command {
        run: 7,
        command_id: [7; 16],
        work: open(&["echo", &long]),
        stdin: Vec::new(),
    });
    command.await.expect_err("the wire takes no such arguments");
}
