//! Blocks that an earlier release wrote. They are never written anew: a new
//! version of the format gets files of its own.

use std::path::PathBuf;

use watchfire_store::block::{Scratch, Windows, seal, seal_tier};

use crate::made::{assert_same, bits, known, open, options, read};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[test]
fn ticks_of_version_1_open() {
    let bytes = std::fs::read(file("block-v1-ticks.bin")).unwrap();
    assert_same(&read(&open(&bytes)), &known());
}

#[test]
fn a_tier_of_version_1_opens() {
    let bytes = std::fs::read(file("block-v1-tier.bin")).unwrap();
    let block = open(&bytes);
    let truth = Windows::of_ticks(&known(), 10_000, |_| None);
    assert_eq!(block.head().width_ms, truth.width_ms);
    let keys = block.tier_keys().unwrap();
    let found = block.read_windows(&keys, 0..truth.starts.len(), &mut Scratch::new()).unwrap();
    assert_eq!(found.len(), truth.series.len());
    for (found, (_, truth)) in found.into_iter().zip(&truth.series) {
        let found = found.unwrap().unwrap();
        assert_eq!(bits(&found.sum), bits(&truth.sum));
        assert_eq!(bits(&found.increase), bits(&truth.increase));
    }
}

/// Run by hand, once, when a version of the format is new:
/// `cargo test -p watchfire-store --test block -- --ignored`.
#[test]
#[ignore = "writes the golden files of a new version"]
fn write() {
    let windows = Windows::of_ticks(&known(), 10_000, |_| None);
    for (name, bytes) in [
        ("block-v1-ticks.bin", seal(&known(), &options()).unwrap()),
        ("block-v1-tier.bin", seal_tier(&windows, &options()).unwrap()),
    ] {
        assert!(!file(name).exists(), "{name} is there: it must stay as it is");
        std::fs::write(file(name), bytes).unwrap();
    }
}
