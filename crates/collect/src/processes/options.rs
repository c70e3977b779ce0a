/// What a process table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessOptions {
    /// Whether command lines are read, with their secrets masked. When false
    /// no file with arguments is opened, and `ProcessRow::command` is empty.
    pub arguments: bool,
    /// Whether the bytes read from and written to storage are read.
    pub io: bool,
}

impl Default for ProcessOptions {
    /// All of it.
    fn default() -> Self {
        Self { arguments: true, io: true }
    }
}
