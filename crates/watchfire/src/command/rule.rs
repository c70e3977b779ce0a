mod check;
mod files;
mod rehearse;
mod test;

use std::path::PathBuf;

use clap::Subcommand;

pub(crate) use files::BadFiles;

#[derive(clap::Args)]
#[command(after_help = "Rules and their tests are in Prometheus' formats. Only `rehearse` needs \
    a hub: that of the last `watchfire login`.")]
pub(super) struct Rule {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Read files of rules and tell every mistake with its line and column
    Check {
        /// Files of rules
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run files of unit tests, as `promtool test rules` does
    Test {
        /// Files of tests
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Replay rules on what a hub has stored, and say when they would have fired
    Rehearse(rehearse::Rehearse),
}

impl Rule {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Check { files, json } => check::run(&files, json),
            Action::Test { files, json } => test::run(&files, json),
            Action::Rehearse(rehearse) => rehearse.run(),
        }
    }
}
