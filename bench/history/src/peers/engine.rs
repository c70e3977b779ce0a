use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::process::{Running, Signal};
use watchfire_testkit::{figures, ports};

use super::kind::{Kind, data};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// A process is quiet when it used less CPU than this in [`LOOK`], twice in a row.
const QUIET_SECONDS: f64 = 0.05;
const LOOK: Duration = Duration::from_secs(2);
/// A question that needs no data.
pub(super) const NOTHING: &str = "/api/v1/query?query=vector(1)&time=1";

/// One of those that are measured, with a folder of its own.
pub(super) struct Engine {
    pub(super) kind: Kind,
    folder: TempDir,
    address: SocketAddr,
    servers: Vec<String>,
    running: Option<Running>,
}

impl Engine {
    /// Not started yet. `servers` are those that our hub shall know.
    pub(super) fn new(kind: Kind, servers: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        Self { kind, folder, address, servers, running: None }
    }

    /// The folder of its data.
    pub(super) fn data(&self) -> std::path::PathBuf {
        data(self.folder.path())
    }

    /// Starts it and waits for an answer of `target` that is not empty: the seconds until then,
    /// and those of CPU.
    pub(super) fn start(&mut self, target: &str) -> (f64, f64) {
        let program = self.kind.program(self.folder.path(), self.address, &self.servers);
        let began = Instant::now();
        self.running = Some(program.start());
        while !self.ask(target).is_ok_and(|answer| answer.text().contains("\"value\":")) {
            let running = self.running.as_ref().unwrap();
            assert!(running.ended().is_none(), "it ended:\n{}", running.text());
            assert!(began.elapsed() < PATIENCE, "{:?} does not start", self.kind);
            sleep(Duration::from_millis(2));
        }
        (began.elapsed().as_secs_f64(), self.cpu())
    }

    pub(super) fn reopen(&mut self, target: &str) -> (f64, f64) {
        self.stop();
        self.start(target)
    }

    pub(super) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::Terminate);
            running.wait_for_end(PATIENCE);
        }
    }

    pub(super) fn send(&self, ask: &Ask) -> std::io::Result<Answered> {
        ask.send(self.address, PATIENCE)
    }

    /// What it answers; anything but 200 is an error.
    pub(super) fn ask(&self, target: &str) -> Result<Answered, String> {
        match self.send(&Ask::get(target)) {
            Ok(answer) if answer.status == 200 => Ok(answer),
            Ok(answer) => Err(format!("{}: {}", answer.status, answer.text())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The CPU seconds since it was started.
    pub(super) fn cpu(&self) -> f64 {
        figures::cpu_seconds(self.running.as_ref().unwrap().id()).unwrap()
    }

    /// Its memory (PSS), in bytes.
    pub(super) fn memory(&self) -> u64 {
        figures::memory(self.running.as_ref().unwrap().id()).unwrap()
    }

    /// Waits until it works no more.
    pub(super) fn settle(&self) {
        let (began, mut quiet, mut before) = (Instant::now(), 0, self.cpu());
        while quiet < 2 && began.elapsed() < PATIENCE {
            sleep(LOOK);
            let now = self.cpu();
            quiet = if now - before < QUIET_SECONDS { quiet + 1 } else { 0 };
            before = now;
        }
    }

    /// The bytes of data and index on the disk, after the engine did what it does to make them few.
    pub(super) fn settled_bytes(&mut self) -> u64 {
        match self.kind {
            Kind::Sealed(_) | Kind::Pushed(_) => {
                self.stop();
                used(&self.data())
            }
            // The head of the last hours as the block that it becomes.
            Kind::Prometheus(_) => {
                let answer = self.send(&Ask::post("/api/v1/admin/tsdb/snapshot", Vec::new()));
                assert_eq!(answer.unwrap().status, 200, "a snapshot");
                size(&self.data().join("snapshots"))
            }
            Kind::VictoriaMetrics(_) => {
                for path in ["/internal/force_flush", "/internal/force_merge"] {
                    self.ask(path).unwrap();
                }
                self.settle();
                self.stop();
                size(&self.data().join("data")) + size(&self.data().join("indexdb"))
            }
        }
    }
}

/// The bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let of = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        inside if inside.is_dir() => size(&entry.path()),
        file => file.len(),
    };
    entries.map(of).sum()
}

/// The bytes of our history without its free pages, which the next data take. Page size and
/// number of free pages stand in the header of a SQLite file ("Database File Format", section 1.3).
pub(super) fn used(data: &Path) -> u64 {
    let bytes = std::fs::read(data.join("history.db")).unwrap();
    let page = match u16::from_be_bytes([bytes[16], bytes[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let free = u32::from_be_bytes([bytes[36], bytes[37], bytes[38], bytes[39]]);
    bytes.len() as u64 - page * u64::from(free)
}
