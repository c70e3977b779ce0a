//! The stream to a hub: who we are, then a sign of life each second, and each
//! new sample.
//!
//! There is no queue. A stream sends the latest sample when its peer has taken
//! the one before, so a slow peer gets fewer of them and never old ones; what
//! is left out is counted. A peer that takes nothing at all is let go.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use watchfire_runtime::Clock;
use watchfire_wire::{self as wire, Alive, GoodbyeReason, Hello, PROTOCOL};

use crate::http::App;
use crate::sampler::{Beat, Latest, Sample};

const ALIVE_PERIOD: Duration = Duration::from_secs(1);
/// How long one frame may take to leave.
const SEND_TIME: Duration = Duration::from_secs(10);
/// How long the last words may take to leave.
const FAREWELL_TIME: Duration = Duration::from_secs(1);
/// The largest frame that a hub may send, in bytes; today it has little to say.
const MAX_INCOMING_BYTES: usize = 64 << 10;
/// The read buffer of one stream, in bytes.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// What may wait in the write buffer: one frame of the largest size, and its head.
const WRITE_BUFFER_BYTES: usize = wire::MAX_FRAME_BYTES + 1024;

/// Sets the limits of a stream before it begins.
pub(crate) fn limit(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(MAX_INCOMING_BYTES)
        .max_frame_size(MAX_INCOMING_BYTES)
}

/// Streams until the peer leaves or the agent ends.
pub(crate) async fn run(socket: WebSocket, app: Arc<App>, user: String) {
    tracing::info!(?user, "a stream begins");
    let clock = app.clock.clone();
    let mut stream = Stream { socket, clock, app, sequence: 0 };
    let why = match stream.talk().await {
        Ok(()) => "the agent ends",
        Err(Ended(why)) => why,
    };
    tracing::info!(?user, why, "a stream ends");
}

/// Why a stream is over.
struct Ended(&'static str);

struct Stream {
    socket: WebSocket,
    clock: Clock,
    app: Arc<App>,
    sequence: u64,
}

/// Follows the samples of one kind.
struct Follower<T> {
    latest: Latest<T>,
    sent: u64,
}

impl Stream {
    async fn talk(&mut self) -> Result<(), Ended> {
        let shutdown = self.app.shutdown.clone();
        let mut statuses = Follower::new(&self.app.samples.status);
        let mut processes = Follower::new(&self.app.samples.processes);
        let mut beat = Beat::new(self.clock.now());
        let hello = self.hello();
        self.send(wire::Message::Hello(hello)).await?;
        self.send_alive().await?;
        let mut next_alive = beat.next(self.clock.now(), ALIVE_PERIOD);
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return self.say_goodbye().await,
                () = self.clock.sleep_until(next_alive) => {
                    self.send_alive().await?;
                    next_alive = beat.next(self.clock.now(), ALIVE_PERIOD);
                }
                status = statuses.next() => {
                    let status = self.counted(status, &mut statuses)?;
                    self.send(wire::Message::Status(status.value.clone())).await?;
                }
                table = processes.next() => {
                    let table = self.counted(table, &mut processes)?;
                    self.send(wire::Message::Processes(table.value.clone())).await?;
                }
                heard = self.socket.recv() => self.hear(heard).await?,
            }
        }
    }

    fn hello(&self) -> Hello {
        let about = &self.app.about;
        Hello {
            major: PROTOCOL.major,
            minor: PROTOCOL.minor,
            server: about.server.clone(),
            boot_id: about.boot_id.clone(),
            agent_id: about.agent_id.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: about.labels.clone(),
            unix_ms: self.clock.now().unix_ms,
        }
    }

    /// Takes note of the sample that is about to be sent, and of those that were left out.
    fn counted<T>(
        &self,
        sample: Option<Arc<Sample<T>>>,
        follower: &mut Follower<T>,
    ) -> Result<Arc<Sample<T>>, Ended> {
        let sample = sample.ok_or(Ended("the samplers ended"))?;
        self.app.counters.samples_skipped.add(follower.skipped(sample.number));
        Ok(sample)
    }

    async fn send_alive(&mut self) -> Result<(), Ended> {
        let alive = Alive { sequence: self.sequence, unix_ms: self.clock.now().unix_ms };
        self.sequence += 1;
        self.send(wire::Message::Alive(alive)).await
    }

    async fn send(&mut self, message: wire::Message) -> Result<(), Ended> {
        let frame = Message::Binary(Bytes::from(wire::encode(&message)));
        match self.clock.within(SEND_TIME, self.socket.send(frame)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Ended("the connection broke")),
            None => Err(Ended("the hub does not read")),
        }
    }

    /// The hub's words. Pings are answered by the WebSocket layer.
    async fn hear(&mut self, heard: Option<Result<Message, axum::Error>>) -> Result<(), Ended> {
        match heard {
            Some(Ok(Message::Binary(frame))) => match wire::decode(&frame) {
                Ok(Some(wire::Message::Goodbye(_))) => {
                    self.close(close_code::NORMAL).await;
                    Err(Ended("the hub said goodbye"))
                }
                Ok(_) => Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "the hub is not understood");
                    self.close(close_code::PROTOCOL).await;
                    Err(Ended("the hub is not understood"))
                }
            },
            Some(Ok(Message::Text(_))) => {
                self.close(close_code::UNSUPPORTED).await;
                Err(Ended("the hub sent text"))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(Ended("the hub closed it")),
            Some(Err(_)) => Err(Ended("the connection broke")),
        }
    }

    async fn say_goodbye(&mut self) -> Result<(), Ended> {
        self.send(wire::Message::Goodbye(GoodbyeReason::Stop)).await?;
        self.close(close_code::AWAY).await;
        Ok(())
    }

    async fn close(&mut self, code: u16) {
        let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
        // Whether it arrives changes nothing any more.
        let _ = self.clock.within(FAREWELL_TIME, self.socket.send(close)).await;
    }
}

impl<T> Follower<T> {
    fn new(latest: &Latest<T>) -> Self {
        let mut latest = latest.clone();
        // What is there already is sent first.
        latest.mark_changed();
        Self { latest, sent: 0 }
    }

    /// The next sample that was not sent yet; `None` when there will be none.
    async fn next(&mut self) -> Option<Arc<Sample<T>>> {
        loop {
            self.latest.changed().await.ok()?;
            if let Some(sample) = self.latest.borrow_and_update().clone() {
                return Some(sample);
            }
        }
    }

    /// How many samples there were between the last one that was sent and `number`.
    fn skipped(&mut self, number: u64) -> u64 {
        let between = number.saturating_sub(self.sent.saturating_add(1));
        // The first one begins the stream: those before were never its own.
        let skipped = if self.sent == 0 { 0 } else { between };
        self.sent = number;
        skipped
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn the_newest_wins_and_the_rest_is_counted() {
        let sample = |number| Some(Arc::new(Sample { number, value: () }));
        let (post, latest) = watch::channel(sample(7));
        let mut follower = Follower::new(&latest);
        let first = follower.next().await.expect("there is one");
        assert_eq!((first.number, follower.skipped(first.number)), (7, 0));
        for number in 8..=10 {
            post.send_replace(sample(number));
        }
        let next = follower.next().await.expect("there is one");
        assert_eq!((next.number, follower.skipped(next.number)), (10, 2));
        post.send_replace(sample(11));
        let next = follower.next().await.expect("there is one");
        assert_eq!((next.number, follower.skipped(next.number)), (11, 0));
        drop(post);
        assert!(follower.next().await.is_none());
    }
}
