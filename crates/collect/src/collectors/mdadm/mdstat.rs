//! The text of `/proc/mdstat`, as `md_seq_show` of the kernel's
//! `drivers/md/md.c` writes it: a line that names the device, its state, its
//! level and its members; a line with its size; lines about what goes on.

use crate::text::{lines, number, split_once, words};

/// One device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Device<'a> {
    /// `md127` for example.
    pub(super) name: &'a [u8],
    /// Whether it takes reads and writes.
    pub(super) state: State,
    /// What goes on, or waits for its turn.
    pub(super) work: Option<Work>,
    /// Members that do their part.
    pub(super) active: u64,
    /// Members that are marked as failed.
    pub(super) failed: u64,
    /// Members that stand by.
    pub(super) spare: u64,
    /// Members that keep the journal.
    pub(super) journal: u64,
    /// Members that there should be.
    pub(super) required: u64,
    /// Size in blocks of 1,024 bytes, when it is told.
    pub(super) blocks: Option<u64>,
    /// How far the work is, of how many blocks, at how many KiB/s. `None`
    /// while it waits.
    pub(super) progress: Option<Progress>,
}

/// How a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// It works, be it with fewer members than it should have.
    Active,
    /// It is put together and not started, or a container of others.
    #[default]
    Inactive,
    /// It lost more than it can bear.
    Broken,
}

/// What the kernel does with a whole device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A new member is filled.
    Recovery,
    /// Members are made alike.
    Resync,
    /// Members are compared.
    Check,
    /// The layout is changed.
    Reshape,
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Blocks that are done.
    pub(super) done: u64,
    /// Blocks that there are to do.
    pub(super) all: u64,
    /// Speed in KiB/s, when it is told.
    pub(super) speed: Option<u64>,
}

/// The devices of the file, in its order. What is not of its format is left
/// out, and so are the lines `Personalities` and `unused devices`.
pub(super) fn devices(text: &[u8]) -> impl Iterator<Item = Device<'_>> {
    let mut lines = lines(text).peekable();
    std::iter::from_fn(move || {
        loop {
            let Some(mut device) = header(lines.next()?) else { continue };
            // The lines that belong to a device begin with white space.
            while let Some(line) = lines.next_if(|line| line[0].is_ascii_whitespace()) {
                device.detail(line);
            }
            return Some(device);
        }
    })
}

/// `md6 : active (auto-read-only) raid1 sdb2[2](F) sdc[1](S) sda2[0]`.
fn header(line: &[u8]) -> Option<Device<'_>> {
    let mut words = words(line);
    let name = words.next()?;
    if words.next()? != b":" {
        return None;
    }
    let state = match words.next()? {
        b"active" => State::Active,
        b"inactive" => State::Inactive,
        b"broken" => State::Broken,
        _ => return None,
    };
    let mut device = Device { name, state, ..Device::default() };
    // Those words that are no members are the level and how it may be used.
    for flags in words.filter_map(member) {
        if has(flags, b"(F)") {
            device.failed += 1;
        } else if has(flags, b"(J)") {
            device.journal += 1;
        } else if has(flags, b"(S)") {
            device.spare += 1;
        } else {
            device.active += 1;
        }
    }
    // Levels without redundancy need each member, and say no more of it.
    if state != State::Inactive {
        device.required = device.active + device.failed;
    }
    Some(device)
}

/// The flags behind `sdb2[2]`; `None` when the word is no member.
fn member(word: &[u8]) -> Option<&[u8]> {
    let (_, rest) = split_once(word, b'[')?;
    let (role, flags) = split_once(rest, b']')?;
    number(role).map(|_| flags)
}

fn has(flags: &[u8], flag: &[u8]) -> bool {
    flags.windows(flag.len()).any(|part| part == flag)
}

impl Device<'_> {
    fn detail(&mut self, line: &[u8]) {
        let mut begin = words(line);
        if let (Some(blocks), Some(b"blocks")) = (begin.next().and_then(number), begin.next()) {
            self.blocks = Some(blocks);
            // `[4/3]`: four there should be, three do their part.
            for word in begin {
                if let Some((required, active)) = in_brackets(word) {
                    (self.required, self.active) = (required, active);
                }
            }
        } else if let Some((work, rest)) = work(line) {
            self.work = Some(work);
            self.progress = progress(rest);
        }
    }
}

fn in_brackets(word: &[u8]) -> Option<(u64, u64)> {
    let inner = word.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let (all, active) = split_once(inner, b'/')?;
    Some((number(all)?, number(active)?))
}

/// The work of a line like `resync=DELAYED` or `[=>..]  recovery = 8.5% …`,
/// and what is behind its name.
fn work(line: &[u8]) -> Option<(Work, &[u8])> {
    let (before, rest) =
        split_once(line, b'=').filter(|(before, _)| !before.contains(&b'[')).or_else(|| {
            // The bar is made of the same sign as the assignment.
            let bar = line.iter().position(|&byte| byte == b']')?;
            split_once(&line[bar + 1..], b'=')
        })?;
    let work = match before.trim_ascii() {
        b"recovery" => Work::Recovery,
        b"resync" => Work::Resync,
        b"check" => Work::Check,
        b"reshape" => Work::Reshape,
        _ => return None,
    };
    Some((work, rest))
}

/// `  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec`.
fn progress(rest: &[u8]) -> Option<Progress> {
    let mut found: Option<Progress> = None;
    for word in words(rest) {
        if let Some(inner) = word.strip_prefix(b"(").and_then(|word| word.strip_suffix(b")")) {
            let (done, all) = split_once(inner, b'/')?;
            found = Some(Progress { done: number(done)?, all: number(all)?, speed: None });
        } else if let (Some(progress), Some(speed)) = (&mut found, word.strip_prefix(b"speed=")) {
            progress.speed = speed.strip_suffix(b"K/sec").and_then(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Device<'_> {
        let mut devices = devices(text.as_bytes());
        let first = devices.next().expect("there is a device");
        assert_eq!(devices.next(), None);
        first
    }

    /// Active, failed, spare, journal, required.
    fn counts(device: &Device<'_>) -> [u64; 5] {
        [device.active, device.failed, device.spare, device.journal, device.required]
    }

    #[test]
    fn a_whole_file() {
        let text = "Personalities : [raid6] [raid5] [raid4] [raid1]\n\
            md3 : active raid6 sda1[8] sdh1[7] sdg1[6](S)\n      5853468288 blocks super 1.2 level 6, 64k chunk, algorithm 2 [8/8] [UUUUUUUU]\n\n\
            md0 : active raid1 sdi1[0] sdj1[1]\n      248896 blocks [2/2] [UU]\n      bitmap: 1/2 pages [4KB], 65536KB chunk\n\n\
            unused devices: <none>\n";
        let seen: Vec<_> = devices(text.as_bytes())
            .map(|device| (device.name, device.blocks, counts(&device), device.work))
            .collect();
        let expected = [
            (&b"md3"[..], Some(5_853_468_288), [8, 0, 1, 0, 8], None),
            (&b"md0"[..], Some(248_896), [2, 0, 0, 0, 2], None),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn levels_without_redundancy_need_every_member() {
        for level in ["raid0", "linear"] {
            let text = format!(
                "md4 : active {level} sdb[1] sda[0]\n   3906 blocks super 1.2 64k chunks\n"
            );
            assert_eq!(counts(&one(&text)), [2, 0, 0, 0, 2]);
        }
        let device =
            one("md4 : broken raid0 sdb[1](F) sda[0]\n   3906 blocks super 1.2 64k chunks\n");
        assert_eq!((device.state, counts(&device)), (State::Broken, [1, 1, 0, 0, 2]));
    }

    #[test]
    fn a_degraded_array_that_recovers() {
        let device = one("md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n\
            \x20     195310144 blocks [2/1] [U_]\n\
            \x20     [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n");
        assert_eq!((device.state, counts(&device)), (State::Active, [1, 1, 1, 0, 2]));
        assert_eq!(device.work, Some(Work::Recovery));
        let progress = Progress { done: 16_775_552, all: 195_310_144, speed: Some(259_783) };
        assert_eq!(device.progress, Some(progress));
    }

    #[test]
    fn other_work_and_work_that_waits() {
        let head = "md10 : active raid10 sdd1[3] sdc1[2] sdb1[1] sda1[0]\n   314 blocks super 1.2 512K chunks 2 near-copies [4/4] [UUUU]\n";
        let cases = [
            (
                "      [>......]  reshape =  0.7% (5/314) finish=1.0min speed=9K/sec\n",
                Work::Reshape,
                Some(5),
            ),
            (
                "      [==>.....]  check = 50.0% (157/314) finish=1.0min speed=9K/sec\n",
                Work::Check,
                Some(157),
            ),
            (
                "      [==>.....]  resync = 50.0% (157/314) finish=1.0min speed=9K/sec\n",
                Work::Resync,
                Some(157),
            ),
            ("      \tresync=DELAYED\n", Work::Resync, None),
            ("      \tresync=PENDING\n", Work::Resync, None),
            ("      \tresync=REMOTE\n", Work::Resync, None),
            ("      \trecovery=DELAYED\n", Work::Recovery, None),
        ];
        for (line, work, done) in cases {
            let text = format!("{head}{line}      bitmap: 0/1 pages [0KB], 65536KB chunk\n");
            let device = one(&text);
            assert_eq!(device.work, Some(work), "{line}");
            assert_eq!(device.progress.map(|progress| progress.done), done, "{line}");
            assert_eq!(counts(&device), [4, 0, 0, 0, 4]);
        }
    }

    #[test]
    fn containers_and_their_members() {
        let text = "md126 : active raid1 sda[1] sdb[0]\n      1855870976 blocks super external:/md127/0 [2/2] [UU]\n\n\
            md127 : inactive sda[1](S) sdb[0](S)\n      6306 blocks super external:imsm\n\n";
        let all: Vec<_> = devices(text.as_bytes()).collect();
        assert_eq!((all[0].state, counts(&all[0])), (State::Active, [2, 0, 0, 0, 2]));
        assert_eq!((all[1].state, counts(&all[1])), (State::Inactive, [0, 0, 2, 0, 0]));
        assert_eq!(all[1].blocks, Some(6306));
    }

    #[test]
    fn journals_write_mostly_and_replacements() {
        let device = one(
            "md5 : active (auto-read-only) raid5 sde1[4](R) nvme0n1[3](J) sdd1[2](W)(F) sdc1[1](W) sdb1[5](W)(S) sda1[0]\n   314 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]\n",
        );
        assert_eq!(counts(&device), [2, 1, 1, 1, 3]);
        let device =
            one("md_d0 : active (read-only) raid1 mmcblk0p1[0]\n   314 blocks [2/1] [U_]\n");
        assert_eq!((device.name, counts(&device)), (&b"md_d0"[..], [1, 0, 0, 0, 2]));
    }

    #[test]
    fn inactive_devices_may_say_next_to_nothing() {
        let device = one(
            "md219 : inactive sdb[2](S) sdc[1](S) sda[0](S)\n        7932 blocks super external:imsm\n",
        );
        assert_eq!((device.state, counts(&device)), (State::Inactive, [0, 0, 3, 0, 0]));
        assert_eq!(one("md0 : inactive\n").blocks, None);
    }

    #[test]
    fn cut_and_odd_lines_are_no_devices() {
        let text = "md0\nmd1 :\nmd2 : odd raid1\n\n   99 blocks\nmd3 : active\n   x blocks [2/\n";
        let device = one(text);
        assert_eq!((device.name, device.blocks), (&b"md3"[..], None));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(md[0-9] : (in)?active|[ \n\t=/()\\[\\]]|recovery|blocks|speed=|K/sec|[0-9]+){0,40}") {
            devices(text.as_bytes()).for_each(drop);
        }

        #[test]
        fn nor_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            devices(&bytes).for_each(drop);
        }
    }
}
