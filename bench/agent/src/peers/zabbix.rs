use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;

use super::Peer;
use crate::field::Field;
use crate::poll::Poll;
use crate::started::Started;

/// The items of Zabbix' own template "Linux by Zabbix agent", without packages
/// and checksums, which it asks for once an hour.
const ITEMS: [&str; 37] = [
    "agent.ping",
    "agent.version",
    "agent.hostname",
    "kernel.maxfiles",
    "kernel.maxproc",
    "proc.num",
    "proc.num[,,run]",
    "system.boottime",
    "system.cpu.intr",
    "system.cpu.load[all,avg1]",
    "system.cpu.load[all,avg5]",
    "system.cpu.load[all,avg15]",
    "system.cpu.num",
    "system.cpu.switches",
    "system.cpu.util[,guest]",
    "system.cpu.util[,guest_nice]",
    "system.cpu.util[,idle]",
    "system.cpu.util[,interrupt]",
    "system.cpu.util[,iowait]",
    "system.cpu.util[,nice]",
    "system.cpu.util[,softirq]",
    "system.cpu.util[,steal]",
    "system.cpu.util[,system]",
    "system.cpu.util[,user]",
    "system.hostname",
    "system.localtime",
    "system.sw.arch",
    "system.swap.size[,free]",
    "system.swap.size[,pfree]",
    "system.swap.size[,total]",
    "system.uname",
    "system.uptime",
    "system.users.num",
    "vm.memory.size[available]",
    "vm.memory.size[pavailable]",
    "vm.memory.size[total]",
    "vfs.fs.get",
];
/// How the answer to an item begins that the agent cannot give.
const UNKNOWN: &str = " ZBX_NOTSUPPORTED";
const OF_INTERFACES: [&str; 8] = [
    "net.if.in[\"{}\"]",
    "net.if.in[\"{}\",dropped]",
    "net.if.in[\"{}\",errors]",
    "net.if.out[\"{}\"]",
    "net.if.out[\"{}\",dropped]",
    "net.if.out[\"{}\",errors]",
    "vfs.file.contents[\"/sys/class/net/{}/operstate\"]",
    "vfs.file.contents[\"/sys/class/net/{}/type\"]",
];
const OF_DISKS: [&str; 1] = ["vfs.file.contents[\"/sys/block/{}/stat\"]"];

/// It collects what it is asked for; it is asked by passive checks.
pub(super) fn start(field: &Field) -> anyhow::Result<Started> {
    let peer = Peer::ZabbixAgent2;
    let (cage, folder) = field.place(peer.name())?;
    let address = low_address()?;
    let place = folder.display();
    let config = format!(
        "Hostname=bench\nServer=127.0.0.1\nListenIP=127.0.0.1\nListenPort={}\nLogType=console\n\
         PidFile={place}/pid\nControlSocket={place}/control\nPluginSocket={place}/plugin\n",
        address.port()
    );
    let path = folder.join("zabbix.conf");
    fs::write(&path, config)?;
    let mut command = cage.command(peer.path())?;
    command.arg("-f").arg("-c").arg(path);
    let ping = questions(address, vec![ITEMS[0].to_owned()]);
    let mut started = Started::new(peer.name(), cage, &folder, command, Some(ping))?;
    let known = items().into_iter().filter(|item| {
        // Not every machine has every item, such as users that are logged in.
        let answer = questions(address, vec![item.clone()]).once();
        answer.is_ok_and(|answer| !answer.contains(UNKNOWN))
    });
    started.poll = Some(questions(address, known.collect()));
    Ok(started)
}

/// It listens on no port above 32767, where the kernel's free ones are.
fn low_address() -> anyhow::Result<SocketAddr> {
    let mut addresses = (20_000..32_768).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let free = addresses.find(|address| TcpListener::bind(address).is_ok());
    free.context("there is no free port below 32768")
}

fn questions(address: SocketAddr, items: Vec<String>) -> Poll {
    Poll::Zabbix { address, items: Arc::new(items) }
}

fn items() -> Vec<String> {
    let mut items: Vec<String> = ITEMS.map(str::to_owned).to_vec();
    for (folder, kinds) in [("/sys/class/net", &OF_INTERFACES[..]), ("/sys/block", &OF_DISKS)] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_discovered(name)) else { continue };
            items.extend(kinds.iter().map(|item| item.replace("{}", name)));
        }
    }
    items
}

/// As the template's filters have it.
fn is_discovered(name: &str) -> bool {
    !["lo", "loop", "ram", "veth", "docker", "ifb"].iter().any(|part| name.starts_with(part))
}
