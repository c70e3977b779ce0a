//! Commands to a modem and its answers (3GPP TS 27.007 and 27.005, ITU-T V.250).

use std::time::Duration;

use watchfire_runtime::Clock;

use super::fault::Fault;
use super::port::Port;

/// The longest answer to one command, in bytes. A modem that says more is none.
const MAX_ANSWER_BYTES: usize = 4096;

/// Leaves a message that was begun, and ends a line that nobody finished.
const LEAVE: &[u8] = b"\x1b\r";

/// Ends a message.
const SEND: u8 = 0x1a;

/// How often a modem is greeted, and for how long a late answer to that may come.
const GREETINGS: usize = 3;
const SETTLING: Duration = Duration::from_millis(500);

/// How long a port may take for one line of ours.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// A conversation with a modem.
#[derive(Debug)]
pub(super) struct Dialog<'a> {
    port: Port,
    clock: &'a Clock,
    heard: Vec<u8>,
}

/// What ends an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// `OK`.
    Line,
    /// `> `, which asks for the message.
    Prompt,
}

impl<'a> Dialog<'a> {
    pub(super) fn new(port: Port, clock: &'a Clock) -> Self {
        Self { port, clock, heard: Vec::new() }
    }

    /// Brings the modem to where it waits for a command, whatever was begun before.
    pub(super) async fn greet(&mut self, limit: Duration) -> Result<(), Fault> {
        self.write(LEAVE).await?;
        // The first command may drown in what the modem has to say about the one before, or
        // in its finding out the speed.
        for _ in 1..GREETINGS {
            match self.ask("AT", limit).await {
                Ok(_) => return Ok(()),
                Err(fault @ Fault::Gone(_)) => return Err(fault),
                Err(_) => self.settle().await?,
            }
        }
        self.ask("AT", limit).await.map(|_| ())
    }

    /// Passes over what comes late, so that it is not taken for the answer to something else.
    async fn settle(&mut self) -> Result<(), Fault> {
        let clock = self.clock;
        clock.within(SETTLING, self.pass_over()).await.unwrap_or(Ok(()))
    }

    async fn pass_over(&mut self) -> Result<(), Fault> {
        loop {
            self.heard.clear();
            self.hear().await?;
        }
    }

    /// A command, and the lines that came before its `OK`.
    pub(super) async fn ask(
        &mut self,
        command: &str,
        limit: Duration,
    ) -> Result<Vec<String>, Fault> {
        self.say(command, End::Line, limit).await
    }

    /// Announces a message; the modem then waits for it.
    pub(super) async fn announce(&mut self, command: &str, limit: Duration) -> Result<(), Fault> {
        self.say(command, End::Prompt, limit).await.map(|_| ())
    }

    /// The message that was announced.
    pub(super) async fn hand_over(
        &mut self,
        hex: &str,
        limit: Duration,
    ) -> Result<Vec<String>, Fault> {
        self.heard.clear();
        self.write(&[hex.as_bytes(), &[SEND]].concat()).await?;
        self.within(limit, hex, End::Line).await
    }

    async fn say(
        &mut self,
        command: &str,
        end: End,
        limit: Duration,
    ) -> Result<Vec<String>, Fault> {
        self.heard.clear();
        self.write(format!("{command}\r").as_bytes()).await?;
        self.within(limit, command, end).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        // A port whose other side does not read takes nothing after a while.
        let written = self.clock.within(WRITE_LIMIT, self.port.write_all(bytes)).await;
        written.ok_or(Fault::Silent)?.map_err(|error| Fault::Gone(error.to_string()))
    }

    async fn within(
        &mut self,
        limit: Duration,
        said: &str,
        end: End,
    ) -> Result<Vec<String>, Fault> {
        let clock = self.clock;
        clock.within(limit, self.answer(said, end)).await.unwrap_or(Err(Fault::Silent))
    }

    async fn answer(&mut self, said: &str, end: End) -> Result<Vec<String>, Fault> {
        let mut lines = Vec::new();
        loop {
            while let Some(line) = self.next_line() {
                // Modems repeat what they hear until `ATE0`, and some after it.
                if line.is_empty() || line == said {
                    continue;
                }
                if let Some(fault) = Fault::of(&line) {
                    return Err(fault);
                }
                if line == "OK" && end == End::Line {
                    return Ok(lines);
                }
                lines.push(line);
            }
            if end == End::Prompt && self.heard.trim_ascii() == b">" {
                return Ok(lines);
            }
            self.hear().await?;
        }
    }

    fn next_line(&mut self) -> Option<String> {
        let end = self.heard.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        // The prompt of a message stands before the echo of it.
        let line = line[..end].trim_ascii();
        let line = line.strip_prefix(b"> ").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        Some(text.trim_matches(|c: char| c.is_control()).to_owned())
    }

    async fn hear(&mut self) -> Result<(), Fault> {
        let mut buffer = [0; 256];
        let count = self.port.read(&mut buffer).await;
        let count = count.map_err(|error| Fault::Gone(error.to_string()))?;
        if count == 0 {
            return Err(Fault::Gone("the device is gone".to_owned()));
        }
        if self.heard.len() + count > MAX_ANSWER_BYTES {
            return Err(Fault::Garbage);
        }
        self.heard.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}
