use std::path::PathBuf;

use watchfire_agent::metrics_once;
use watchfire_api::exposition::Format;
use watchfire_runtime::Clock;

use crate::screen;

#[derive(clap::Args)]
#[command(
    after_help = "No agent needs to run. Of a recorded machine the same is printed each time: \
    nothing is asked of this one.\n\n  watchfire metrics | promtool check metrics"
)]
pub(super) struct Metrics {
    /// A recorded machine instead of this one: the folder that holds its proc, sys and etc
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print OpenMetrics 1.0 instead of Prometheus' text format 0.0.4
    #[arg(long)]
    openmetrics: bool,
    /// Say on stderr what could not be read
    #[arg(long, short)]
    verbose: bool,
}

impl Metrics {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let format = if self.openmetrics { Format::OpenMetrics } else { Format::Text };
        let once = metrics_once(self.root.as_deref(), &Clock::system(), format)?;
        if self.verbose {
            for fault in &once.faults {
                eprintln!("cannot read: {fault}");
            }
        }
        if once.left_out > 0 {
            eprintln!("warning: {} series are left out: there is no room for them", once.left_out);
        }
        screen::print_exactly(&once.text)
    }
}
