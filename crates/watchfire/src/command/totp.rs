//! `watchfire totp`: the second factor of who is logged in at a hub.

use clap::{Args, Subcommand};
use serde_json::json;
use watchfire_api::totp::{RecoveryCodes, TotpSecretReply, TotpStanding};

use super::at_hub::AtHub;
use super::past::local;
use super::prompt;
use crate::hub_client::Question;
use crate::screen;

#[derive(Args)]
#[command(
    after_help = "With it a login wants a code of an authenticator app after the password, and \
    commands that nobody signed can be run. Programs use tokens then: watchfire token make"
)]
pub(super) struct Totp {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Turn it on: shows the secret for the app, and recovery codes, this once
    On(Of),
    /// Turn it off, with a code or a recovery code
    Off(Of),
    /// Say whether it is on, and how many recovery codes are left
    Show(Of),
}

#[derive(Args)]
struct Of {
    #[command(flatten)]
    at: AtHub,
}

impl Totp {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::On(Of { at }) => on(&at),
            Act::Off(Of { at }) => {
                let code = prompt::line("Code: ")?;
                at.told(&Question::post("/api/totp/off", &json!({ "code": code })))
            }
            Act::Show(Of { at }) => show(&at),
        }
    }
}

fn on(at: &AtHub) -> anyhow::Result<()> {
    let password = prompt::secret("Password: ")?;
    let body = json!({ "password": password.expose() });
    let begun: TotpSecretReply = at.change(&Question::post("/api/totp", &body))?;
    eprintln!(
        "Put this into the app:\n  {}\nor, as a URL:\n  {}",
        screen::line(&begun.secret),
        screen::line(&begun.url)
    );
    let code = prompt::line("Code that the app shows now: ")?;
    let body = json!({ "code": code });
    let codes: RecoveryCodes = at.change(&Question::post("/api/totp/confirm", &body))?;
    if at.json {
        return screen::print_json(&codes);
    }
    eprintln!("It is on. Each of these opens once, for when the app is lost; keep them elsewhere:");
    screen::print(&(codes.recovery_codes.join("\n") + "\n"))
}

fn show(at: &AtHub) -> anyhow::Result<()> {
    let standing: TotpStanding = at.get("/api/totp")?;
    if at.json {
        return screen::print_json(&standing);
    }
    let since = standing.since_unix_ms.map(local);
    screen::print(&match since {
        Some(since) => {
            let left = standing.recovery_codes_left;
            format!("on since {since}; {left} recovery codes are left\n")
        }
        None => "off\n".to_owned(),
    })
}
