//! What a child process asks the kernel for, as strace tells it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "WATCHFIRE_POWER_FOLDER";
const ORDERS: &str = "WATCHFIRE_POWER_ORDERS";
const ACKNOWLEDGED: &str = "acknowledged ";
/// A name with a question mark is not in every machine's table of calls.
const CALLS: &str = "openat,write,pwrite64,pwritev,?pwritev2,fsync,fdatasync,?sync_file_range,\
    ftruncate,fallocate,unlinkat,?unlink,renameat2,?rename,?renameat,?open,?creat,copy_file_range";

/// One thing that happened to the folder, or was said of it. Files go by their names in it.
#[derive(Debug)]
pub(super) enum Op {
    Made(String),
    Wrote { file: String, at: usize, bytes: Vec<u8> },
    Cut { file: String, len: usize },
    Synced { file: String, well: bool },
    FolderSynced,
    Removed(String),
    Acknowledged(u64),
}

/// How often the child called what.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Syncs {
    pub(super) fsync: u64,
    pub(super) fdatasync: u64,
}

/// A run of the child.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) ops: Vec<Op>,
    pub(super) syncs: Syncs,
    /// How many calls failed because they were to.
    pub(super) failed: usize,
}

/// In the child: where it works, and what it is to do.
pub(super) fn orders() -> Option<(PathBuf, String)> {
    let folder = std::env::var_os(FOLDER)?;
    Some((PathBuf::from(folder), std::env::var(ORDERS).expect("the parent gave some")))
}

/// In the child: says that something is stored.
pub(super) fn acknowledge(number: u64) {
    println!("{ACKNOWLEDGED}{number}");
}

/// Runs the test `child` of this program to its end. `faults` says which calls fail, as strace
/// takes it. Nothing where the machine lets nobody trace.
pub(super) fn run(child: &str, folder: &Path, orders: &str, faults: Option<&str>) -> Option<Run> {
    if !can_trace() {
        println!("not shown here: this machine has no strace, or lets nobody trace");
        return None;
    }
    let (folder, logs) = (folder.canonicalize().expect("a folder"), tempfile::tempdir());
    let logs = logs.expect("a folder");
    let mut strace = Command::new("strace");
    // Each thread has a log of its own, so that no line is within another.
    strace.args(["-ff", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", "signal=none"]);
    strace.args(["-e", &format!("trace={CALLS}"), "-o"]).arg(logs.path().join("log"));
    if let Some(faults) = faults {
        strace.args(["-e", &format!("inject={faults}")]);
    }
    strace.arg(std::env::current_exe().expect("the test's own program"));
    strace.args(["--exact", child, "--nocapture", "--test-threads=1"]);
    strace.env(FOLDER, &folder).env(ORDERS, orders).stdin(Stdio::null());
    let output = strace.output().expect("it ran a moment ago");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the child failed with {faults:?}: {said}");
    Some(read(logs.path(), folder.to_str().expect("a plain path")))
}

fn can_trace() -> bool {
    let mut probe = Command::new("strace");
    probe.args(["-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=openat", "true"]);
    probe.output().is_ok_and(|output| output.status.success())
}

/// Reads the log of the one thread that works.
fn read(logs: &Path, folder: &str) -> Run {
    let all = std::fs::read_dir(logs).expect("a folder").map(|log| log.expect("readable").path());
    let all = all.map(|log| std::fs::read_to_string(log).expect("text"));
    let working: Vec<String> = all.filter(|log| log.contains("pwrite64(")).collect();
    assert_eq!(working.len(), 1, "the order of what several threads do is not known");
    let mut run = Run::default();
    for line in working[0].lines().filter(|line| !line.starts_with("+++")) {
        run.failed += usize::from(line.ends_with("(INJECTED)"));
        run.syncs.fsync += u64::from(line.starts_with("fsync("));
        run.syncs.fdatasync += u64::from(line.starts_with("fdatasync("));
        let call = Call::of(line).unwrap_or_else(|| panic!("no call: {}", shortened(line)));
        call.tell(folder, &mut run.ops);
    }
    run
}

fn shortened(line: &str) -> String {
    line.chars().take(400).collect()
}

/// `name(first, …) = result`. All text in it is in hexadecimal digits, so that a comma is one.
struct Call<'a> {
    name: &'a str,
    args: Vec<&'a str>,
    /// Negative for an error.
    result: i64,
    line: &'a str,
}

impl<'a> Call<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (call, result) = line.rsplit_once(" = ")?;
        let (name, args) = call.trim_end().strip_suffix(')')?.split_once('(')?;
        let result = result.split([' ', '<']).next()?.parse().ok()?;
        Some(Self { name, args: args.split(", ").collect(), result, line })
    }

    fn tell(&self, folder: &str, ops: &mut Vec<Op>) {
        if self.name == "write" && self.descriptor().starts_with("pipe:") {
            return ops.extend(acknowledgements(&text(self.args[1])));
        }
        let path = match self.name {
            "openat" | "unlinkat" => text(self.args[1]),
            "open" | "unlink" => text(self.args[0]),
            _ => self.descriptor().into_bytes(),
        };
        let path = String::from_utf8_lossy(&path).into_owned();
        if path == folder {
            let synced = self.is_sync() && self.result == 0;
            return ops.extend(synced.then_some(Op::FolderSynced));
        }
        let Some(file) = path.strip_prefix(folder).and_then(|file| file.strip_prefix('/')) else {
            return;
        };
        if !file.ends_with("-shm") && !file.ends_with(".lock") {
            ops.extend(self.on(file.to_owned()));
        }
    }

    /// What the call did to that file.
    fn on(&self, file: String) -> Option<Op> {
        let number = |place: usize| -> usize { self.args[place].parse().expect("a number") };
        if self.is_sync() {
            return Some(Op::Synced { file, well: self.result == 0 });
        }
        if self.result < 0 {
            return None;
        }
        match self.name {
            "openat" | "open" => {
                assert!(!self.line.contains("O_TRUNC"), "teach the rig: {}", self.line);
                self.line.contains("O_CREAT").then_some(Op::Made(file))
            }
            "pwrite64" => {
                let mut bytes = text(self.args[1]);
                bytes.truncate(usize::try_from(self.result).expect("no error"));
                Some(Op::Wrote { file, at: number(3), bytes })
            }
            "ftruncate" => Some(Op::Cut { file, len: number(1) }),
            "unlink" | "unlinkat" => Some(Op::Removed(file)),
            _ => panic!("teach the rig: {}", shortened(self.line)),
        }
    }

    fn is_sync(&self) -> bool {
        matches!(self.name, "fsync" | "fdatasync")
    }

    /// The path behind the first argument: `5<path>`, or `5<path<char 1:3>>` for a device.
    fn descriptor(&self) -> String {
        let named = self.args[0].split(['<', '>']).nth(1).unwrap_or_default();
        String::from_utf8_lossy(&unhex(named)).into_owned()
    }
}

fn acknowledgements(said: &[u8]) -> Vec<Op> {
    let said = String::from_utf8_lossy(said);
    let numbers = said.lines().filter_map(|line| line.split_once(ACKNOWLEDGED));
    numbers.map(|(_, number)| Op::Acknowledged(number.parse().expect("a number"))).collect()
}

/// The bytes of an argument in quotation marks.
fn text(arg: &str) -> Vec<u8> {
    let inner = arg.strip_prefix('"').and_then(|arg| arg.strip_suffix('"'));
    unhex(inner.unwrap_or_else(|| panic!("not whole: {}", shortened(arg))))
}

/// `\x2f\x61` and so on. What is not in that form is taken as it is.
fn unhex(text: &str) -> Vec<u8> {
    if !text.starts_with("\\x") {
        return text.as_bytes().to_vec();
    }
    let digits = text.as_bytes().chunks_exact(4);
    digits
        .map(|one| {
            let one = std::str::from_utf8(&one[2..]).expect("ASCII");
            u8::from_str_radix(one, 16).expect("two digits")
        })
        .collect()
}
