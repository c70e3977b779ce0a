//! Questions about processes.

use watchfire_model::{ProcessRow, ProcessTable};
use watchfire_store::{History, Sealing};

use crate::made::{BEGIN, HOUR, MINUTE, row, table, tend};

fn seal(history: &History, server: &str, tables: &[ProcessTable]) {
    let sealing =
        Sealing { server, chunks: &[], timestamps: &[], series: &[], tables, events: &[] };
    let sealed = history.seal(&sealing).expect("it can be sealed");
    assert_eq!(sealed.tables, tables.len());
}

/// Every 5 s for ten minutes, `part` by `part`: one process stays, one execs, one comes and goes.
fn tables(part: i64) -> Vec<ProcessTable> {
    let one = |tick: i64| {
        let at = BEGIN + part * 10 * MINUTE + tick * 5_000;
        let shell = if tick < 60 { "bash" } else { "sleep" };
        let mut rows = vec![row(10, "sshd", tick as f64 / 2.0), row(20, shell, 3.5)];
        if tick % 30 > 20 {
            let pid = 100 + tick as u32 / 30 + 10 * part as u32;
            rows.push(ProcessRow { cpu_percent: None, unit: None, ..row(pid, "cron", 0.0) });
        }
        table(at, rows)
    };
    (0..120).map(one).collect()
}

#[test]
fn the_processes_of_any_moment_come_back_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let all: Vec<ProcessTable> = (0..12).flat_map(tables).collect();
    for part in all.chunks(120) {
        seal(&history, "a", part);
    }
    seal(&history, "b", &[table(BEGIN, vec![row(7, "other", 1.0)])]);
    for _ in 0..2 {
        for (number, one) in all.iter().enumerate().step_by(7) {
            for later in [0, 4_999] {
                let found = history.table_at("a", one.at.unix_ms + later).expect("readable");
                assert_eq!(found.as_ref(), Some(one), "{number}");
            }
        }
        assert_eq!(history.table_at("a", BEGIN - 1), Ok(None));
        let last = history.table_at("a", i64::MAX).expect("readable");
        assert_eq!(last.as_ref(), all.last());
        assert_eq!(history.table_at("c", BEGIN), Ok(None));
        tend(&history);
    }
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    assert_eq!(count("SELECT count(*) FROM process_segment"), 3, "hours were merged");
    assert_eq!(count("SELECT count(*) FROM process_text"), 5, "each distinct row once");
    assert_eq!(count("SELECT count(*) FROM process_run"), 4 + 4 + 1);
}

#[test]
fn late_tables_are_between_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let at = |minute: i64| table(BEGIN + minute * MINUTE, vec![row(minute as u32 + 1, "x", 1.0)]);
    seal(&history, "a", &[at(0), at(20), at(40)]);
    seal(&history, "a", &[at(10), at(30)]);
    for _ in 0..2 {
        for minute in 0..50 {
            let found = history.table_at("a", BEGIN + minute * MINUTE).expect("readable");
            assert_eq!(found, Some(at(minute / 10 * 10)), "{minute}");
        }
        tend(&history);
    }
}

#[test]
fn runs_say_where_and_when_a_process_ran() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    for part in 0..8 {
        seal(&history, "a", &tables(part));
    }
    seal(&history, "b", &[table(BEGIN + HOUR, vec![row(7, "sshd", 1.0)])]);
    seal(&history, "gone", &[table(BEGIN + HOUR, vec![row(7, "sshd", 1.0)])]);
    history.remove_server("gone").expect("it can be written");
    for _ in 0..2 {
        let runs = history.runs_of("sshd", i64::MIN, i64::MAX, 10).expect("readable");
        let of: Vec<_> =
            runs.iter().map(|run| (run.server.as_str(), run.from_ms, run.to_ms)).collect();
        let end = BEGIN + 80 * MINUTE - 5_000;
        assert_eq!(of, [("a", BEGIN, end), ("b", BEGIN + HOUR, BEGIN + HOUR)]);
        assert_eq!((&runs[0].pids[..], runs[0].processes), (&[10][..], 1));
        // It execs after five minutes of each ten.
        let runs = history.runs_of("bash", i64::MIN, i64::MAX, 10).expect("readable");
        assert_eq!(runs.len(), 8);
        assert_eq!(runs[7].to_ms - runs[7].from_ms, 59 * 5_000);
        let runs = history.runs_of("bash", i64::MIN, i64::MAX, 3).expect("readable");
        assert_eq!(runs.len(), 3);
        assert!(runs[0].from_ms == BEGIN + 70 * MINUTE, "newest first");
        let middle = (BEGIN + 20 * MINUTE, BEGIN + 30 * MINUTE - 1);
        let runs = history.runs_of("cron", middle.0, middle.1, 10).expect("readable");
        let pids: Vec<u32> = runs.iter().flat_map(|run| run.pids.clone()).collect();
        assert_eq!(runs.iter().map(|run| run.processes).sum::<usize>(), 4);
        assert!(pids.iter().all(|pid| (120..130).contains(pid)), "{pids:?}");
        assert_eq!(history.runs_of("nobody", i64::MIN, i64::MAX, 10), Ok(vec![]));
        tend(&history);
    }
}

#[test]
fn large_tables_are_cut_into_segments() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("it opens");
    let rows = |tick: u32| (0..300).map(move |n| row(n + tick * 100, "worker", f64::from(n)));
    let all: Vec<ProcessTable> =
        (0..60).map(|n| table(BEGIN + i64::from(n) * 5_000, rows(n).collect())).collect();
    seal(&history, "a", &all);
    for one in all.iter().step_by(11) {
        let found = history.table_at("a", one.at.unix_ms).expect("readable");
        assert_eq!(found.as_ref(), Some(one));
    }
    let runs = history.runs_of("worker", i64::MIN, i64::MAX, 10).expect("readable");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].processes, 300 + 59 * 100);
    assert_eq!(runs[0].pids.len(), watchfire_store::MAX_RUN_PIDS);
}
