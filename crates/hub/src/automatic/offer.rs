//! What a remedy is in words: the command by which a person runs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_alert::clean;
use watchfire_model::{LabelSet, ServerName};

use crate::alerts::ActiveAlert;
use crate::config::Remedy;
use crate::fleet::Fleet;

/// How long a word of a command is shown, in characters.
const MAX_WORD: usize = 300;

/// The remedies that letters offer. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offers(Arc<[Remedy]>);

impl Offers {
    pub(crate) fn new(remedies: &[Remedy]) -> Self {
        Self(remedies.into())
    }

    /// What may be run against an alert of our own rules, and what is run by itself.
    pub(crate) fn of(&self, alert: &ActiveAlert, fleet: &Fleet) -> Option<String> {
        let server = alert.server.as_ref().filter(|_| is_ours(alert))?;
        let labels = &fleet.config(fleet.index(server)?).server.labels;
        let remedy = self.0.iter().find(|remedy| {
            let task = &remedy.task;
            remedy.alert == alert.name() && task.servers.holds(labels) && task.scope.holds(labels)
        })?;
        let params = filled(&remedy.task.params, &alert.labels).ok()?;
        let command = command(&remedy.task.runbook, &params, server);
        Some(match remedy.is_run {
            true => format!("Watchfire runs the runbook {:?} there.", remedy.task.runbook),
            false => format!("May help: {command}"),
        })
    }
}

/// What others posted has no remedy: whoever may say that an alert fires is not for that somebody
/// who may have something run.
pub(super) fn is_ours(alert: &ActiveAlert) -> bool {
    alert.source.starts_with("rules/")
}

/// Parameters with the labels that stand in them, or the label that is missing.
pub(super) fn filled(
    params: &BTreeMap<String, String>,
    labels: &LabelSet,
) -> Result<BTreeMap<String, String>, String> {
    let fill = |text: &String| {
        let mut made = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((label, behind)) = after.split_once('}') else { break };
            made.push_str(before);
            let value = labels.get(label);
            if value.is_empty() {
                return Err(label.to_owned());
            }
            made.push_str(value);
            rest = behind;
        }
        Ok(made + rest)
    };
    params.iter().map(|(key, text)| Ok((key.clone(), fill(text)?))).collect()
}

/// What a person types, with each word as a shell reads it as one.
pub(super) fn command(
    runbook: &str,
    params: &BTreeMap<String, String>,
    server: &ServerName,
) -> String {
    let mut words = vec!["watchfire run --unsigned --runbook".to_owned(), quoted(runbook)];
    words.extend(params.iter().map(|(key, value)| quoted(&format!("{key}={value}"))));
    words.push(quoted(server.as_str()));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let word = clean(word, MAX_WORD);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._:/@%+=,-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_label_stays_one_word() {
        let labels = LabelSet::of(&[("unit", "a'; rm -rf / #\n\u{1b}[2J")]);
        let params = BTreeMap::from([("unit".to_owned(), "{unit}.x".to_owned())]);
        let filled = filled(&params, &labels).expect("it has the label");
        let server = ServerName::new("web-1").expect("a name");
        let command = command("restart", &filled, &server);
        assert!(command.starts_with("watchfire run --unsigned --runbook restart 'unit=a'\\''; rm"));
        assert!(command.ends_with(".x' web-1"), "{command}");
        assert!(!command.contains(['\n', '\u{1b}']), "{command}");
        let none = super::filled(&params, &LabelSet::empty());
        assert_eq!(none, Err("unit".to_owned()));
    }

    #[test]
    fn a_brace_that_is_no_label_stays() {
        let params = BTreeMap::from([("a".to_owned(), "x{".to_owned())]);
        assert_eq!(filled(&params, &LabelSet::empty()), Ok(params));
    }
}
