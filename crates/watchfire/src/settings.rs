//! The layers above a config file, and where the file is.

use std::path::PathBuf;

use watchfire_runtime::config::{Overrides, Problems};

/// Variables of the command line itself, which are no settings of a role.
const OWN_VARIABLES: [&str; 3] = ["WATCHFIRE_LOG", "WATCHFIRE_LOG_FORMAT", "WATCHFIRE_CONFIG"];

/// The `WATCHFIRE_*` environment, checked against the keys that a role knows.
pub(crate) fn environment(known: &[&str]) -> Result<Overrides, Problems> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !OWN_VARIABLES.contains(&name.as_str()));
    Overrides::from_environment(variables, known)
}

/// The file that was named, or the usual one when it is there.
pub(crate) fn config_file(named: Option<PathBuf>, usual: &str) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from(usual)).filter(|path| path.exists()))
}
