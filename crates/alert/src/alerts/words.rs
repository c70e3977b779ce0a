//! What people call an alert and where it is.

use super::ToldAlert;
use crate::{clean, human, view};

/// The longest name of an alert, in characters.
const MAX_NAME: usize = 48;
/// The longest name of where it is.
const MAX_PLACE: usize = 40;
/// The labels that say where an alert is which names no server of the fleet.
const PLACES: [&str; 4] = ["server", "instance", "host", "hostname"];

/// The name of a rule as people say it: `DiskFullSoon` is `disk full soon`, `OOMKill` is
/// `OOM kill`.
pub(super) fn said(name: &str) -> String {
    let name = clean(name, MAX_NAME);
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = vec![String::new()];
    for (at, &c) in chars.iter().enumerate() {
        if matches!(c, '_' | '-' | ' ') {
            words.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).map(|before| chars[before]);
        let after_small = before.is_some_and(|before| before.is_lowercase() || before.is_numeric());
        let ends_capitals = before.is_some_and(char::is_uppercase)
            && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_small || ends_capitals) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    let words: Vec<String> = words.iter().map(|word| small(word)).collect();
    if words.is_empty() { "alert".to_owned() } else { words.join(" ") }
}

/// The word in small letters, unless it is an abbreviation.
fn small(word: &str) -> String {
    let capitals = word.chars().filter(|c| c.is_uppercase()).count();
    if capitals > 1 { word.to_owned() } else { word.to_lowercase() }
}

/// Where it is: its server's name, or what its labels say. An alert may be about no place.
pub(super) fn place(alert: &ToldAlert<'_>) -> Option<String> {
    if let Some(server) = alert.server {
        return Some(clean(server.name.as_str(), MAX_PLACE));
    }
    let mut found = PLACES.iter().map(|label| clean(alert.labels.get(label), MAX_PLACE));
    found.find(|place| !place.is_empty())
}

/// What its summary says beside its name and its place: `/ has 3 h left` of
/// `db-1: / has 3 h left`. Empty when that is nothing.
pub(super) fn tail(alert: &ToldAlert<'_>) -> String {
    let summary = clean(alert.summary, view::MAX_SENTENCE);
    let mut rest = summary.as_str();
    let names = alert.server.map(|server| server.name.as_str());
    let of_labels = PLACES.iter().map(|label| alert.labels.get(label));
    for name in names.into_iter().chain(of_labels).filter(|name| !name.is_empty()) {
        rest = rest.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(rest);
        rest = rest.strip_suffix(&format!(" (instance {name})")).unwrap_or(rest);
    }
    let rest = rest.trim();
    let said = said(alert.name);
    let is_name = rest.to_lowercase() == said.to_lowercase() || rest == alert.name;
    if is_name { String::new() } else { rest.to_owned() }
}

/// The words as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let ended = words.ends_with(['.', '!', '?', '…']);
    format!("{}{}", human::capitalised(words), if ended { "" } else { "." })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rules_are_read_as_words() {
        for (name, words) in [
            ("DiskFullSoon", "disk full soon"),
            ("OOMKill", "OOM kill"),
            ("NodeRAIDDegraded", "node RAID degraded"),
            ("node_load_high", "node load high"),
            ("Host out of memory", "host out of memory"),
            ("CPU1Hot", "CPU1 hot"),
            ("Probe-Failed", "probe failed"),
            ("ÄrgerImRaum", "ärger im raum"),
            ("x\r\nBcc: e", "x bcc: e"),
            ("", "alert"),
            ("__", "alert"),
        ] {
            assert_eq!(said(name), words);
        }
        assert!(said(&"W".repeat(5000)).chars().count() <= MAX_NAME);
    }

    #[test]
    fn a_sentence_ends_once() {
        assert_eq!(sentence("/ has 3 h left"), "/ has 3 h left.");
        assert_eq!(sentence("is it full?"), "Is it full?");
    }
}
