use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Located, Problem};
use crate::Secret;

/// The largest file that `${file:…}` reads, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// The permissions of a file by which users other than its owner and its group
/// may read or change it.
const OTHERS: u32 = 0o006;

/// What `${file:…}` and `${env:…}` may ask of the world, so that a test can answer instead.
pub trait Outside {
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn file(&self, path: &Path) -> Result<String, String>;

    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The file's whole path, when every user of the machine may read or change
    /// it. A stand-in has no permissions to tell of.
    fn open_to_others(&self, path: &Path) -> Option<PathBuf> {
        let _ = path;
        None
    }
}

/// The real machine; relative paths start from the config file's folder.
#[derive(Debug, Clone)]
pub struct Machine {
    folder: PathBuf,
}

impl dyn Outside {
    /// The real machine, with relative paths starting at `folder`.
    #[must_use]
    pub fn machine(folder: &Path) -> Machine {
        Machine { folder: folder.to_owned() }
    }
}

impl Outside for Machine {
    fn file(&self, path: &Path) -> Result<String, String> {
        let path = self.folder.join(path);
        let size = std::fs::metadata(&path).map_err(|error| error.to_string())?.len();
        if size > MAX_SECRET_BYTES {
            return Err(format!("it has {size} bytes, and at most {MAX_SECRET_BYTES} are read"));
        }
        std::fs::read_to_string(&path).map_err(|error| error.to_string())
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn open_to_others(&self, path: &Path) -> Option<PathBuf> {
        let path = self.folder.join(path);
        let mode = std::fs::metadata(&path).ok()?.permissions().mode();
        (mode & OTHERS != 0).then_some(path)
    }
}

/// Replaces `${file:PATH}` by the file's text without its last line break, and
/// `${env:NAME}` by the variable; `$${` stands for `${` itself.
///
/// # Errors
/// What is not understood or cannot be read, at the value's place. The
/// expanded text is never part of it.
pub fn expand(value: &Located<String>, outside: &dyn Outside) -> Result<Secret, Problem> {
    expand_with(value, outside, str::to_owned)
}

/// As [`expand`], with `encode` applied to what is put in: for a URL, in which
/// a password's `%` would be taken for an escape.
///
/// # Errors
/// As [`expand`].
pub fn expand_with(
    value: &Located<String>,
    outside: &dyn Outside,
    encode: impl Fn(&str) -> String,
) -> Result<Secret, Problem> {
    let mut expanded = String::new();
    let mut rest = value.value.as_str();
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            expanded.push_str(&rest[..at - 1]);
            expanded.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return Err(value
                .problem("a `${` is never closed")
                .hint("write ${file:/path} or ${env:NAME}, or $${ for the text itself"));
        };
        expanded.push_str(&encode(&look_up(value, &rest[at + 2..at + end], outside)?));
        rest = &rest[at + end + 1..];
    }
    expanded.push_str(rest);
    Ok(Secret::new(expanded))
}

fn look_up(
    value: &Located<String>,
    reference: &str,
    outside: &dyn Outside,
) -> Result<String, Problem> {
    match reference.split_once(':') {
        Some(("file", path)) => outside
            .file(Path::new(path))
            .map(|text| text.strip_suffix('\n').unwrap_or(&text).to_owned())
            .map_err(|why| {
                value
                    .problem(format!("the file {path:?} cannot be read: {why}"))
                    .hint("create it with mode 0600 for the user that runs Watchfire")
            }),
        Some(("env", name)) => outside.variable(name).ok_or_else(|| {
            value
                .problem(format!("the environment variable {name} is not set"))
                .hint("set it, or use ${file:/path} instead")
        }),
        _ => Err(value
            .problem(format!("`${{{reference}}}` is not understood"))
            .hint("write ${file:/path} or ${env:NAME}, or $${ for the text itself")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl Outside for Fake {
        fn file(&self, path: &Path) -> Result<String, String> {
            match path.to_str() {
                Some("/secret") => Ok("hunter2\n".to_owned()),
                _ => Err("no such file".to_owned()),
            }
        }

        fn variable(&self, name: &str) -> Option<String> {
            (name == "KEY").then(|| "k-1".to_owned())
        }
    }

    fn expanded(text: &str) -> Result<String, String> {
        expand(&Located::default_value(text.to_owned()), &Fake)
            .map(|secret| secret.expose().to_owned())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn files_and_variables_are_put_in() {
        assert_eq!(expanded("a:${file:/secret}@${env:KEY}!"), Ok("a:hunter2@k-1!".to_owned()));
        assert_eq!(expanded("plain $5"), Ok("plain $5".to_owned()));
        assert_eq!(expanded("$${env:KEY}"), Ok("${env:KEY}".to_owned()));
    }

    #[test]
    fn what_is_put_in_can_be_encoded() {
        let value = Located::default_value("100%:${env:KEY}".to_owned());
        let encoded = expand_with(&value, &Fake, |text| text.replace('-', "%2D"));
        assert_eq!(encoded.expect("understood").expose(), "100%:k%2D1");
    }

    #[test]
    fn mistakes_say_what_to_do() {
        for (text, words) in [
            ("${file:/no}", "cannot be read: no such file"),
            ("${env:NO}", "variable NO is not set"),
            ("${vault:x}", "`${vault:x}` is not understood"),
            ("${env:KEY", "never closed"),
        ] {
            let problem = expanded(text).expect_err(text);
            assert!(problem.contains(words) && problem.contains("hint:"), "{problem}");
        }
    }
}
