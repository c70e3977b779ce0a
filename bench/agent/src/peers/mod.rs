//! Other agents, as their distribution packs them.

mod collectd;
mod glances;
mod netdata;
mod node_exporter;
mod sadc;
mod zabbix;

use std::net::SocketAddr;
use std::path::Path;

use clap::ValueEnum;
use watchfire_testkit::ports;

pub(crate) use glances::command as glances_command;

use crate::field::Field;
use crate::started::Started;

/// A program that is measured beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    NodeExporter,
    Netdata,
    Collectd,
    Sadc,
    Glances,
    #[value(name = "zabbix-agent2")]
    ZabbixAgent2,
    Ps,
    Top,
}

/// What a peer is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The machine only, without its processes.
    Machine,
    /// The machine and its processes.
    Whole,
}

impl Peer {
    pub(crate) const ALL: [Self; 8] = [
        Self::NodeExporter,
        Self::Netdata,
        Self::Collectd,
        Self::Sadc,
        Self::Glances,
        Self::ZabbixAgent2,
        Self::Ps,
        Self::Top,
    ];

    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NodeExporter => "node_exporter",
            Self::Netdata => "netdata",
            Self::Collectd => "collectd",
            Self::Sadc => "sadc",
            Self::Glances => "glances",
            Self::ZabbixAgent2 => "zabbix_agent2",
            Self::Ps => "ps aux",
            Self::Top => "top -b -n1",
        }
    }

    /// Where Debian puts it.
    pub(crate) fn path(self) -> &'static Path {
        Path::new(match self {
            Self::NodeExporter => "/usr/bin/prometheus-node-exporter",
            Self::Netdata => "/usr/sbin/netdata",
            Self::Collectd => "/usr/sbin/collectd",
            Self::Sadc => "/usr/lib/sysstat/sadc",
            Self::Glances => "/usr/bin/glances",
            Self::ZabbixAgent2 => "/usr/sbin/zabbix_agent2",
            Self::Ps => "/usr/bin/ps",
            Self::Top => "/usr/bin/top",
        })
    }

    /// The package that has it.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::NodeExporter => "prometheus-node-exporter",
            Self::Netdata => "netdata-core",
            Self::Collectd => "collectd-core",
            Self::Sadc => "sysstat",
            Self::Glances => "glances",
            Self::ZabbixAgent2 => "zabbix-agent2",
            Self::Ps | Self::Top => "procps",
        }
    }

    /// Starts it with an interval of one second and waits until it answers.
    /// `None` for programs that do not stay.
    pub(crate) fn start(self, field: &Field, purpose: Purpose) -> anyhow::Result<Option<Started>> {
        Ok(Some(match self {
            Self::NodeExporter => node_exporter::start(field)?,
            Self::Netdata => netdata::start(field, purpose)?,
            Self::Collectd => collectd::start(field)?,
            Self::Sadc => sadc::start(field)?,
            Self::Glances => glances::start(field)?,
            Self::ZabbixAgent2 => zabbix::start(field)?,
            Self::Ps | Self::Top => return Ok(None),
        }))
    }
}

/// The chosen ones that are installed, and a line about each that is not.
pub(crate) fn installed(chosen: &[Peer], among: &[Peer], left_out: &mut Vec<String>) -> Vec<Peer> {
    let wanted = among.iter().copied().filter(|peer| chosen.contains(peer));
    let (here, missing): (Vec<Peer>, Vec<Peer>) = wanted.partition(|peer| peer.path().exists());
    for peer in missing {
        let line = format!(
            "{} is left out: there is no {}; Debian's package {} has it.",
            peer.name(),
            peer.path().display(),
            peer.package()
        );
        if !left_out.contains(&line) {
            left_out.push(line);
        }
    }
    here
}

/// Somewhere to listen.
pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], ports::free()))
}
