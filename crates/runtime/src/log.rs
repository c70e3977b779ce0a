//! Logging: words for people on a terminal, JSON lines for machines, always on stderr.

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to stderr. `directives` is a filter such as `info` or
/// `watchfire_hub=debug,warn`. A second call does nothing.
///
/// # Errors
/// What is wrong with the filter.
pub fn start(directives: &str, format: Format, colour: bool) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("the log filter {directives:?} is not understood: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    // A logger that runs already (in tests) stays.
    let _ = match format {
        Format::Text => builder.with_target(false).try_init(),
        Format::Json => builder.json().try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_told() {
        let error = start("hub=loud", Format::Text, false).expect_err("no such level");
        assert!(error.contains("hub=loud"), "{error}");
    }
}
