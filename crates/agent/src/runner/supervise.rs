//! One command, from its start to the end of its last child, in a process of its own that does
//! nothing else: whoever loses its parent below it becomes its child, and so belongs to it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::child::{Confinement, Ids, bare, confine};
use watchfire_wire::limits::{MAX_OUTPUT_CHUNK, MAX_STDIN_BYTES};
use watchfire_wire::{CommandRefused, CommandStarted, Exit, Message, Output, OutputStream};

use super::frames::framed;
use super::plan::Plan;
use super::{cgroup, tree};

/// Where programs are looked for, whatever the runner's own environment says.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const LANG: &str = "C.UTF-8";
/// How long a command has between being asked to end and being ended.
const GRACE: Duration = Duration::from_secs(2);
/// How long what was said last is waited for, once nobody is left who could say more.
const DRAIN: Duration = Duration::from_secs(1);
/// The longest plan, in bytes.
const MAX_PLAN_BYTES: u32 = 1 << 20;
/// A command is no better protected from running out of memory than any other program.
const USUAL_OOM_SCORE: &str = "0";

/// Supervises the one command that is handed over on the socket at stdin, and returns when it is
/// over.
///
/// # Errors
/// When the runner is gone, or speaks nonsense.
pub fn supervise(clock: &Clock) -> io::Result<()> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let mut socket = UnixStream::from(socket);
    let plan = read_plan(&mut socket)?;
    let stdin = read_stdin(&mut socket, plan.stdin)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let _ = std::fs::write("/proc/self/oom_score_adj", USUAL_OOM_SCORE);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    if let Some(group) = &plan.cgroup {
        std::fs::write(group.join("cgroup.procs"), "0")?;
    }
    match start(&plan, stdin) {
        Ok(child) => Supervisor::new(&plan, child, socket, clock.clone())?.run(),
        Err(error) => {
            let why = format!("{} cannot be started: {error}", plan.argv[0]);
            let refused = Message::CommandRefused(CommandRefused { run: plan.run, why });
            socket.write_all(&framed(&refused)?)
        }
    }
}

fn read_plan(socket: &mut UnixStream) -> io::Result<Plan> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_PLAN_BYTES {
        return Err(io::Error::other("a plan is too long"));
    }
    let mut text = vec![0; length as usize];
    socket.read_exact(&mut text)?;
    let plan: Plan = serde_json::from_slice(&text)?;
    if plan.argv.is_empty() { Err(io::Error::other("nothing is planned")) } else { Ok(plan) }
}

/// The input as a file in memory: nobody has to feed it, and it ends.
fn read_stdin(socket: &mut UnixStream, bytes: u64) -> io::Result<Stdio> {
    if bytes == 0 {
        return Ok(Stdio::null());
    }
    if bytes > MAX_STDIN_BYTES as u64 {
        return Err(io::Error::other("an input is too long"));
    }
    let mut file = File::from(rustix::fs::memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    io::copy(&mut socket.take(bytes), &mut file)?;
    file.rewind()?;
    Ok(file.into())
}

fn start(plan: &Plan, stdin: Stdio) -> io::Result<Child> {
    let program = find(&plan.argv[0])?;
    let mut command: Command = bare(&program, &plan.folder)?;
    command
        .args(&plan.argv[1..])
        .env("PATH", PATH)
        .env("HOME", &plan.home)
        .env("USER", &plan.user)
        .env("LANG", LANG)
        .env("WATCHFIRE_COMMAND_ID", &plan.id)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let user = plan.ids.clone().map(|(user, group, groups)| Ids { user, group, groups });
    // The limit counts all threads of the user, those of other commands and services as well.
    let processes = user.as_ref().map(|ids| tree::threads_of(ids.user) + plan.processes);
    let how = Confinement {
        user,
        no_new_privs: plan.no_new_privs,
        processes,
        files: Some(plan.files),
        memory: plan.memory,
    };
    confine(&mut command, how).spawn()
}

/// A program by its path, or by its name in [`PATH`].
fn find(name: &str) -> io::Result<PathBuf> {
    if name.starts_with('/') {
        return Ok(name.into());
    }
    let found = PATH.split(':').map(|folder| Path::new(folder).join(name));
    let found = found.filter(|_| !name.contains('/')).find(|path| path.is_file());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("not found in {PATH}")))
}

struct Supervisor<'a> {
    plan: &'a Plan,
    clock: Clock,
    socket: UnixStream,
    main: Pid,
    main_fd: Option<OwnedFd>,
    pipes: [Option<File>; 2],
    /// What waits to be sent.
    outgoing: Vec<u8>,
    exit: Exit,
    began: Moment,
    /// How the command ended, once it has.
    ended: Option<(Option<i32>, Option<i32>)>,
    children: Vec<tree::Ended>,
    /// Somebody wants it to end: until when it may do that itself.
    killing: Option<Moment>,
    runner_is_gone: bool,
}

const STREAMS: [OutputStream; 2] = [OutputStream::Stdout, OutputStream::Stderr];

impl<'a> Supervisor<'a> {
    fn new(plan: &'a Plan, mut child: Child, socket: UnixStream, clock: Clock) -> io::Result<Self> {
        let stdout = child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let stderr = child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let main = Pid::from_child(&child);
        for pipe in stdout.iter().chain(&stderr) {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        socket.set_nonblocking(true)?;
        let began = clock.now();
        let exit = Exit { run: plan.run, began_unix_ms: began.unix_ms, ..Exit::default() };
        let started = CommandStarted { run: plan.run, unix_ms: began.unix_ms };
        Ok(Self {
            plan,
            clock,
            socket,
            main,
            main_fd: pidfd_open(main, PidfdFlags::empty()).ok(),
            pipes: [stdout, stderr],
            outgoing: framed(&Message::CommandStarted(started))?,
            exit,
            began,
            ended: None,
            children: Vec::new(),
            killing: None,
            runner_is_gone: false,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut deadline = self.began.after(Duration::from_millis(self.plan.timeout_ms));
        while !self.is_over() {
            let wake = self.killing.unwrap_or(deadline);
            let now = self.clock.now();
            if now.monotonic >= wake.monotonic {
                if self.killing.is_some() {
                    break;
                }
                self.exit.timed_out = true;
                self.ask_to_end();
                deadline = now;
                continue;
            }
            self.wait(wake.since(now))?;
        }
        self.finish()
    }

    fn is_over(&mut self) -> bool {
        let left = tree::reap(&mut self.children);
        self.note_end();
        left.is_none() || self.ended.is_some()
    }

    fn note_end(&mut self) {
        let main = self.main;
        if let Some((_, code, signal)) = self.children.iter().find(|(pid, ..)| *pid == main) {
            self.ended = Some((*code, *signal));
        }
        self.children.clear();
    }

    fn ask_to_end(&mut self) {
        if self.killing.is_none() {
            tree::terminate();
            self.killing = Some(self.clock.now().after(GRACE));
        }
    }

    /// Waits for anything to happen, and takes it in.
    fn wait(&mut self, most: Duration) -> io::Result<()> {
        let most = most.max(Duration::from_millis(1));
        // Without a pidfd (before Linux 5.3) it is looked for now and then.
        let most = if self.main_fd.is_none() { most.min(Duration::from_millis(20)) } else { most };
        let reads = self.outgoing.is_empty();
        let ready = {
            let mut of_socket = PollFlags::empty();
            of_socket.set(PollFlags::IN, !self.runner_is_gone);
            of_socket.set(PollFlags::OUT, !reads && !self.runner_is_gone);
            let mut fds = vec![PollFd::new(&self.socket, of_socket)];
            fds.extend(self.main_fd.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
            if self.runner_is_gone {
                fds.remove(0);
            }
            if reads {
                fds.extend(
                    self.pipes.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)),
                );
            }
            let time = Timespec {
                tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(most.subsec_nanos()),
            };
            match poll(&mut fds, Some(&time)) {
                Ok(ready) => ready,
                Err(rustix::io::Errno::INTR) => 0,
                Err(error) => return Err(error.into()),
            }
        };
        if ready > 0 {
            self.listen();
            self.send();
            if self.outgoing.is_empty() {
                self.take_output();
            }
        }
        Ok(())
    }

    /// One byte of the runner's, or its end, is the word to end.
    fn listen(&mut self) {
        if self.runner_is_gone {
            return;
        }
        let mut word = [0; 16];
        match (&self.socket).read(&mut word) {
            Ok(0) => {
                self.runner_is_gone = true;
                self.outgoing.clear();
            }
            Ok(_) => self.exit.canceled = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => self.runner_is_gone = true,
        }
        self.ask_to_end();
    }

    fn send(&mut self) {
        while !self.outgoing.is_empty() && !self.runner_is_gone {
            match (&self.socket).write(&self.outgoing) {
                Ok(sent) => drop(self.outgoing.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.runner_is_gone = true,
            }
        }
    }

    fn take_output(&mut self) {
        for (place, stream) in STREAMS.into_iter().enumerate() {
            let Some(pipe) = self.pipes[place].as_mut().filter(|_| !self.exit.truncated) else {
                continue;
            };
            let mut bytes = vec![0; MAX_OUTPUT_CHUNK];
            match pipe.read(&mut bytes) {
                Ok(0) => self.pipes[place] = None,
                Ok(count) => {
                    bytes.truncate(count);
                    self.say(stream, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.pipes[place] = None,
            }
        }
        self.send();
    }

    fn say(&mut self, stream: OutputStream, mut bytes: Vec<u8>) {
        let room = self.plan.output.saturating_sub(self.exit.output_bytes);
        if bytes.len() as u64 > room {
            bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            self.exit.truncated = true;
            // Whoever says too much is not asked nicely. Its pipes stay until it is killed: a
            // closed one could end it first, in a way that says something else.
            self.killing = Some(self.clock.now());
        }
        let offset = self.exit.output_bytes;
        self.exit.output_bytes += bytes.len() as u64;
        if bytes.is_empty() || self.runner_is_gone {
            return;
        }
        let output = Message::Output(Output { run: self.plan.run, stream, offset, bytes });
        match framed(&output) {
            Ok(frame) => self.outgoing.extend(frame),
            Err(_) => self.exit.output_lost = true,
        }
    }

    /// Ends what is left, hands over what was said, and tells how it ended.
    fn finish(mut self) -> io::Result<()> {
        let survivors = tree::kill(&self.clock, &mut self.children);
        self.note_end();
        if survivors > 0 {
            tracing::error!(survivors, "processes of a command cannot be ended");
        }
        self.exit.ended_unix_ms = self.clock.now().unix_ms;
        let (code, signal) = self.ended.unwrap_or_default();
        (self.exit.code, self.exit.signal) = (code, signal.and_then(|s| u32::try_from(s).ok()));
        self.note_usage();
        self.socket.set_nonblocking(false)?;
        let until = self.clock.now().after(DRAIN);
        if self.exit.truncated {
            self.pipes = [None, None];
        }
        loop {
            self.socket.write_all(&self.outgoing)?;
            self.outgoing.clear();
            let is_dry = self.pipes.iter().all(Option::is_none);
            if is_dry || self.clock.now().monotonic >= until.monotonic {
                break;
            }
            let before = self.exit.output_bytes;
            self.take_output_at_end();
            if self.exit.output_bytes == before && survivors > 0 {
                break;
            }
        }
        self.socket.write_all(&framed(&Message::Exit(self.exit))?)?;
        if let Some(group) = &self.plan.cgroup {
            // We are in there ourselves: the runner removes it.
            tracing::debug!(group = %group.display(), "left");
        }
        Ok(())
    }

    /// Nobody is left who could write: what is in the pipes is all, and then they end.
    fn take_output_at_end(&mut self) {
        for (place, stream) in STREAMS.into_iter().enumerate() {
            let Some(pipe) = self.pipes[place].as_mut().filter(|_| !self.exit.truncated) else {
                continue;
            };
            let mut bytes = vec![0; MAX_OUTPUT_CHUNK];
            match pipe.read(&mut bytes) {
                Ok(count) if count > 0 => {
                    bytes.truncate(count);
                    self.say(stream, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => self.pipes[place] = None,
            }
        }
    }

    fn note_usage(&mut self) {
        use nix::sys::resource::{UsageWho, getrusage};
        let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return };
        let micros = |time: nix::sys::time::TimeVal| {
            u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or_default()
        };
        self.exit.user_us = micros(usage.user_time());
        self.exit.system_us = micros(usage.system_time());
        self.exit.peak_rss_bytes = u64::try_from(usage.max_rss()).unwrap_or_default() * 1024;
    }
}

/// What a group's end is for: the supervisor's own, once it has ended.
pub(super) fn end_group(plan: &Plan) {
    plan.cgroup.as_deref().into_iter().for_each(cgroup::end);
}
