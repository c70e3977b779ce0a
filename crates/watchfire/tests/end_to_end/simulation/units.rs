//! A unit of systemd that fails: the agent sees it and reads the journal's files, the hub's
//! built-in rule fires, and the letter has the unit's last lines.

use std::path::Path;
use std::time::Duration;

use watchfire_agent::History;

use super::machine::Machine;
use super::seeds::in_simulated_time;
use super::world::World;

/// A journal that systemd 252 wrote, without what is zero: pieces of an offset and a length of
/// eight bytes each, and the bytes. `collect` has it for its own tests.
const JOURNAL: &[u8] = include_bytes!("../../../../collect/testdata/journal/keyed_compact.pieces");
const MACHINE_ID: &str = "fedcba9876543210fedcba9876543210";
/// From a failure to its letter: a reading, a minute that it has to last, and the rule's turn.
const UNTIL_TOLD: Duration = Duration::from_secs(150);

#[test]
fn a_failed_unit_is_told_with_its_last_lines_and_once_over_starts_of_the_agent() {
    in_simulated_time(async {
        let mut world = World::begin(61, 2).await;
        world.pass(Duration::from_secs(20)).await;
        write_journal(&world.machines[0]);
        set_unit(&world.machines[0], "failed", 1_700_000_000_000_000);
        world.pass(UNTIL_TOLD).await;
        let letter = world.mails.iter().find(|mail| mail.subject().contains("web.service"));
        let letter = letter.unwrap_or_else(|| panic!("{:#?}", world.story));
        let subject = letter.subject();
        assert!(subject.contains("web-0") && subject.contains("web.service failed"), "{subject}");
        for part in [&letter.text, &letter.html] {
            assert!(part.contains("Failed with result"), "{part}");
            assert!(part.contains("password=***") && !part.contains("hunter2"), "{part}");
        }
        assert_eq!(failures(&world.machines[0]), 1);

        for kill in [true, false] {
            if kill {
                world.machines[0].kill();
            } else {
                world.machines[0].stop();
                world.pass(Duration::from_secs(2)).await;
                world.machines[0].kill();
            }
            world.start(0);
            world.pass(Duration::from_secs(40)).await;
            assert_eq!(failures(&world.machines[0]), 1, "an earlier run told it");
        }
        // It failed again while nobody looked, and that is another failure.
        world.machines[0].kill();
        set_unit(&world.machines[0], "failed", 1_700_000_900_000_000);
        world.start(0);
        world.pass(Duration::from_secs(40)).await;
        assert_eq!(failures(&world.machines[0]), 2, "{:#?}", world.story);

        let told = world.mails.len();
        set_unit(&world.machines[0], "active", 1_700_001_000_000_000);
        world.pass(UNTIL_TOLD).await;
        let over: Vec<_> = world.mails[told..].iter().map(|mail| mail.subject()).collect();
        let is_over = |subject: &&str| subject.starts_with("[resolved] unit failed on web-0");
        assert!(over.len() == 2 && over.iter().all(is_over), "{:#?}", world.story);
    });
}

/// What systemd says of the unit on this machine.
fn set_unit(machine: &Machine, state: &str, since_us: u64) {
    let table = format!(
        "version\t252.22\nstate\trunning\n\
         unit\tweb.service\tloaded\t{state}\t{state}\tsimple\t0\t\t{since_us}\n"
    );
    write(&machine.root().join("recorded/systemd"), table.as_bytes());
}

fn write_journal(machine: &Machine) {
    write(&machine.root().join("etc/machine-id"), MACHINE_ID.as_bytes());
    let folder = machine.root().join("var/log/journal").join(MACHINE_ID);
    write(&folder.join("system.journal"), &whole(JOURNAL));
}

fn write(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("ours");
    std::fs::write(path, content).expect("ours");
}

fn whole(mut pieces: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while !pieces.is_empty() {
        let mut number = || {
            let (number, rest) = pieces.split_first_chunk::<8>().expect("a whole number");
            pieces = rest;
            usize::try_from(u64::from_le_bytes(*number)).expect("a small number")
        };
        let (at, length) = (number(), number());
        content.resize(content.len().max(at + length), 0);
        content[at..at + length].copy_from_slice(&pieces[..length]);
        pieces = &pieces[length..];
    }
    content
}

/// How often the agent told that the unit failed.
fn failures(machine: &Machine) -> usize {
    let found = History::open(&machine.data()).and_then(|past| past.events(i64::MIN, i64::MAX));
    let events = found.expect("it is readable").value.expect("a list").events;
    events.iter().filter(|one| one.kind == "unit_failed").count()
}
