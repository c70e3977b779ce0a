use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Read};

use anyhow::Context;
use watchfire_identity::enrol::InviteCode;

use super::beside::Beside;
use super::block_on;
use super::relaunch::relaunch;

/// What stands for a code that comes over stdin.
const FROM_STDIN: &str = "-";
/// The longest line that is read for a code, in bytes.
const MAX_LINE: u64 = 1024;

#[derive(clap::Args)]
#[command(
    after_help = "`watchfire invite` on the server prints this line. The secret in the code is \
    sent to that server alone, over TLS. The running hub dials the server from then on."
)]
pub(super) struct Adopt {
    /// Where the server's agent is, as in 10.0.0.11:5000
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The code of `watchfire invite`; - asks for it, or reads it from a pipe
    #[arg(value_name = "CODE")]
    code: String,
    #[command(flatten)]
    beside: Beside,
}

impl Adopt {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.code != FROM_STDIN {
            return Err(hide_code(&self.code));
        }
        let code = read_code()?;
        let own = || -> Vec<OsString> { vec!["adopt".into(), (&self.address).into(), "-".into()] };
        let config = self.beside.config()?;
        let admin = Beside::open(&config, own, Some(code.to_string().as_str()))?;
        let name = block_on(async { Ok(admin.adopt(&self.address, &code).await?) })?;
        println!("{name}");
        eprintln!("The server {name} belongs to the hub now, which dials it at {}.", self.address);
        Ok(())
    }
}

/// Every user of the machine can read arguments, so this process begins anew
/// without the code among them.
fn hide_code(code: &str) -> anyhow::Error {
    if let Err(error) = code.parse::<InviteCode>() {
        return anyhow::Error::new(error);
    }
    let hidden = |argument: OsString| {
        if argument.to_str() == Some(code) { OsString::from(FROM_STDIN) } else { argument }
    };
    relaunch(std::env::args_os().skip(1).map(hidden), Some(code), None)
}

fn read_code() -> anyhow::Result<InviteCode> {
    let line = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Code: ").context("the terminal cannot be read")?
    } else {
        let mut line = String::new();
        let mut input = std::io::stdin().lock().take(MAX_LINE);
        input.read_line(&mut line).context("the code cannot be read from the pipe")?;
        line
    };
    Ok(line.parse()?)
}
