//! Any columns are sealed and come back, bit by bit.

#![no_main]

use watchfire_store::block::{Block, Columns, Scratch, SealOptions, seal};

libfuzzer_sys::fuzz_target!(|input: (u8, Vec<(u16, i64)>, Vec<Vec<u64>>)| {
    let (options, ticks, columns) = input;
    let mut at = 0_i64;
    let timestamps: Vec<i64> = ticks
        .iter()
        .take(700)
        .map(|&(gap, far)| {
            let gap = 1 + if gap == 0 { far & 0xff_ffff_ffff } else { i64::from(gap) };
            at += gap;
            at
        })
        .collect();
    if timestamps.is_empty() {
        return;
    }
    // A short list of bits is gone through again and again.
    let column = |(key, bits): (usize, &Vec<u64>)| {
        let again = bits.iter().chain([&0]).cycle().take(timestamps.len());
        (key as u32 * 3, again.map(|&bits| f64::from_bits(bits)).collect::<Vec<f64>>())
    };
    let series = columns.iter().take(200).enumerate().map(column).collect();
    let columns = Columns { timestamps, series };
    let options = SealOptions {
        tag: u32::from(options),
        level: options % 9,
        for_speed: options,
        relatives: options & 1 == 0,
    };
    let sealed = seal(&columns, &options).expect("columns that can be sealed");
    let block = Block::open(&sealed[..], options.tag).expect("what was sealed opens");
    let (mut scratch, mut times) = (Scratch::new(), Vec::new());
    block.timestamps(&mut scratch, &mut times).expect("the timestamps");
    assert_eq!(times, columns.timestamps);
    let keys = block.keys().expect("the keys");
    let same = |number: usize, values: Result<Option<&[f64]>, _>| {
        let values = values.expect("a whole group").expect("a key that is there");
        let truth = columns.series[number].1.iter().map(|value| value.to_bits());
        assert!(truth.eq(values.iter().map(|value| value.to_bits())));
    };
    block.read(&keys, 0..times.len(), &mut scratch, same).expect("a block of ticks");
});
