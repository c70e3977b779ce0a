use std::fs;

use super::Peer;
use crate::field::Field;
use crate::started::Started;

/// The discard port (RFC 863): collectd sends its readings there by UDP, which
/// costs it less than any file would.
const NOWHERE: &str = "\"127.0.0.1\" \"9\"";
const PLUGINS: [&str; 9] =
    ["cpu", "memory", "load", "disk", "df", "interface", "vmem", "swap", "network"];

/// The plugins that read what node_exporter reads by default, as far as it has
/// them, and no processes.
pub(super) fn start(field: &Field) -> anyhow::Result<Started> {
    let peer = Peer::Collectd;
    let (cage, folder) = field.place(peer.name())?;
    let place = folder.display();
    let mut config = format!(
        "Hostname \"bench\"\nFQDNLookup false\nInterval 1\nBaseDir \"{place}\"\n\
         PIDFile \"{place}/pid\"\nPluginDir \"/usr/lib/collectd\"\n\
         TypesDB \"/usr/share/collectd/types.db\"\n"
    );
    for plugin in PLUGINS {
        config.push_str(&format!("LoadPlugin {plugin}\n"));
    }
    config.push_str(&format!("<Plugin network>\n Server {NOWHERE}\n</Plugin>\n"));
    let path = folder.join("collectd.conf");
    fs::write(&path, config)?;
    let mut command = cage.command(peer.path())?;
    command.args(["-f", "-C"]).arg(path);
    Started::new(peer.name(), cage, &folder, command, None)
}
