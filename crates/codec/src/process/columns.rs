//! What a row consists of beside what identifies it. The place to add a field:
//! a new tag at the end. Tags are in the format and never used again.

use watchfire_model::ProcessRow;

/// How many columns there are.
pub(crate) const COLUMNS: usize = 18;

/// The tag of the column on which the usual order of rows depends.
pub(crate) const CPU_PERCENT: u8 = 21;

/// One field of a row.
pub(crate) struct Column {
    /// Its number in the format.
    pub(crate) tag: u8,
    pub(crate) field: Field,
}

/// How to get a field of a row and how to set it. `None` sets what has no "not known" to its zero.
pub(crate) enum Field {
    Whole(fn(&ProcessRow) -> Option<u64>, fn(&mut ProcessRow, Option<u64>)),
    Float(fn(&ProcessRow) -> Option<f64>, fn(&mut ProcessRow, Option<f64>)),
    Text(fn(&ProcessRow) -> Option<&str>, fn(&mut ProcessRow, Option<&str>)),
}

use Field::{Float, Text, Whole};

const fn column(tag: u8, field: Field) -> Column {
    Column { tag, field }
}

/// Every column.
pub(crate) static ALL: [Column; COLUMNS] = [
    column(16, Whole(|r| Some(r.ppid.into()), |r, v| r.ppid = small(v))),
    column(17, Text(|r| Some(&r.user), |r, v| set(&mut r.user, v))),
    column(18, Text(|r| Some(&r.name), |r, v| set(&mut r.name, v))),
    column(19, Text(|r| Some(&r.command), |r, v| set(&mut r.command, v))),
    column(20, Whole(|r| Some(u32::from(r.state).into()), |r, v| r.state = letter(v))),
    column(CPU_PERCENT, Float(|r| r.cpu_percent, |r, v| r.cpu_percent = v)),
    column(22, Whole(|r| Some(r.rss_bytes), |r, v| r.rss_bytes = v.unwrap_or(0))),
    column(23, Whole(|r| Some(r.threads.into()), |r, v| r.threads = small(v))),
    column(24, Float(|r| Some(r.cpu_seconds), |r, v| r.cpu_seconds = v.unwrap_or(0.0))),
    column(25, Float(|r| r.ended_children_percent, |r, v| r.ended_children_percent = v)),
    column(26, Whole(|r| Some(r.virtual_bytes), |r, v| r.virtual_bytes = v.unwrap_or(0))),
    column(27, Whole(|r| r.read_bytes, |r, v| r.read_bytes = v)),
    column(28, Whole(|r| r.written_bytes, |r, v| r.written_bytes = v)),
    column(29, Float(|r| r.read_bytes_per_s, |r, v| r.read_bytes_per_s = v)),
    column(30, Float(|r| r.written_bytes_per_s, |r, v| r.written_bytes_per_s = v)),
    column(31, Text(|r| Some(&r.cgroup), |r, v| set(&mut r.cgroup, v))),
    column(32, Text(|r| r.unit.as_deref(), |r, v| set_known(&mut r.unit, v))),
    column(33, Text(|r| r.container.as_deref(), |r, v| set_known(&mut r.container, v))),
];

fn small(value: Option<u64>) -> u32 {
    value.and_then(|value| value.try_into().ok()).unwrap_or(0)
}

fn letter(value: Option<u64>) -> char {
    value.and_then(|value| u32::try_from(value).ok()).and_then(char::from_u32).unwrap_or('\0')
}

/// Into the memory that is there.
fn set(text: &mut String, value: Option<&str>) {
    text.clear();
    text.push_str(value.unwrap_or(""));
}

fn set_known(text: &mut Option<String>, value: Option<&str>) {
    match value {
        Some(value) => set(text.get_or_insert_default(), Some(value)),
        None => *text = None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_used_once_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].tag < pair[1].tag));
    }
}
