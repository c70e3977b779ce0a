mod unit;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use self::unit::{RUNNER_SOCKET, USER, runner_units, unit};

/// Where the service runs this program from.
const PROGRAM: &str = "/usr/local/bin/watchfire";
const SERVICE: &str = "watchfire-agent.service";
const UNITS: &str = "/etc/systemd/system";
const UNIT: &str = "/etc/systemd/system/watchfire-agent.service";
/// It exists where systemd runs the machine: sd_booted(3).
const SYSTEMD: &str = "/run/systemd/system";
const DATA: &str = "/var/lib/watchfire-agent";

#[derive(clap::Args)]
pub(super) struct Install {
    /// The data folder, one below /var/lib
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    data: PathBuf,
    /// The config file [default: /etc/watchfire/agent.toml where it exists, else defaults]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the unit and change nothing
    #[arg(long)]
    print: bool,
}

#[derive(clap::Args)]
pub(super) struct Uninstall {}

impl Install {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let text = unit(Path::new(PROGRAM), self.config.as_deref(), &self.data)?;
        let of_runner = runner_units(Path::new(PROGRAM))?;
        if self.print {
            print!("{text}");
            for (name, text) in of_runner {
                print!("\n# {UNITS}/{name}\n{text}");
            }
            return Ok(());
        }
        needs_root("install")?;
        needs_systemd()?;
        copy_program().with_context(|| format!("{PROGRAM} cannot be written"))?;
        make_user()?;
        write(Path::new(UNIT), text.as_bytes(), 0o644)
            .with_context(|| format!("{UNIT} cannot be written"))?;
        for (name, text) in of_runner {
            let path = Path::new(UNITS).join(name);
            write(&path, text.as_bytes(), 0o644)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        systemctl(&["daemon-reload"])?;
        systemctl(&["enable", SERVICE, RUNNER_SOCKET])?;
        // Without a policy its condition does not hold, and that is no failure.
        systemctl(&["restart", RUNNER_SOCKET])?;
        systemctl(&["restart", SERVICE])?;
        println!("installed {SERVICE}");
        eprintln!(
            "The agent runs. Its data is in {}; what it says: journalctl -u {SERVICE}\n\
             If this server has no hub yet: watchfire join HUB TOKEN",
            self.data.display()
        );
        Ok(())
    }
}

impl Uninstall {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(self) -> anyhow::Result<()> {
        needs_root("uninstall")?;
        if !Path::new(UNIT).exists() {
            bail!("there is no {UNIT}: nothing is installed");
        }
        if Path::new(SYSTEMD).exists() {
            systemctl(&["disable", "--now", SERVICE])?;
            // An older version installed none.
            if Path::new(UNITS).join(RUNNER_SOCKET).exists() {
                systemctl(&["disable", "--now", RUNNER_SOCKET])?;
            }
        }
        for (name, _) in runner_units(Path::new(PROGRAM))? {
            match fs::remove_file(Path::new(UNITS).join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context(format!("{UNITS}/{name} cannot be removed"));
                }
                _ => {}
            }
        }
        fs::remove_file(UNIT).with_context(|| format!("{UNIT} cannot be removed"))?;
        if Path::new(SYSTEMD).exists() {
            systemctl(&["daemon-reload"])?;
        }
        println!("removed {SERVICE}");
        eprintln!(
            "Left in place: the data (by default {DATA}), {PROGRAM}, and the user {USER}. At the \
             hub: watchfire server remove NAME"
        );
        Ok(())
    }
}

fn needs_root(what: &str) -> anyhow::Result<()> {
    if fs::metadata("/proc/self").context("/proc cannot be read")?.uid() == 0 {
        return Ok(());
    }
    bail!("this changes the system: run it as root, as in sudo watchfire agent {what}")
}

fn needs_systemd() -> anyhow::Result<()> {
    if Path::new(SYSTEMD).exists() {
        return Ok(());
    }
    bail!(
        "systemd does not run this machine, so there is no service to install\n  hint: let your \
         service manager start `{} agent` as a user of its own, start it anew when it ends, and \
         stop it with SIGTERM. As OpenRC, runit or a container's entry point that one line is all. \
         `watchfire agent install --print` shows which rights the agent makes use of",
        std::env::current_exe().unwrap_or_else(|_| PROGRAM.into()).display()
    )
}

/// Puts this program where the service finds it, in one step: the one that runs
/// there may be older, and goes on until it is started anew.
fn copy_program() -> anyhow::Result<()> {
    let this = std::env::current_exe().context("the path of this program is not known")?;
    let same = |path: &Path| Some((path.metadata().ok()?.dev(), path.metadata().ok()?.ino()));
    if same(&this).is_some() && same(&this) == same(Path::new(PROGRAM)) {
        return Ok(());
    }
    // The running program itself, even where its file was replaced meanwhile.
    let content = fs::read("/proc/self/exe").context("this program cannot be read")?;
    Ok(write(Path::new(PROGRAM), &content, 0o755)?)
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    // The umask may have taken some away.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The service's user: made by systemd's own tool, which leaves one that is there.
fn make_user() -> anyhow::Result<()> {
    let line = format!("u {USER} - \"Watchfire agent\" /\n");
    let mut making = Command::new("systemd-sysusers")
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .context("systemd-sysusers cannot be started: make the user `watchfire` yourself")?;
    if let Some(mut input) = making.stdin.take() {
        // One that ended without reading says itself why.
        let _ = input.write_all(line.as_bytes());
    }
    if making.wait()?.success() {
        return Ok(());
    }
    bail!("systemd-sysusers did not make the user {USER}: its words are above")
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("systemctl").args(arguments).status();
    if status.context("systemctl cannot be started")?.success() {
        return Ok(());
    }
    bail!("`systemctl {}` failed: its words are above", arguments.join(" "))
}

#[cfg(test)]
mod tests;
