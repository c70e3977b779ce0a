//! Child processes that a test starts, freezes, kills and listens to.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal as Raw, WaitId, WaitIdOptions, kill_process, waitid};

use crate::clock;
use crate::watch::Watch;

/// The signals that tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: dead at once.
    Kill,
    /// SIGSTOP: frozen, connections stay open.
    Stop,
    /// SIGCONT: goes on.
    Continue,
    /// SIGTERM: asked to end.
    Terminate,
    /// SIGHUP: asked to read its config again.
    Reload,
}

/// A program to start.
#[derive(Debug)]
pub struct Program {
    command: Command,
    name: String,
    log: Option<PathBuf>,
    input: Option<Vec<u8>>,
}

/// A line that a process wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was read, by `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// True when it was written to standard error.
    pub is_error: bool,
    /// The line without its end.
    pub text: String,
}

/// A process that was started. It is killed when this is dropped, also when
/// it is frozen.
#[derive(Debug)]
pub struct Running {
    name: String,
    pid: Pid,
    output: Arc<Watch<Output>>,
    reaper: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Output {
    lines: Vec<Line>,
    open: usize,
    ended: Option<ExitStatus>,
}

impl Program {
    /// The program at `path`, with this process's environment.
    #[must_use]
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let path = path.as_ref();
        let name = Path::new(path).file_name().unwrap_or(path).to_string_lossy().into_owned();
        Self { command: Command::new(path), name, log: None, input: None }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.command.args(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of the environment.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Starts it in this folder.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Calls it so in panics and in the log: `hub`, `agent web-1`.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Appends all that it writes to this file as well.
    #[must_use]
    pub fn log(mut self, path: impl AsRef<Path>) -> Self {
        self.log = Some(path.as_ref().to_owned());
        self
    }

    /// Gives it these bytes on standard input, and then its end.
    #[must_use]
    pub fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = Some(bytes.as_ref().to_vec());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started or the log file cannot be opened.
    #[must_use]
    pub fn start(mut self) -> Running {
        let log = self.log.as_ref().map(|path| {
            let opened = File::options().create(true).append(true).open(path);
            Arc::new(Mutex::new(opened.expect("the log file can be opened")))
        });
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{} does not start: {error}", self.name),
        };
        feed(&mut child, self.input.take());
        let output = Arc::new(Watch::new(Output { open: 2, ..Output::default() }));
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let readers = vec![
            listen(stdout, false, output.clone(), log.clone()),
            listen(stderr, true, output.clone(), log),
        ];
        let pid = Pid::from_child(&child);
        let reaper = Some(reap(child, pid, output.clone()));
        Running { name: self.name, pid, output, reaper, readers }
    }

    /// Starts it and waits for its end: how it ended, standard output, and
    /// standard error.
    ///
    /// # Panics
    /// When it cannot be started or does not end in `timeout`.
    #[must_use]
    pub fn run(self, timeout: Duration) -> (ExitStatus, String, String) {
        let running = self.start();
        let status = running.wait_for_end(timeout);
        let lines = running.lines();
        let of = |is_error| {
            let some = lines.iter().filter(|line| line.is_error == is_error);
            some.map(|line| format!("{}\n", line.text)).collect::<String>()
        };
        (status, of(false), of(true))
    }
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal; the instant (`CLOCK_MONOTONIC`) just after. Nothing is
    /// sent to a process that has ended, whose id may be another's by now.
    pub fn signal(&self, signal: Signal) -> Duration {
        let raw = match signal {
            Signal::Kill => Raw::KILL,
            Signal::Stop => Raw::STOP,
            Signal::Continue => Raw::CONT,
            Signal::Terminate => Raw::TERM,
            Signal::Reload => Raw::HUP,
        };
        let output = self.output.lock();
        if output.ended.is_none() {
            let _ = kill_process(self.pid, raw);
        }
        clock::monotonic()
    }

    /// Kills it and waits until it is gone; the instant of the signal.
    pub fn kill(&self) -> Duration {
        let at = self.signal(Signal::Kill);
        self.output.wait_for_ever(|output| output.ended);
        at
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        self.output.lock().ended
    }

    /// Waits until it has ended and all that it wrote was read.
    ///
    /// # Panics
    /// After `timeout`, telling what it wrote.
    pub fn wait_for_end(&self, timeout: Duration) -> ExitStatus {
        let ended = |output: &mut Output| output.ended.filter(|_| output.open == 0);
        match self.output.wait(timeout, ended) {
            Some(status) => status,
            None => panic!("{} did not end in {timeout:?}; it wrote:\n{}", self.name, self.text()),
        }
    }

    /// Waits until it has written a line, on either stream, that holds
    /// `part`; the first such line since its start.
    ///
    /// # Panics
    /// After `timeout`, or as soon as it ended without the line, telling what
    /// it wrote.
    pub fn wait_for_line(&self, part: &str, timeout: Duration) -> Line {
        self.wait_for_line_after(0, part, timeout)
    }

    /// Like [`Running::wait_for_line`], but only lines after the first `skip`
    /// count; see [`Running::line_count`].
    ///
    /// # Panics
    /// As [`Running::wait_for_line`] does.
    pub fn wait_for_line_after(&self, skip: usize, part: &str, timeout: Duration) -> Line {
        let found = self.output.wait(timeout, |output| {
            let mut lines = output.lines.iter().skip(skip);
            match lines.find(|line| line.text.contains(part)) {
                Some(line) => Some(Some(line.clone())),
                None if output.open == 0 => Some(None),
                None => None,
            }
        });
        match found.flatten() {
            Some(line) => line,
            None => panic!("{} never wrote {part:?}; it wrote:\n{}", self.name, self.text()),
        }
    }

    /// How many lines it has written: what a later wait can skip.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.output.lock().lines.len()
    }

    /// The lines so far, of both streams in the order in which they were read.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.output.lock().lines.clone()
    }

    /// The lines so far as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().iter().map(|line| format!("{}\n", line.text)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if let Some(reaper) = self.reaper.take() {
            let _ = reaper.join();
        }
        // The readers are not joined: a grandchild may hold the pipes open.
        self.readers.clear();
    }
}

fn feed(child: &mut Child, input: Option<Vec<u8>>) {
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        std::thread::spawn(move || stdin.write_all(&input));
    }
}

fn listen(
    from: impl Read + Send + 'static,
    is_error: bool,
    output: Arc<Watch<Output>>,
    log: Option<Arc<Mutex<File>>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            if let Some(log) = &log {
                // The log is for people; a full disk must not end the test.
                let _ = log.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes);
            }
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            let line = Line { at: clock::monotonic(), is_error, text };
            output.change(|output| output.lines.push(line));
            bytes.clear();
        }
        output.change(|output| output.open -= 1);
    })
}

/// Waits for the end of the process. It is reaped under the lock that
/// signalling takes, so that no signal can hit another process with its id.
fn reap(mut child: Child, pid: Pid, output: Arc<Watch<Output>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        output.change(|output| output.ended = child.wait().ok());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn lines_of_both_streams_are_found_and_the_end_is_seen() {
        let shell = "echo one; echo two >&2; read word; echo got $word; exit 3";
        let program = Program::new("/bin/sh").args(["-c", shell]).env("X", "y").input("hello\n");
        let running = program.start();
        assert!(running.wait_for_line("two", LONG).is_error);
        assert_eq!(running.wait_for_line("got", LONG).text, "got hello");
        assert_eq!(running.wait_for_end(LONG).code(), Some(3));
    }

    #[test]
    fn a_frozen_process_is_killed_when_dropped() {
        let running = Program::new("/bin/sh").args(["-c", "echo up; read x < /dev/zero"]).start();
        running.wait_for_line("up", LONG);
        running.signal(Signal::Stop);
        let id = running.id();
        drop(running);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn waiting_for_a_line_ends_with_the_process() {
        let running = Program::new("/bin/sh").args(["-c", "echo last words"]).start();
        let wait = std::panic::AssertUnwindSafe(|| running.wait_for_line("never", LONG));
        let words = std::panic::catch_unwind(wait).unwrap_err().downcast::<String>().unwrap();
        assert!(words.contains("last words"), "{words}");
    }
}
