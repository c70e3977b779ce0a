//! Many worlds with random trouble: the promises hold in each.

use watchfire_runtime::{log, task};

use super::script::{play, script};
use super::template::Template;
use super::world::World;

/// Servers in a world.
const SERVERS: usize = 3;
/// The seeds of `make test`.
const USUAL: std::ops::Range<u64> = 0..200;
/// `WATCHFIRE_SEEDS=0..20000` runs others, `WATCHFIRE_SEED=17` one with its story.
const SEEDS: &str = "WATCHFIRE_SEEDS";
const SEED: &str = "WATCHFIRE_SEED";

/// What came of a seed.
struct Played {
    story: Vec<String>,
    broken: Option<String>,
}

fn played(seed: u64) -> Played {
    in_simulated_time(async move {
        let (script, panics) = (script(seed, SERVERS), task::panics());
        let mut world = World::begin(seed, SERVERS).await;
        play(&mut world, &script).await;
        if world.broken.is_none() {
            world.end().await;
        }
        let mut broken = world.broken.as_ref().map(ToString::to_string);
        if task::panics() != panics {
            broken.get_or_insert(format!("a task panicked (seed {seed})"));
        }
        Played { story: world.story, broken }
    })
}

/// Runs on one thread whose time goes from one wait to the next.
pub(crate) fn in_simulated_time<T>(work: impl Future<Output = T>) -> T {
    let log = std::env::var("WATCHFIRE_LOG").ok();
    let _log = log.map(|filter| log::start(&filter, log::Format::Text, false));
    // It has a runtime of its own, and must not be made within another.
    Template::get();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime").block_on(work)
}

fn seeds() -> (Vec<u64>, bool) {
    let number = |text: &str| text.trim().parse::<u64>().expect("a seed is a number");
    if let Ok(one) = std::env::var(SEED) {
        return (vec![number(&one)], true);
    }
    match std::env::var(SEEDS) {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("WATCHFIRE_SEEDS=from..to");
            ((number(from)..number(to)).collect(), false)
        }
        Err(_) => (USUAL.collect(), false),
    }
}

#[test]
fn the_promises_hold_in_every_seed() {
    let (seeds, one) = seeds();
    let mut broken = Vec::new();
    for seed in seeds {
        let played = played(seed);
        if one {
            println!("{}", played.story.join("\n"));
        }
        if let Some(what) = played.broken {
            let story = if one { String::new() } else { played.story.join("\n") };
            eprintln!("{what}\nthe story:\n{story}");
            eprintln!(
                "replay it: {SEED}={seed} cargo test -p watchfire --test end_to_end \
                 the_promises_hold_in_every_seed -- --nocapture\n"
            );
            broken.push(seed);
        }
    }
    assert!(broken.is_empty(), "promises are broken in the seeds {broken:?}");
}

#[test]
fn a_seed_repeats_its_story() {
    for seed in [6, 143] {
        let (one, other) = (played(seed), played(seed));
        assert!(one.story.len() > 10, "{:#?}", one.story);
        for (line, again) in one.story.iter().zip(&other.story) {
            assert_eq!(line, again, "seed {seed}");
        }
        assert_eq!(one.story.len(), other.story.len(), "seed {seed}");
    }
}
