//! Any text as a template of a rule file, within tight limits: no panic, no endless loop, and no more
//! text than is allowed; an error has its place in the template.

#![no_main]

use watchfire_alert::go_template::{Data, Limits, Template, TemplateError};
use watchfire_model::LabelSet;
use watchfire_promql::Sample;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let limits = Limits { steps: 5_000, output_bytes: 4_096, ..Limits::default() };
    let labels = LabelSet::of(&[("instance", "web-1:9100"), ("job", "{{ . }}")]);
    let data = Data::of_alert(&labels, 0.25, &LabelSet::empty(), "https://example.com/w").at(1_000);
    match Template::parse(text).and_then(|template| template.expand(&data, &ask, &limits)) {
        Ok(written) => assert!(written.len() <= limits.output_bytes),
        Err(error) => has_place(text, &error),
    }
});

/// Every question has three answers, but for the empty one.
fn ask(text: &str) -> Result<Vec<Sample>, String> {
    if text.is_empty() {
        return Err("nothing was asked".to_owned());
    }
    let sample = |(number, label): (usize, &str)| Sample {
        labels: LabelSet::of(&[("n", label)]),
        at_ms: 1_000,
        value: number as f64,
    };
    Ok(["b", "a", "ä"].into_iter().enumerate().map(sample).collect())
}

fn has_place(text: &str, error: &TemplateError) {
    let line = text.split('\n').nth(error.line - 1).expect("the line exists");
    assert!(error.column <= line.chars().count() + 1, "{error}");
}
