use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use watchfire_hub::{BackupWish, back_up};
use watchfire_runtime::Clock;

use super::beside::Beside;
use super::relaunch::{Owner, other_owner, relaunch};
use crate::screen;

#[derive(clap::Args)]
#[command(
    after_help = "The hub may run meanwhile. The copy holds the databases, the hub's keys and its \
    hub.toml: who has it can be the hub, so keep it where you keep secrets. `watchfire restore` puts \
    it back."
)]
pub(super) struct Backup {
    /// The folder of the copy: an empty one, or one that is not there yet
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    beside: Beside,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Shown {
    folder: String,
    authority: String,
    bytes: u64,
    files: Vec<ShownFile>,
}

#[derive(serde::Serialize)]
struct ShownFile {
    path: String,
    bytes: u64,
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.beside.config()?;
        let file = self.beside.file();
        if let Some(owner) = other_owner(&config.data)? {
            return Err(self.go_on_as(owner, &config.data, file.as_deref())?);
        }
        let wish = BackupWish { data: &config.data, config: file.as_deref(), to: &self.to };
        let made = back_up(&wish, Clock::system().now(), &mut |next| eprintln!("{next} …"))?;
        let bytes = made.bytes();
        if !self.json {
            let folder = self.to.display();
            eprintln!("{} files, {}, are in {folder}.", made.files.len(), screen::bytes(bytes));
            return Ok(());
        }
        let files = made.files.into_iter().map(|(path, bytes)| ShownFile { path, bytes });
        let (folder, authority) = (self.to.display().to_string(), made.authority);
        screen::print_json(&Shown { folder, authority, bytes, files: files.collect() })
    }

    /// Root would read what another user may have put there, so the copy is made by the
    /// hub's user, into a folder that root gives it.
    fn go_on_as(
        &self,
        owner: Owner,
        data: &Path,
        config: Option<&Path>,
    ) -> anyhow::Result<anyhow::Error> {
        let to = std::path::absolute(&self.to)?;
        owner.give_new_folder(&to).with_context(|| format!("cannot create {}", to.display()))?;
        let mut arguments: Vec<OsString> = vec!["backup".into(), to.into()];
        arguments.extend(["--data".into(), std::path::absolute(data)?.into()]);
        if let Some(config) = config {
            arguments.extend(["--config".into(), std::path::absolute(config)?.into()]);
        }
        arguments.extend(self.json.then(|| "--json".into()));
        Ok(relaunch(arguments, None, Some(owner)))
    }
}
