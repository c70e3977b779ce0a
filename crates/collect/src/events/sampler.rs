use std::time::Duration;

use watchfire_model::{Event, EventKind, Moment, OomVictim};

use super::log::KernelLog;
use super::oom::OomReader;
use super::recognise::recognise;
use super::record::Record;
use crate::rate::as_f64;
use crate::series::Family;
use crate::text::printable;
use crate::{Fault, OwnSample, Root, mask};

/// The most events that one call gives.
pub const MAX_EVENTS: usize = 64;

/// The longest text of an event, in bytes.
pub const MAX_EVENT_BYTES: usize = 512;

/// So many events of a kind are told at once, and then one in each
/// [`PACE`], so that a dying disk cannot flood the hub.
const BURST: u32 = 8;
const PACE: Duration = Duration::from_secs(10);

/// One error of the hardware is told in many records, all within this time.
const SAME_ERROR: Duration = Duration::from_millis(100);

static EVENTS: Family = Family::counter(
    "watchfire_kernel_events_total",
    "Events that the kernel told in its log, without those that an earlier run of the agent read.",
    &["kind"],
);
static LOST: Family = Family::counter(
    "watchfire_kernel_log_lost_total",
    "Records of the kernel's log that were overwritten before they were read.",
    &[],
);
static LEFT_OUT: Family = Family::counter(
    "watchfire_kernel_events_left_out_total",
    "Events of the kernel that were counted and not told one by one, because there were too many.",
    &[],
);

/// Reads the kernel's log and gives what happened.
#[derive(Debug)]
pub struct EventSampler {
    root: Root,
    log: KernelLog,
    heard: Heard,
    fault: Option<Fault>,
}

/// What was made of the records.
#[derive(Debug)]
struct Heard {
    oom: OomReader,
    events: Vec<Event>,
    counts: [u64; EventKind::ALL.len()],
    /// When the next event of each kind would be told in an even pace.
    lanes: [Duration; EventKind::ALL.len()],
    last_hardware: Option<Duration>,
    /// Records before this one were told by an earlier run of the agent.
    told_from: u64,
    left_out: u64,
}

impl EventSampler {
    /// A sampler that has read nothing yet. Its first readings tell what
    /// happened since boot, as far as the log reaches back.
    #[must_use]
    pub fn new(root: Root) -> Self {
        let heard = Heard {
            oom: OomReader::default(),
            events: Vec::new(),
            counts: [0; EventKind::ALL.len()],
            lanes: [Duration::ZERO; EventKind::ALL.len()],
            last_hardware: None,
            told_from: 0,
            left_out: 0,
        };
        Self { root, log: KernelLog::new(), heard, fault: None }
    }

    /// Neither tells nor counts the records before `position`. For an
    /// agent that was started anew within the same boot and kept
    /// [`EventSampler::position`]. The log forgets its oldest records: were they
    /// counted, a smaller count would look like new events.
    pub fn resume(&mut self, position: u64) {
        self.heard.told_from = position;
    }

    /// The number of the record that comes next in this boot, once one was read.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.log.next()
    }

    /// What happened since the last call. Never waits; at most
    /// [`MAX_EVENTS`] events, the rest is counted in
    /// `watchfire_kernel_events_left_out_total`.
    pub fn drain(&mut self, now: Moment) -> &[Event] {
        self.heard.events.clear();
        let heard = &mut self.heard;
        let read = self.log.read(&self.root, now.monotonic, |record| heard.hear(record, now));
        match read {
            Ok(()) if self.log.is_resting() => {}
            Ok(()) => self.fault = None,
            Err(error) => {
                self.fault = Some(Fault { collector: "kernel_log", error: error.to_string() });
            }
        }
        &self.heard.events
    }

    /// True while a part of the log that was there from the beginning is left for the next calls.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.position().is_some() && self.fault.is_none() && !self.log.has_come_to_end()
    }

    /// Why the log cannot be read, when it is there and cannot.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Adds the counters to what [`crate::TickSampler::put_own`] is given.
    /// Nothing before a record was read: where the log is missing or may not be
    /// read, it is not known how much happened, which is not nothing. Nothing
    /// before the end was reached either: what was there when the agent came is
    /// where its counters begin, and must not look like a rise.
    pub fn put_samples(&self, own: &mut Vec<OwnSample>) {
        if self.position().is_none() || !self.log.has_come_to_end() {
            return;
        }
        for (kind, &count) in EventKind::ALL.iter().zip(&self.heard.counts) {
            if *kind == EventKind::UnitFailed {
                continue;
            }
            let label = Some(kind.name());
            own.push(OwnSample { family: &EVENTS, label, value: as_f64(count) });
        }
        for (family, count) in [(&LOST, self.log.lost()), (&LEFT_OUT, self.heard.left_out)] {
            own.push(OwnSample { family, label: None, value: as_f64(count) });
        }
    }
}

impl Heard {
    fn hear(&mut self, record: Record<'_>, now: Moment) {
        if !record.is_of_kernel() {
            return;
        }
        let text = String::from_utf8_lossy(record.text);
        let victim = self.oom.take(&text);
        let kind = match &victim {
            Some(_) => Some(EventKind::OomKill),
            None => recognise(&text),
        };
        let Some(kind) = kind else { return };
        let since_boot = Duration::from_micros(record.micros);
        if kind == EventKind::HardwareError && self.is_continued(since_boot) {
            return;
        }
        if record.sequence < self.told_from {
            return;
        }
        self.counts[kind as usize] += 1;
        if self.events.len() >= MAX_EVENTS || !self.may_tell(kind, since_boot) {
            self.left_out += 1;
            return;
        }
        let victim = victim.map(shown);
        let at = moment(since_boot, now);
        self.events.push(Event { at, kind, text: masked(record.text), victim });
    }

    fn is_continued(&mut self, at: Duration) -> bool {
        let before = self.last_hardware.replace(at);
        before.is_some_and(|before| at.saturating_sub(before) < SAME_ERROR)
    }

    fn may_tell(&mut self, kind: EventKind, at: Duration) -> bool {
        let lane = &mut self.lanes[kind as usize];
        let due = (*lane).max(at);
        if due.saturating_sub(at) > PACE * (BURST - 1) {
            return false;
        }
        *lane = due.saturating_add(PACE);
        true
    }
}

/// The moment of a record. The log's clock stands still while the machine
/// sleeps, as the monotonic one does.
fn moment(since_boot: Duration, now: Moment) -> Moment {
    let ago_ms = now.monotonic.as_millis().saturating_sub(since_boot.as_millis());
    let ago_ms = i64::try_from(ago_ms).unwrap_or(i64::MAX);
    Moment { monotonic: since_boot.min(now.monotonic), unix_ms: now.unix_ms.saturating_sub(ago_ms) }
}

/// The kernel prints names of programs, and those can hold what command lines
/// hold.
pub(super) fn masked(text: &[u8]) -> String {
    let mut text = mask::command_line(text);
    text.truncate(text.floor_char_boundary(MAX_EVENT_BYTES));
    text
}

fn shown(victim: OomVictim) -> OomVictim {
    let shown = |text: &str| {
        let mut text = printable(text.as_bytes());
        text.truncate(text.floor_char_boundary(MAX_EVENT_BYTES));
        text
    };
    OomVictim { name: shown(&victim.name), cgroup: victim.cgroup.as_deref().map(shown), ..victim }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> (tempfile::TempDir, EventSampler) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("dev")).unwrap();
        let sampler = EventSampler::new(Root::recorded(dir.path()));
        (dir, sampler)
    }

    fn write(dir: &tempfile::TempDir, text: &str) {
        std::fs::write(dir.path().join("dev/kmsg"), text).unwrap();
    }

    fn now() -> Moment {
        Moment { monotonic: Duration::from_secs(100), unix_ms: 1_700_000_100_000 }
    }

    fn sample(sampler: &EventSampler, name: &str) -> f64 {
        let mut own = Vec::new();
        sampler.put_samples(&mut own);
        let found = own.iter().find(|sample| match sample.label {
            Some(label) => label == name,
            None => std::ptr::eq(sample.family, if name == "lost" { &LOST } else { &LEFT_OUT }),
        });
        found.expect("it is always given").value
    }

    #[test]
    fn events_are_told_once_and_at_their_time() {
        let (dir, mut sampler) = bench();
        assert!(sampler.drain(now()).is_empty());
        assert_eq!((sampler.fault(), sampler.position()), (None, None));
        let first = "6,5,1000000,-;Linux version 6.1\n3,6,60000000,-;I/O error, dev sda, sector 1\n SUBSYSTEM=block\n12,7,60000001,-;I/O error, dev forged, sector 1\n";
        write(&dir, first);
        let events = sampler.drain(now()).to_vec();
        let at = Moment { monotonic: Duration::from_secs(60), unix_ms: 1_700_000_060_000 };
        let text = "I/O error, dev sda, sector 1".to_owned();
        assert_eq!(events, [Event { at, kind: EventKind::DiskError, text, victim: None }]);
        assert!(sampler.drain(now()).is_empty());
        assert_eq!((sampler.position(), sample(&sampler, "disk_error")), (Some(8), 1.0));
        write(&dir, &format!("{first}4,11,70000000,-;x[1]: segfault at 0 ip 1 sp 2 error 4\n"));
        assert_eq!(sampler.drain(now())[0].kind, EventKind::Segfault);
        assert_eq!(sample(&sampler, "lost"), 3.0);
    }

    #[test]
    fn a_kill_has_its_victim() {
        let (dir, mut sampler) = bench();
        write(
            &dir,
            "6,1,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/a,task=web,pid=9,uid=0\n3,2,2,-;Memory cgroup out of memory: Killed process 9 (web) total-vm:8kB, anon-rss:4kB\n",
        );
        let events = sampler.drain(now());
        let victim = events[0].victim.as_ref().unwrap();
        assert_eq!(
            (events.len(), victim.cgroup.as_deref(), victim.cgroup_limit),
            (1, Some("/a"), true)
        );
    }

    #[test]
    fn a_flood_is_counted_and_told_in_part() {
        let (dir, mut sampler) = bench();
        let line =
            |n: u64, micros: u64| format!("3,{n},{micros},-;I/O error, dev sda, sector {n}\n");
        write(&dir, &(0..100).map(|n| line(n, 1_000_000 + n)).collect::<String>());
        assert_eq!(sampler.drain(now()).len(), 8);
        assert_eq!(sample(&sampler, "disk_error"), 100.0);
        assert_eq!(sample(&sampler, "left_out"), 92.0);
        write(&dir, &line(100, 90_000_000));
        assert_eq!(sampler.drain(now()).len(), 1, "after a rest one is told again");
    }

    #[test]
    fn one_hardware_error_has_many_records() {
        let (dir, mut sampler) = bench();
        write(
            &dir,
            "0,1,1000000,-;mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 5\n0,2,1000900,-;mce: [Hardware Error]: TSC 0\n0,3,5000000,-;mce: [Hardware Error]: CPU 1\n",
        );
        assert_eq!(sampler.drain(now()).len(), 2);
        assert_eq!(sample(&sampler, "hardware_error"), 2.0);
    }

    #[test]
    fn what_an_earlier_run_told_is_neither_told_nor_counted() {
        let (dir, mut sampler) = bench();
        write(&dir, "3,1,1,-;I/O error, dev sda, sector 1\n3,2,2,-;I/O error, dev sda, sector 2\n");
        sampler.resume(2);
        assert_eq!(sampler.drain(now()).len(), 1);
        assert_eq!(sample(&sampler, "disk_error"), 1.0);
    }

    /// A log with these records, one for each call.
    struct Records(std::ops::Range<u64>);

    impl std::io::Read for Records {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let number = self.0.next().ok_or(std::io::ErrorKind::WouldBlock)?;
            let line = format!("3,{number},{number},-;I/O error, dev sda, sector {number}\n");
            buffer[..line.len()].copy_from_slice(line.as_bytes());
            Ok(line.len())
        }
    }

    #[test]
    fn counters_begin_where_the_log_was_when_the_agent_came() {
        let (_dir, mut sampler) = bench();
        let mut log = Records(0..2_500);
        let mut given = Vec::new();
        for more in [0, 0, 0, 3] {
            log.0.end += more;
            let EventSampler { log: kernel, heard, .. } = &mut sampler;
            kernel.follow(&mut log, |record| heard.hear(record, now())).unwrap();
            let mut own = Vec::new();
            sampler.put_samples(&mut own);
            let disk = own.iter().find(|sample| sample.label == Some("disk_error"));
            given.push(disk.map(|sample| sample.value));
        }
        assert_eq!(given, [None, None, Some(2_500.0), Some(2_503.0)]);
    }

    #[test]
    fn nothing_is_counted_where_nothing_was_read() {
        let (dir, mut sampler) = bench();
        let mut own = Vec::new();
        sampler.drain(now());
        sampler.put_samples(&mut own);
        // A log that may not be read looks so: it is there and cannot be had.
        std::fs::create_dir(dir.path().join("dev/kmsg")).unwrap();
        sampler.drain(now());
        assert!(sampler.fault().is_some());
        sampler.put_samples(&mut own);
        assert!(own.is_empty(), "{} counters", own.len());
        std::fs::remove_dir(dir.path().join("dev/kmsg")).unwrap();
        write(&dir, "6,5,1000000,-;Linux version 6.1\n");
        sampler.drain(now());
        assert_eq!(sample(&sampler, "disk_error"), 0.0);
    }

    #[test]
    fn texts_are_printable_bounded_and_without_secrets() {
        assert_eq!(masked(b"a\x1b[31m --password=hunter2"), "a?[31m --password=***");
        assert_eq!(masked(&[b'x'; 2000]).len(), MAX_EVENT_BYTES);
    }

    #[test]
    fn the_live_log_never_waits() {
        let mut sampler = EventSampler::new(Root::live());
        for _ in 0..3 {
            sampler.drain(now());
        }
        if let Some(fault) = sampler.fault() {
            assert!(fault.error.contains("dev/kmsg"), "{fault:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let (dir, mut sampler) = bench();
            std::fs::write(dir.path().join("dev/kmsg"), [b"6,1,18446744073709551615,-;", &bytes[..]].concat()).unwrap();
            sampler.drain(now());
        }
    }
}
