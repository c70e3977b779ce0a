use std::path::PathBuf;

use anyhow::bail;
use watchfire_hub::{OVERRIDABLE, Reported, User, report_now};
use watchfire_model::DeliveryOutcome;
use watchfire_runtime::Clock;

use super::{block_on, hub};
use crate::settings;

#[derive(clap::Args)]
#[command(after_help = "It asks every server itself, so no hub needs to run; \
    it fits into a crontab.")]
pub(super) struct Report {
    /// The config file [default: /etc/watchfire/hub.toml]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only this user's report; may be given more than once
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// Print the reports and send nothing
    #[arg(long)]
    print: bool,
}

impl Report {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let overrides = settings::environment(&OVERRIDABLE)?;
        let config = hub::load(self.config, &overrides)?;
        let mut users = chosen(&config.users, &self.users)?;
        if self.print {
            users.iter_mut().for_each(|user| user.channels.clear());
        }
        let reported =
            block_on(async move { Ok(report_now(config, users, &Clock::system()).await?) })?;
        if self.print {
            for one in &reported {
                println!("{}\n\n{}", one.content.subject, one.content.text.trim_end());
            }
            return Ok(());
        }
        let failed = reported.iter().filter(|one| !tell(one)).count();
        if failed > 0 {
            bail!("{failed} of {} reports were not delivered", reported.len());
        }
        Ok(())
    }
}

fn chosen(all: &[User], names: &[String]) -> anyhow::Result<Vec<User>> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|user| user.name == **name)) {
        let known: Vec<&str> = all.iter().map(|user| user.name.as_str()).collect();
        bail!("the config has no user {unknown:?}\n  hint: it has {}", known.join(", "));
    }
    let wanted = |user: &&User| names.is_empty() || names.contains(&user.name);
    let users: Vec<User> = all.iter().filter(wanted).cloned().collect();
    if users.is_empty() {
        bail!("the config has no users\n  hint: add a [[user]] with servers and channels");
    }
    Ok(users)
}

/// Says on stderr what became of a report; true when it was delivered.
fn tell(reported: &Reported) -> bool {
    let user = &reported.user;
    match &reported.outcome {
        Some((_, DeliveryOutcome::Accepted { reply })) => {
            eprintln!("{user}: delivered ({reply})");
            true
        }
        Some((channel, DeliveryOutcome::Retry { why, .. } | DeliveryOutcome::Refused { why })) => {
            eprintln!("{user}: not delivered by {channel}: {why}");
            false
        }
        Some((channel, DeliveryOutcome::Unknown)) => {
            eprintln!("{user}: {channel} did not say whether it was delivered");
            false
        }
        None => {
            eprintln!("{user}: has no channel");
            false
        }
    }
}
