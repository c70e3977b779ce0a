//! A reader that takes nothing but a valid exposition. It is written from the
//! two formats' descriptions and shares no line with the writer.

use std::collections::{BTreeMap, BTreeSet};

use crate::exposition::Format;

/// What an exposition says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Exposition {
    /// Type by family.
    pub(super) types: BTreeMap<String, String>,
    /// Help by family.
    pub(super) helps: BTreeMap<String, String>,
    /// Value by name and labels.
    pub(super) samples: BTreeMap<(String, Labels), f64>,
}

pub(super) type Labels = Vec<(String, String)>;

/// Reads an exposition. What breaks a rule is an error in words.
pub(super) fn read(text: &str, format: Format) -> Result<Exposition, String> {
    let mut text = text;
    if format == Format::OpenMetrics {
        text = text.strip_suffix("# EOF\n").ok_or("the end is missing")?;
    }
    let mut reader = Reader { format, ..Reader::default() };
    while !text.is_empty() {
        let (line, rest) = text.split_once('\n').ok_or("the last line has no end")?;
        reader.line(line).map_err(|why| format!("{why}: {line}"))?;
        text = rest;
    }
    reader.end()
}

#[derive(Debug, Default)]
struct Reader {
    format: Format,
    now: Option<Family>,
    closed: BTreeSet<String>,
    /// Names that no other family may use.
    taken: BTreeSet<String>,
    read: Exposition,
}

/// The family whose lines are being read.
#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: Option<String>,
    help: bool,
    unit: bool,
    samples: usize,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.strip_prefix('#') {
            Some(words) => self.head(words.strip_prefix(' ').ok_or("no space after #")?),
            None => self.sample(line),
        }
    }

    fn head(&mut self, words: &str) -> Result<(), String> {
        let mut parts = words.splitn(3, ' ');
        let (Some(what), Some(name), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err("a head needs three words".to_owned());
        };
        is_name(name, true)?;
        if self.now.as_ref().is_none_or(|family| family.name != name) {
            self.close()?;
            if self.closed.contains(name) {
                return Err("this family was over".to_owned());
            }
            self.now = Some(Family { name: name.to_owned(), ..Family::default() });
        }
        let open = self.format == Format::OpenMetrics;
        let family = self.now.as_mut().expect("was just made");
        if family.samples > 0 {
            return Err("a head below samples".to_owned());
        }
        match what {
            "TYPE" if family.kind.is_none() => {
                let known: &[&str] = if open {
                    &["counter", "gauge", "unknown"]
                } else {
                    &["counter", "gauge", "untyped"]
                };
                if !known.contains(&rest) {
                    return Err("no type".to_owned());
                }
                family.kind = Some(rest.to_owned());
                self.read.types.insert(name.to_owned(), rest.to_owned());
            }
            "HELP" if !family.help => {
                family.help = true;
                let help = unescape(rest, if open { "\\n\"" } else { "\\n" })?;
                if open && rest.replace("\\\\", "").replace("\\\"", "").contains('"') {
                    return Err("a bare quote in a help".to_owned());
                }
                self.read.helps.insert(name.to_owned(), help);
            }
            "UNIT" if open && !family.unit => {
                family.unit = true;
                if !name.ends_with(&format!("_{rest}")) {
                    return Err("the name does not end with its unit".to_owned());
                }
            }
            _ => return Err("an unknown or repeated head".to_owned()),
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let name_end = line.find(['{', ' ']).ok_or("a sample without value")?;
        let (name, rest) = line.split_at(name_end);
        is_name(name, true)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Labels::new(), rest),
        };
        let value = number(value.strip_prefix(' ').ok_or("no space before the value")?)?;
        let family = self.now.as_mut().ok_or("a sample before its head")?;
        let kind = family.kind.as_deref().ok_or("a sample without a type")?;
        let counter = self.format == Format::OpenMetrics && kind == "counter";
        let expected = format!("{}{}", family.name, if counter { "_total" } else { "" });
        if name != expected {
            return Err(format!("a sample of {expected} was due"));
        }
        if counter && (value.is_nan() || value < 0.0) {
            return Err("no count".to_owned());
        }
        family.samples += 1;
        match self.read.samples.insert((name.to_owned(), labels), value) {
            None => Ok(()),
            Some(_) => Err("a series twice".to_owned()),
        }
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(family) = self.now.take() else { return Ok(()) };
        if family.samples == 0 {
            return Err(format!("{} has a head and no sample", family.name));
        }
        let counter =
            self.format == Format::OpenMetrics && family.kind.as_deref() == Some("counter");
        let suffixes: &[&str] = if counter { &["", "_total", "_created"] } else { &[""] };
        for suffix in suffixes {
            if !self.taken.insert(format!("{}{suffix}", family.name)) {
                return Err(format!("{}{suffix} clashes with another family", family.name));
            }
        }
        self.closed.insert(family.name);
        Ok(())
    }

    fn end(mut self) -> Result<Exposition, String> {
        self.close()?;
        Ok(self.read)
    }
}

/// What stands between the braces, and the rest.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without value")?;
        is_name(name, false)?;
        let end = closing_quote(after).ok_or("a value without end")?;
        if labels.iter().any(|(known, _)| known == name) {
            return Err("a label twice".to_owned());
        }
        labels.push((name.to_owned(), unescape(&after[..end], "\\n\"")?));
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        rest = rest.strip_prefix(',').ok_or("no comma between labels")?;
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str, allowed: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\0' {
            return Err("a NUL".to_owned());
        }
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let escaped = chars.next().filter(|c| allowed.contains(*c)).ok_or("a wrong escape")?;
        plain.push(if escaped == 'n' { '\n' } else { escaped });
    }
    Ok(plain)
}

fn number(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-')) => {
            text.parse().map_err(|_| "no number".to_owned())
        }
        _ => Err("no number".to_owned()),
    }
}

fn is_name(name: &str, of_metric: bool) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (of_metric && c == ':');
    let first = name.chars().next();
    if name.chars().all(fits) && first.is_some_and(|c| !c.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("{name:?} is no name"))
    }
}

#[test]
fn the_reader_is_strict() {
    let good = "# TYPE a gauge\na 1\n# TYPE b counter\nb{x=\"1\"} 2\n";
    assert!(read(good, Format::Text).is_ok());
    let cases = [
        "a 1\n",
        "# TYPE a gauge\na 1",
        "# TYPE a gauge\n",
        "# TYPE a gauge\na 1\n\n",
        "# TYPE a gauge\na 1\na 1\n",
        "# TYPE a gauge\n# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# HELP a x\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{x=\"1\"} 1\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na{x=\"1\"} 1\n",
        "# TYPE a gauge\na{x=\"1} 1\n",
        "# TYPE a gauge\na{x=\"\\t\"} 1\n",
        "# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n",
        "# TYPE a gauge\na{1=\"1\"} 1\n",
        "# TYPE a gauge\na inf\n",
        "# TYPE a gauge\na  1\n",
        "# TYPE a unknown\na 1\n",
    ];
    for case in cases {
        assert!(read(case, Format::Text).is_err(), "{case}");
    }
    let open = |text: &str| read(&format!("{text}# EOF\n"), Format::OpenMetrics);
    assert!(open("# TYPE a counter\na_total 1\n").is_ok());
    let cases = [
        "# TYPE a_total counter\na_total 1\n",
        "# TYPE a counter\na 1\n",
        "# TYPE a counter\na_total NaN\n",
        "# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total{x=\"1\"} 1\n",
        "# TYPE a counter\na_total 1\n# TYPE a_created gauge\na_created 1\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n",
        "# HELP a \"\n# TYPE a gauge\na 1\n",
        "# TYPE a untyped\na 1\n",
        "# TYPE a gauge\na 1\n# EOF\n",
    ];
    for case in cases {
        assert!(open(case).is_err(), "{case}");
    }
    assert!(read("# TYPE a gauge\na 1\n", Format::OpenMetrics).is_err());
}
