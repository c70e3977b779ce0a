//! What is written is read again, bit by bit, and without an error.

#![no_main]

use watchfire_fuzz::{Step, read, same_table, stream};

libfuzzer_sys::fuzz_target!(|steps: Vec<Step>| {
    let truth = stream(&steps);
    let (mut ticks, mut tables) = (truth.ticks.iter(), truth.tables.iter());
    let errors = read(
        &truth.bytes,
        |schema, tick| {
            let (keys, truth) = ticks.next().expect("no more ticks than were written");
            assert_eq!(truth, tick);
            assert_eq!(keys, schema);
        },
        |table| {
            let truth = tables.next().expect("no more tables than were written");
            assert!(same_table(truth, table), "{truth:#?}\n{table:#?}");
        },
    );
    assert_eq!(errors, 0);
    assert!(ticks.next().is_none() && tables.next().is_none());
});
