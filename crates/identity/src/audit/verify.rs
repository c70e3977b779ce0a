use super::line::{AuditLine, Head, TRIMMED, digits};

/// Walks along a chain, line after line.
#[derive(Debug, Default)]
pub struct AuditVerifier {
    last: Option<Head>,
    /// What stood before the first line that there is, as long as no line says that it was
    /// taken away by the program itself.
    missing: Option<Head>,
    first: u64,
    /// A head that was kept elsewhere, and whether it was passed.
    kept: Option<Head>,
    passed: bool,
}

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {seq}: {what}")]
pub struct AuditFault {
    /// The number of the line; where it cannot be read, the one that it should have.
    pub seq: u64,
    /// What is wrong.
    pub what: &'static str,
}

impl AuditVerifier {
    /// Verifies a chain from its first line on, and that it went through `kept`.
    #[must_use]
    pub fn new(kept: Option<Head>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Looks at the next line.
    ///
    /// # Errors
    /// [`AuditFault`] for the first line that is not as it was written.
    pub fn line(&mut self, text: &str) -> Result<AuditLine, AuditFault> {
        let due = self.last.map_or(1, |last| last.seq + 1);
        let fault = |seq, what| AuditFault { seq, what };
        let line = AuditLine::read(text).ok_or_else(|| fault(due, "it is no line of an audit"))?;
        let head = line.head().ok_or_else(|| fault(line.seq, "it was changed"))?;
        match self.last {
            Some(last) if line.seq != last.seq + 1 => {
                return Err(fault(last.seq + 1, "it is missing"));
            }
            Some(last) if line.prev != digits(&last.hash) => {
                return Err(fault(line.seq, "it does not follow the row before it"));
            }
            Some(_) => {}
            None => self.begin(&line)?,
        }
        if line.action == TRIMMED
            && let Some(missing) = self.missing
            && line.object.parse() == Ok(missing)
        {
            self.missing = None;
        }
        if let Some(kept) = self.kept.filter(|kept| kept.seq == head.seq) {
            if kept != head {
                return Err(fault(head.seq, "it is not the row of the head that was kept"));
            }
            self.passed = true;
        }
        self.last = Some(head);
        Ok(line)
    }

    /// Says that there are no more lines, and gives where the chain ends.
    ///
    /// # Errors
    /// [`AuditFault`] when lines at the beginning or at the end are missing.
    pub fn end(self) -> Result<Head, AuditFault> {
        let last = self.last.unwrap_or(Head::START);
        if let Some(missing) = self.missing {
            let what = "it and those before it are missing, and no row says that they were taken \
                        away for their age";
            return Err(AuditFault { seq: missing.seq, what });
        }
        let is_older = |kept: &Head| kept.seq < self.first || *kept == Head::START;
        if self.kept.is_some_and(|kept| !self.passed && !is_older(&kept)) {
            let what =
                "it and those after it are missing: the head that was kept is of a later row";
            return Err(AuditFault { seq: last.seq + 1, what });
        }
        Ok(last)
    }

    fn begin(&mut self, line: &AuditLine) -> Result<(), AuditFault> {
        self.first = line.seq;
        if line.seq == 1 {
            let fits = line.prev == digits(&Head::START.hash);
            return fits
                .then_some(())
                .ok_or(AuditFault { seq: 1, what: "it is not the first one" });
        }
        let before = format!("{}:{}", line.seq.saturating_sub(1), line.prev);
        let what = "its hash of the row before it is none";
        self.missing = Some(before.parse().map_err(|_| AuditFault { seq: line.seq, what })?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::AuditEntry;
    use super::*;

    fn entry(object: &str) -> AuditEntry {
        let who = "ada\n{\"level\":\"info\",\"msg\":\"login ok\"}\u{1b}[2K".to_owned();
        AuditEntry { who, object: object.to_owned(), ..AuditEntry::default() }
    }

    fn chain(count: usize) -> (Vec<String>, Head) {
        let (mut lines, mut head) = (Vec::new(), Head::START);
        for number in 0..count {
            let (line, next) = head.next(&entry(&number.to_string()), 1_000);
            lines.push(line);
            head = next;
        }
        (lines, head)
    }

    fn verified(lines: &[String], kept: Option<Head>) -> Result<Head, AuditFault> {
        let mut verifier = AuditVerifier::new(kept);
        for line in lines {
            verifier.line(line)?;
        }
        verifier.end()
    }

    #[test]
    fn a_chain_is_one_line_an_entry_and_verifies() {
        let (lines, head) = chain(5);
        assert!(lines.iter().all(|line| !line.contains(['\n', '\u{1b}'])), "{lines:?}");
        assert_eq!(verified(&lines, None), Ok(head));
        assert_eq!(verified(&lines, Some(head)), Ok(head));
        assert_eq!(head.to_string().parse(), Ok(head));
        assert_eq!(verified(&[], None), Ok(Head::START));
        assert_eq!(AuditLine::read(&lines[0]).expect("a line").who, entry("").who);
    }

    #[test]
    fn every_changed_byte_is_found_and_the_row_named() {
        let (lines, head) = chain(3);
        for row in 0..3 {
            for place in 0..lines[row].len() {
                let mut bytes = lines[row].clone().into_bytes();
                bytes[place] ^= 1;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let mut changed = lines.clone();
                changed[row] = text;
                let fault = verified(&changed, Some(head)).expect_err("it was changed");
                // A number may be changed into that of a later row.
                assert!(fault.seq <= row as u64 + 3, "{fault}");
            }
        }
        let mut changed = lines.clone();
        changed[1] = changed[1].replace("\"object\":\"1\"", "\"object\":\"7\"");
        assert_eq!(verified(&changed, None).map_err(|fault| fault.seq), Err(2));
    }

    #[test]
    fn rows_that_were_taken_away_or_put_in_another_order_are_found() {
        let (lines, head) = chain(6);
        let without = |from: usize, to: usize| {
            let mut left = lines.clone();
            left.drain(from..to);
            left
        };
        assert_eq!(verified(&without(2, 3), None).map_err(|fault| fault.seq), Err(3));
        assert_eq!(verified(&without(0, 2), None).map_err(|fault| fault.seq), Err(2));
        assert!(verified(&without(4, 6), None).is_ok(), "nobody can see that");
        assert_eq!(verified(&without(4, 6), Some(head)).map_err(|fault| fault.seq), Err(5));
        assert_eq!(verified(&[], Some(head)).map_err(|fault| fault.seq), Err(1));
        let mut swapped = lines.clone();
        swapped.swap(2, 3);
        assert!(verified(&swapped, None).is_err());
        // Everything written anew.
        let (mut other, _) = Head::START.next(&entry("x"), 1_000);
        std::mem::swap(&mut other, &mut swapped[0]);
        assert!(verified(&swapped, Some(head)).is_err());
    }

    #[test]
    fn what_was_trimmed_by_the_program_is_no_fault() {
        let (mut lines, head) = chain(6);
        let mut verifier = AuditVerifier::new(None);
        verifier.line(&lines[0]).expect("a line");
        verifier.line(&lines[1]).expect("a line");
        let through = verifier.end().expect("well");
        let trimmed = AuditEntry { action: TRIMMED.to_owned(), ..entry(&through.to_string()) };
        let (line, end) = head.next(&trimmed, 2_000);
        lines.push(line);
        assert_eq!(verified(&lines[2..], Some(head)), Ok(end));
        assert_eq!(verified(&lines[2..], Some(through)), Ok(end), "one of before");
        assert_eq!(verified(&lines[3..], None).map_err(|fault| fault.seq), Err(3));
    }

    #[test]
    fn long_fields_are_cut() {
        let (line, _) = Head::START.next(&entry(&"ä\u{1}".repeat(100_000)), 0);
        assert!(line.len() < super::super::MAX_AUDIT_LINE_BYTES, "{}", line.len());
        assert!(AuditLine::read(&line).expect("a line").object.ends_with('…'));
    }
}
