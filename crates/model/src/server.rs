use std::fmt;

use crate::Labels;

/// The longest server name, in bytes: that of a DNS name.
const MAX_NAME_BYTES: usize = 253;

/// The name of a server: its `instance` label, and what people call it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(std::sync::Arc<str>);

/// Why a server name was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerNameError {
    /// The name is empty.
    Empty,
    /// The name has more than 253 bytes.
    TooLong,
    /// The name holds a character that could break a mail header, a screen or a path.
    BadCharacter(char),
}

impl fmt::Display for ServerNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "a server needs a name"),
            Self::TooLong => write!(f, "a server's name has at most {MAX_NAME_BYTES} bytes"),
            Self::BadCharacter(c) => write!(
                f,
                "a server's name has no {c:?}: use letters, digits, '.', '-', '_' and ':'"
            ),
        }
    }
}

impl std::error::Error for ServerNameError {}

impl ServerName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`ServerNameError`] says which rule the name breaks. Letters of any
    /// script are fine; control, space, quote, slash and direction characters are not.
    pub fn new(name: &str) -> Result<Self, ServerNameError> {
        if name.is_empty() {
            return Err(ServerNameError::Empty);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(ServerNameError::TooLong);
        }
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        match name.chars().find(|c| !fits(*c)) {
            Some(bad) => Err(ServerNameError::BadCharacter(bad)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A machine that is watched: its name and its labels.
///
/// `labels` always holds `name` and `instance`, both equal to the server's
/// name, so that matchers can select on them like on any other label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The name.
    pub name: ServerName,
    /// The operator's labels plus `name` and `instance`.
    pub labels: Labels,
}

impl Server {
    /// A server with the operator's `labels`; `name` and `instance` are added.
    #[must_use]
    pub fn new(name: ServerName, mut labels: Labels) -> Self {
        for key in ["name", "instance"] {
            labels.insert(key, name.as_str()).expect("both are label names");
        }
        Self { name, labels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_a_header() {
        assert_eq!(ServerName::new("x\r\nBcc: e@x"), Err(ServerNameError::BadCharacter('\r')));
        assert_eq!(ServerName::new("a\u{202e}b"), Err(ServerNameError::BadCharacter('\u{202e}')));
        assert_eq!(ServerName::new(""), Err(ServerNameError::Empty));
        assert_eq!(ServerName::new(&"a".repeat(254)), Err(ServerNameError::TooLong));
        assert!(ServerName::new("größe-1.fra:9100").is_ok());
    }

    #[test]
    fn name_and_instance_are_labels() {
        let server = Server::new(ServerName::new("web-1").expect("fits"), Labels::new());
        assert_eq!(server.labels.get("name"), Some("web-1"));
        assert_eq!(server.labels.get("instance"), Some("web-1"));
    }
}
