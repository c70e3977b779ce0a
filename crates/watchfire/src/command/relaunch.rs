//! Starting this program anew in its own place: without a secret among its
//! arguments, or as the user whose files it is to write.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};

/// Whom to go on as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Makes a folder for this user alone, where it is not there yet.
    pub(super) fn give_new_folder(self, path: &Path) -> std::io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            Ok(()) => std::os::unix::fs::lchown(path, Some(self.user), Some(self.group)),
        }
    }
}

/// Whose a data folder is, when root runs the command and the folder is another
/// user's. Root would leave files there that the agent could not read, and
/// could be led by a link in it to write somewhere else.
pub(super) fn other_owner(data: &Path) -> anyhow::Result<Option<Owner>> {
    // Where nothing is yet, whoever makes it owns it.
    let Ok(folder) = std::fs::metadata(data) else { return Ok(None) };
    let myself = std::fs::metadata("/proc/self").context("/proc cannot be read")?;
    let owner = Owner { user: folder.uid(), group: folder.gid() };
    Ok((myself.uid() == 0 && owner.user != 0).then_some(owner))
}

/// Goes on with other arguments (those behind the program's name), with `input`
/// on stdin where there is one, and as `owner` where there is one. It returns
/// only when that is not possible.
///
/// The arguments of a process can be read by every user of the machine, and its
/// environment by others of the same user; a pipe by nobody else.
pub(super) fn relaunch(
    arguments: impl IntoIterator<Item = OsString>,
    input: Option<&str>,
    owner: Option<Owner>,
) -> anyhow::Error {
    let Ok(program) = std::env::current_exe() else {
        return anyhow!("the path of this program is not known: is /proc mounted?");
    };
    let mut command = Command::new(&program);
    command.args(arguments);
    if let Some(Owner { user, group }) = owner {
        command.uid(user).gid(group);
    }
    if let Some(input) = input {
        match pipe_with(input) {
            Ok(pipe) => drop(command.stdin(pipe)),
            Err(error) => return anyhow::Error::new(error).context("no pipe can be made"),
        }
    }
    let error = anyhow::Error::new(command.exec());
    let who = owner.map(|owner| format!(" as the user with the id {}", owner.user));
    error.context(format!(
        "{} cannot be started anew{}",
        program.display(),
        who.unwrap_or_default()
    ))
}

/// A pipe that holds the line. It is far smaller than the kernel's room for a
/// pipe, so that nobody has to read for it to be written.
fn pipe_with(line: &str) -> std::io::Result<Stdio> {
    let (reader, mut writer) = std::io::pipe()?;
    writeln!(writer, "{line}")?;
    Ok(reader.into())
}
