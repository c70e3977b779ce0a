use std::fmt::Write;

use watchfire_api::route::{Route as Reply, RouteRow};
use watchfire_runtime::Clock;

use super::block_on;
use super::past::local;
use crate::hub_client::{Hub, encoded};
use crate::screen;

#[derive(clap::Args)]
#[command(
    after_help = "The hub is asked at which `watchfire login` was last done. Operators are shown \
    all users, viewers themselves."
)]
pub(super) struct Route {
    /// The server that the news would be about
    #[arg(value_name = "SERVER")]
    server: String,
    /// How bad the news would be: info, warning or critical [default: that of the server]
    #[arg(long, value_name = "SEVERITY")]
    severity: Option<String>,
    /// When they would come: RFC 3339, or -15m [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Route {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.hub.as_deref(), &Clock::system())?;
        let pairs = [("severity", &self.severity), ("at", &self.at)];
        let pairs = pairs.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let query: Vec<String> =
            pairs.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let server = encoded(&self.server);
        let path = format!("/api/servers/{server}/route{mark}{}", query.join("&"));
        let reply: Reply = block_on(hub.get(&path))?;
        if self.json {
            return screen::print_json(&reply);
        }
        screen::print(&text(&reply))
    }
}

fn text(reply: &Reply) -> String {
    let mut out = String::new();
    let (server, severity, at) = (&reply.server, &reply.severity, local(reply.at_unix_ms));
    // Writing to a String cannot fail, so the results are not looked at.
    let _ = writeln!(out, "{severity} news of {server} at {at}");
    if let Some(muted) = &reply.muted {
        let until = muted.until_unix_ms.map(|until| format!(" until {}", local(until)));
        let _ = writeln!(out, "nobody is told: {}{}", muted.why, until.unwrap_or_default());
    }
    if reply.users.is_empty() {
        let _ = writeln!(out, "nobody has this server among theirs");
    }
    reply.users.iter().for_each(|user| add(&mut out, user));
    out
}

fn add(out: &mut String, row: &RouteRow) {
    let until = row.not_before_unix_ms.map(|until| format!(", at {}", local(until)));
    let _ = writeln!(out, "\n{}: {}{}", row.user, row.words, until.unwrap_or_default());
    for (place, channel) in row.channels.iter().enumerate() {
        let _ = writeln!(out, "  {}. {channel}", place + 1);
    }
}

#[cfg(test)]
mod tests {
    use watchfire_api::route::Muted;

    use super::*;

    #[test]
    fn it_says_who_is_told_and_how() {
        let row = |user: &str, channels: &[&str]| RouteRow {
            user: user.to_owned(),
            told: !channels.is_empty(),
            words: "told at once".to_owned(),
            not_before_unix_ms: None,
            channels: channels.iter().map(|&url| url.to_owned()).collect(),
        };
        let reply = Reply {
            server: "web-1".to_owned(),
            severity: "critical".to_owned(),
            at_unix_ms: 0,
            muted: Some(Muted { why: "maintenance \"disks\"".to_owned(), until_unix_ms: None }),
            users: vec![row("ada", &["mailto:ada@example.org", "twilio://…"])],
        };
        let text = text(&reply);
        assert!(text.starts_with("critical news of web-1 at "), "{text}");
        assert!(text.contains("\nnobody is told: maintenance \"disks\"\n"), "{text}");
        let ada = "\nada: told at once\n  1. mailto:ada@example.org\n  2. twilio://…\n";
        assert!(text.ends_with(ada), "{text}");
    }
}
