//! One network namespace: how it is made, and how to get inside.

use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns, unshare};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tun_rs::DeviceBuilder;

use super::Why;
use crate::process::{Program, Running};

/// The one device of a host beside its loopback.
const DEVICE: &str = "wf0";

/// A host of [`super::Namespaces`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    address: Ipv4Addr,
    namespace: Arc<File>,
}

impl Host {
    /// A host, and the device whose other end the forwarder has.
    pub(super) fn new(name: &str, address: Ipv4Addr) -> Result<(Self, File), Why> {
        let (namespace, device) = on_a_thread(|| make(address))?;
        Ok((Self { name: name.to_owned(), address, namespace: Arc::new(namespace) }, device))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the other hosts reach it.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Does some work on this host, on a thread of its own, and waits for it.
    /// Sockets that it makes, and processes and threads that it starts, belong
    /// to this host for good.
    ///
    /// # Panics
    /// As the work does.
    pub fn inside<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        on_a_thread(|| {
            let moved = setns(&self.namespace, CloneFlags::CLONE_NEWNET);
            moved.expect("a namespace that this process made lets it in");
            work()
        })
    }

    /// Starts a program on this host.
    ///
    /// # Panics
    /// As [`Program::start`] does.
    #[must_use]
    pub fn start(&self, program: Program) -> Running {
        self.inside(|| program.start())
    }
}

/// A thread's namespace ends with it, so this one cannot lead another test astray.
fn on_a_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|panic| resume_unwind(panic))
}

fn make(address: Ipv4Addr) -> Result<(File, File), Why> {
    let because = |what: &str, error: &dyn std::fmt::Display| Why(format!("{what}: {error}"));
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| {
        because("this process may not make a network namespace (it needs root)", &error)
    })?;
    let namespace = File::open("/proc/thread-self/ns/net")
        .map_err(|error| because("the new network namespace cannot be opened", &error))?;
    // Router solicitations would only be strays to the forwarder.
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    let device =
        open_device().map_err(|error| because("/dev/net/tun gives no TUN device", &error))?;
    configure(address)?;
    Ok((namespace, device))
}

fn open_device() -> std::io::Result<File> {
    let device = DeviceBuilder::new().name(DEVICE).enable(false).build_sync()?;
    // The device lives as long as any of its files, and a plain file does.
    let file = File::from(std::os::fd::AsFd::as_fd(&device).try_clone_to_owned()?);
    fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::NONBLOCK)?;
    Ok(file)
}

fn configure(address: Ipv4Addr) -> Result<(), Why> {
    let missing = |error| Why(format!("the command `ip` of iproute2 does not run: {error}"));
    let mut ip = Command::new("ip");
    ip.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut ip = ip.spawn().map_err(missing)?;
    let script =
        format!("link set lo up\naddress add {address}/24 dev {DEVICE}\nlink set {DEVICE} up\n");
    let mut input = ip.stdin.take().expect("it is piped");
    input.write_all(script.as_bytes()).map_err(missing)?;
    drop(input);
    let done = ip.wait_with_output().map_err(missing)?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr).trim().replace('\n', "; ");
    Err(Why(format!("`ip` cannot set the TUN device up: {words}")))
}
