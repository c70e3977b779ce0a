use std::path::PathBuf;

use watchfire_agent::runner::verify_audit;

use crate::screen;

#[derive(clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Check that each line of a runner's audit file holds the hash of the one before it
    Verify(Verify),
}

#[derive(clap::Args)]
#[command(
    after_help = "The last line's hash is the head. Kept elsewhere and given with --head, it \
    shows later that no line was taken off the end. It ends with 1 when a line is not as it was \
    written."
)]
struct Verify {
    /// The file: audit.jsonl in the runner's data folder, or audit.old.jsonl before it
    file: PathBuf,
    /// A head that was printed before
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Shown {
    lines: u64,
    last: u64,
    head: String,
}

impl Audit {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let What::Verify(verify) = self.what;
        let found = verify_audit(&verify.file, verify.head.as_deref())?;
        let shown = Shown { lines: found.lines, last: found.last, head: found.head };
        if verify.json {
            return screen::print_json(&shown);
        }
        let Shown { lines, last, head } = shown;
        screen::print(&format!("{lines} lines, the last is number {last}: whole\nhead {head}\n"))
    }
}
