//! Warnings and infos that come along with an answer.

use std::ops::Range;

use crate::parse::place;

/// No more than so many of each kind are told.
const MOST: usize = 10;

/// Collects what the asker should know, each thing once.
pub(super) struct Notes<'a> {
    text: &'a str,
    warnings: Kept,
    infos: Kept,
    /// Something that is asked for could not be read.
    pub(super) incomplete: bool,
}

#[derive(Default)]
struct Kept {
    texts: Vec<String>,
    more: usize,
}

impl Kept {
    fn add(&mut self, text: String) {
        if self.texts.contains(&text) {
            return;
        }
        if self.texts.len() < MOST {
            self.texts.push(text);
        } else {
            self.more += 1;
        }
    }

    fn said(mut self, what: &str) -> Vec<String> {
        if self.more > 0 {
            self.texts.push(format!("{} more {what} annotations omitted", self.more));
        }
        self.texts
    }
}

impl<'a> Notes<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, warnings: Kept::default(), infos: Kept::default(), incomplete: false }
    }

    /// Something is probably not as it was meant.
    pub(super) fn warn(&mut self, what: &str, at: &Range<usize>) {
        let (line, column) = place(self.text, at.start);
        self.warnings.add(format!("PromQL warning: {what} ({line}:{column})"));
    }

    /// Something may be worth a look.
    pub(super) fn inform(&mut self, what: &str, at: &Range<usize>) {
        let (line, column) = place(self.text, at.start);
        self.infos.add(format!("PromQL info: {what} ({line}:{column})"));
    }

    /// A warning of the source, in its own words.
    pub(super) fn pass_on(&mut self, warning: String) {
        self.warnings.add(warning);
    }

    /// Warnings and infos.
    pub(super) fn said(self) -> (Vec<String>, Vec<String>) {
        (self.warnings.said("warning"), self.infos.said("info"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_told_once_and_not_too_many() {
        let mut notes = Notes::new("a +\n b");
        for number in 0..12 {
            notes.warn(&format!("no {}", number.max(1)), &(5..6));
        }
        notes.inform("it is", &(0..1));
        let (warnings, infos) = notes.said();
        assert_eq!(warnings[0], "PromQL warning: no 1 (2:2)");
        assert_eq!(warnings[10], "1 more warning annotations omitted");
        assert_eq!((warnings.len(), infos), (11, vec!["PromQL info: it is (1:1)".to_owned()]));
    }
}
