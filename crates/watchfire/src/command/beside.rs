use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::bail;
use watchfire_hub::{Admin, HubConfig, OVERRIDABLE};
use watchfire_runtime::Clock;
use watchfire_runtime::config::{Outside, Source};

use super::hub::USUAL_CONFIG;
use super::relaunch::{other_owner, relaunch};
use crate::settings;

/// Which hub's data a command works on. The hub may run meanwhile.
#[derive(clap::Args, Clone)]
pub(super) struct Beside {
    /// The hub's config file [default: /etc/watchfire/hub.toml where it exists]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The hub's data folder [default: the config's, else /var/lib/watchfire]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Beside {
    /// The config, where there is one; what it does not say is the default. With
    /// --data alone no config is looked for.
    pub(super) fn config(&self) -> anyhow::Result<HubConfig> {
        let mut overrides = settings::environment(&OVERRIDABLE)?;
        let data = self.data.as_ref().map(|data| data.display().to_string());
        overrides.flag("data", "--data", data);
        Ok(match self.file() {
            Some(path) => HubConfig::load(&path, &overrides)?,
            None => {
                let empty = Source::from_text(Path::new("hub.toml"), "");
                let outside = <dyn Outside>::machine(Path::new("."));
                HubConfig::from_source(&empty, &overrides, &outside)?
            }
        })
    }

    /// What was named for an agent instead: its config file and its data folder.
    pub(super) fn of_agent(&self) -> (Option<PathBuf>, Option<String>) {
        (self.config.clone(), self.data.as_ref().map(|data| data.display().to_string()))
    }

    /// The config's file, where there is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match (&self.config, &self.data) {
            (None, Some(_)) => None,
            (named, _) => settings::config_file(named.clone(), USUAL_CONFIG),
        }
    }

    /// Opens the data of the hub with this config. Files that root made in there
    /// would lock the hub out, so root goes on as the hub's user: the process
    /// begins anew with `own` arguments, the resolved folder, and `stdin`.
    pub(super) fn open(
        config: &HubConfig,
        own: impl FnOnce() -> Vec<OsString>,
        stdin: Option<&str>,
    ) -> anyhow::Result<Admin> {
        if config.data.exists()
            && let Some(owner) = other_owner(&config.data)?
        {
            let data = std::path::absolute(&config.data)?;
            let place: [OsString; 2] = ["--data".into(), data.into()];
            return Err(relaunch(own().into_iter().chain(place), stdin, Some(owner)));
        }
        Ok(Admin::open(&config.data, Clock::system())?)
    }
}

/// Reads `KEY=VALUE` pairs of the command line.
pub(super) fn pairs(
    given: &[String],
) -> anyhow::Result<std::collections::BTreeMap<String, String>> {
    let mut pairs = std::collections::BTreeMap::new();
    for label in given {
        let Some((key, value)) = label.split_once('=') else {
            bail!("{label:?} is no label: write KEY=VALUE, as in --label role=web");
        };
        pairs.insert(key.to_owned(), value.to_owned());
    }
    Ok(pairs)
}
