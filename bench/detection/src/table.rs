use std::fmt::Write;

use watchfire_testkit::figures::{self, percentile};

use crate::trials::{Measured, Settings};

/// The result, ready for `docs/benchmarks.md`.
pub(crate) fn markdown(settings: &Settings, measured: &[Measured]) -> String {
    let mut text = format!(
        "`cargo run --release -p bench-detection -- --trials {} --agents {} --stagger {}`\n\n\
         {}\n\n\
         | fault | trials | figure | p50 | p99 | max |\n|---|--:|---|--:|--:|--:|\n",
        settings.trials,
        settings.agents,
        settings.stagger.as_millis(),
        figures::machine()
    );
    for one in measured {
        let rows = [
            ("last sign of life → mail accepted (hub's record)", &one.from_last_sign),
            ("of that, last sign of life → judged (hub's record)", &one.to_judgement),
            ("fault injected → mail accepted (mail server's clock)", &one.from_fault),
            ("first sign of life → recovery mail accepted (hub's record)", &one.from_first_sign),
            ("reachable again → recovery mail accepted (mail server's clock)", &one.from_recovery),
        ];
        for (figure, values) in rows {
            let at = |share| seconds(percentile(values, share));
            let (name, trials) = (one.fault.name(), values.len());
            let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
            let _ = writeln!(text, "| {name} | {trials} | {figure} | {p50} | {p99} | {max} |");
        }
    }
    text.push_str(
        "\n| fault | mails lost | mails doubled | false alarms | \
         hub's own standstill, most in one silence | hub CPU | time |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for one in measured {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.3} s | {:.1} s | {:.0} s |",
            one.fault.name(),
            one.lost,
            one.doubled,
            one.false_alarms,
            one.most_stalled,
            one.hub_cpu,
            one.took.as_secs_f64()
        );
    }
    text
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:.3} s"))
}
