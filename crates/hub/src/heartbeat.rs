//! Tells a service outside that the hub lives, so that somebody hears of it when it does not.
//!
//! What is told is more than that a process runs: before each beat the hub writes to its
//! database. A hub that cannot store an incident tells nobody of it, so it must not seem well.

use std::time::Duration;

use watchfire_notify::web::Web;
use watchfire_notify::web::header::HeaderMap;
use watchfire_notify::{ChannelError, Timeouts};
use watchfire_runtime::net::Resolver;
use watchfire_runtime::{Clock, Secret, Shutdown, task};
use watchfire_store::Store;

use crate::config::{Heartbeat, is_loopback_url};
use crate::dial::Rarely;

/// A beat that was not taken is tried again so soon.
const RETRY: Duration = Duration::from_secs(10);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last good address of the service serves when its name cannot be looked up.
const ADDRESSES_KEPT: Duration = Duration::from_secs(24 * 3600);
/// How much of an answer is read, in bytes: its status is all that counts.
const MAX_ANSWER: usize = 1;

/// Beats until the end is asked for.
pub(crate) async fn beat(heartbeat: Heartbeat, store: Store, clock: Clock, shutdown: Shutdown) {
    let web = match web(&heartbeat, &clock) {
        Ok(web) => web,
        Err(error) => return tracing::error!(%error, "nobody outside is told that the hub lives"),
    };
    let missed = Rarely::default();
    loop {
        let beat = one_beat(&web, &heartbeat.url, &store, &clock).await;
        if let Err(why) = &beat
            && let Some(times) = missed.note(clock.now())
        {
            tracing::warn!(why, times, "the outside is not told that the hub lives");
        }
        let pause = pause(beat.is_ok(), heartbeat.every);
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = clock.sleep(pause) => {}
        }
    }
}

fn pause(was_taken: bool, every: Duration) -> Duration {
    if was_taken { every } else { every.min(RETRY) }
}

fn web(heartbeat: &Heartbeat, clock: &Clock) -> Result<Web, ChannelError> {
    let resolver = Resolver::system(ADDRESSES_KEPT, clock.clone());
    Web::new(is_loopback_url(heartbeat.url.expose()), Timeouts::default(), resolver)
}

async fn one_beat(web: &Web, url: &Secret, store: &Store, clock: &Clock) -> Result<(), String> {
    is_well(store.clone(), clock).await?;
    let answer = web.get(url.expose(), HeaderMap::new(), &[], MAX_ANSWER).await;
    let status = answer.map_err(|error| error.to_string())?.status;
    if (200..300).contains(&status) { Ok(()) } else { Err(format!("its answer was {status}")) }
}

async fn is_well(store: Store, clock: &Clock) -> Result<(), String> {
    let now = clock.now().unix_ms;
    let written = task::blocking("heartbeat", move || store.write(|batch| batch.beat(now)));
    match clock.within(PATIENCE, written).await {
        Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error))) => Err(format!("the database cannot be written: {error}")),
        Some(Err(failed)) => Err(failed.to_string()),
        None => Err("the database takes too long".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use watchfire_testkit::http::{Answer, Stub};

    use super::*;
    use crate::testing::{manual_clock, until};

    #[test]
    fn a_beat_that_was_not_taken_is_tried_again_soon() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(true, seconds(60)), seconds(60));
        assert_eq!(pause(false, seconds(60)), RETRY);
        assert_eq!(pause(false, seconds(5)), seconds(5));
    }

    #[tokio::test]
    async fn it_beats_again_and_again_while_the_hub_can_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a good store");
        let stub = Stub::start();
        stub.next([Answer::reply(200, "OK"), Answer::reply(503, "")]);
        stub.always(Answer::reply(200, "OK"));
        let (clock, hand) = manual_clock();
        let (shutdown, end) = Shutdown::new();
        let url = Secret::new(format!("{}/ping/1234", stub.base()));
        let heartbeat = Heartbeat { url, every: Duration::from_secs(60) };
        let beating = task::spawn("heartbeat", beat(heartbeat, store, clock, shutdown));
        until("four beats", || {
            hand.advance(Duration::from_secs(1));
            (stub.requests().len() >= 4).then_some(())
        })
        .await;
        assert!(stub.requests().iter().all(|beat| beat.path == "/ping/1234"));
        end.request();
        beating.join().await.expect("it ends");
    }

    #[tokio::test]
    async fn a_hub_that_cannot_write_does_not_seem_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a good store");
        let stub = Stub::start();
        stub.always(Answer::reply(200, "OK"));
        let (clock, hand) = manual_clock();
        let url = Secret::new(format!("{}/ping/1234", stub.base()));
        let heartbeat = Heartbeat { url, every: Duration::from_secs(60) };
        let web = web(&heartbeat, &clock).expect("it can be made");
        let (began, has_begun) = std::sync::mpsc::sync_channel(1);
        let (end, ends) = std::sync::mpsc::sync_channel::<()>(1);
        let (busy, writer) = (store.clone(), tokio::runtime::Handle::current());
        let writing = writer.spawn_blocking(move || {
            busy.write(|_| {
                began.send(()).expect("the test waits for it");
                ends.recv().expect("the test ends it");
                Ok(())
            })
        });
        has_begun.recv().expect("it writes");
        let mut beating = std::pin::pin!(one_beat(&web, &heartbeat.url, &store, &clock));
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut beating => break outcome,
                () = tokio::task::yield_now() => hand.advance(Duration::from_secs(1)),
            }
        };
        assert_eq!(outcome, Err("the database takes too long".to_owned()));
        assert_eq!(stub.requests().len(), 0);
        end.send(()).expect("it waits for that");
        writing.await.expect("it ends").expect("written");
        one_beat(&web, &heartbeat.url, &store, &clock).await.expect("it can write again");
        assert_eq!(stub.requests().len(), 1);
    }
}
