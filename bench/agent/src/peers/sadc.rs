use super::Peer;
use crate::field::Field;
use crate::started::Started;

/// As many readings as there are seconds in a week.
const READINGS: &str = "604800";

/// Everything it can, into a file in memory.
pub(super) fn start(field: &Field) -> anyhow::Result<Started> {
    let peer = Peer::Sadc;
    let (cage, folder) = field.place(peer.name())?;
    let mut command = cage.command(peer.path())?;
    command.args(["-S", "ALL", "1", READINGS]).arg(folder.join("readings"));
    Started::new(peer.name(), cage, &folder, command, None)
}
