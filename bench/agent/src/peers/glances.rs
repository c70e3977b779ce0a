use std::path::Path;
use std::process::Command;

use super::Peer;
use crate::cage::Cage;
use crate::field::Field;
use crate::started::Started;

/// Without a screen, a line of CSV each second.
pub(super) fn start(field: &Field) -> anyhow::Result<Started> {
    let peer = Peer::Glances;
    let (cage, folder) = field.place(peer.name())?;
    let command = command(&cage, &folder)?;
    Started::new(peer.name(), cage, &folder, command, None)
}

/// The command, whose files are all in `folder`.
pub(crate) fn command(cage: &Cage, folder: &Path) -> anyhow::Result<Command> {
    let mut command = cage.command(Peer::Glances.path())?;
    command.args(["--quiet", "--time", "1", "--disable-check-update"]);
    command.args(["--export", "csv", "--export-csv-file"]).arg(folder.join("readings.csv"));
    command.env("HOME", folder).env("TMPDIR", folder).env_remove("XDG_CONFIG_HOME");
    Ok(command)
}
