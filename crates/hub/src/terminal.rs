//! The channel `terminal:`, for a fleet without mail: the notification is
//! written to the hub's own stderr.

use std::io::{Write, stderr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use watchfire_model::{Channel, Content, DeliveryOutcome};
use watchfire_runtime::{Clock, task};

/// The channel's URL.
pub(crate) const URL: &str = "terminal:";

/// How long one notification may wait for the terminal.
const PATIENCE: Duration = Duration::from_secs(5);

/// True for the URL of this channel.
pub(crate) fn is_terminal(channel: &Channel) -> bool {
    channel.as_str() == URL
}

/// Writes to the hub's own stderr and waits for as long as that takes: for a
/// command that does nothing else.
pub(crate) fn print(content: &Content) -> DeliveryOutcome {
    match stderr().lock().write_all(words(content).as_bytes()) {
        Ok(()) => accepted(),
        Err(error) => retry(&error.to_string()),
    }
}

/// Where the notifications are written. A pipe that nobody reads takes no more
/// when it is full, and holds up one thread at most: the lock is held for as
/// long as a writer is at work, whether or not anybody still waits for it.
#[derive(Clone)]
pub(crate) struct Terminal(Arc<Mutex<Box<dyn Write + Send>>>);

impl Terminal {
    /// The hub's own stderr.
    pub(crate) fn stderr() -> Self {
        Self::to(Box::new(stderr()))
    }

    /// Another place.
    pub(crate) fn to(writer: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes the notification. `alert` has cleaned the text of control characters.
    pub(crate) async fn print(&self, content: &Content, clock: &Clock) -> DeliveryOutcome {
        let words = words(content);
        let write = async {
            let mut writer = self.0.clone().lock_owned().await;
            let written =
                task::blocking("terminal", move || writer.write_all(words.as_bytes())).await;
            match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(failed) => Err(failed.to_string()),
            }
        };
        match clock.within(PATIENCE, write).await {
            Some(Ok(())) => accepted(),
            Some(Err(why)) => retry(&why),
            None => retry(&format!("nobody has read it for {PATIENCE:?}")),
        }
    }
}

fn words(content: &Content) -> String {
    let rule = "-".repeat(64);
    let (subject, text) = (&content.subject, content.text.trim_end());
    format!("{rule}\n{subject}\n\n{text}\n{rule}\n")
}

fn accepted() -> DeliveryOutcome {
    DeliveryOutcome::Accepted { reply: "written to the terminal".to_owned() }
}

fn retry(why: &str) -> DeliveryOutcome {
    DeliveryOutcome::Retry {
        why: format!("the terminal cannot be written to: {why}"),
        maybe_accepted: false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Result;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;
    use crate::testing::manual_clock;

    /// Takes words only after a permission to, as a pipe does whose reader sleeps.
    struct Pipe {
        permits: Receiver<()>,
        entered: Arc<AtomicUsize>,
        taken: Arc<std::sync::Mutex<Vec<u8>>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.entered.fetch_add(1, Ordering::SeqCst);
            self.permits.recv().expect("the test has not ended");
            self.taken.lock().expect("nobody panicked in it").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn about(subject: &str) -> Content {
        Content { subject: subject.to_owned(), ..Content::default() }
    }

    /// On one thread: a writer that blocked it would never let the test move on.
    #[tokio::test]
    async fn a_terminal_that_nobody_reads_holds_up_nothing_but_itself() {
        let (permit, permits) = sync_channel(8);
        let (entered, taken): (Arc<AtomicUsize>, Arc<std::sync::Mutex<Vec<u8>>>) =
            Default::default();
        let pipe = Pipe { permits, entered: entered.clone(), taken: taken.clone() };
        let terminal = Terminal::to(Box::new(pipe));
        let (clock, hand) = manual_clock();
        for subject in ["first", "second"] {
            let print = {
                let (terminal, clock) = (terminal.clone(), clock.clone());
                async move { terminal.print(&about(subject), &clock).await }
            };
            let print = task::spawn("print", print);
            crate::testing::until("it is at work", || {
                (entered.load(Ordering::SeqCst) == 1).then_some(())
            })
            .await;
            crate::testing::settle().await;
            hand.advance(PATIENCE);
            let outcome = print.join().await.expect("no panic");
            let DeliveryOutcome::Retry { why, maybe_accepted: false } = outcome else {
                panic!("{outcome:?}");
            };
            assert!(why.contains("nobody has read it"), "{why}");
            assert_eq!(entered.load(Ordering::SeqCst), 1, "one writer at a time");
        }
        // Once it is read again, it goes on.
        permit.send(()).expect("it waits");
        permit.send(()).expect("there is room");
        let outcome = terminal.print(&about("third"), &clock).await;
        assert!(matches!(outcome, DeliveryOutcome::Accepted { .. }), "{outcome:?}");
        let taken = taken.lock().expect("nobody panicked in it").clone();
        let text = String::from_utf8(taken).expect("text");
        assert!(text.contains("third") && !text.contains("second"), "{text}");
    }
}
