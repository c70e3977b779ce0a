//! What stands between `%` and its verb.

/// The largest width and precision, as in Go.
const MOST: i64 = 1_000_000;

/// Flags, width, precision and verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    /// `None` at the end of the format.
    pub(super) verb: Option<char>,
    /// A value was named by a number that there is not.
    pub(super) bad_index: bool,
    /// What is written before the value because something is wrong.
    pub(super) complaints: Vec<&'static str>,
}

/// What a specification needs of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// `[n]`: the next value is the n-th.
    Jump(usize),
    /// `*`: the next value is a number.
    Take,
}

impl Spec {
    /// Reads what follows a `%`, and says how long it is.
    pub(super) fn read(
        text: &str,
        arguments: &mut dyn FnMut(Argument) -> Option<i64>,
    ) -> (Self, usize) {
        let mut reader = Reader { rest: text, arguments, spec: Self::default() };
        reader.flags();
        reader.index();
        reader.width();
        reader.precision();
        reader.index();
        reader.spec.verb = reader.rest.chars().next();
        let length = text.len() - reader.rest.len() + reader.spec.verb.map_or(0, char::len_utf8);
        if reader.spec.minus {
            // Nothing can be filled up on the right with zeros.
            reader.spec.zero = false;
        }
        (reader.spec, length)
    }
}

struct Reader<'t, 'a> {
    rest: &'t str,
    arguments: &'a mut dyn FnMut(Argument) -> Option<i64>,
    spec: Spec,
}

impl Reader<'_, '_> {
    fn flags(&mut self) {
        while let Some(flag) = self.rest.chars().next() {
            match flag {
                '-' => self.spec.minus = true,
                '+' => self.spec.plus = true,
                '#' => self.spec.sharp = true,
                ' ' => self.spec.space = true,
                '0' => self.spec.zero = true,
                _ => return,
            }
            self.rest = &self.rest[1..];
        }
    }

    fn takes(&mut self, what: char) -> bool {
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `[n]`
    fn index(&mut self) {
        let Some(behind) = self.rest.strip_prefix('[') else { return };
        let Some(end) = behind.find(']') else {
            self.spec.bad_index = (self.arguments)(Argument::Jump(0)).is_none();
            self.rest = behind;
            return;
        };
        let number = behind[..end].parse().unwrap_or(0);
        let place = (self.arguments)(Argument::Jump(number));
        self.spec.bad_index |= place.is_none();
        self.rest = &behind[end + 1..];
    }

    fn width(&mut self) {
        if !self.takes('*') {
            self.spec.width = self.digits();
            return;
        }
        match (self.arguments)(Argument::Take) {
            Some(width) if (-MOST..=MOST).contains(&width) => {
                self.spec.minus |= width < 0;
                self.spec.width = usize::try_from(width.unsigned_abs()).ok();
            }
            _ => self.spec.complaints.push("%!(BADWIDTH)"),
        }
    }

    fn precision(&mut self) {
        if !self.takes('.') {
            return;
        }
        self.index();
        if !self.takes('*') {
            self.spec.precision = Some(self.digits().unwrap_or(0));
            return;
        }
        match (self.arguments)(Argument::Take) {
            Some(precision) if precision <= MOST => {
                self.spec.precision = usize::try_from(precision).ok();
            }
            _ => self.spec.complaints.push("%!(BADPREC)"),
        }
    }

    /// The number that stands here, if one does. The largest is more than any text may have.
    fn digits(&mut self) -> Option<usize> {
        let length = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let most = usize::try_from(MOST).unwrap_or(usize::MAX);
        (length > 0).then(|| digits.parse().unwrap_or(most).min(most))
    }
}
