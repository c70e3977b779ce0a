use std::collections::BTreeMap;

use super::suggest::closest;
use super::{Located, Place, Problem, Problems};

/// What the environment variables of Watchfire start with.
const PREFIX: &str = "WATCHFIRE_";

/// Values from environment and flags, which stand above the file's.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    values: BTreeMap<String, Located<String>>,
}

impl Overrides {
    /// Nothing above the file.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The `WATCHFIRE_KEY` variables among `variables`, for the keys named in
    /// `known`: `WATCHFIRE_DOWN_AFTER` is `down_after`.
    ///
    /// # Errors
    /// Variables that are meant for no key, with what they may have been meant for.
    pub fn from_environment(
        variables: impl IntoIterator<Item = (String, String)>,
        known: &[&str],
    ) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
                continue;
            };
            let place = Place::Environment(name);
            if known.contains(&key.as_str()) {
                values.insert(key, Located { value, place });
            } else {
                problems.push(unknown(place, &key, known));
            }
        }
        problems.into_result(Some(Self { values }))
    }

    /// Puts a flag above everything else, when it was given.
    pub fn flag(&mut self, key: &str, flag: &str, value: Option<String>) {
        if let Some(value) = value {
            let place = Place::Flag(flag.to_owned());
            self.values.insert(key.to_owned(), Located { value, place });
        }
    }

    /// The value of `key`: from flag or environment, else the file's.
    #[must_use]
    pub fn pick(&self, key: &str, file: Option<Located<String>>) -> Option<Located<String>> {
        self.values.get(key).cloned().or(file)
    }
}

fn unknown(place: Place, key: &str, known: &[&str]) -> Problem {
    let upper = |key: &str| format!("{PREFIX}{}", key.to_ascii_uppercase());
    let hint = closest(key, known).map_or_else(
        || format!("known are: {}", known.iter().map(|k| upper(k)).collect::<Vec<_>>().join(", ")),
        |close| format!("did you mean {}?", upper(close)),
    );
    Problem::new(place, "no setting has this name").hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn flags_stand_above_environment_above_file() {
        let environment = variables(&[("WATCHFIRE_LISTEN", "env"), ("HOME", "/root")]);
        let mut overrides =
            Overrides::from_environment(environment, &["listen", "data"]).expect("known");
        let file = || Some(Located::default_value("file".to_owned()));
        assert_eq!(overrides.pick("listen", file()).expect("set").value, "env");
        assert_eq!(overrides.pick("data", file()).expect("set").value, "file");
        overrides.flag("listen", "--listen", Some("flag".to_owned()));
        overrides.flag("data", "--data", None);
        let listen = overrides.pick("listen", file()).expect("set");
        assert_eq!(listen.value, "flag");
        assert_eq!(listen.place.to_string(), "flag --listen");
        assert_eq!(overrides.pick("data", None), None);
    }

    #[test]
    fn a_misspelt_variable_is_told() {
        let environment = variables(&[("WATCHFIRE_LISTN", "x")]);
        let problems =
            Overrides::from_environment(environment, &["listen"]).expect_err("no such key");
        assert_eq!(
            problems.to_string(),
            "environment WATCHFIRE_LISTN: no setting has this name\n  hint: did you mean WATCHFIRE_LISTEN?"
        );
    }
}
