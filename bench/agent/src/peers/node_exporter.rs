use super::{Peer, free_address};
use crate::field::Field;
use crate::poll::Poll;
use crate::started::Started;

/// With its defaults. It reads when it is scraped, and not otherwise.
pub(super) fn start(field: &Field) -> anyhow::Result<Started> {
    let peer = Peer::NodeExporter;
    let (cage, folder) = field.place(peer.name())?;
    let address = free_address();
    let mut command = cage.command(peer.path())?;
    command.arg(format!("--web.listen-address={address}")).arg("--log.level=warn");
    let poll = Poll::Http { address, target: "/metrics" };
    Started::new(peer.name(), cage, &folder, command, Some(poll))
}
