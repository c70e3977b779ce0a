//! Which server an alert is about, and by which labels it is known whom it concerns.

use watchfire_model::{LabelSet, Labels, ServerName};

use super::book::Subject;
use crate::fleet::Fleet;

/// The labels that may name a server; the first one that names one of the fleet decides.
pub(crate) const NAMING: [&str; 4] = ["server", "instance", "host", "hostname"];

/// The server that `labels` name, if it is one of the fleet.
pub(crate) fn server_of(fleet: &Fleet, labels: &LabelSet) -> Option<ServerName> {
    NAMING.iter().find_map(|name| {
        let value = labels.get(name);
        let host = value.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let known = |text: &str| {
            let name = ServerName::new(text).ok()?;
            fleet.index(&name).map(|index| fleet.config(index).server.name.clone())
        };
        known(value).or_else(|| known(host?.0))
    })
}

/// What the incident of such an alert is about.
pub(super) fn subject(server: Option<&ServerName>, labels: &LabelSet) -> Subject {
    match server {
        Some(server) => Subject { server: server.clone(), labels: None },
        None => Subject { server: as_name(labels.get("alertname")), labels: Some(plain(labels)) },
    }
}

/// The labels by which ways, maintenance and silences hold: the server's, and over them the
/// alert's own.
pub(crate) fn labels_of(fleet: &Fleet, server: Option<&ServerName>, labels: &LabelSet) -> Labels {
    let mut all = Labels::new();
    if let Some(index) = server.and_then(|server| fleet.index(server)) {
        let server = &fleet.config(index).server;
        all = server.labels.clone();
        set(&mut all, "server", server.name.as_str());
    }
    labels.iter().for_each(|(name, value)| set(&mut all, name, value));
    all
}

/// The labels whose names matchers can have.
fn plain(labels: &LabelSet) -> Labels {
    let mut plain = Labels::new();
    labels.iter().for_each(|(name, value)| set(&mut plain, name, value));
    plain
}

/// A name that no matcher can have is left out.
fn set(labels: &mut Labels, name: &str, value: &str) {
    let _ = labels.insert(name, value);
}

/// An alert's name where a server's is expected: what does not fit becomes `_`.
fn as_name(text: &str) -> ServerName {
    const LONGEST: usize = 60;
    let fits = |c: char| if c.is_alphanumeric() || ".-_:".contains(c) { c } else { '_' };
    let name: String = text.chars().take(LONGEST).map(fits).collect();
    let found = ServerName::new(&name).or_else(|_| ServerName::new("alert"));
    found.expect("the second name fits always")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fleet_of, manual_clock, name};

    #[test]
    fn a_server_is_found_by_its_name_with_a_port_or_without() {
        let fleet = fleet_of(&["a-1", "b-1:9100"], &[], &manual_clock().0);
        for (labels, found) in [
            (&[("instance", "a-1")][..], Some("a-1")),
            (&[("instance", "a-1:9100")], Some("a-1")),
            (&[("instance", "b-1:9100")], Some("b-1:9100")),
            (&[("instance", "b-1")], None),
            (&[("server", "z"), ("instance", "y:1"), ("hostname", "a-1")], Some("a-1")),
            (&[("server", "a-1"), ("instance", "b-1:9100")], Some("a-1")),
            (&[("job", "a-1")], None),
        ] {
            let labels = LabelSet::of(labels);
            assert_eq!(server_of(&fleet, &labels), found.map(name), "{labels:?}");
        }
    }

    #[test]
    fn any_alert_has_a_name() {
        let subject = subject(None, &LabelSet::of(&[("alertname", "Too much/\r\nBcc: x")]));
        assert_eq!(subject.server.as_str(), "Too_much___Bcc:_x");
        assert_eq!(as_name("").as_str(), "alert");
    }

    #[test]
    fn an_alerts_own_labels_are_over_those_of_its_server() {
        let fleet = fleet_of(&["a-1"], &[], &manual_clock().0);
        let labels = LabelSet::of(&[("alertname", "X"), ("team", "z"), ("ä", "no matcher's")]);
        let all = labels_of(&fleet, Some(&name("a-1")), &labels);
        let pairs: Vec<_> = all.iter().collect();
        let expected = [
            ("alertname", "X"),
            ("instance", "a-1"),
            ("name", "a-1"),
            ("server", "a-1"),
            ("team", "z"),
        ];
        assert_eq!(pairs, expected);
    }
}
