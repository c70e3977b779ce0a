use crate::text::{number, words};

/// What is used of `/proc/PID/stat`, whose fields are those of the
/// `proc_pid_stat(5)` manual page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat<'a> {
    /// The kernel's short name, as it is: any byte but NUL.
    pub(crate) name: &'a [u8],
    pub(crate) state: char,
    pub(crate) ppid: u32,
    /// Time in user space and in the kernel together, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// The same of children that ended and were waited for, and of theirs.
    pub(crate) children_ticks: u64,
    pub(crate) threads: u32,
    /// Start, in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// The size of the address space in bytes.
    pub(crate) virtual_bytes: u64,
    /// Resident memory in pages.
    pub(crate) rss_pages: u64,
}

impl<'a> Stat<'a> {
    /// The name stands in brackets and may hold brackets, spaces and new
    /// lines itself. What follows holds none, so the last bracket ends it.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = text.get(open + 1..close)?;
        let mut fields = words(text.get(close + 1..)?);
        // The iterator stands behind the name, which is field 2.
        let mut passed = 2;
        let mut field = |wanted: usize| {
            let word = fields.nth(wanted - passed - 1);
            passed = wanted;
            word
        };
        let state = field(3).and_then(|word| word.first()).map(|&byte| char::from(byte))?;
        let ppid = number(field(4)?)?;
        let user = number(field(14)?)?;
        let system = number(field(15)?)?;
        let children_user = number(field(16)?)?;
        let children_system = number(field(17)?)?;
        let threads = number(field(20)?)?;
        let start_ticks = number(field(22)?)?;
        let virtual_bytes = number(field(23)?)?;
        // The page count of a dying process can be negative for a moment.
        let rss_pages = number(field(24)?).unwrap_or(0);
        Some(Self {
            name,
            state,
            ppid: u32::try_from(ppid).ok()?,
            cpu_ticks: user.saturating_add(system),
            children_ticks: children_user.saturating_add(children_system),
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
            start_ticks,
            virtual_bytes,
            rss_pages,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AFTER_NAME: &str =
        "S 1 2 3 0 -1 4194560 5 6 7 8 100 20 9 9 20 0 4 0 555 1000 42 18446744073709551615 1 1";

    #[test]
    fn all_used_fields_are_found() {
        let text = format!("77 (sshd) {AFTER_NAME}\n");
        let expected = Stat {
            name: b"sshd",
            state: 'S',
            ppid: 1,
            cpu_ticks: 120,
            children_ticks: 18,
            threads: 4,
            start_ticks: 555,
            virtual_bytes: 1000,
            rss_pages: 42,
        };
        assert_eq!(Stat::parse(text.as_bytes()), Some(expected));
    }

    #[test]
    fn the_last_bracket_ends_the_name() {
        for name in ["a b", "x) R 9 9 (", "((", "))", "two\nlines", "", ") S 1 2 3"] {
            let text = format!("77 ({name}) {AFTER_NAME}\n");
            let stat = Stat::parse(text.as_bytes()).unwrap();
            assert_eq!(stat.name, name.as_bytes());
            assert_eq!(stat.ppid, 1);
        }
    }

    #[test]
    fn half_a_file_is_no_process() {
        let text = format!("77 (sshd) {AFTER_NAME}\n");
        let until_rss = text.find(" 42 ").unwrap() + 1;
        for end in 0..until_rss {
            assert_eq!(Stat::parse(&text.as_bytes()[..end]), None, "{}", &text[..end]);
        }
        assert_eq!(Stat::parse(b")("), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Stat::parse(&bytes);
        }

        #[test]
        fn any_name_is_read_back(name in proptest::collection::vec(any::<u8>(), 0..16)) {
            let text = [b"1 (", &name[..], b") ", AFTER_NAME.as_bytes()].concat();
            prop_assert_eq!(Stat::parse(&text).map(|stat| stat.name), Some(&name[..]));
        }
    }
}
