use std::io::{BufRead, IsTerminal, Read};

use anyhow::{Context, bail};
use watchfire_identity::password;

#[derive(clap::Args)]
#[command(after_help = "On a terminal it asks twice. From a pipe it reads one line:\n  \
    printf '%s\\n' \"$PASSWORD\" | watchfire passwd")]
pub(super) struct Passwd {}

impl Passwd {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(self) -> anyhow::Result<()> {
        let password = if std::io::stdin().is_terminal() { ask()? } else { read_line()? };
        let hash = password::hash(&password)?;
        println!("{}", hash.as_str());
        Ok(())
    }
}

fn ask() -> anyhow::Result<String> {
    let first = rpassword::prompt_password("Password: ").context("the terminal cannot be read")?;
    let again = rpassword::prompt_password("Again: ").context("the terminal cannot be read")?;
    if first != again {
        bail!("the two are not the same; nothing was made");
    }
    Ok(first)
}

fn read_line() -> anyhow::Result<String> {
    let limit = u64::try_from(password::MAX_PASSWORD_BYTES)? + 2;
    let mut line = String::new();
    let mut input = std::io::stdin().lock().take(limit);
    input.read_line(&mut line).context("the password cannot be read from the pipe")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
