//! The processes of a simulated server.

use watchfire_model::{Moment, ProcessRow, ProcessTable};

use crate::machine::{Host, Strain};
use crate::seeded::Seeded;

/// What runs on every server: name, command line, user, unit.
const COMMON: &[(&str, &str, &str, &str)] = &[
    ("systemd", "/sbin/init", "root", "init.scope"),
    ("systemd-journal", "/lib/systemd/systemd-journald", "root", "systemd-journald.service"),
    ("systemd-udevd", "/lib/systemd/systemd-udevd", "root", "systemd-udevd.service"),
    ("systemd-logind", "/lib/systemd/systemd-logind", "root", "systemd-logind.service"),
    ("dbus-daemon", "/usr/bin/dbus-daemon --system --nofork", "messagebus", "dbus.service"),
    ("cron", "/usr/sbin/cron -f", "root", "cron.service"),
    ("rsyslogd", "/usr/sbin/rsyslogd -n", "root", "rsyslog.service"),
    ("chronyd", "/usr/sbin/chronyd -F 1", "_chrony", "chrony.service"),
    ("sshd", "sshd: /usr/sbin/sshd -D [listener]", "root", "ssh.service"),
    ("agetty", "/sbin/agetty -o -p -- \\u --noclear tty1 linux", "root", "getty@tty1.service"),
    ("watchfire", "/usr/local/bin/watchfire agent", "watchfire", "watchfire-agent.service"),
];

/// What runs for the sake of a role: role, then as above, and how many of it.
const OF_ROLE: &[(&str, &str, &str, &str, &str, usize)] = &[
    ("web", "nginx", "nginx: worker process", "www-data", "nginx.service", 4),
    ("web", "gunicorn", "gunicorn: worker [shop]", "shop", "shop.service", 4),
    ("db", "postgres", "postgres: shop shop 10.0.0.11 idle", "postgres", "postgresql.service", 8),
    ("db", "postgres", "postgres: walwriter", "postgres", "postgresql.service", 1),
    ("db", "postgres", "postgres: checkpointer", "postgres", "postgresql.service", 1),
    ("cache", "redis-server", "redis-server 0.0.0.0:6379", "redis", "redis.service", 1),
    ("worker", "celery", "celery -A shop worker", "shop", "celery.service", 6),
    ("mail", "master", "/usr/lib/postfix/sbin/master -w", "root", "postfix.service", 1),
    ("mail", "qmgr", "qmgr -l -t unix -u", "postfix", "postfix.service", 1),
    ("mail", "smtpd", "smtpd -n smtp -t inet -u", "postfix", "postfix.service", 3),
];

/// Threads of the kernel.
const KERNEL: &[&str] = &["kthreadd", "rcu_preempt", "ksoftirqd/0", "kworker/0:1", "jbd2/vda1-8"];

/// So many processes are busy now and then.
const BUSY: u64 = 6;
/// A core's clock tick, in seconds.
const CLOCK_TICK: f64 = 0.01;
/// A page, in bytes.
const PAGE_BYTES: u64 = 4096;
/// The process that runs away.
const RUNAWAY: &str = "rebuild-index";
/// What a runaway process takes of the memory in a second.
const RUNAWAY_BYTES_A_SECOND: u64 = 64 << 20;

/// The processes of one server since its last start.
#[derive(Debug)]
pub(crate) struct Workload {
    draw: Seeded,
    table: ProcessTable,
    next_pid: u32,
    cores: u32,
    /// The pid of the process that takes everything, while there is one.
    runaway: Option<u32>,
}

impl Workload {
    /// The processes of `host` after a start at this wall clock.
    pub(crate) fn new(seed: u64, host: &Host, cores: usize, boot_unix_ms: i64) -> Self {
        let draw = Seeded::part(seed ^ boot_unix_ms as u64, "workload", host.number);
        let cores = u32::try_from(cores).unwrap_or(1);
        let table = ProcessTable::default();
        let mut workload = Self { draw, table, next_pid: 1, cores, runaway: None };
        for (name, command, user, unit) in COMMON {
            workload.start(name, command, user, Some(unit), boot_unix_ms);
        }
        for name in KERNEL {
            workload.start(name, "", "root", None, boot_unix_ms);
        }
        for (role, name, command, user, unit, count) in OF_ROLE {
            for _ in 0..if *role == host.role { *count } else { 0 } {
                workload.start(name, command, user, Some(unit), boot_unix_ms);
            }
        }
        workload
    }

    /// The table at `at`, `interval_s` seconds after the one before.
    pub(crate) fn table(&mut self, at: Moment, interval_s: f64, strain: &Strain) -> &ProcessTable {
        self.table.at = at;
        for row in &mut self.table.processes {
            row.cpu_percent = Some(0.0);
            row.ended_children_percent = Some(0.0);
            row.state = if row.command.is_empty() { 'I' } else { 'S' };
        }
        for _ in 0..BUSY {
            let place = self.draw.below(self.table.processes.len() as u64) as usize;
            let ticks = self.draw.within(1, 12) as f64;
            work(&mut self.table.processes[place], ticks * CLOCK_TICK, interval_s);
        }
        self.run_away(at, interval_s, strain);
        sort(&mut self.table.processes);
        self.table.total = u32::try_from(self.table.processes.len()).unwrap_or(u32::MAX);
        &self.table
    }

    /// The process that takes everything, while there is one: its pid and name.
    pub(crate) fn runaway(&self) -> Option<(u32, &'static str)> {
        self.runaway.map(|pid| (pid, RUNAWAY))
    }

    fn run_away(&mut self, at: Moment, interval_s: f64, strain: &Strain) {
        let Some(since) = strain.runaway else {
            let ended = self.runaway.take();
            self.table.processes.retain(|row| Some(row.pid) != ended);
            return;
        };
        let pid = *self.runaway.get_or_insert(self.next_pid);
        if pid == self.next_pid {
            let command = "/usr/bin/python3 /srv/shop/bin/rebuild-index --all";
            let unit = Some("rebuild-index.service");
            self.start(RUNAWAY, command, "shop", unit, at.before(since).unix_ms);
        }
        let found = self.table.processes.iter_mut().find(|row| row.pid == pid);
        let Some(row) = found else { return };
        row.state = 'R';
        row.threads = self.cores;
        row.rss_bytes = (64 << 20) + since.as_secs() * RUNAWAY_BYTES_A_SECOND;
        row.virtual_bytes = row.rss_bytes + (256 << 20);
        // It gets what the others leave.
        work(row, f64::from(self.cores) * interval_s * 0.98, interval_s);
    }

    fn start(&mut self, name: &str, command: &str, user: &str, unit: Option<&str>, start_ms: i64) {
        let kernel = command.is_empty();
        let pages = if kernel { 0 } else { self.draw.within(300, 20_000) };
        let pid = self.next_pid;
        self.next_pid += self.draw.within(1, 60) as u32;
        let written = self.draw.below(1 << 20) * PAGE_BYTES;
        self.table.processes.push(ProcessRow {
            pid,
            ppid: if pid == 1 { 0 } else { 1 },
            user: user.to_owned(),
            name: name.to_owned(),
            command: command.to_owned(),
            state: 'S',
            cpu_percent: Some(0.0),
            rss_bytes: pages * PAGE_BYTES,
            threads: 1,
            start_time_ms: start_ms + i64::from(pid) * 10,
            cpu_seconds: self.draw.below(100_000) as f64 / 100.0,
            ended_children_percent: Some(0.0),
            virtual_bytes: pages * 4 * PAGE_BYTES,
            read_bytes: Some(pages * PAGE_BYTES),
            written_bytes: Some(written),
            read_bytes_per_s: Some(0.0),
            written_bytes_per_s: Some(0.0),
            cgroup: unit.map_or_else(|| "/".to_owned(), |unit| format!("/system.slice/{unit}")),
            unit: unit.map(str::to_owned),
            container: None,
        });
    }
}

/// The process ran for so many seconds of cpu time.
fn work(row: &mut ProcessRow, seconds: f64, interval_s: f64) {
    // In whole clock ticks, as the kernel counts.
    row.cpu_seconds = ((row.cpu_seconds + seconds) / CLOCK_TICK).round() / CLOCK_TICK.recip();
    let percent = row.cpu_percent.unwrap_or(0.0) + seconds / interval_s * 100.0;
    row.cpu_percent = Some((percent * 10.0).round() / 10.0);
}

/// By per cent of cpu falling, then by pid.
fn sort(rows: &mut [ProcessRow]) {
    rows.sort_by(|one, other| {
        let percent = |row: &ProcessRow| row.cpu_percent.unwrap_or(-1.0);
        percent(other).total_cmp(&percent(one)).then(one.pid.cmp(&other.pid))
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tables(seed: u64, count: usize, strain: &Strain) -> Vec<ProcessTable> {
        let mut workload = Workload::new(seed, &Host::of(seed, 1), 2, 1_700_000_000_000);
        let at =
            |n: usize| Moment { unix_ms: 1_700_000_100_000 + n as i64 * 5000, ..Moment::default() };
        (0..count).map(|n| workload.table(at(n), 5.0, strain).clone()).collect()
    }

    #[test]
    fn a_seed_repeats_and_others_differ() {
        let calm = Strain::default();
        assert_eq!(tables(1, 5, &calm), tables(1, 5, &calm));
        assert_ne!(tables(1, 5, &calm), tables(2, 5, &calm));
        assert_ne!(tables(1, 2, &calm)[0], tables(1, 2, &calm)[1]);
    }

    #[test]
    fn a_runaway_process_is_on_top_and_goes() {
        let strain = Strain { runaway: Some(Duration::from_secs(20)), disk: 0.0 };
        let table = &tables(1, 1, &strain)[0];
        let top = &table.processes[0];
        assert_eq!(
            (top.name.as_str(), top.state, top.cpu_percent),
            ("rebuild-index", 'R', Some(196.0))
        );
        assert!(top.rss_bytes > 1 << 30);
        let mut workload = Workload::new(1, &Host::of(1, 1), 2, 0);
        let before = workload.table(Moment::default(), 5.0, &Strain::default()).total;
        let with = workload.table(Moment::default(), 5.0, &strain).total;
        let again = workload.table(Moment::default(), 5.0, &strain).total;
        let after = workload.table(Moment::default(), 5.0, &Strain::default()).total;
        assert_eq!([with, again, after], [before + 1, before + 1, before]);
    }
}
