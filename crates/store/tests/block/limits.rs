use watchfire_store::block::{
    Block, BlockError, Columns, Head, MAX_TICKS, Scratch, SealError, SealOptions, seal,
};

use crate::made::{TAG, known, open, options};

fn columns(timestamps: Vec<i64>, series: Vec<(u32, Vec<f64>)>) -> Columns {
    Columns { timestamps, series }
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    let refused = |columns| seal(&columns, &options()).unwrap_err();
    assert_eq!(refused(columns(vec![], vec![])), SealError::Ticks(0));
    let many = (0..=MAX_TICKS as i64).collect();
    assert_eq!(refused(columns(many, vec![])), SealError::Ticks(MAX_TICKS + 1));
    assert_eq!(refused(columns(vec![5, 6, 6], vec![])), SealError::Order(2));
    let short = columns(vec![5, 6], vec![(1, vec![0.0])]);
    assert_eq!(refused(short), SealError::Length { found: 1, ticks: 2 });
    let twice = columns(vec![5], vec![(9, vec![0.0]), (1, vec![0.0]), (9, vec![0.0])]);
    assert_eq!(refused(twice), SealError::Twice(9));
}

#[test]
fn the_smallest_and_the_widest_blocks_hold() {
    for timestamps in [vec![i64::MIN], vec![i64::MIN, i64::MAX], vec![-1, 0, 1]] {
        let columns = columns(timestamps.clone(), vec![]);
        let bytes = seal(&columns, &options()).unwrap();
        let mut found = Vec::new();
        open(&bytes).timestamps(&mut Scratch::new(), &mut found).unwrap();
        assert_eq!(found, timestamps);
    }
}

#[test]
fn the_tag_of_another_server_is_refused() {
    let bytes = seal(&known(), &options()).unwrap();
    let other = Block::open(&bytes[..], TAG + 1);
    assert_eq!(other.unwrap_err(), BlockError::Checksum("the directory"));
}

#[test]
fn another_version_and_other_bytes_are_told_apart() {
    let mut bytes = seal(&known(), &SealOptions::default()).unwrap();
    assert!(Block::open(&bytes[..], 0).is_ok());
    bytes[4] = 2;
    assert_eq!(Block::open(&bytes[..], 0).unwrap_err(), BlockError::Newer { found: 2, known: 1 });
    assert_eq!(Block::open(&[0; 100][..], 0).unwrap_err(), BlockError::Foreign);
    let short = Block::open(&bytes[..Head::BYTES - 1], 0);
    assert_eq!(short.unwrap_err(), BlockError::Truncated("its head"));
}

#[test]
fn ticks_outside_of_the_block_are_refused() {
    let bytes = seal(&known(), &options()).unwrap();
    let read =
        |range| open(&bytes).read(&[3], range, &mut Scratch::new(), |_, _| panic!("a value"));
    assert!(read(0..131).is_err());
    #[allow(clippy::reversed_empty_ranges, reason = "that is what is tried")]
    let turned = read(5..4);
    assert!(turned.is_err());
    assert_eq!(
        open(&bytes).read_windows(&[3], 0..1, &mut Scratch::new()).unwrap_err(),
        BlockError::Kind("ticks")
    );
}
