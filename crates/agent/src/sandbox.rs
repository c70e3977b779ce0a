//! The rights that the collecting part of the agent gives up once all that it starts is started:
//! after this it starts no program, writes nowhere but to its data folder, and gains no right.
//! A runner is a process of its own and keeps what it needs.
//!
//! Three layers, each for itself where the kernel has it: `no_new_privs`, Landlock (which files),
//! seccomp (which system calls). What is given up is passed on to threads that start later, so it
//! is done before the async runtime begins.

mod calls;
mod files;

use std::path::Path;

use rustix::thread::{no_new_privs, set_no_new_privs};

/// What holds from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The layers, in the order above: the name, and what is missing where it does not hold.
    pub layers: Vec<(&'static str, Result<(), String>)>,
}

/// Gives the rights up. `data` is the one folder that is written to; it has to be there.
#[must_use]
pub fn enter(data: &Path) -> Sandbox {
    let privileges = set_no_new_privs(true).map_err(|error| error.to_string());
    Sandbox {
        layers: vec![
            ("no_new_privs", privileges),
            ("Landlock", files::restrict(data)),
            ("seccomp", calls::restrict()),
        ],
    }
}

impl Sandbox {
    /// Tries what is forbidden, and says of each whether it is as it should be. To be called
    /// behind [`enter`], in a process that has nothing else to do.
    #[must_use]
    pub fn prove(data: &Path) -> Vec<(&'static str, bool)> {
        use std::process::{Command, Stdio};
        let starts = Command::new("/bin/true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let elsewhere =
            std::env::temp_dir().join(format!("watchfire-proof-{}", std::process::id()));
        let writes = std::fs::write(&elsewhere, b"").inspect(|()| {
            let _ = std::fs::remove_file(&elsewhere);
        });
        let own = data.join("sandbox-proof");
        let keeps = std::fs::write(&own, b"").and_then(|()| std::fs::remove_file(&own));
        vec![
            ("it can gain no rights", no_new_privs().unwrap_or_default()),
            ("it can start no program", starts.is_err()),
            ("it can write nowhere else", writes.is_err()),
            ("it can write to its data folder", keeps.is_ok()),
            ("it can read the machine", std::fs::read_to_string("/proc/stat").is_ok()),
        ]
    }
}
