use std::ffi::OsString;
use std::path::PathBuf;

use watchfire_hub::{Restored, restore};

use super::beside::Beside;
use super::past::local;
use super::relaunch::{other_owner, relaunch};
use crate::screen;

#[derive(clap::Args)]
#[command(
    after_help = "Nothing is overwritten: the data folder must be empty or not there. The whole \
    backup is checked before anything is written. Start the hub afterwards; its agents come back by \
    themselves, for it has the same keys."
)]
pub(super) struct Restore {
    /// The folder that `watchfire backup` made
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    #[command(flatten)]
    beside: Beside,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Shown {
    data: String,
    made_unix_ms: i64,
    authority: String,
    files: usize,
    bytes: u64,
    config: Option<String>,
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let data = self.beside.config()?.data;
        if let Some(owner) = other_owner(&data)? {
            let (from, data) = (std::path::absolute(&self.from)?, std::path::absolute(data)?);
            let mut arguments: Vec<OsString> =
                vec!["restore".into(), from.into(), "--data".into(), data.into()];
            arguments.extend(self.json.then(|| "--json".into()));
            return Err(relaunch(arguments, None, Some(owner)));
        }
        let restored = restore(&self.from, &data, &mut |next| eprintln!("{next} …"))?;
        let Restored { made_unix_ms, authority, files, bytes, config } = restored;
        let (data, config) = (data.display(), config.map(|path| path.display().to_string()));
        if self.json {
            let data = data.to_string();
            let shown = Shown { data, made_unix_ms, authority, files, bytes, config };
            return screen::print_json(&shown);
        }
        eprintln!(
            "{files} files, {}, of {} are in {data}. Start the hub.",
            screen::bytes(bytes),
            local(made_unix_ms)
        );
        if let Some(config) = config {
            eprintln!(
                "The hub.toml of that time is {config}: copy it to its place if it is missing."
            );
        }
        Ok(())
    }
}
