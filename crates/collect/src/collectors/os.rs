use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, printable, split_once};

static INFO: Family = Family::gauge(
    "node_os_info",
    "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, \
     image_version, name, pretty_name, variant, variant_id, version, version_codename, \
     version_id.",
    &[
        "build_id",
        "id",
        "id_like",
        "image_id",
        "image_version",
        "name",
        "pretty_name",
        "variant",
        "variant_id",
        "version",
        "version_codename",
        "version_id",
    ],
);
static VERSION: Family = Family::gauge(
    "node_os_version",
    "Metric containing the major.minor part of the OS version.",
    &["id", "id_like", "name"],
);

/// The fields of the file, in the order of the labels of [`INFO`].
const KEYS: [&[u8]; 12] = [
    b"BUILD_ID",
    b"ID",
    b"ID_LIKE",
    b"IMAGE_ID",
    b"IMAGE_VERSION",
    b"NAME",
    b"PRETTY_NAME",
    b"VARIANT",
    b"VARIANT_ID",
    b"VERSION",
    b"VERSION_CODENAME",
    b"VERSION_ID",
];

/// The distribution, from the two places of the `os-release(5)` manual page.
#[derive(Debug)]
pub(super) struct OsCollector {
    etc: Source,
    usr: Source,
    /// What `fields` was made of.
    text: Vec<u8>,
    fields: [String; KEYS.len()],
}

impl OsCollector {
    pub(super) fn new() -> Self {
        Self {
            etc: Source::new("etc/os-release"),
            usr: Source::new("usr/lib/os-release"),
            text: Vec::new(),
            fields: Default::default(),
        }
    }
}

impl Collector for OsCollector {
    fn name(&self) -> &'static str {
        "os"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("etc/os-release")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        // An update replaces the file, so a kept one would show the old system.
        self.etc.close();
        self.usr.close();
        let text = match self.etc.read(reading.root) {
            Ok(text) => text,
            Err(error) => self.usr.read(reading.root).map_err(|_| error)?,
        };
        if text != self.text {
            self.fields = KEYS.map(|key| field(text, key));
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        let values = self.fields.each_ref().map(String::as_bytes);
        reading.put(&INFO, &values, 1.0);
        let [_, id, id_like, _, _, name, .., version_id] = values;
        if let Some(version) = major_minor(version_id) {
            reading.put(&VERSION, &[id, id_like, name], version);
        }
        Ok(Outcome::Read)
    }
}

fn field(text: &[u8], key: &[u8]) -> String {
    let fields = lines(text).filter_map(|line| split_once(line, b'='));
    let found = fields.filter(|(found, _)| found.trim_ascii() == key).map(|(_, value)| value);
    found.last().map(unquote).unwrap_or_default()
}

/// `22.04.3` is 22.04, and `12` is 12.
fn major_minor(version: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(version).ok()?;
    let mut parts = text.splitn(3, '.');
    let (major, minor) = (parts.next()?, parts.next().unwrap_or("0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor)).then(|| format!("{major}.{minor}").parse().ok())?
}

/// Shell quoting as `os-release(5)` allows it: one pair of quotes, and
/// backslashes before characters that mean something.
fn unquote(value: &[u8]) -> String {
    let text = printable(value);
    let quoted = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let inner = quoted('"').or_else(|| quoted('\'')).unwrap_or(&text);
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        out.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    #[test]
    fn the_fields_are_labels_without_their_quotes() {
        let text =
            "NAME=Debian\nPRETTY_NAME=\"Debian \\\"12\\\"\"\nID='debian'\nVERSION_ID=\"12\"\n";
        let mut bench = Bench::new(&[("etc/os-release", text)]);
        let lines = bench.read(&mut OsCollector::new(), 0);
        let expected =
            r#"{id="debian",name="Debian",pretty_name="Debian \"12\"",version_id="12"} 1"#;
        assert_eq!(below(&lines, "node_os_info"), [expected]);
        assert_eq!(below(&lines, "node_os_version"), [r#"{id="debian",name="Debian"} 12"#]);
    }

    #[test]
    fn the_second_place_stands_in_and_an_update_is_seen() {
        let mut bench = Bench::new(&[("usr/lib/os-release", "NAME='Void'\n")]);
        let mut collector = OsCollector::new();
        assert_eq!(bench.read(&mut collector, 0), [r#"node_os_info{name="Void"} 1"#]);
        bench.write("etc/os-release", "NAME=Newer\nVERSION_ID=9.3.1\n");
        let lines = bench.read(&mut collector, 0);
        assert_eq!(below(&lines, "node_os_version"), [r#"{name="Newer"} 9.3"#]);
    }

    #[test]
    fn a_version_need_not_be_a_number() {
        for (text, version) in
            [("22.04", Some(22.04)), ("12", Some(12.0)), ("rolling", None), ("", None)]
        {
            assert_eq!(major_minor(text.as_bytes()), version);
        }
    }

    #[test]
    fn neither_place_is_a_fault() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut OsCollector::new(), 0);
        assert!(bench.faults[0].error.contains("etc/os-release"), "{:?}", bench.faults);
    }
}
