use watchfire_alert::{Facts, clean};
use watchfire_model::{Content, Incident, NotificationKind};

/// The longest subject and the longest line, in characters.
const LONGEST: usize = 110;

/// The least that a message must say, made without templates and without what the
/// server told of itself: for a message whose own words cannot be made.
pub(super) fn words(facts: &Facts<'_>) -> Content {
    about(facts.kind, facts.incident, facts.link)
}

/// The same, for a letter that is held back: most of them are told by another one.
pub(super) fn about(kind: NotificationKind, incident: &Incident, link: &str) -> Content {
    let what = match kind {
        NotificationKind::Recovered => "UP",
        _ => incident.presence.as_str(),
    };
    let name = clean(incident.server.as_str(), LONGEST / 2);
    let cause = clean(&incident.cause, LONGEST);
    lines(&format!("[{}] {name}: {cause}", what.to_uppercase()), &[], link)
}

/// The least that a message about several servers must say.
pub(super) fn group<'a>(
    kind: NotificationKind,
    servers: impl Iterator<Item = &'a str>,
    link: &str,
) -> Content {
    let names: Vec<String> = servers.map(|name| clean(name, LONGEST / 2)).collect();
    let what = match kind {
        NotificationKind::Recovered => "UP",
        NotificationKind::CutOff => "HUB CUT OFF",
        NotificationKind::HubBack => "HUB BACK",
        NotificationKind::Corrected => "CORRECTED",
        NotificationKind::Firing => "FIRING",
        NotificationKind::Resolved => "RESOLVED",
        NotificationKind::Escalated => "STILL OPEN",
        _ => "DOWN",
    };
    let servers = if names.len() == 1 { "server" } else { "servers" };
    lines(&format!("[{what}] {} {servers}", names.len()), &names, link)
}

/// A subject, with more lines and a link.
pub(crate) fn lines(subject: &str, names: &[String], link: &str) -> Content {
    let subject = clean(subject, LONGEST);
    let text: Vec<&str> =
        [subject.as_str()].into_iter().chain(names.iter().map(String::as_str)).collect();
    let html: String = text.iter().map(|line| format!("<p>{}</p>\n", escaped(line))).collect();
    let html = format!("{html}<p>{}</p>\n", escaped(link));
    Content { text: format!("{}\n{link}\n", text.join("\n")), html, subject }
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_markup_stays_none() {
        assert_eq!(escaped("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}
