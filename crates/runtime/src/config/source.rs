use std::ops::Range;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::suggest::closest;
use super::{Place, Problem};

/// The largest config file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub place: Place,
}

/// The text of one config file.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads a config file.
    ///
    /// # Errors
    /// A [`Problem`] that names the file when it cannot be read, is too large or is no UTF-8.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let at = || Place::WholeFile(path.to_owned());
        let size = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
        if size > MAX_BYTES {
            let what = format!("the file has {size} bytes, and at most {MAX_BYTES} are read");
            return Err(Problem::new(at(), what).hint("is this the right file?"));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::from_text(path, text)),
            Err(error) => Err(not_utf8(path, &error)),
        }
    }

    /// A source of `text` that calls itself `path`.
    #[must_use]
    pub fn from_text(path: &Path, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), text: text.into() }
    }

    /// Reads the TOML into `T`.
    ///
    /// # Errors
    /// The first mistake of syntax or shape, with its place and a hint.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        toml::from_str(&self.text).map_err(|error| {
            let place = error
                .span()
                .map_or_else(|| Place::WholeFile(self.path.clone()), |span| self.place(&span));
            let text = error.span().and_then(|span| self.text.get(span)).unwrap_or("");
            explain(place, error.message(), text)
        })
    }

    /// The place of a byte range of the text.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place::File {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// A spanned value with its place in this file.
    #[must_use]
    pub fn locate<T>(&self, spanned: Spanned<T>) -> Located<T> {
        let place = self.place(&spanned.span());
        Located { value: spanned.into_inner(), place }
    }

    /// The folder that relative paths in this file start from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
}

impl<T> Located<T> {
    /// A value that the program chose itself.
    #[must_use]
    pub fn default_value(value: T) -> Self {
        Self { value, place: Place::Default }
    }

    /// A mistake in this value.
    #[must_use]
    pub fn problem(&self, what: impl Into<String>) -> Problem {
        Problem::new(self.place.clone(), what)
    }

    /// The same place with another value.
    #[must_use]
    pub fn with<U>(&self, value: U) -> Located<U> {
        Located { value, place: self.place.clone() }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let problem =
        Problem::new(Place::WholeFile(path.to_owned()), format!("cannot be read: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => problem.hint("create the file or name another one"),
        std::io::ErrorKind::PermissionDenied => {
            problem.hint("give the user that runs Watchfire the right to read it")
        }
        _ => problem,
    }
}

/// The place of the first byte that is no text is where the text before it ends.
fn not_utf8(path: &Path, error: &FromUtf8Error) -> Problem {
    let good = error.utf8_error().valid_up_to();
    let byte = error.as_bytes().get(good).copied().unwrap_or_default();
    let before = String::from_utf8_lossy(&error.as_bytes()[..good]);
    let place = Source::from_text(path, before).place(&(good..good));
    Problem::new(place, format!("the byte {byte:#04x} here is not UTF-8 text"))
        .hint("save the file as UTF-8; it seems to be in an older encoding")
}

/// Makes the TOML reader's words into a mistake with a hint.
fn explain(place: Place, message: &str, text: &str) -> Problem {
    let message = message.trim();
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let unknown = quoted.next().unwrap_or("");
        let known: Vec<&str> = quoted.collect();
        let hint = closest(unknown, &known).map_or_else(
            || format!("the keys here are: {}", known.join(", ")),
            |close| format!("did you mean `{close}`?"),
        );
        return Problem::new(place, format!("there is no key `{unknown}` here")).hint(hint);
    }
    if message.starts_with("missing field") {
        let missing = quoted.next().unwrap_or("");
        return Problem::new(place, format!("the key `{missing}` is missing"))
            .hint(format!("add `{missing} = …` here"));
    }
    if message.starts_with("duplicate key") {
        let what = format!("the key `{}` is here twice", text.trim());
        return Problem::new(place, what).hint("keep one of the two lines");
    }
    if let Some((is, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        if text.starts_with("[[") {
            return Problem::new(place, "this is a list of tables, and one table belongs here")
                .hint("there is only one of it, with single brackets: [name]");
        }
        return wrong_type(place, is, expected);
    }
    Problem::new(place, format!("this is not TOML: {message}"))
        .hint("texts stand in quotes, and tables of lists begin with [[name]]")
}

/// Names the kind of the value and not the value, which may be a secret.
fn wrong_type(place: Place, is: &str, expected: &str) -> Problem {
    let kind = is.split(['"', '`']).next().unwrap_or("").trim();
    let kind = match kind {
        "string" => "a text",
        "integer" | "floating point" => "a number",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => "something else",
    };
    let (expected, hint) = match expected {
        "a string" => ("a text", "texts stand in quotes: name = \"value\""),
        "a sequence" if kind == "a table" => {
            ("a list of tables", "each table of a list begins with two brackets: [[name]]")
        }
        "a sequence" => ("a list", "lists stand in brackets: [\"one\", \"two\"]"),
        other if other == "a map" || other.starts_with("struct ") => {
            ("a table", "tables stand in braces: { key = \"value\" }")
        }
        other => (other, "look at the example in the documentation"),
    };
    Problem::new(place, format!("this is {kind}, and {expected} belongs here")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        listen: Spanned<String>,
        #[expect(dead_code, reason = "its name is what matters")]
        address: Option<String>,
    }

    fn problem(text: &str) -> String {
        let source = Source::from_text(Path::new("hub.toml"), text);
        source.parse::<Sample>().expect_err(text).to_string()
    }

    #[test]
    fn mistakes_have_a_place_and_a_hint() {
        assert_eq!(
            problem("listen = \"a\"\nadress = \"b\"\n"),
            "hub.toml:2:1: there is no key `adress` here\n  hint: did you mean `address`?"
        );
        assert!(problem("address = \"b\"\n").contains("the key `listen` is missing"));
        assert_eq!(
            problem("listen = 5\n"),
            "hub.toml:1:10: this is a number, and a text belongs here\n  \
             hint: texts stand in quotes: name = \"value\""
        );
        assert!(problem("listen = \"a\"\nlisten = \"b\"\n").contains("`listen` is here twice"));
        assert!(problem("listen = a\n").contains("this is not TOML"));
    }

    #[test]
    fn places_count_characters() {
        let source =
            Source::from_text(Path::new("x"), "# größe\naddress = \"ü\"\nlisten = \"b\"\n");
        let sample: Sample = source.parse().expect("valid");
        let listen = source.locate(sample.listen);
        assert_eq!(listen.place, Place::File { path: "x".into(), line: 3, column: 10 });
    }

    #[test]
    fn a_missing_file_is_told() {
        let problem = Source::read(Path::new("/nowhere/hub.toml")).expect_err("not there");
        assert!(problem.to_string().starts_with("/nowhere/hub.toml: cannot be read"));
        assert!(problem.hint.is_some());
    }
}
