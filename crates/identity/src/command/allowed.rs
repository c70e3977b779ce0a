use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::refusal::KeyHeld;
use super::{KeyKind, PublicKey, SIGNATURE_NAMESPACE, stamp};

/// The longest file of allowed signers that is read, in bytes.
pub const MAX_ALLOWED_SIGNERS_BYTES: usize = 1 << 20;
/// The most options of one line.
const MAX_OPTIONS: usize = 16;

/// Who may sign commands: a file in the form of OpenSSH (ssh-keygen(1), ALLOWED SIGNERS).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    lines: Vec<Line>,
}

/// What is wrong in a file of allowed signers, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct AllowedSignersError {
    /// The file, as it was named to [`AllowedSigners::parse`].
    pub file: String,
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong, for a person.
    pub what: String,
}

/// One key and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    principals: Vec<String>,
    options: Options,
    key: PublicKey,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Options {
    namespaces: Option<Vec<String>>,
    valid_after: Option<i64>,
    valid_before: Option<i64>,
}

impl AllowedSigners {
    /// Reads the text of a file; `file` is how errors name it.
    ///
    /// # Errors
    /// [`AllowedSignersError`] for the first line that is not understood. One such line makes
    /// the whole file void: half a list of who may sign is not what somebody wrote.
    pub fn parse(text: &str, file: &str) -> Result<Self, AllowedSignersError> {
        let wrong = |line, what| AllowedSignersError { file: file.to_owned(), line, what };
        if text.len() > MAX_ALLOWED_SIGNERS_BYTES {
            let what = format!("the file is longer than {MAX_ALLOWED_SIGNERS_BYTES} bytes");
            return Err(wrong(1, what));
        }
        let mut lines = Vec::new();
        for (place, line) in text.lines().enumerate() {
            let line = line.trim_matches([' ', '\t', '\r']);
            if !line.is_empty() && !line.starts_with('#') {
                lines.push(Line::parse(line).map_err(|what| wrong(place + 1, what))?);
            }
        }
        Ok(Self { lines })
    }

    /// How many lines name a key.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True when nobody may sign.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whose key this is for commands at this time: every name that its lines give it.
    ///
    /// `Err(None)` when the key is in no line, else the name of the first line and what keeps it.
    pub(super) fn whose(
        &self,
        key: &PublicKey,
        now_unix_s: i64,
    ) -> Result<Vec<&str>, Option<(&str, KeyHeld)>> {
        let (mut names, mut held) = (Vec::new(), None);
        for line in self.lines.iter().filter(|line| line.key == *key) {
            match line.options.check(now_unix_s) {
                Ok(()) => names.extend(line.principals.iter().map(String::as_str)),
                Err(why) => held = held.or(Some((line.principals[0].as_str(), why))),
            }
        }
        if names.is_empty() { Err(held) } else { Ok(names) }
    }
}

impl Line {
    fn parse(line: &str) -> Result<Self, String> {
        let (names, rest) = word(line);
        let principals = principals(names)?;
        let (first, _) = word(rest);
        let (options, rest) = if first.is_empty() || is_key_kind(first) {
            (Options::default(), rest)
        } else {
            Options::parse(rest)?
        };
        let (kind, rest) = word(rest);
        let (key, _comment) = word(rest);
        Ok(Self { principals, options, key: read_key(kind, key)? })
    }
}

impl Options {
    /// Reads options up to the first blank outside of quotes; gives what comes after it.
    fn parse(text: &str) -> Result<(Self, &str), String> {
        let (mut options, mut rest) = (Self::default(), text);
        for _ in 0..MAX_OPTIONS {
            let end = rest.find(['=', ',', ' ', '\t']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let (value, after) = match after.strip_prefix('=') {
                Some(quoted) => {
                    let (value, after) = unquote(quoted).ok_or_else(|| {
                        format!("the value of {name:?} stands in quotes: {name}=\"…\"")
                    })?;
                    (Some(value), after)
                }
                None => (None, after),
            };
            options.set(name, value)?;
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None if after.is_empty() || after.starts_with([' ', '\t']) => {
                    options.check_times()?;
                    return Ok((options, after.trim_start_matches([' ', '\t'])));
                }
                None => return Err("options are parted by commas, and end with a blank".to_owned()),
            }
        }
        Err(format!("there are more than {MAX_OPTIONS} options"))
    }

    fn set(&mut self, name: &str, value: Option<String>) -> Result<(), String> {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", _) => Err("cert-authority is not supported: \
                write the keys of the people themselves"
                .to_owned()),
            ("namespaces", Some(value)) => {
                let list: Vec<_> = value.split(',').map(str::to_owned).collect();
                let fits = !list.iter().any(String::is_empty);
                once(&mut self.namespaces, fits.then_some(list), "namespaces")
            }
            ("valid-after", Some(value)) => {
                once(&mut self.valid_after, stamp::unix_s(&value), "valid-after")
            }
            ("valid-before", Some(value)) => {
                once(&mut self.valid_before, stamp::unix_s(&value), "valid-before")
            }
            ("namespaces" | "valid-after" | "valid-before", None) => {
                Err(format!("{name} needs a value: {name}=\"…\""))
            }
            _ => Err(format!(
                "{name:?} is neither a kind of key that is taken ({}) nor an option \
                 (namespaces, valid-after, valid-before)",
                KeyKind::ALL.map(KeyKind::as_str).join(", ")
            )),
        }
    }

    fn check_times(&self) -> Result<(), String> {
        match (self.valid_after, self.valid_before) {
            (Some(after), Some(before)) if before <= after => {
                Err("valid-before is not later than valid-after".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check(&self, now_unix_s: i64) -> Result<(), KeyHeld> {
        let matches = |list: &Vec<String>| matches_list(list, SIGNATURE_NAMESPACE);
        if !self.namespaces.as_ref().is_none_or(matches) {
            return Err(KeyHeld::Namespace);
        }
        if self.valid_after.is_some_and(|after| now_unix_s < after) {
            return Err(KeyHeld::NotYet);
        }
        if self.valid_before.is_some_and(|before| now_unix_s > before) {
            return Err(KeyHeld::Expired);
        }
        Ok(())
    }
}

fn once<T>(slot: &mut Option<T>, value: Option<T>, name: &str) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("{name} stands there twice"));
    }
    let word = match name {
        "namespaces" => "namespaces are a list parted by commas",
        _ => "a time is YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ, with the Z: in UTC",
    };
    *slot = Some(value.ok_or_else(|| word.to_owned())?);
    Ok(())
}

/// The names of the person. OpenSSH takes patterns; the audit says who gave a command, and a
/// pattern says nobody.
fn principals(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<_> = text.split(',').map(str::to_owned).collect();
    if names.iter().any(|name| name.is_empty() || name.starts_with('!')) {
        return Err("a line begins with the names of a person, parted by commas".to_owned());
    }
    if text.contains(['*', '?', '"', '\\']) || text.contains(char::is_control) {
        return Err("the name of a person has no *, no ? and no quotes here: \
            the audit must say who gave a command"
            .to_owned());
    }
    Ok(names)
}

fn read_key(kind: &str, key: &str) -> Result<PublicKey, String> {
    if kind.is_empty() || key.is_empty() {
        return Err("a line is names, options if any, a kind of key, and the key".to_owned());
    }
    let blob = STANDARD.decode(key).map_err(|_| "the key is not base64".to_owned())?;
    let key = PublicKey::from_blob(&blob).map_err(|error| match error {
        super::SignatureError::Key => "the key is damaged".to_owned(),
        super::SignatureError::RsaBits(bits) => {
            format!("the rsa key has {bits} bits, and 2048 to 8192 are taken")
        }
        other => other.to_string(),
    })?;
    if key.kind().as_str() == kind {
        Ok(key)
    } else {
        Err(format!("the line says {kind:?}, and the key is {:?}", key.kind().as_str()))
    }
}

fn is_key_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|begin| word.starts_with(begin))
}

/// The first word, and what comes after the blanks behind it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start_matches([' ', '\t']))
}

/// What stands in quotes at the beginning, and what comes after them. `\"` is a quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let (mut value, mut escaped) = (String::new(), false);
    for (place, letter) in inner.char_indices() {
        match letter {
            '"' if escaped => {
                value.pop();
                value.push('"');
            }
            '"' => return Some((value, &inner[place + 1..])),
            _ => value.push(letter),
        }
        escaped = letter == '\\';
    }
    None
}

/// OpenSSH's lists of patterns: one must match, and none that begins with `!`.
fn matches_list(list: &[String], text: &str) -> bool {
    let mut found = false;
    for pattern in list {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern.as_bytes(), text.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(pattern.as_bytes(), text.as_bytes()),
        }
    }
    found
}

/// `*` is any text, `?` any letter. Goes back to the last `*` only, so that no pattern is slow.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((after, from)) => {
                    (p, t) = (after, from + 1);
                    star = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}
