mod check;
mod files;
mod made;
mod rehearse;
mod test;

use std::path::PathBuf;

use clap::Subcommand;

pub(crate) use files::BadFiles;

#[derive(clap::Args)]
#[command(after_help = "Rules and their tests are in Prometheus' formats. `check` and \
    `test` need no hub; the others ask that of the last `watchfire login`. Files that are put to a hub \
    are evaluated at once and beside those of its config; that wants the role admin:\n  watchfire rule \
    put disks disks.yml\n  watchfire rule get disks > disks.yml")]
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
    /// List the files of rules that a hub evaluates
    List(made::List),
    /// Print a file of rules of a hub
    Get(made::Get),
    /// Make a file of rules on a hub, or change one
    Put(made::Put),
    /// Remove a file of rules that was made on a hub
    Delete(made::Delete),
}

impl Rule {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Check { files, json } => check::run(&files, json),
            Action::Test { files, json } => test::run(&files, json),
            Action::Rehearse(rehearse) => rehearse.run(),
            Action::List(list) => list.run(),
            Action::Get(get) => get.run(),
            Action::Put(put) => put.run(),
            Action::Delete(delete) => delete.run(),
        }
    }
}
