//! The labels of a series: the key's own, and those of its server.

use std::sync::Arc;

use watchfire_model::{LabelPair, LabelSet, NAME_LABEL, SeriesKey, Server};

/// The label that says which server it is. It is always the server's name: no agent speaks
/// in the name of another server.
pub(crate) const INSTANCE: &str = "instance";
/// What Prometheus' users know a server of the node's own series by.
const JOB: (&str, &str) = ("job", "node");
/// What Prometheus puts before a label that a series may not have.
pub(crate) const EXPORTED: &str = "exported_";

/// The labels that a server gives to its series, sorted by name: the operator's, `instance`,
/// and `job` where the operator named none. The server's label `name` says the same as
/// `instance`, and would be in the way of the series' own.
pub(super) fn of_server(server: &Server) -> Arc<[LabelPair]> {
    let mut pairs: Vec<LabelPair> = server
        .labels
        .iter()
        .filter(|(name, value)| !value.is_empty() && *name != "name" && *name != INSTANCE)
        .map(pair)
        .collect();
    pairs.push(pair((INSTANCE, server.name.as_str())));
    if !pairs.iter().any(|(name, _)| **name == *JOB.0) {
        pairs.push(pair(JOB));
    }
    pairs.sort();
    pairs.into()
}

/// The labels of a key, its name with them, sorted by name.
pub(super) fn pairs_of(key: &SeriesKey) -> Arc<[LabelPair]> {
    let mut pairs: Vec<LabelPair> = key.labels().map(pair).collect();
    if let Some(instance) = pairs.iter_mut().find(|(name, _)| **name == *INSTANCE) {
        instance.0 = exported(|name| key.label(name).is_some()).into();
    }
    pairs.push(pair((NAME_LABEL, key.name())));
    pairs.sort();
    pairs.into()
}

/// The value of a label of the key, as [`pairs_of`] names it.
pub(super) fn own_label<'k>(key: &'k SeriesKey, label: &str) -> Option<&'k str> {
    if label.starts_with(EXPORTED)
        && let Some(instance) = key.label(INSTANCE)
        && exported(|name| key.label(name).is_some()) == label
    {
        return Some(instance);
    }
    key.label(label).filter(|_| label != INSTANCE)
}

/// The labels of a series. The key's own count where both have one.
pub(super) fn label_set(key: &[LabelPair], server: &[LabelPair]) -> LabelSet {
    let mut all = Vec::with_capacity(key.len() + server.len());
    let (mut key, mut server) = (key.iter().peekable(), server.iter().peekable());
    loop {
        match (key.peek(), server.peek()) {
            (Some(one), Some(other)) => match one.0.cmp(&other.0) {
                std::cmp::Ordering::Less => all.extend(key.next().cloned()),
                std::cmp::Ordering::Greater => all.extend(server.next().cloned()),
                std::cmp::Ordering::Equal => _ = server.next(),
            },
            (Some(_), None) => all.extend(key.next().cloned()),
            (None, Some(_)) => all.extend(server.next().cloned()),
            (None, None) => return LabelSet::new(all),
        }
    }
}

/// The name under which a series' own `instance` goes: one that the series has not yet.
pub(crate) fn exported(has: impl Fn(&str) -> bool) -> String {
    let mut name = format!("{EXPORTED}{INSTANCE}");
    while has(&name) {
        name.insert_str(0, EXPORTED);
    }
    name
}

fn pair((name, value): (&str, &str)) -> LabelPair {
    (name.into(), value.into())
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Labels, ServerName};

    use super::*;

    fn server(labels: &[(&str, &str)]) -> Arc<[LabelPair]> {
        let mut all = Labels::new();
        labels.iter().for_each(|(name, value)| all.insert(name, value).expect("good labels"));
        of_server(&Server::new(ServerName::new("web-1").expect("a good name"), all))
    }

    fn set(name: &str, own: &[(&str, &str)], server: &[LabelPair]) -> LabelSet {
        let key = SeriesKey::new(name, own.iter().copied()).expect("a good key");
        label_set(&pairs_of(&key), server)
    }

    #[test]
    fn a_series_has_its_own_labels_and_its_servers() {
        let plain = set("up", &[], &server(&[]));
        let expected = [("__name__", "up"), ("instance", "web-1"), ("job", "node")];
        assert_eq!(plain.iter().collect::<Vec<_>>(), expected);
        let with = server(&[("role", "web"), ("job", "db"), ("Zone", "z"), ("empty", "")]);
        let both = set("up", &[("role", "own"), ("name", "ssh.service")], &with);
        let expected = [
            ("Zone", "z"),
            ("__name__", "up"),
            ("instance", "web-1"),
            ("job", "db"),
            ("name", "ssh.service"),
            ("role", "own"),
        ];
        assert_eq!(both.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_agent_speaks_in_the_name_of_another_server() {
        let of = |own: &[(&str, &str)]| set("up", own, &server(&[]));
        let forged = of(&[("instance", "db-1")]);
        assert_eq!((forged.get("instance"), forged.get("exported_instance")), ("web-1", "db-1"));
        let twice = of(&[("instance", "db-1"), ("exported_instance", "x")]);
        assert_eq!(twice.get("exported_instance"), "x");
        assert_eq!(twice.get("exported_exported_instance"), "db-1");
    }
}
