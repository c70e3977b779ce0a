use std::fmt;

/// How bad something is, and so whether it may wake people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing needs to be done.
    Info,
    /// Somebody should look at it in the next days.
    Warning,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// All of them, the least one first.
    pub const ALL: [Severity; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word used in config, JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity that such a word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// What the label `severity` of a rule means, whatever words its author has for it. One that is missing or
    /// unknown is a warning: nobody is woken by a word that was never agreed on, and it is told.
    #[must_use]
    pub fn of_label(label: &str) -> Self {
        match label.to_ascii_lowercase().as_str() {
            "critical" | "crit" | "page" | "error" | "major" | "high" | "emergency" | "fatal"
            | "disaster" | "p1" | "sev1" => Self::Critical,
            "info" | "information" | "informational" | "none" | "notice" | "low" | "debug" => {
                Self::Info
            }
            _ => Self::Warning,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for one in Severity::ALL {
            assert_eq!(Severity::parse(one.as_str()), Some(one));
            assert_eq!(Severity::of_label(one.as_str()), one);
        }
        assert_eq!(Severity::parse("page"), None);
        assert_eq!(Severity::of_label("PAGE"), Severity::Critical);
        assert_eq!(Severity::of_label(""), Severity::Warning);
        assert!(Severity::Info < Severity::Warning && Severity::Warning < Severity::Critical);
    }
}
