//! `watchfire audit`: who did what, and whether somebody changed that.

mod hub;

use clap::{Args, Subcommand};

#[derive(Args)]
#[command(
    after_help = "The hub is asked at which `watchfire login` was last done, as an administrator \
    who sees every server; --data reads its database, whether it runs or not. Who takes away \
    the last rows is found out by a head that was kept elsewhere:\n  watchfire audit head > \
    /elsewhere/head\n  watchfire audit verify --head \"$(cat /elsewhere/head)\"\nThe runner of a server writes what it ran itself; \
     verify FILE takes that as well."
)]
pub(super) struct Audit {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// List the newest rows
    Ls(hub::Ls),
    /// Verify every row and that none is missing; exits with 1 and names the row otherwise
    Verify(hub::Verify),
    /// Print every row as a line of JSON, as it was written
    Export(hub::Export),
    /// Print the number and the hash of the newest row, to keep elsewhere
    Head(hub::HeadOf),
}

impl Audit {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::Ls(ls) => ls.run(),
            Act::Verify(verify) => verify.run(),
            Act::Export(export) => export.run(),
            Act::Head(head) => head.run(),
        }
    }
}
