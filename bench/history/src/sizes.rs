use watchfire_store::block::{Block, Columns, Scratch, SealOptions, merge, seal};
use watchfire_testkit::scrapes;

use crate::fastest;
use crate::recording::{Recording, of_exporter};

const HOUR: usize = 3600;
const TEN_MINUTES: usize = 600;

/// Prints bytes a sample and the speeds, for the sets of series that the design names.
pub(crate) fn measure(recording: &Recording) {
    let all = recording.select(|_| true);
    let host = recording.select(|key| !of_exporter(key));
    let default = recording.select(scrapes::on_by_default);
    set("all series at 1 s", recording, &all, 1, "0.21", "Prometheus 1.06, VictoriaMetrics 0.291");
    set(
        "host series at 1 s",
        recording,
        &host,
        1,
        "0.12",
        "Prometheus 0.76, VictoriaMetrics 0.173",
    );
    set(
        "default series at 5 s",
        recording,
        &default,
        5,
        "0.45",
        "Prometheus 1.79, VictoriaMetrics 0.684",
    );
}

/// Blocks of ten minutes, as many as the recording has, or one that is cut anywhere in it.
fn set(what: &str, recording: &Recording, series: &[usize], step: usize, hold: &str, peers: &str) {
    let whole = recording.len() / TEN_MINUTES;
    let blocks: Vec<Columns> = (0..whole.min(HOUR / TEN_MINUTES))
        .map(|n| recording.cut(series, n * TEN_MINUTES..(n + 1) * TEN_MINUTES, step, 0))
        .collect();
    let samples: usize = blocks.iter().map(samples).sum();
    let options = SealOptions::default();
    let seal_all = || blocks.iter().map(|block| seal(block, &options).unwrap()).collect::<Vec<_>>();
    let (sealing, sealed) = fastest(3, seal_all);
    sealed.iter().zip(&blocks).for_each(|(bytes, columns)| check(bytes, columns));
    println!("\n{what}: {} series; to hold {hold}; {peers}", series.len());
    print("ten minutes", &sealed, samples);
    speed("sealing", samples, sealing);
    let opened: Vec<Block<&[u8]>> =
        sealed.iter().map(|bytes| Block::open(&bytes[..], 0).unwrap()).collect();
    let (merging, merged) = fastest(3, || merge(&opened, &options).unwrap().bytes);
    print("merged", std::slice::from_ref(&merged), samples);
    speed("merging", samples, merging);
    for (what, blocks) in [("ten minutes", &sealed), ("merged", &vec![merged])] {
        let (reading, _) = fastest(5, || blocks.iter().for_each(|bytes| read(bytes)));
        speed(&format!("reading all, {what}"), samples, reading);
    }
}

fn samples(columns: &Columns) -> usize {
    columns.timestamps.len() * columns.series.len()
}

fn print(what: &str, blocks: &[Vec<u8>], samples: usize) {
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    let heads: usize =
        blocks.iter().map(|bytes| Block::open(&bytes[..], 0).unwrap().head().directory_end()).sum();
    let times =
        |bytes: &Vec<u8>| Block::open(&bytes[..], 0).unwrap().directory().timestamps_range().len();
    let times: usize = blocks.iter().map(times).sum();
    let each = |bytes: usize| bytes as f64 / samples as f64;
    println!(
        "  {what:<26} {:8.4} bytes a sample, of that directory {:.4}, timestamps {:.4}",
        each(bytes),
        each(heads),
        each(times)
    );
}

fn speed(what: &str, samples: usize, time: std::time::Duration) {
    println!(
        "  {what:<26} {:8.1} million samples a second",
        samples as f64 / time.as_secs_f64() / 1e6
    );
}

fn read(bytes: &[u8]) {
    let block = Block::open(bytes, 0).unwrap();
    let (keys, mut scratch) = (block.keys().unwrap(), Scratch::new());
    let all = 0..block.head().ticks;
    block
        .read(&keys, all, &mut scratch, |_, values| {
            std::hint::black_box(values.unwrap());
        })
        .unwrap();
}

/// Every bit of every value comes back.
fn check(bytes: &[u8], columns: &Columns) {
    let block = Block::open(bytes, 0).unwrap();
    let mut scratch = Scratch::new();
    let keys: Vec<_> = columns.series.iter().map(|(key, _)| *key).collect();
    let mut times = Vec::new();
    block.timestamps(&mut scratch, &mut times).unwrap();
    assert_eq!(times, columns.timestamps);
    let mut seen = 0;
    let compare = |number: usize, values: Result<Option<&[f64]>, _>| {
        let values = values.unwrap().unwrap().iter();
        assert!(
            values.map(|v| v.to_bits()).eq(columns.series[number].1.iter().map(|v| v.to_bits()))
        );
        seen += 1;
    };
    block.read(&keys, 0..times.len(), &mut scratch, compare).unwrap();
    assert_eq!(seen, keys.len());
}
