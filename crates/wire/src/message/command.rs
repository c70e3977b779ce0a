use std::collections::BTreeMap;
use std::fmt;

/// Hub to agent: run this. Whether it runs at all is for the server's own policy to say.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The hub's number of it, which all that is said of it has; never 0.
    pub run: u64,
    /// Random; for a signed command, that of its envelope.
    pub command_id: [u8; 16],
    /// What is to be run.
    pub work: Work,
    /// What its standard input holds.
    pub stdin: Vec<u8>,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// What an operator signed. The hub cannot make or change it.
    Signed(SignedWork),
    /// One of the server's runbooks.
    Runbook(RunbookWork),
    /// A command that nobody signed, for servers whose policy is open.
    Open(OpenWork),
}

/// A signed command for one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignedWork {
    /// The bytes that were signed.
    pub envelope: Vec<u8>,
    /// The signatures, in armour.
    pub signatures: Vec<String>,
    /// The place of this server among the targets.
    pub index: u32,
    /// What shows that it is one of them.
    pub hashes: Vec<[u8; 32]>,
}

/// A runbook that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunbookWork {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Who asks, as the hub knows them.
    pub asker: String,
}

/// A command that somebody asks for and nobody signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenWork {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Who is to run it; empty for the policy's own.
    pub user: String,
    /// Where; empty for the user's home.
    pub folder: String,
    /// How long it may take, in seconds; 0 for the policy's own.
    pub timeout_s: u32,
    /// How many bytes it may say; 0 for the policy's own.
    pub output_bytes: u64,
    /// Who asks, as the hub knows them.
    pub asker: String,
}

/// Hub to agent: end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CancelCommand {
    /// Which one.
    pub run: u64,
}

/// Agent to hub: it does not run. It is said again until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandRefused {
    /// Which one.
    pub run: u64,
    /// Why, for a person.
    pub why: String,
}

/// Agent to hub: it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandStarted {
    /// Which one.
    pub run: u64,
    /// When, on the agent's wall clock.
    pub unix_ms: i64,
}

/// Where a program says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OutputStream {
    /// Its standard output.
    #[default]
    Stdout,
    /// Its standard error.
    Stderr,
}

/// Agent to hub: what it says.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Which one.
    pub run: u64,
    /// Where it said it.
    pub stream: OutputStream,
    /// How many bytes of both streams came before.
    pub offset: u64,
    /// At most [`MAX_OUTPUT_CHUNK`](crate::limits::MAX_OUTPUT_CHUNK) of them.
    pub bytes: Vec<u8>,
}

/// Hub to agent: what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputAck {
    /// Of which one.
    pub run: u64,
    /// All bytes of both streams before this one need not be kept any longer.
    pub offset: u64,
    /// How it ended is known too, or nobody wants to know: forget it.
    pub done: bool,
}

/// Agent to hub: it is over. It is said again until it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exit {
    /// Which one.
    pub run: u64,
    /// Its exit code; none when a signal ended it, or when it is not known.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<u32>,
    /// When it began, on the agent's wall clock.
    pub began_unix_ms: i64,
    /// When it ended.
    pub ended_unix_ms: i64,
    /// Cpu time in user mode, in microseconds.
    pub user_us: u64,
    /// Cpu time in the kernel, in microseconds.
    pub system_us: u64,
    /// The most memory that it had, in bytes.
    pub peak_rss_bytes: u64,
    /// It said more than it may, and was ended for it.
    pub truncated: bool,
    /// It took longer than it may, and was ended for it.
    pub timed_out: bool,
    /// Somebody ended it.
    pub canceled: bool,
    /// How many bytes of both streams it said, as far as they were taken.
    pub output_bytes: u64,
    /// Some of what it said could not be kept until the hub was back.
    pub output_lost: bool,
}

/// How much a server lets others run on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RunPolicy {
    /// Nothing.
    #[default]
    Off,
    /// Its runbooks.
    Runbooks,
    /// These, and what is signed by somebody it knows.
    Signed,
    /// These, and whatever the hub lets.
    Open,
}

/// Agent to hub, when a session begins and when it changes: what may be run there. The list is a
/// convenience for those who choose; each command is judged anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runbooks {
    /// How much is allowed.
    pub policy: RunPolicy,
    /// The runbooks, by their names.
    pub list: Vec<Runbook>,
}

/// A runbook of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runbook {
    /// Its name.
    pub name: String,
    /// What it does, for a person.
    pub description: String,
    /// What it wants to know.
    pub params: Vec<RunbookParam>,
    /// Whoever starts it is to be asked whether they are sure.
    pub confirm: bool,
}

/// Something that a runbook wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunbookParam {
    /// Its name.
    pub name: String,
    /// The word of its type.
    pub kind: String,
    /// What it may be, for a person.
    pub hint: String,
}

impl OutputStream {
    /// The word used in JSON and on screens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl RunPolicy {
    /// Every policy, in the order of this enum.
    pub const ALL: [RunPolicy; 4] = [Self::Off, Self::Runbooks, Self::Signed, Self::Open];

    /// The word used in files, in JSON and on screens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Runbooks => "runbooks",
            Self::Signed => "signed",
            Self::Open => "open",
        }
    }
}

impl Default for Work {
    fn default() -> Self {
        Self::Runbook(RunbookWork::default())
    }
}

/// What is handed to a program and what it says may be secret.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("run", &self.run).finish_non_exhaustive()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, stream, offset, bytes } = self;
        let mut shown = f.debug_struct("Output");
        shown.field("run", run).field("stream", stream).field("offset", offset);
        shown.field("bytes", &bytes.len()).finish()
    }
}
