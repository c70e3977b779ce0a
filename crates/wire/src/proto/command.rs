use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Command {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) command_id: Vec<u8>,
    #[prost(oneof = "Work", tags = "3, 4, 5")]
    pub(crate) work: Option<Work>,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) stdin: Vec<u8>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Work {
    #[prost(message, tag = "3")]
    Signed(SignedWork),
    #[prost(message, tag = "4")]
    Runbook(RunbookWork),
    #[prost(message, tag = "5")]
    Open(OpenWork),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignedWork {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) envelope: Vec<u8>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) signatures: Vec<String>,
    #[prost(uint32, tag = "3")]
    pub(crate) index: u32,
    /// One after the other, 32 bytes each.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) hashes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RunbookWork {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// By their names, each once.
    #[prost(message, repeated, tag = "2")]
    pub(crate) params: Vec<Param>,
    #[prost(string, tag = "3")]
    pub(crate) asker: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Param {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OpenWork {
    #[prost(string, repeated, tag = "1")]
    pub(crate) argv: Vec<String>,
    #[prost(string, tag = "2")]
    pub(crate) user: String,
    #[prost(string, tag = "3")]
    pub(crate) folder: String,
    #[prost(uint32, tag = "4")]
    pub(crate) timeout_s: u32,
    #[prost(uint64, tag = "5")]
    pub(crate) output_bytes: u64,
    #[prost(string, tag = "6")]
    pub(crate) asker: String,
}

/// Stream: 1 stdout, 2 stderr.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Output {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) stream: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) offset: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Exit {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(sint32, optional, tag = "2")]
    pub(crate) code: Option<i32>,
    #[prost(uint32, optional, tag = "3")]
    pub(crate) signal: Option<u32>,
    #[prost(sint64, tag = "4")]
    pub(crate) began_unix_ms: i64,
    #[prost(sint64, tag = "5")]
    pub(crate) ended_unix_ms: i64,
    #[prost(uint64, tag = "6")]
    pub(crate) user_us: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) system_us: u64,
    #[prost(uint64, tag = "8")]
    pub(crate) peak_rss_bytes: u64,
    #[prost(bool, tag = "9")]
    pub(crate) truncated: bool,
    #[prost(bool, tag = "10")]
    pub(crate) timed_out: bool,
    #[prost(bool, tag = "11")]
    pub(crate) canceled: bool,
    #[prost(uint64, tag = "12")]
    pub(crate) output_bytes: u64,
    #[prost(bool, tag = "13")]
    pub(crate) output_lost: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CancelCommand {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CommandRefused {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(string, tag = "2")]
    pub(crate) why: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CommandStarted {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(sint64, tag = "2")]
    pub(crate) unix_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OutputAck {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) offset: u64,
    #[prost(bool, tag = "3")]
    pub(crate) done: bool,
}

/// Policy: 1 runbooks, 2 signed, 3 open; anything else is off.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Runbooks {
    #[prost(uint32, tag = "1")]
    pub(crate) policy: u32,
    #[prost(message, repeated, tag = "2")]
    pub(crate) list: Vec<Runbook>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Runbook {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) description: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) params: Vec<RunbookParam>,
    #[prost(bool, tag = "4")]
    pub(crate) confirm: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RunbookParam {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) kind: String,
    #[prost(string, tag = "3")]
    pub(crate) hint: String,
}
