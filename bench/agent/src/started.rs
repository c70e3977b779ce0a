use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cage::Cage;
use crate::poll::{Poll, Polling};

/// How long a program has to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of a log is shown when its program fails.
const LAST_LINES: usize = 15;

/// A program that runs in a control group of its own until this is dropped.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) name: String,
    pub(crate) cage: Cage,
    /// How it is asked for what it knows.
    pub(crate) poll: Option<Poll>,
    child: Child,
    log: PathBuf,
    polling: Option<Polling>,
}

impl Started {
    pub(crate) fn new(
        name: &str,
        cage: Cage,
        folder: &Path,
        mut command: Command,
        poll: Option<Poll>,
    ) -> anyhow::Result<Self> {
        let log = folder.join("output");
        let output = File::create(&log)?;
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("{name} does not start"))?;
        let name = name.to_owned();
        let mut started = Self { name, cage, poll, child, log, polling: None };
        started.wait_until_ready()?;
        Ok(started)
    }

    /// Asks it once a second from now on.
    pub(crate) fn poll_each_second(&mut self) {
        self.polling = self.poll.clone().map(Polling::start);
    }

    pub(crate) fn stop_polling(&mut self) -> anyhow::Result<()> {
        match self.polling.take() {
            Some(polling) => polling.stop().with_context(|| self.name.clone()),
            None => Ok(()),
        }
    }

    /// An error when it has ended, with the last it wrote.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}); it wrote:\n{}", self.name, self.last_words());
        }
        if self.polling.as_ref().is_some_and(Polling::has_failed) {
            self.stop_polling()?;
        }
        Ok(())
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.check()?;
            let Some(poll) = &self.poll else { return Ok(()) };
            match poll.once() {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > until => {
                    return Err(error).with_context(|| {
                        format!("{} does not answer; it wrote:\n{}", self.name, self.last_words())
                    });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.polling = None;
        // The control group ends what it started, too, just after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
