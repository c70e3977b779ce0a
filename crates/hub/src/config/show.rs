use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use watchfire_alert::told::{Stage, Way, Window};
use watchfire_model::{Channel, Server};
use watchfire_notify::{AllowedHost, MailServer};
use watchfire_runtime::net::Network;

use super::check::WORDS;
use crate::self_test::DAYS;

use super::{HubConfig, Messages, Service, ServiceLogin, User};

/// The effective config as TOML, with every secret hidden.
#[must_use]
pub fn show(config: &HubConfig) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, so the results are not looked at.
    let _ = writeln!(text, "listen = {:?}", config.listen.to_string());
    let _ = writeln!(text, "data = {:?}", config.data.display().to_string());
    let _ = writeln!(text, "disk = {:?}", size(config.disk));
    let _ = writeln!(text, "down_after = {:?}", duration(config.down_after));
    let _ = writeln!(text, "public_url = {:?}", config.public_url);
    let plain =
        WORDS.iter().find(|(_, plain)| *plain == config.plain).map_or("", |(word, _)| *word);
    let _ = writeln!(text, "plain = {plain:?}");
    if !config.unsigned_runs_need_proof {
        let _ = writeln!(text, "unsigned_runs = \"login\"");
    }
    if !config.trusted_proxies.is_empty() {
        let proxies: Vec<String> = config.trusted_proxies.iter().map(Network::to_string).collect();
        let _ = writeln!(text, "trusted_proxies = {proxies:?}");
    }
    let patterns: Vec<&str> = config.rules.patterns().collect();
    if !patterns.is_empty() {
        let _ = writeln!(text, "rules = {patterns:?}");
    }
    if !config.rules.has_built_in() {
        let _ = writeln!(text, "builtin_rules = false");
    }
    show_mail(&mut text, config);
    show_notify(&mut text, config);
    show_messages(&mut text, config);
    show_services(&mut text, config);
    for watched in &config.servers {
        let _ = writeln!(text, "\n[[server]]");
        let _ = writeln!(text, "name = {:?}", watched.server.name.as_str());
        if let Some(address) = &watched.address {
            let _ = writeln!(text, "address = {address:?}");
        }
        show_labels(&mut text, &watched.server);
        if let Some(login) = &watched.login {
            let _ = writeln!(text, "login = {{ user = {:?}, password = \"***\" }}", login.user);
        }
    }
    show_senders(&mut text, config);
    show_maintenance(&mut text, config);
    show_users(&mut text, config);
    text
}

fn duration(value: Duration) -> String {
    match value.subsec_millis() {
        0 => format!("{}s", value.as_secs()),
        _ => format!("{}ms", value.as_millis()),
    }
}

/// In the unit that gives the smallest whole number.
fn size(bytes: u64) -> String {
    let units = [
        ("", 1),
        ("kB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
    ];
    let whole = units.into_iter().filter(|(_, unit)| bytes.is_multiple_of(*unit));
    let (name, unit) = whole.max_by_key(|(_, unit)| *unit).unwrap_or(("", 1));
    format!("{}{name}", bytes / unit)
}

fn show_mail(text: &mut String, config: &HubConfig) {
    let Some(mail) = &config.mail else { return };
    let _ = writeln!(text, "\n[mail]\nfrom = {:?}", mail.from);
    let _ = match &mail.server {
        MailServer::Smtp(server) => {
            let scheme = if server.implicit_tls { "smtps" } else { "smtp" };
            let login = server.login.as_ref().map(|(user, _)| format!("{user}:***@"));
            let login = login.unwrap_or_default();
            // Which file they came from is not kept; that there are some is worth a line.
            if !server.tls_roots.is_empty() {
                let _ = writeln!(text, "# trusts the certificates in its ca file as well");
            }
            writeln!(text, "smtp = \"{scheme}://{login}{}:{}\"", server.host, server.port)
        }
        MailServer::Mailgun { base, domain, .. } => {
            writeln!(text, "mailgun = {{ base = {base:?}, domain = {domain:?}, key = \"***\" }}")
        }
    };
}

fn show_notify(text: &mut String, config: &HubConfig) {
    let hosts: Vec<String> = config.allowed.hosts().iter().map(AllowedHost::to_string).collect();
    let _ = writeln!(text, "\n[notify]");
    if !hosts.is_empty() {
        let _ = writeln!(text, "allow = {hosts:?}");
    }
    let _ = writeln!(text, "texts_per_hour = {}", config.budget.texts);
    let _ = writeln!(text, "messages_per_hour = {}", config.budget.others);
}

fn show_messages(text: &mut String, config: &HubConfig) {
    let Messages { subject, text: words, .. } = &config.messages;
    if subject.is_some() || words.is_some() {
        let _ = writeln!(text, "\n[messages]");
    }
    for (key, template) in [("subject", subject), ("text", words)] {
        if let Some(template) = template {
            let _ = writeln!(text, "{key} = {template:?}");
        }
    }
}

fn show_services(text: &mut String, config: &HubConfig) {
    if let Some(heartbeat) = &config.heartbeat {
        let every = duration(heartbeat.every);
        let _ = writeln!(text, "\n[heartbeat]\nurl = \"***\"\nevery = {every:?}");
    }
    if let Some(fallback) = &config.fallback {
        let (after, stop) = (duration(fallback.after), duration(fallback.after_stop));
        let channels: Vec<String> =
            fallback.channels.iter().map(|one| format!("{}:***", one.scheme())).collect();
        let _ = writeln!(
            text,
            "\n[fallback]\nchannels = {channels:?}\nafter = {after:?}\nafter_stop = {stop:?}"
        );
    }
    if let Some(service) = &config.read_from {
        let _ = writeln!(text, "\n[history]\nread = {:?}", service.url);
        show_service_login(text, service);
    }
    for target in &config.remote_writes {
        let _ = writeln!(text, "\n[[remote_write]]\nurl = {:?}", target.service.url);
        show_service_login(text, &target.service);
        let servers: Vec<&str> = target.scope.selectors().iter().map(|s| s.as_str()).collect();
        let _ = writeln!(text, "servers = {servers:?}");
    }
}

fn show_service_login(text: &mut String, service: &Service) {
    let _ = match &service.login {
        None => Ok(()),
        Some(ServiceLogin::Bearer(_)) => writeln!(text, "token = \"***\""),
        Some(ServiceLogin::Basic { user, .. }) => {
            writeln!(text, "user = {user:?}\npassword = \"***\"")
        }
    };
}

fn show_labels(text: &mut String, server: &Server) {
    let own = |name: &str| matches!(name, "name" | "instance");
    let labels: Vec<String> = server
        .labels
        .iter()
        .filter(|(name, _)| !own(name))
        .map(|(name, value)| format!("{name} = {value:?}"))
        .collect();
    if !labels.is_empty() {
        let _ = writeln!(text, "labels = {{ {} }}", labels.join(", "));
    }
}

fn show_senders(text: &mut String, config: &HubConfig) {
    for sender in &config.senders {
        let name = sender.server.name.as_str();
        let _ = writeln!(text, "\n[[sender]]\nname = {name:?}\ntoken = \"***\"");
        show_labels(text, &sender.server);
    }
}

fn show_users(text: &mut String, config: &HubConfig) {
    for user in &config.users {
        let _ = writeln!(text, "\n[[user]]\nname = {:?}\nrole = \"{}\"", user.name, user.role);
        if user.password.is_some() {
            let _ = writeln!(text, "password_hash = \"***\"");
        }
        let servers: Vec<&str> = user.scope.selectors().iter().map(|s| s.as_str()).collect();
        let _ = writeln!(text, "servers = {servers:?}");
        let _ = writeln!(text, "channels = {:?}", shown_channels(&user.channels));
        show_told(text, user);
        if let Some(minutes) = user.report {
            let _ = writeln!(text, "report = \"{:02}:{:02}\"", minutes / 60, minutes % 60);
        }
        if let Some(at) = user.self_test {
            let day = DAYS.iter().find(|(_, day)| *day == at.day).map_or("", |(word, _)| *word);
            let (hours, minutes) = (at.minutes / 60, at.minutes % 60);
            let _ = writeln!(text, "self_test = \"{day} {hours:02}:{minutes:02}\"");
        }
        if let Some(zone) = user.time_zone.iana_name() {
            let _ = writeln!(text, "time_zone = {zone:?}");
        }
        user.ways.iter().for_each(|way| show_way(text, way));
        user.escalation.stages.iter().for_each(|stage| show_stage(text, stage));
    }
}

fn show_told(text: &mut String, user: &User) {
    let awake = &user.awake;
    for (key, hours) in [("working", &awake.working), ("quiet", &awake.quiet)] {
        if let Some(hours) = hours {
            let _ = writeln!(text, "{key} = \"{hours}\"");
        }
    }
    if let Some(wakes) = awake.wakes {
        let _ = writeln!(text, "wakes = \"{wakes}\"");
    }
}

fn show_way(text: &mut String, way: &Way) {
    let _ = writeln!(text, "\n[[user.way]]");
    if let Some(scope) = &way.scope {
        let servers: Vec<&str> = scope.selectors().iter().map(|s| s.as_str()).collect();
        let _ = writeln!(text, "servers = {servers:?}");
    }
    let _ = writeln!(text, "severity = \"{}\"", way.severity);
    if let Some(during) = &way.during {
        let _ = writeln!(text, "during = \"{during}\"");
    }
    let _ = writeln!(text, "channels = {:?}", shown_channels(&way.channels));
}

fn show_stage(text: &mut String, stage: &Stage) {
    let _ = writeln!(text, "\n[[user.escalate]]\nafter = {:?}", duration(stage.after));
    if let Some(user) = &stage.user {
        let _ = writeln!(text, "user = {user:?}");
    }
    let _ = writeln!(text, "severity = \"{}\"", stage.severity);
    if !stage.channels.is_empty() {
        let _ = writeln!(text, "channels = {:?}", shown_channels(&stage.channels));
    }
}

fn shown_channels(channels: &[Channel]) -> Vec<String> {
    let shown = |channel: &Channel| match channel.scheme() {
        "mailto" | "terminal" => channel.as_str().to_owned(),
        scheme => format!("{scheme}://***"),
    };
    channels.iter().map(shown).collect()
}

fn show_maintenance(text: &mut String, config: &HubConfig) {
    for one in &config.maintenance {
        let servers: Vec<&str> = one.scope.selectors().iter().map(|s| s.as_str()).collect();
        let _ = writeln!(text, "\n[[maintenance]]\nname = {:?}\nservers = {servers:?}", one.name);
        let _ = match &one.window {
            Window::Each(hours, zone) => {
                let _ = writeln!(text, "each = \"{hours}\"");
                zone.iana_name().map_or(Ok(()), |zone| writeln!(text, "time_zone = {zone:?}"))
            }
            Window::Once(from, to) => {
                let shown = |at: &i64| Timestamp::from_millisecond(*at).unwrap_or_default();
                let civil = |at| shown(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
                writeln!(
                    text,
                    "from = {:?}\nto = {:?}\ntime_zone = \"UTC\"",
                    civil(from),
                    civil(to)
                )
            }
        };
    }
}
