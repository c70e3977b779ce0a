use std::fmt;

use crate::WireError;

/// The version that this build speaks.
pub const PROTOCOL: Version = Version { major: 1, minor: 3 };

/// A version of the protocol.
///
/// Two sides with the same `major` understand each other: the older one skips
/// the messages and fields that only the newer one knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Grows when old sides can no longer understand.
    pub major: u32,
    /// Grows when something was added.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// Checks that a side of this version can talk with one of version `theirs`.
    ///
    /// # Errors
    /// [`WireError::OtherMajor`] when the major versions differ.
    pub fn talks_with(self, theirs: Version) -> Result<(), WireError> {
        if self.major == theirs.major {
            Ok(())
        } else {
            Err(WireError::OtherMajor { ours: self, theirs })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_major_version_counts() {
        assert_eq!(PROTOCOL.talks_with(Version { minor: 99, ..PROTOCOL }), Ok(()));
        let theirs = Version { major: PROTOCOL.major + 1, minor: 0 };
        let error = PROTOCOL.talks_with(theirs).expect_err("another major version");
        assert_eq!(
            error.to_string(),
            "the other side speaks protocol 2.0 and this one 1.3: \
             bring both to the same release of watchfire"
        );
    }
}
