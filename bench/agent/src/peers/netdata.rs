use std::fs;

use super::{Peer, Purpose, free_address};
use crate::field::Field;
use crate::poll::Poll;
use crate::started::Started;

const FOLDERS: [&str; 4] = ["cache", "lib", "log", "home"];
/// What is not about the machine and its processes, or costs extra.
const OFF: [&str; 12] = [
    "idlejitter",
    "tc",
    "cgroups",
    "statsd",
    "slabinfo",
    "perf",
    "nfacct",
    "python.d",
    "charts.d",
    "ebpf",
    "netdata monitoring",
    "profile",
];

/// With its readings of the system each second, an hour of them in memory, and
/// for the whole its `apps.plugin`.
pub(super) fn start(field: &Field, purpose: Purpose) -> anyhow::Result<Started> {
    let peer = Peer::Netdata;
    let (cage, folder) = field.place(peer.name())?;
    let address = free_address();
    let mut config = format!(
        "[global]\n run as user = root\n hostname = bench\n update every = 1\n\
         [db]\n mode = ram\n update every = 1\n retention = 3600\n\
         [logs]\n debug = none\n access = none\n error = {}/log/error.log\n\
         [web]\n bind to = {address}\n\
         [health]\n enabled = no\n[ml]\n enabled = no\n[statsd]\n enabled = no\n\
         [registry]\n enabled = no\n[directories]\n",
        folder.display()
    );
    for name in FOLDERS {
        let path = folder.join(name);
        fs::create_dir(&path)?;
        config.push_str(&format!(" {name} = {}\n", path.display()));
    }
    config.push_str("[plugins]\n enable running new plugins = no\n");
    for plugin in OFF {
        config.push_str(&format!(" {plugin} = no\n"));
    }
    let apps = if purpose == Purpose::Whole { "yes" } else { "no" };
    config.push_str(&format!(" proc = yes\n diskspace = yes\n timex = yes\n apps = {apps}\n"));
    let path = folder.join("netdata.conf");
    fs::write(&path, config)?;
    let mut command = cage.command(peer.path())?;
    command.args(["-D", "-c"]).arg(path).env("HOME", &folder);
    let poll = Poll::Http { address, target: "/api/v1/allmetrics?format=prometheus" };
    Started::new(peer.name(), cage, &folder, command, Some(poll))
}
