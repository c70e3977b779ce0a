//! Simulated servers against a small hub over real sockets and TLS.

mod common;

use std::collections::{HashMap, HashSet};

use common::{FakeHub, Heard};
use watchfire_codec::{Decoder, Frame};
use watchfire_runtime::{Clock, Shutdown};
use watchfire_sim::{Fleet, Member, Members, Script, Settings, Told};
use watchfire_wire::{GoodbyeReason, Hello, Records};

fn fleet(hub: &FakeHub, settings: &Settings, count: usize) -> Fleet {
    let tokens = (0..count).map(|_| hub.token()).collect();
    Fleet::new(settings, &[], tokens, Clock::system()).expect("a fleet")
}

fn settings(hub: &FakeHub, script: &str) -> Settings {
    Settings { hub: hub.address, seed: 1, script: Script::parse(script).expect("a good script") }
}

/// How many ticks are in these records, which must stand alone.
fn ticks(decoder: &mut Decoder, records: &Records) -> usize {
    let mut ticks = 0;
    for record in &records.records {
        let mut bytes = &record.bytes[..];
        while let Some(frame) = decoder.next(&mut bytes).expect("sound frames") {
            ticks += usize::from(matches!(frame, Frame::Tick(_)));
        }
    }
    ticks
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_enrol_stream_and_say_goodbye() {
    let mut hub = FakeHub::start().await;
    let fleet = fleet(&hub, &settings(&hub, ""), 3);
    let progress = fleet.progress();
    let (shutdown, end) = Shutdown::new();
    let running = tokio::spawn(async move { fleet.run(shutdown, |_| {}).await });

    let mut names = HashSet::new();
    let (mut decoders, mut last) = (HashMap::new(), HashMap::new());
    let (mut seen, mut pulsed, mut declined) = (HashMap::new(), HashSet::new(), HashSet::new());
    hub.next("two ticks and a pulse of each", |heard| {
        match heard {
            Heard::Hello(id, hello) => {
                assert_eq!(hello.agent_id, id);
                names.insert(hello.server);
                decoders.insert(id, Decoder::new());
            }
            Heard::Records(id, records) => {
                let decoder = decoders.get_mut(&id).expect("a hello came first");
                *seen.entry(id.clone()).or_insert(0) += ticks(decoder, &records);
                if let Some(last) = last.insert(id, records.records[0].sequence) {
                    assert!(records.previous >= last && records.request == 0);
                }
            }
            Heard::Pulse(session) => drop(pulsed.insert(session)),
            Heard::Declined(id) => drop(declined.insert(id)),
            other => panic!("unexpected: {other:?}"),
        }
        let ticked = seen.values().filter(|ticks| **ticks >= 2).count();
        (ticked == 3 && pulsed.len() == 3 && declined.len() == 3).then_some(())
    })
    .await;
    assert_eq!(names, ["web-1", "db-1", "cache-1"].map(str::to_owned).into());
    let counts = progress.counts();
    assert_eq!((counts.connected, counts.probes, counts.failed_dials), (3, 3, 0));
    assert!(counts.acks > 0 && counts.bad_echoes == 0, "{counts:?}");

    end.request();
    let mut left = HashSet::new();
    hub.next("goodbye of each", |heard| {
        if let Heard::Goodbye(id, GoodbyeReason::Stop) = heard {
            left.insert(id);
        }
        (left.len() == 3).then_some(())
    })
    .await;
    running.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_comes_back_and_hands_in_what_it_has() {
    let mut hub = FakeHub::start().await;
    let settings = settings(&hub, "2s killed web-1 for 1s");
    let fleet = fleet(&hub, &settings, 1);
    let (_end, told) = run(fleet);

    let first = hub.next("a hello", hello).await;
    hub.next("the end of the stream", |heard| match heard {
        Heard::Goodbye(..) => panic!("a killed agent says no goodbye"),
        Heard::Gone => Some(()),
        _ => None,
    })
    .await;
    let second = hub.next("another hello", hello).await;
    assert_eq!((first.boot_id, first.agent_id), (second.boot_id, second.agent_id));
    let ring = second.ring.expect("it records");
    assert!(ring.newest > 0 && first.ring.map(|ring| ring.ring) == Some(ring.ring));

    let (mut decoder, mut previous, mut handed_in) = (Decoder::new(), 0, 0);
    let missing = hub
        .next("the whole ring", |heard| match heard {
            Heard::Records(_, records) if records.request == 9 => {
                assert_eq!(records.previous, previous);
                previous = records.records.last().expect("a record").sequence;
                handed_in += ticks(&mut decoder, &records);
                None
            }
            Heard::BackfillEnd(missing) => Some(missing),
            _ => None,
        })
        .await;
    assert!(!missing && handed_in >= 1 && previous == ring.newest, "{handed_in} ticks");
    assert_eq!(told.await.expect("it tells what happened"), "killed web-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_is_announced_and_explained() {
    let mut hub = FakeHub::start().await;
    let settings = settings(&hub, "2s reboot all for 1s");
    let fleet = fleet(&hub, &settings, 1);
    let (_end, _told) = run(fleet);

    let first = hub.next("a hello", hello).await;
    assert_eq!(first.reboot_reason, "");
    let goodbye = hub.next("goodbye", |heard| match heard {
        Heard::Gone => panic!("it leaves without a word"),
        Heard::Goodbye(_, reason) => Some(reason),
        _ => None,
    });
    assert_eq!(goodbye.await, GoodbyeReason::Reboot);
    let second = hub.next("another hello", hello).await;
    assert_ne!(first.boot_id, second.boot_id);
    assert_eq!(second.reboot_reason, "clean_shutdown");
    assert!(second.uptime_ms < first.uptime_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_cut_off_recorded_all_the_while() {
    let mut hub = FakeHub::start().await;
    let settings = settings(&hub, "2s cut web-1 for 5s");
    let fleet = fleet(&hub, &settings, 1);
    let (_end, _told) = run(fleet);

    let first = hub.next("a hello", hello).await;
    let mut live = 0;
    let second = hub
        .next("another hello", |heard| match heard {
            Heard::Records(_, records) if records.request == 0 => {
                live = records.records.last().expect("a record").sequence;
                None
            }
            Heard::Goodbye(..) => panic!("a cut path carries no goodbye"),
            Heard::Hello(_, hello) => Some(hello),
            _ => None,
        })
        .await;
    assert_eq!((first.boot_id, second.reboot_reason.as_str()), (second.boot_id, ""));
    let ring = second.ring.expect("it records");
    // Five ticks, of which the first or the last may have fallen on the other side of the cut.
    assert!(ring.newest >= live + 4, "{ring:?} after {live}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_one_server_which_is_kept() {
    let mut hub = FakeHub::start().await;
    let token = hub.token();
    let (settings, clock) = (settings(&hub, ""), Clock::system());
    let fleet = Fleet::new(&settings, &[], vec![token.clone(), token], clock.clone());
    let fleet = fleet.expect("a fleet");
    let progress = fleet.progress();
    let (shutdown, end) = Shutdown::new();
    let (tell, mut told) = tokio::sync::mpsc::channel::<Member>(4);
    let running = tokio::spawn(fleet.run(shutdown, move |told| {
        if let Told::Enrolled(member) = told {
            tell.try_send(*member).expect("there is room");
        }
    }));
    let first = hub.next("a hello", hello).await;
    let member = told.recv().await.expect("it enrolled");
    assert_eq!((&first.agent_id, &first.server), (&member.id.to_string(), &member.name));
    while progress.counts().failed_dials == 0 {
        tokio::task::yield_now().await;
    }
    end.request();
    running.await.expect("it ends");
    assert_eq!(told.recv().await, None, "the other one was refused");

    let folder = tempfile::tempdir().expect("a folder");
    Members::open(folder.path()).expect("it is there").add(vec![member]).expect("it is kept");
    let kept = Members::open(folder.path()).expect("it is there");
    let fleet = Fleet::new(&settings, kept.all(), Vec::new(), clock).expect("a fleet");
    let (_end, _told) = run(fleet);
    let again = hub.next("another hello", hello).await;
    assert_eq!((again.agent_id, again.server), (first.agent_id, first.server));
}

fn hello(heard: Heard) -> Option<Hello> {
    if let Heard::Hello(_, hello) = heard { Some(hello) } else { None }
}

/// Runs a fleet until the handle is dropped, and gives the first thing that happened.
fn run(
    fleet: Fleet,
) -> (watchfire_runtime::ShutdownHandle, tokio::sync::oneshot::Receiver<String>) {
    let (shutdown, end) = Shutdown::new();
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    tokio::spawn(async move {
        let tell = move |told| {
            let Told::Happening(happening) = told else { return };
            if let Some(tell) = tell.take() {
                let what = happening.trouble.as_str();
                let _ = tell.send(format!("{what} {}", happening.servers.join(" ")));
            }
        };
        fleet.run(shutdown, tell).await;
    });
    (end, told)
}

/// `SERVERS=1000 cargo test -p watchfire-sim --release -- --ignored --nocapture what_a_stream_costs`
#[test]
#[ignore = "prints what it measures"]
fn what_a_stream_costs() {
    const SECONDS: u64 = 20;
    let count = std::env::var("SERVERS").map_or(1000, |count| count.parse().expect("a number"));
    let runtime = |name: &str| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().thread_name(name).worker_threads(1).build().expect("threads")
    };
    let (of_hub, of_sim) = (runtime("the-hub"), runtime("the-fleet"));
    let hub = of_hub.block_on(FakeHub::start());
    let settings = settings(&hub, "");
    let entered = of_sim.enter();
    let fleet = fleet(&hub, &settings, count);
    drop(entered);
    let mut heard = hub.heard;
    of_hub.spawn(async move { while heard.recv().await.is_some() {} });
    let progress = fleet.progress();
    let (shutdown, _end) = Shutdown::new();
    of_sim.spawn(fleet.run(shutdown, |_| {}));
    while progress.counts().connected < count as u64 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    std::thread::sleep(std::time::Duration::from_secs(5));
    let (before, cpu) = (progress.counts(), cpu_of("the-fleet"));
    std::thread::sleep(std::time::Duration::from_secs(SECONDS));
    let (after, cpu) = (progress.counts(), cpu_of("the-fleet") - cpu);
    println!(
        "{:.1} us of cpu a server and second; {} bytes of frames a second; {after:#?}",
        cpu * 1e6 / (count as u64 * SECONDS) as f64,
        (after.stream_bytes - before.stream_bytes) / count as u64 / SECONDS,
    );
    std::process::exit(0);
}

/// The cpu time of all threads of this name, in seconds.
fn cpu_of(name: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("it is there");
    let of_task = tasks.map(|task| {
        let path = task.expect("a thread").path();
        let read = |file| std::fs::read_to_string(path.join(file)).unwrap_or_default();
        let nanoseconds: f64 =
            read("schedstat").split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0);
        if read("comm").trim() == name { nanoseconds / 1e9 } else { 0.0 }
    });
    of_task.sum()
}
