//! Go's patterns in the words of the crate `regex`, where both differ: `\d`, `\w`, `\s` and `\b` know
//! ASCII alone, `{` may stand for itself, and a class holds characters and no other classes.

/// The largest number in a repetition, as in Go.
const MOST_REPEATS: u32 = 1000;

/// How many Unicode classes there are in a pattern, or perhaps a few less: `\p{…}` and `\P{…}`.
pub(super) fn classes(pattern: &str) -> usize {
    pattern.matches("\\p").count() + pattern.matches("\\P").count()
}

/// A pattern of Go in the other's words. What is wrong in both is left as it is.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader { rest: pattern, written: String::new() };
    while let Some(c) = reader.rest.chars().next() {
        match c {
            '\\' => reader.escape(false)?,
            '[' => reader.class()?,
            '{' => reader.brace()?,
            '(' => reader.group()?,
            _ => reader.keep(c.len_utf8()),
        }
    }
    Ok(reader.written)
}

struct Reader<'t> {
    rest: &'t str,
    written: String,
}

impl Reader<'_> {
    fn keep(&mut self, length: usize) {
        self.written.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
    }

    fn put(&mut self, length: usize, words: &str) {
        self.written.push_str(words);
        self.rest = &self.rest[length..];
    }

    /// What begins with a backslash, in a class or outside of one.
    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(kind) = self.rest[1..].chars().next() else {
            return Err("the pattern ends with a backslash".to_owned());
        };
        let class = match kind {
            'd' | 'D' => "0-9",
            's' | 'S' => "\\t\\n\\f\\r ",
            'w' | 'W' => "0-9A-Za-z_",
            _ => "",
        };
        match kind {
            'd' | 's' | 'w' if in_class => self.put(2, class),
            'd' | 's' | 'w' => self.put(2, &format!("[{class}]")),
            'D' | 'S' | 'W' => self.put(2, &format!("[^{class}]")),
            'b' | 'B' if !in_class => self.put(2, &format!("(?-u:\\{kind})")),
            'Q' if !in_class => self.literal(),
            '0'..='7' => self.octal()?,
            'p' | 'P' | 'x' => self.braced(),
            _ if kind.is_ascii_alphanumeric() => self.keep(2),
            _ => self.put(1 + kind.len_utf8(), &::regex::escape(&kind.to_string())),
        }
        Ok(())
    }

    /// `\p{…}`, `\x{…}`, or the same without braces.
    fn braced(&mut self) {
        let has_braces = self.rest[2..].starts_with('{');
        let end = self.rest.find('}').filter(|_| has_braces);
        self.keep(end.map_or(2, |end| end + 1));
    }

    /// `\Q … \E`: all stands for itself.
    fn literal(&mut self) {
        let text = &self.rest[2..];
        let (text, length) = match text.find("\\E") {
            Some(end) => (&text[..end], end + 4),
            None => (text, text.len() + 2),
        };
        let text = ::regex::escape(text);
        self.put(length, &text);
    }

    /// `\101`; a single digit but zero would be a reference back, which there is not.
    fn octal(&mut self) -> Result<(), String> {
        let digits = &self.rest[1..];
        let length = digits.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if length == 1 && !digits.starts_with('0') {
            return Err(format!("the pattern has \\{}, and nothing refers back", &digits[..1]));
        }
        let code = u32::from_str_radix(&digits[..length], 8).unwrap_or(0);
        self.put(1 + length, &format!("\\x{{{code:x}}}"));
        Ok(())
    }

    /// `[ … ]`
    fn class(&mut self) -> Result<(), String> {
        self.keep(1);
        if self.rest.starts_with('^') {
            self.keep(1);
        }
        if self.rest.starts_with(']') {
            self.put(1, "\\]");
        }
        while let Some(c) = self.rest.chars().next() {
            match c {
                ']' => {
                    self.keep(1);
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' => match self.rest.find(":]").filter(|_| self.rest.starts_with("[:")) {
                    Some(end) => self.keep(end + 2),
                    None => self.put(1, "\\["),
                },
                '-' if self.written.ends_with('-') => self.put(1, "\\-"),
                '&' | '~' => self.put(1, &format!("\\{c}")),
                _ => self.keep(c.len_utf8()),
            }
        }
        Err("the pattern has a [ that is not closed".to_owned())
    }

    /// `{2,3}`, or a brace that stands for itself.
    fn brace(&mut self) -> Result<(), String> {
        let Some(length) = self.rest.find('}').filter(|end| is_repeat(&self.rest[1..*end])) else {
            self.put(1, "\\{");
            return Ok(());
        };
        let numbers = self.rest[1..length].split(',').filter(|number| !number.is_empty());
        for number in numbers {
            if number.parse::<u32>().map_or(true, |number| number > MOST_REPEATS) {
                return Err(format!("the pattern repeats more than {MOST_REPEATS} times"));
            }
        }
        self.keep(length + 1);
        Ok(())
    }

    /// `(`, with the flags or the name behind it.
    fn group(&mut self) -> Result<(), String> {
        let Some(behind) = self.rest.strip_prefix("(?") else {
            self.keep(1);
            return Ok(());
        };
        let end = behind.find([':', ')', '<']).unwrap_or(behind.len());
        let flags = &behind[..end];
        let is_name = behind[end..].starts_with('<') && matches!(flags, "" | "P");
        if !is_name && !flags.chars().all(|flag| "imsU-".contains(flag)) {
            return Err(format!("the pattern has flags that are none of Go's: {flags:?}"));
        }
        self.keep(2 + end);
        Ok(())
    }
}

/// `2`, `2,` or `2,3`.
fn is_repeat(text: &str) -> bool {
    let (least, most) = text.split_once(',').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}
