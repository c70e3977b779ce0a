use std::time::Duration;

use watchfire_codec::{Decoder, Frame};
use watchfire_model::{Status, StatusView};

use super::*;

const START: Moment = Moment { monotonic: Duration::from_secs(1000), unix_ms: 1_700_000_000_000 };

fn recorder(seed: u64, number: u64) -> Recorder {
    let plan = Plan { seed, start: START, ring_bytes: 1 << 20 };
    Recorder::new(plan, Host::of(seed, number))
}

fn run(recorder: &mut Recorder, seconds: std::ops::Range<u64>, strain: &Strain) {
    for second in seconds {
        recorder.record(second, START.after(Duration::from_secs(second)), strain);
    }
}

fn contents(recorder: &Recorder) -> Vec<Record> {
    recorder.ring().after(0).1.cloned().collect()
}

/// The status of each tick, by way of the codec.
fn statuses(recorder: &Recorder) -> Vec<Status> {
    let (mut decoder, mut view) = (Decoder::new(), StatusView::new());
    let mut all = Vec::new();
    let frames = |record: &&Record| record.kind != RecordKind::Event;
    for record in recorder.ring().after(0).1.filter(frames) {
        let mut bytes = &record.bytes[..];
        while let Some(frame) = decoder.next(&mut bytes).expect("sound frames") {
            if let Frame::Tick(tick) = frame {
                let tick = tick.clone();
                all.push(view.read(decoder.schema(), &tick));
            }
        }
    }
    all
}

#[test]
fn a_seed_repeats_every_byte() {
    let bytes = |seed, number| {
        let mut recorder = recorder(seed, number);
        run(&mut recorder, 0..90, &Strain::default());
        (recorder.ring_state(), recorder.boot_id(), contents(&recorder))
    };
    assert!(bytes(1, 0) == bytes(1, 0));
    assert!(bytes(1, 0) != bytes(2, 0));
}

#[test]
fn no_two_servers_are_equal() {
    let mut seen = std::collections::HashSet::new();
    for number in 0..200 {
        let mut recorder = recorder(7, number);
        let (_, tick) = recorder.machine.tick(3, START, &Strain::default());
        // Not by their names alone: no name is a value. Neither are they told apart by clocks.
        let clocks = |value: f64| value < 1e9;
        let values: Vec<u64> =
            tick.values.iter().filter(|v| clocks(**v)).map(|value| value.to_bits()).collect();
        assert!(seen.insert(values), "server {number} is like one before it");
    }
}

#[test]
fn a_status_makes_sense_over_more_than_a_round() {
    let mut recorder = recorder(3, 2);
    run(&mut recorder, 0..400, &Strain::default());
    let statuses = statuses(&recorder);
    assert_eq!(statuses.len(), 400);
    let last = statuses.last().expect("it has ticks");
    assert_eq!(last.host.hostname, recorder.host().name);
    for status in &statuses[1..] {
        let used = status.cpu.total.busy_percent.expect("a rate");
        assert!((0.0..=100.0).contains(&used), "{used}");
        assert!(
            status.disks.iter().all(|disk| disk.read_bytes_per_s.is_some()),
            "no counter goes back"
        );
    }
}

#[test]
fn a_runaway_process_takes_all_cpu_and_memory() {
    let mut recorder = recorder(3, 2);
    run(&mut recorder, 0..10, &Strain::default());
    for second in 10..70 {
        let runaway = Some(Duration::from_secs(second - 9));
        let at = START.after(Duration::from_secs(second));
        recorder.record(second, at, &Strain { runaway, disk: 0.5 });
    }
    recorder.kill_runaway(START.after(Duration::from_secs(70)));
    let told = recorder.ring().after(0).1.last().expect("it is there");
    assert_eq!(told.kind, RecordKind::Event);
    let event: serde_json::Value = serde_json::from_slice(&told.bytes).expect("JSON");
    assert_eq!((&event["kind"], &event["name"]), (&"oom_kill".into(), &"rebuild-index".into()));
    run(&mut recorder, 70..75, &Strain::default());
    let statuses = statuses(&recorder);
    let used = |second: usize| statuses[second].cpu.total.busy_percent.expect("a rate");
    assert!(used(9) < 95.0 && used(40) > 99.0 && used(74) < 95.0);
    let available = |second: usize| statuses[second].memory.available_bytes;
    assert!(available(69) < available(9) / 10 && available(74) > available(9) / 2);
    let free = |second: usize| statuses[second].filesystems[0].available_bytes;
    assert!(free(40) < free(9) / 10 * 6 && free(74) > free(9) / 10 * 9);
}

#[test]
fn a_reboot_begins_anew_and_keeps_the_ring() {
    let mut recorder = recorder(3, 2);
    run(&mut recorder, 0..10, &Strain::default());
    let (before, boot) = (recorder.ring_state(), recorder.boot_id());
    recorder.reboot(40, START.after(Duration::from_secs(40)));
    run(&mut recorder, 41..45, &Strain::default());
    let after = recorder.ring_state();
    assert_eq!((after.ring, after.oldest), (before.ring, before.oldest));
    assert!(after.newest > before.newest + 1000);
    assert_ne!(recorder.boot_id(), boot);
    let last = statuses(&recorder).pop().expect("it has ticks");
    assert_eq!(last.uptime, Duration::from_secs(4));
}

#[test]
fn a_chain_can_be_restarted_anywhere() {
    let mut recorder = recorder(3, 2);
    run(&mut recorder, 0..10, &Strain::default());
    let newest = recorder.ring_state().newest;
    recorder.restart_chain();
    run(&mut recorder, 10..20, &Strain::default());
    let (previous, records) = recorder.ring().after(newest);
    assert_eq!(previous, newest);
    let mut decoder = Decoder::new();
    let mut ticks = 0;
    for record in records {
        let mut bytes = &record.bytes[..];
        while let Some(frame) = decoder.next(&mut bytes).expect("it stands alone") {
            ticks += u32::from(matches!(frame, Frame::Tick(_)));
        }
    }
    assert_eq!(ticks, 10);
}

/// `cargo test -p watchfire-sim --release -- --ignored --nocapture what_a_server_costs`
#[test]
#[ignore = "prints what it measures"]
fn what_a_server_costs() {
    const SERVERS: u64 = 200;
    const SECONDS: u64 = 60;
    let mut recorders: Vec<_> = (0..SERVERS).map(|number| recorder(7, number)).collect();
    let calm = Strain::default();
    let mut making = Duration::ZERO;
    let begun = std::time::Instant::now();
    for second in 0..SECONDS {
        for recorder in &mut recorders {
            let at = START.after(Duration::from_secs(second));
            recorder.record(second, at, &calm);
        }
    }
    let whole = begun.elapsed();
    let begun = std::time::Instant::now();
    for second in 0..SECONDS {
        for recorder in &mut recorders {
            std::hint::black_box(recorder.machine.tick(second, START, &calm));
        }
    }
    making += begun.elapsed();
    let (mut bytes, mut tables) = (0, 0);
    for recorder in &recorders {
        for record in recorder.ring().after(0).1 {
            match record.kind {
                RecordKind::Tick => bytes += record.bytes.len() as u64,
                _ => tables += record.bytes.len() as u64,
            }
        }
    }
    let each = SERVERS * SECONDS;
    println!(
        "{:.1} us a server and second, of which {:.1} us to make the values; \
         {} bytes of ticks and {} of tables a second, keys included",
        whole.as_secs_f64() * 1e6 / each as f64,
        making.as_secs_f64() * 1e6 / each as f64,
        bytes / each,
        tables / each,
    );
}
