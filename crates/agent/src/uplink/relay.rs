//! Commands that come over the uplink: handed to the runner, and what they say handed back. It is
//! kept until the hub has acknowledged it, over as many streams as it takes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use watchfire_runtime::{Clock, task};
use watchfire_wire::{Command, CommandRefused, Exit, Message, Output, OutputAck, Runbooks};

use crate::runner::Runner;

/// How many commands are known at a time, those that are over and not acknowledged included.
const MAX_RUNS: usize = 64;
/// How much of what one command says may wait for the hub, in bytes. Then the command waits, and
/// its time goes on.
const MAX_KEPT_BYTES: usize = 256 << 10;

/// The commands of this agent's hub.
#[derive(Debug)]
pub(crate) struct Relay {
    runner: Option<Runner>,
    clock: Clock,
    state: Mutex<State>,
    /// Something is to be sent.
    news: Notify,
    /// The hub has taken something.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    runs: BTreeMap<u64, Run>,
    /// The stream that gets the news: the last one that began.
    stream: u64,
}

#[derive(Debug, Default)]
struct Run {
    started: Option<Message>,
    outputs: VecDeque<Output>,
    kept_bytes: usize,
    last: Option<Message>,
    /// What this stream has sent of it.
    sent: Sent,
    cancel: Option<mpsc::Sender<()>>,
}

#[derive(Debug, Default)]
struct Sent {
    started: bool,
    outputs: usize,
    last: bool,
}

impl Relay {
    pub(crate) fn new(runner: Option<Runner>, clock: Clock) -> Arc<Self> {
        let (news, room) = (Notify::new(), Notify::new());
        Arc::new(Self { runner, clock, state: Mutex::default(), news, room })
    }

    /// A stream begins: all that was not acknowledged is said on it again.
    pub(crate) fn attach(&self) -> u64 {
        let mut state = self.state();
        state.stream += 1;
        state.runs.values_mut().for_each(|run| run.sent = Sent::default());
        state.stream
    }

    /// True where something may be run at all.
    pub(crate) fn has_runner(&self) -> bool {
        self.runner.is_some()
    }

    /// What the server's policy offers.
    pub(crate) async fn offers(&self) -> Runbooks {
        match &self.runner {
            Some(runner) => runner.runbooks(&self.clock).await,
            None => Runbooks::default(),
        }
    }

    /// Takes a command. One that is known already is not taken again: the hub was not sure.
    pub(crate) fn begin(self: &Arc<Self>, command: Command) {
        let number = command.run;
        let (cancel, canceled) = mpsc::channel(1);
        let refused = {
            let mut state = self.state();
            if state.runs.contains_key(&number) {
                return;
            }
            if state.runs.len() >= MAX_RUNS && !state.forget_one() {
                return self.refuse_unkept(state, number);
            }
            let run = Run { cancel: Some(cancel), ..Run::default() };
            state.runs.insert(number, run);
            self.runner.is_none()
        };
        if refused {
            let why = "this server runs no commands: its policy is off".to_owned();
            self.ended(number, Message::CommandRefused(CommandRefused { run: number, why }));
            return;
        }
        let relay = Arc::clone(self);
        task::spawn("command", async move { relay.follow(command, canceled).await }).detach();
    }

    /// There is no room even to remember it: it is said once.
    fn refuse_unkept(&self, mut state: MutexGuard<'_, State>, number: u64) {
        let why = format!("{MAX_RUNS} commands are on this server already");
        let last = Some(Message::CommandRefused(CommandRefused { run: number, why }));
        if state.runs.len() < 2 * MAX_RUNS {
            state.runs.insert(number, Run { last, ..Run::default() });
        }
        drop(state);
        self.news.notify_one();
    }

    pub(crate) fn cancel(&self, number: u64) {
        if let Some(cancel) = self.state().runs.get(&number).and_then(|run| run.cancel.as_ref()) {
            // Once is enough.
            let _ = cancel.try_send(());
        }
    }

    pub(crate) fn acknowledged(&self, ack: OutputAck) {
        let mut state = self.state();
        let Some(run) = state.runs.get_mut(&ack.run) else { return };
        while let Some(first) = run.outputs.front() {
            if first.offset + first.bytes.len() as u64 > ack.offset {
                break;
            }
            run.kept_bytes -= first.bytes.len();
            run.sent.outputs = run.sent.outputs.saturating_sub(1);
            run.outputs.pop_front();
        }
        if ack.done {
            // One that runs still is ended: nobody wants to know.
            state.runs.remove(&ack.run);
        }
        drop(state);
        self.room.notify_waiters();
    }

    /// What is to be sent next on this stream. It may be cancelled; nothing is lost.
    pub(crate) async fn next(&self, stream: u64) -> Message {
        loop {
            let news = self.news.notified();
            if let Some(message) = self.state().next(stream) {
                return message;
            }
            news.await;
        }
    }

    async fn follow(&self, command: Command, mut canceled: mpsc::Receiver<()>) {
        let number = command.run;
        let Some(runner) = &self.runner else { return };
        let mut running = match runner.run(command).await {
            Ok(running) => running,
            Err(error) => {
                tracing::warn!(%error, "the runner does not answer");
                let why = "the runner of this server does not answer".to_owned();
                return self
                    .ended(number, Message::CommandRefused(CommandRefused { run: number, why }));
            }
        };
        let control = &mut running.control;
        // Where the entry is dropped, so is its sender: the command is not wanted any more.
        let watching = async {
            canceled.recv().await;
            control.cancel().await;
            std::future::pending::<()>().await;
        };
        let events = &mut running.events;
        let listening = async {
            loop {
                match events.next().await {
                    Some(Message::Output(output)) => self.keep(number, output).await,
                    Some(last @ (Message::Exit(_) | Message::CommandRefused(_))) => {
                        return self.ended(number, last);
                    }
                    Some(started) => self.with(number, |run| run.started = Some(started)),
                    None => {
                        tracing::warn!("the runner is gone, and a command with it");
                        let ended_unix_ms = self.clock.now().unix_ms;
                        let lost = Exit {
                            run: number,
                            ended_unix_ms,
                            output_lost: true,
                            ..Exit::default()
                        };
                        return self.ended(number, Message::Exit(lost));
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = listening => {}
            () = watching => {}
        }
    }

    /// Keeps a piece of output, once there is room for it.
    async fn keep(&self, number: u64, output: Output) {
        loop {
            let room = self.room.notified();
            let is_full =
                self.state().runs.get(&number).is_some_and(|run| run.kept_bytes >= MAX_KEPT_BYTES);
            if !is_full {
                break;
            }
            room.await;
        }
        self.with(number, |run| {
            run.kept_bytes += output.bytes.len();
            run.outputs.push_back(output);
        });
    }

    fn ended(&self, number: u64, last: Message) {
        self.with(number, |run| (run.last, run.cancel) = (Some(last), None));
    }

    fn with(&self, number: u64, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.state().runs.get_mut(&number) {
            change(run);
        }
        self.news.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self, stream: u64) -> Option<Message> {
        if stream != self.stream {
            return None;
        }
        self.runs.values_mut().find_map(Run::next)
    }

    /// Makes room: of those that are over, the oldest is forgotten.
    fn forget_one(&mut self) -> bool {
        let over = self.runs.iter().find(|(_, run)| run.last.is_some()).map(|(number, _)| *number);
        over.is_some_and(|number| self.runs.remove(&number).is_some())
    }
}

impl Run {
    fn next(&mut self) -> Option<Message> {
        if let Some(started) = self.started.as_ref().filter(|_| !self.sent.started) {
            self.sent.started = true;
            return Some(started.clone());
        }
        if let Some(output) = self.outputs.get(self.sent.outputs) {
            self.sent.outputs += 1;
            return Some(Message::Output(output.clone()));
        }
        let last = self.last.as_ref().filter(|_| !self.sent.last)?;
        self.sent.last = true;
        Some(last.clone())
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;
    use watchfire_wire::{CommandStarted, OutputStream};

    use super::*;

    fn relay() -> Arc<Relay> {
        Relay::new(None, Clock::manual(Moment::default()).0)
    }

    fn output(offset: u64, bytes: &[u8]) -> Output {
        Output { run: 1, stream: OutputStream::Stdout, offset, bytes: bytes.to_vec() }
    }

    fn said(relay: &Relay, stream: u64) -> Vec<Message> {
        std::iter::from_fn(|| relay.state().next(stream)).collect()
    }

    #[tokio::test]
    async fn without_a_runner_it_is_refused_until_that_is_acknowledged() {
        let relay = relay();
        let first = relay.attach();
        relay.begin(Command { run: 1, ..Command::default() });
        let Message::CommandRefused(refused) = relay.next(first).await else { panic!("a no") };
        assert!(refused.why.contains("policy is off"));
        assert!(said(&relay, first).is_empty());
        let second = relay.attach();
        assert!(said(&relay, first).is_empty(), "the old stream is over");
        assert_eq!(said(&relay, second), [Message::CommandRefused(refused)]);
        relay.acknowledged(OutputAck { run: 1, offset: 0, done: true });
        assert!(said(&relay, relay.attach()).is_empty());
    }

    #[tokio::test]
    async fn what_was_not_acknowledged_is_said_again_and_nothing_else() {
        let relay = relay();
        relay.state().runs.insert(1, Run::default());
        let started = Message::CommandStarted(CommandStarted { run: 1, unix_ms: 5 });
        relay.with(1, |run| run.started = Some(started.clone()));
        relay.keep(1, output(0, b"abc")).await;
        relay.keep(1, output(3, b"def")).await;
        let stream = relay.attach();
        let all = [
            started.clone(),
            Message::Output(output(0, b"abc")),
            Message::Output(output(3, b"def")),
        ];
        assert_eq!(said(&relay, stream), all);
        relay.acknowledged(OutputAck { run: 1, offset: 4, done: false });
        relay.keep(1, output(6, b"ghi")).await;
        assert_eq!(said(&relay, stream), [Message::Output(output(6, b"ghi"))]);
        let exit = Message::Exit(Exit { run: 1, output_bytes: 9, ..Exit::default() });
        relay.ended(1, exit.clone());
        let again =
            [started, Message::Output(output(3, b"def")), Message::Output(output(6, b"ghi")), exit];
        assert_eq!(said(&relay, relay.attach()), again);
    }

    #[tokio::test]
    async fn a_command_waits_while_the_hub_takes_nothing() {
        let relay = relay();
        relay.state().runs.insert(1, Run::default());
        relay.keep(1, output(0, &vec![0; MAX_KEPT_BYTES])).await;
        let held = Arc::clone(&relay);
        let mut waiting =
            Box::pin(async move { held.keep(1, output(MAX_KEPT_BYTES as u64, b"x")).await });
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        relay.acknowledged(OutputAck { run: 1, offset: MAX_KEPT_BYTES as u64, done: false });
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn what_is_known_has_a_limit() {
        let relay = relay();
        for run in 1..=1000 {
            relay.begin(Command { run, ..Command::default() });
        }
        assert!(relay.state().runs.len() <= MAX_RUNS, "those that are over made room");
    }
}
