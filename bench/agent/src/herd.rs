//! Many processes that do next to nothing.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::field::Field;
use crate::started::Started;

const READY: &str = "all started";
const PATIENCE: Duration = Duration::from_secs(300);
/// For ever, as far as a benchmark goes.
const ALWAYS: Duration = Duration::from_secs(1_000_000);

/// Processes that sleep, or that wake once a second for a moment.
#[derive(Debug)]
pub(crate) struct Herd(Option<Started>);

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Asleep,
    /// All run a moment in every second.
    Awake,
}

impl Life {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Asleep => "all asleep",
            Self::Awake => "all run each second",
        }
    }

    /// The time between two tables, in which all that run do run.
    pub(crate) fn pause(self) -> Duration {
        Duration::from_millis(if self == Self::Awake { 1500 } else { 300 })
    }
}

impl Herd {
    pub(crate) fn start(field: &Field, count: usize, life: Life) -> anyhow::Result<Self> {
        let (cage, folder) = field.place("herd")?;
        let mut command = cage.command(&std::env::current_exe()?)?;
        let every_ms = if life == Life::Awake { "1000" } else { "0" };
        command.args(["herd", &count.to_string(), every_ms]);
        let mut started = Started::new("the herd", cage, &folder, command, None)?;
        let until = Instant::now() + PATIENCE;
        while !started.log().contains(READY) {
            started.check()?;
            ensure!(Instant::now() < until, "{count} processes do not start in {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Self(Some(started)))
    }

    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        self.0.as_ref().map_or_else(|| Ok(Vec::new()), |started| started.cage.pids())
    }
}

impl Drop for Herd {
    /// Ends them, and waits until the first process of the machine has reaped
    /// them: until then they count as processes.
    fn drop(&mut self) {
        let pids = self.pids().unwrap_or_default();
        self.0 = None;
        let until = Instant::now() + PATIENCE;
        let exists = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
        while pids.iter().any(exists) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Starts the processes and stays their parent.
pub(crate) fn lead(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let count: usize = number(&arguments, 0)?;
    let own = std::env::current_exe()?;
    let mut children = Vec::with_capacity(count);
    for started in 0..count {
        let mut command = Command::new(&own);
        command.args(["nap".as_ref(), arguments[1].as_os_str()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        children.push(command.spawn().with_context(|| {
            format!(
                "the machine let {started} of {count} processes start (see pids.max of the \
                 control group, ulimit -u): choose fewer with --processes"
            )
        })?);
    }
    println!("{READY}");
    std::io::stdout().flush()?;
    std::thread::sleep(ALWAYS);
    Ok(())
}

/// Is one of them.
pub(crate) fn nap(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let every_ms: u64 = number(&arguments, 0)?;
    loop {
        std::thread::sleep(match every_ms {
            0 => ALWAYS,
            every_ms => Duration::from_millis(every_ms),
        });
    }
}

/// The argument at `place`, which is a number.
pub(crate) fn number<T: std::str::FromStr>(
    arguments: &[OsString],
    place: usize,
) -> anyhow::Result<T> {
    let number = arguments.get(place).and_then(|word| word.to_str()?.parse().ok());
    number.with_context(|| format!("argument {place} is no number"))
}
