use watchfire_codec::KeyPool;
use watchfire_store::{Chunk, MIN_CAP_BYTES};

use super::*;
use crate::historian::Historian;
use crate::testing::{fleet_of, team};

/// Minute `number` of a server, of which few fit.
fn minute(server: &str, number: u64) -> Chunk {
    let from_ms = i64::try_from(number).expect("small") * 60_000;
    Chunk {
        server: format!("name:{server}"),
        ring: [1; 16],
        previous: number - 1,
        first: number,
        last: number,
        from_ms,
        to_ms: from_ms + 59_000,
        starts_chain: true,
        bytes: vec![7; 100_000],
    }
}

#[tokio::test]
async fn what_waits_and_what_the_cap_took_is_of_the_servers_of_the_store() {
    let (clock, _hand) = manual_clock();
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a good history");
    let historian = Historian::new(Some(history.clone()), clock.clone());
    let fleet = fleet_of(&["a-1", "a-2", "b-1"], &[], &clock);
    let archive = Archive::new(historian, fleet, KeyPool::new(), clock.clone());
    let stub = Stub::start();
    history.hand_over_to(&[stub.base()]).expect("written");
    let target = remote_write(&stub, team("a"));
    let made = Destination::new(target, archive, history.clone(), clock).expect("a good target");
    let all = HandOvers::new(vec![Arc::new(made)]);
    history.append(&[minute("a-1", 1), minute("a-2", 1), minute("a-2", 2)]).expect("stored");
    history.append(&[minute("b-1", 1), minute("b-1", 100)]).expect("stored");
    let figures = all.figures().await.expect("readable").remove(0);
    assert_eq!((figures.url, figures.lag_ms, figures.servers), (stub.base(), 119_000, 2));
    assert_eq!(figures.counted, Counted::default());
    for number in 3..150 {
        history.append(&[minute("a-2", number), minute("b-1", number + 100)]).expect("stored");
    }
    let held = |server: &str| {
        let key = format!("name:{server}");
        history.chunks(&key, i64::MIN, i64::MAX).expect("readable").chunks.len() as u64
    };
    let gone = 150 - held("a-1") - held("a-2");
    assert!(gone > 30, "{gone} are gone");
    for _ in 0..2 {
        let figures = all.figures().await.expect("readable").remove(0);
        let taken_ms = figures.counted.taken_ms;
        assert!((gone * 59_000..gone * 60_000).contains(&taken_ms), "{taken_ms} of {gone}");
    }
}
