//! The audit of a hub: over its API, in its database, or in an export.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use watchfire_agent::runner::{is_audit, verify_audit};
use watchfire_api::audit::AuditPage;
use watchfire_hub::audit_in;
use watchfire_identity::audit::{AuditLine, AuditVerifier, Head, MAX_AUDIT_LINE_BYTES};
use watchfire_runtime::Clock;

use super::super::block_on;
use super::super::past::local;
use crate::hub_client::Hub;
use crate::screen;

/// How many rows are shown when nothing is said.
const USUAL_ROWS: u64 = 100;

#[derive(Args)]
struct Of {
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB", conflicts_with = "data")]
    hub: Option<String>,
    /// Read the database in a hub's data folder, whether the hub runs or not
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Ls {
    /// How many of the newest rows
    #[arg(short = 'n', long, value_name = "N", default_value_t = USUAL_ROWS)]
    rows: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
pub(super) struct Verify {
    /// A file that `watchfire audit export` wrote, or audit.jsonl in the data folder of a runner
    /// [default: ask the hub]
    #[arg(value_name = "FILE", conflicts_with_all = ["hub", "data"])]
    file: Option<PathBuf>,
    /// A head that was kept elsewhere: the rows up to it must still be there
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
pub(super) struct HeadOf {
    #[command(flatten)]
    of: Of,
}

impl Ls {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let rows = self.of.rows(Some(self.rows))?;
        let read: anyhow::Result<Vec<AuditLine>> = rows
            .iter()
            .map(|row| AuditLine::read(row).context("a row was changed: watchfire audit verify"))
            .collect();
        let read = read?;
        if self.json { screen::print_json(&read) } else { screen::print(&text(&read)) }
    }
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(path) = self.file.as_deref().filter(|path| is_audit(path)) {
            let found = verify_audit(path, self.head.as_deref())?;
            let (lines, last, head) = (found.lines, found.last, found.head);
            let text = format!("{lines} lines, the last is number {last}: whole\nhead {head}\n");
            return screen::print(&text);
        }
        let head = self.head.as_deref().map(str::parse).transpose()?;
        let mut verifier = AuditVerifier::new(head);
        match &self.file {
            Some(path) => {
                let file = std::fs::File::open(path);
                let file = file.with_context(|| format!("cannot open {}", path.display()))?;
                for line in limited_lines(BufReader::new(file)) {
                    verifier.line(&line?)?;
                }
            }
            None => self.of.each(0, |row| verifier.line(row).map(drop).map_err(Into::into))?,
        }
        let head = verifier.end()?;
        screen::print(&format!("{} rows, and none was changed: {head}\n", head.seq))
    }
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // A row is one line of JSON, in which nothing moves a cursor.
        self.of.each(0, |row| screen::print_exactly(&format!("{row}\n")))
    }
}

impl HeadOf {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let last = self.of.rows(Some(1))?;
        let head = match last.first() {
            Some(row) => {
                let head = AuditLine::read(row).and_then(|line| line.head());
                head.context("the newest row was changed: watchfire audit verify")?
            }
            None => Head::START,
        };
        screen::print(&format!("{head}\n"))
    }
}

impl Of {
    /// The newest rows, oldest first.
    fn rows(&self, most: Option<u64>) -> anyhow::Result<Vec<String>> {
        let newest = self.page(u64::MAX)?.newest;
        let mut rows = Vec::new();
        self.each(most.map_or(0, |most| newest.saturating_sub(most)), |row| {
            rows.push(row.to_owned());
            Ok(())
        })?;
        Ok(rows)
    }

    /// Goes through the rows after a number.
    fn each(
        &self,
        mut after: u64,
        mut work: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let page = self.page(after)?;
            for row in &page.lines {
                work(row)?;
            }
            // What is no row any more has no number to go on from; the one that was asked for
            // and those of the page say it as well, as long as none is missing.
            let last = page.lines.last().and_then(|row| AuditLine::read(row)).map(|row| row.seq);
            match (last, page.lines.is_empty()) {
                (Some(last), _) if last > after => after = last,
                (_, true) => return Ok(()),
                _ => bail!("the rows after {after} cannot be read: watchfire audit verify"),
            }
        }
    }

    fn page(&self, after: u64) -> anyhow::Result<AuditPage> {
        if let Some(data) = &self.data {
            let (lines, newest) = audit_in(data, after)?;
            return Ok(AuditPage { lines, newest });
        }
        let hub = Hub::known(self.hub.as_deref(), &Clock::system())?;
        block_on(hub.get(&format!("/api/audit?after={after}")))
    }
}

/// The lines of a file, of which none is longer than one may be.
fn limited_lines(mut file: impl BufRead) -> impl Iterator<Item = anyhow::Result<String>> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let limit = MAX_AUDIT_LINE_BYTES as u64 + 2;
        match std::io::Read::take(&mut file, limit).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                let text = String::from_utf8(line).context("it is no text");
                Some(text.map(|text| text.strip_suffix('\n').unwrap_or(&text).to_owned()))
            }
            Err(error) => Some(Err(error.into())),
        }
    })
}

fn text(rows: &[AuditLine]) -> String {
    let row = |row: &AuditLine| {
        let fields = [&row.who, &row.action, &row.object, &row.outcome, &row.from, &row.detail];
        let words: Vec<_> = fields
            .into_iter()
            .filter(|word| !word.is_empty())
            .map(|word| screen::line(word))
            .collect();
        format!("{:>6}  {}  {}\n", row.seq, local(row.unix_ms), words.join("  "))
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use watchfire_identity::audit::AuditEntry;

    use super::*;

    #[test]
    fn a_row_cannot_make_another_one_on_the_screen() {
        let entry = AuditEntry {
            who: "ada\n     2  forged\u{1b}[2K".to_owned(),
            action: "login".to_owned(),
            ..AuditEntry::default()
        };
        let (row, head) = Head::START.next(&entry, 0);
        let shown = text(&[AuditLine::read(&row).expect("a row")]);
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let lines: Vec<_> =
            limited_lines(format!("{row}\n{row}").as_bytes()).map(Result::unwrap).collect();
        assert_eq!(lines, [row.as_str(), row.as_str()]);
        assert_eq!(
            limited_lines(&b"x".repeat(100_000)[..]).next().unwrap().unwrap().len(),
            MAX_AUDIT_LINE_BYTES + 2
        );
        assert_eq!(head.seq, 1);
    }
}
