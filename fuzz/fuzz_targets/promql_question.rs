//! Any text as a question, over a few series and within tight limits: no panic and no endless loop;
//! what is taken can be printed and read again as the same.

#![no_main]

use watchfire_promql::memory::MemorySource;
use watchfire_promql::{Features, Limits, Query};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let experimental = Features { experimental: true };
    let Ok(query) = Query::parse(text, experimental) else { return };
    let line = query.to_string();
    for printed in [line.clone(), query.pretty()] {
        let again = Query::parse(&printed, experimental).expect("what was printed can be read");
        assert_eq!(again.to_string(), line, "{text}");
    }
    let limits = Limits { samples: 10_000, ..Limits::default() };
    let source = few_series();
    let asked = std::cell::Cell::new(0_u32);
    let out_of_time = || {
        asked.set(asked.get() + 1);
        asked.get() > 10_000
    };
    // An error is an answer as well.
    let _ = query.instant(&source, 60_000, &limits, &out_of_time);
    let _ = query.range(&source, (0, 120_000, 15_000), &limits, &out_of_time);
});

fn few_series() -> MemorySource {
    let mut source = MemorySource::default();
    for (number, instance) in ["a", "b", "c"].into_iter().enumerate() {
        let samples: Vec<(i64, f64)> =
            (0..12).map(|step| (step * 10_000, (step * (number as i64 + 1)) as f64)).collect();
        source.add(&[("__name__", "m"), ("instance", instance)], &samples);
        source.add(&[("__name__", "up"), ("instance", instance)], &[(60_000, 1.0)]);
        let bucket = [("__name__", "h_bucket"), ("le", if number == 2 { "+Inf" } else { "1" })];
        source.add(&bucket, &samples);
    }
    source
}
