//! Servers of the peers: an `sshd` at each of 127.0.0.1, 127.0.0.2, … with a key and a config that
//! are thrown away. The machine's own is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use watchfire_testkit::ports;
use watchfire_testkit::process::{Program, Running};

use crate::cage::Cage;
use crate::house::House;

const PATIENCE: Duration = Duration::from_secs(20);
const SSHD: &str = "/usr/sbin/sshd";
/// Without this folder `sshd` does not begin (its own privilege separation).
const SEPARATION: &str = "/run/sshd";

pub(crate) struct Sshds {
    folder: PathBuf,
    running: Vec<Running>,
    made_separation: bool,
}

/// The address of a server, from 1 on.
pub(crate) fn address(number: usize) -> String {
    format!("127.0.0.{number}")
}

/// Whether the peers can have servers here.
pub(crate) fn is_installed() -> bool {
    Path::new(SSHD).exists()
}

impl Sshds {
    /// Starts them in this group. The key of the house opens them.
    pub(crate) fn start(cage: &Cage, house: &House, count: usize) -> anyhow::Result<Self> {
        ensure!(count < 250, "there are addresses for less than 250 servers");
        let folder = house.folder().join("ssh");
        fs::create_dir(&folder)?;
        let made_separation = !Path::new(SEPARATION).exists();
        if made_separation {
            fs::create_dir(SEPARATION).context("sshd needs /run/sshd: this must run as root")?;
        }
        let mut all = Self { folder, running: Vec::new(), made_separation };
        let port = ports::free();
        all.write_configs(house, port)?;
        for number in 1..=count {
            let program = cage.program(SSHD).args(["-D", "-e", "-f"]).arg(all.path("sshd_config"));
            let listen = format!("ListenAddress={}", address(number));
            let sshd = program.args(["-o", &listen]).start();
            sshd.wait_for_line("Server listening on", PATIENCE);
            all.running.push(sshd);
        }
        Ok(all)
    }

    /// A file of these servers.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The config with which a client comes in; with one that keeps its connections open.
    pub(crate) fn client(&self, keeps: bool) -> PathBuf {
        self.path(if keeps { "kept_config" } else { "ssh_config" })
    }

    fn write_configs(&self, house: &House, port: u16) -> anyhow::Result<()> {
        let key = Program::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        let (ended, _, words) = key.arg(self.path("host_key")).run(PATIENCE);
        ensure!(ended.success(), "ssh-keygen made no key: {words}");
        fs::write(self.path("authorized_keys"), house.public_key()?)?;
        let host_key = fs::read_to_string(self.path("host_key.pub"))?;
        fs::write(self.path("known_hosts"), format!("[127.0.0.*]:{port} {host_key}"))?;
        // Ansible takes nothing of the machine's own settings then.
        fs::write(self.path("ansible.cfg"), "[defaults]\n")?;
        let at = |name: &str| self.path(name).display().to_string();
        let server = format!(
            "Port {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPrintMotd no\nPrintLastLog no\n\
             Subsystem sftp internal-sftp\n",
            at("host_key"),
            at("authorized_keys"),
        );
        fs::write(self.path("sshd_config"), server)?;
        let client = format!(
            "User root\nPort {port}\nIdentityFile {}\nIdentitiesOnly yes\n\
             UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n\
             PreferredAuthentications publickey\nLogLevel ERROR\n",
            house.folder().join("key").display(),
            at("known_hosts"),
        );
        fs::write(self.client(false), &client)?;
        let kept = format!(
            "{client}ControlMaster auto\nControlPersist 600\nControlPath {}/%C\n",
            self.folder.display()
        );
        fs::write(self.client(true), kept)?;
        Ok(())
    }
}

impl Drop for Sshds {
    fn drop(&mut self) {
        self.running.clear();
        if self.made_separation {
            let _ = fs::remove_dir(SEPARATION);
        }
    }
}
