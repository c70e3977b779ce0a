//! Finds secrets in one argument after the other.

use super::MASK;
use super::keys::{announces, announces_as_plain_word, is_scheme, is_token, takes_login};
use super::options::{SecretOptions, looks_like_password_option, password_of_login};

/// A user name in an address that is as long as this is taken for a token.
const TOKEN_USER_MIN_BYTES: usize = 16;

/// What is remembered from one argument to the next.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// True from the second argument on; the first is the program.
    begun: bool,
    /// True when the next argument is a secret.
    awaits_secret: bool,
    /// True when the next argument may be `user:password`.
    awaits_login: bool,
    /// The options of the last tool that was named.
    options: Option<SecretOptions>,
}

/// The argument that is being read, up to where it was written out.
struct Text<'a> {
    whole: &'a str,
    at: usize,
    out: String,
    quotes: Quotes,
    /// Where the word ends that was looked at last.
    word_end: usize,
    /// Up to where no address with a secret can begin.
    plain_to: usize,
    /// Where the first white space stands, or the end.
    first_space: usize,
}

/// Which quotes are open, counted once from the begin of the argument on.
#[derive(Debug, Default)]
struct Quotes {
    counted_to: usize,
    double: bool,
    single: bool,
}

impl Scanner {
    /// Returns `argument` with its secrets masked. Arguments come in order.
    pub(super) fn argument(&mut self, argument: &str) -> String {
        let is_secret = std::mem::take(&mut self.awaits_secret);
        let is_login = std::mem::take(&mut self.awaits_login);
        // A secret is read as well: `--password --token X` says nothing of
        // whether the first option had a value.
        let scanned = self.scan(argument);
        self.begun = true;
        if !is_secret {
            let password = password_of_login(argument, true).filter(|_| is_login);
            return password.map_or(scanned, |from| format!("{}{MASK}", &argument[..from]));
        }
        self.awaits_secret |= is_scheme(argument);
        MASK.to_owned()
    }

    fn scan(&mut self, argument: &str) -> String {
        let mut text = Text {
            whole: argument,
            at: 0,
            out: String::with_capacity(argument.len()),
            quotes: Quotes::default(),
            word_end: 0,
            plain_to: 0,
            first_space: argument.find(char::is_whitespace).unwrap_or(argument.len()),
        };
        while let Some(next) = text.rest().chars().next() {
            if text.rest().starts_with("://") {
                text.address();
            } else if is_key_letter(next) {
                self.name(&mut text);
            } else {
                text.copy_to(text.at + next.len_utf8());
            }
        }
        text.out
    }

    /// Reads a name and what it announces.
    fn name(&mut self, text: &mut Text<'_>) {
        let start = text.at;
        let length = text.rest().find(|c| !is_key_letter(c)).unwrap_or(text.rest().len());
        let end = start + length;
        let name = &text.whole[start..end];
        if let Some(value) = text.value_after(end).filter(|_| announces(name)) {
            self.mask_value(text, start, value);
        } else if text.begins_word(start) && self.is_attached(text.word(start)) {
            text.copy_to(start + 2);
            let end = text.secret_end(start, start + 2);
            text.mask_to(end);
        } else if is_token(name) {
            text.mask_to(end);
        } else if self.takes_next(text, start, end) {
            self.mask_next(text, end);
        } else if text.begins_word(start) && takes_login(name) {
            self.mask_login(text, start, end);
        } else {
            if text.ends_path(start, end) {
                self.options = SecretOptions::of_tool(name).or(self.options);
            }
            text.copy_to(end);
        }
    }

    /// Masks what follows `name=` or `name:`.
    fn mask_value(&mut self, text: &mut Text<'_>, start: usize, value: usize) {
        text.copy_to(value);
        if value == text.whole.len() {
            self.awaits_secret = true;
        } else {
            let end = text.secret_end(start, value);
            text.mask_to(end);
        }
    }

    /// Masks the next word, in this argument or the next one.
    fn mask_next(&mut self, text: &mut Text<'_>, end: usize) {
        let after = &text.whole[end..];
        let value = end + after.len() - after.trim_start().len();
        text.copy_to(value);
        if value == text.whole.len() {
            self.awaits_secret = true;
        } else {
            text.mask_to(text.word_end(value));
        }
    }

    /// Masks the password of `--user admin:password` and `--user=admin:password`.
    fn mask_login(&mut self, text: &mut Text<'_>, start: usize, end: usize) {
        let after = &text.whole[end..];
        let rest = after.strip_prefix('=').unwrap_or(after.trim_start());
        let value = text.whole.len() - rest.len();
        text.copy_to(value);
        if rest.is_empty() {
            self.awaits_login = true;
            return;
        }
        // An argument that begins with the option is nothing but it and its value.
        let alone = start == 0 && after.starts_with('=');
        let password = password_of_login(rest, alone).filter(|_| value > end);
        if let Some(password) = password {
            let value_end = if alone { text.whole.len() } else { text.word_end(value) };
            // A quote that stays open would seem to hold all that follows.
            let quoted = rest.starts_with(['"', '\'']) && !alone;
            let last = text.whole[value + password..value_end].chars().next_back();
            let value_end = value_end - usize::from(quoted && last == rest.chars().next());
            text.copy_to(value + password);
            text.mask_to(value_end);
        }
    }

    fn is_attached(&self, word: &str) -> bool {
        looks_like_password_option(word)
            || self.options.is_some_and(|options| options.is_attached(word))
    }

    /// True when the name from `start` to `end` has its secret after a space.
    fn takes_next(&self, text: &Text<'_>, start: usize, end: usize) -> bool {
        let name = &text.whole[start..end];
        let before_space = text.whole[end..].chars().next().is_none_or(char::is_whitespace);
        let is_program = !self.begun && text.first_space >= start;
        if !before_space || is_program {
            return false;
        }
        let option = name.starts_with('-')
            && (announces(name) || self.options.is_some_and(|options| options.takes_next(name)));
        option || announces_as_plain_word(name)
    }
}

impl<'a> Text<'a> {
    fn rest(&self) -> &'a str {
        &self.whole[self.at..]
    }

    fn copy_to(&mut self, end: usize) {
        self.out.push_str(&self.whole[self.at..end]);
        self.at = end;
    }

    fn mask_to(&mut self, end: usize) {
        self.out.push_str(MASK);
        self.at = end;
    }

    /// Reads `://user:secret@`. The last `@` counts, because a password may
    /// hold one that nobody escaped.
    fn address(&mut self) {
        self.copy_to(self.at + "://".len());
        if self.at < self.plain_to {
            return;
        }
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "\"'".contains(c));
        let end = end.unwrap_or(rest.len());
        let Some(at_sign) = rest[..end].rfind('@') else {
            self.plain_to = self.at + end;
            return;
        };
        let user = &rest[..at_sign];
        let secret = match user.find(':') {
            Some(colon) => colon + 1,
            None if user.len() >= TOKEN_USER_MIN_BYTES => 0,
            None => return,
        };
        let begin = self.at;
        self.copy_to(begin + secret);
        self.mask_to(begin + at_sign);
    }

    /// Where the value begins when the name that ends at `end` is followed by
    /// `=` or `:`, with quotes and spaces between as in JSON and headers.
    fn value_after(&self, end: usize) -> Option<usize> {
        let after = &self.whole[end..];
        let sign = after.trim_start_matches(['"', '\'', '\\']).trim_start();
        if sign.starts_with("://") || !sign.starts_with([':', '=']) {
            return None;
        }
        let value = sign.trim_start_matches([':', '=', '>']).trim_start();
        Some(self.whole.len() - value.len())
    }

    /// Where the secret ends whose name or option begins at `start`. When
    /// that is where the argument begins, all the rest is its value.
    fn secret_end(&mut self, start: usize, value: usize) -> usize {
        if start == 0 {
            return self.whole.len();
        }
        if let Some(quote) = self.quotes.open_at(self.whole, value) {
            let after = &self.whole[value..];
            return after.find(quote).map_or(self.whole.len(), |length| value + length);
        }
        let end = self.word_end(value);
        if !is_scheme(&self.whole[value..end]) {
            return end;
        }
        let after = &self.whole[end..];
        self.word_end(end + after.len() - after.trim_start().len())
    }

    /// The end of the word at `start`, as a shell sees it: white space inside
    /// quotes belongs to it.
    fn word_end(&self, start: usize) -> usize {
        let mut quote = None;
        let mut letters = self.whole[start..].char_indices();
        while let Some((at, letter)) = letters.next() {
            match (letter, quote) {
                ('\\', _) => drop(letters.next()),
                (_, Some(open)) if letter == open => quote = None,
                ('"' | '\'', None) => quote = Some(letter),
                (_, None) if letter.is_whitespace() => return start + at,
                _ => {}
            }
        }
        self.whole.len()
    }

    /// The word that begins at `start`, without what quotes add. `start` only
    /// grows from call to call, so that each end is looked for once.
    fn word(&mut self, start: usize) -> &'a str {
        if self.word_end <= start {
            let after = &self.whole[start..];
            let length = after.find(char::is_whitespace).unwrap_or(after.len());
            self.word_end = start + length;
        }
        &self.whole[start..self.word_end]
    }

    fn begins_word(&self, start: usize) -> bool {
        let before = self.whole[..start].chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || "\"'(`;&|".contains(c))
    }

    /// True when the name is the last part of a word that may be a path, so
    /// that it may be a tool.
    fn ends_path(&self, start: usize, end: usize) -> bool {
        let before = self.whole[..start].chars().next_back();
        let after = self.whole[end..].chars().next();
        before.is_none_or(|c| c.is_whitespace() || "/\"'(`;&|".contains(c))
            && after.is_none_or(|c| c.is_whitespace() || "\"'".contains(c))
    }
}

impl Quotes {
    /// The quote that was opened before `end` and not closed. `end` only grows
    /// from call to call, so that all calls together read `whole` once.
    fn open_at(&mut self, whole: &str, end: usize) -> Option<char> {
        for byte in whole.bytes().take(end).skip(self.counted_to) {
            self.double ^= byte == b'"';
            self.single ^= byte == b'\'';
        }
        self.counted_to = end;
        match (self.double, self.single) {
            (true, _) => Some('"'),
            (false, true) => Some('\''),
            (false, false) => None,
        }
    }
}

fn is_key_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-.".contains(letter)
}
