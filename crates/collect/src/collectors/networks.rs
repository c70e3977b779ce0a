use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

/// The columns of `/proc/net/dev`: what came in, then what went out.
static COLUMNS: [Family; 16] = [
    of_device("node_network_receive_bytes_total", "Network device statistic receive_bytes."),
    of_device("node_network_receive_packets_total", "Network device statistic receive_packets."),
    of_device("node_network_receive_errs_total", "Network device statistic receive_errs."),
    of_device("node_network_receive_drop_total", "Network device statistic receive_drop."),
    of_device("node_network_receive_fifo_total", "Network device statistic receive_fifo."),
    of_device("node_network_receive_frame_total", "Network device statistic receive_frame."),
    of_device(
        "node_network_receive_compressed_total",
        "Network device statistic receive_compressed.",
    ),
    of_device(
        "node_network_receive_multicast_total",
        "Network device statistic receive_multicast.",
    ),
    of_device("node_network_transmit_bytes_total", "Network device statistic transmit_bytes."),
    of_device("node_network_transmit_packets_total", "Network device statistic transmit_packets."),
    of_device("node_network_transmit_errs_total", "Network device statistic transmit_errs."),
    of_device("node_network_transmit_drop_total", "Network device statistic transmit_drop."),
    of_device("node_network_transmit_fifo_total", "Network device statistic transmit_fifo."),
    of_device("node_network_transmit_colls_total", "Network device statistic transmit_colls."),
    of_device("node_network_transmit_carrier_total", "Network device statistic transmit_carrier."),
    of_device(
        "node_network_transmit_compressed_total",
        "Network device statistic transmit_compressed.",
    ),
];

const fn of_device(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["device"])
}

/// Network devices of `/proc/net/dev`, without the host's ends of containers'
/// and guests' cables ([`is_cable`]).
#[derive(Debug)]
pub(super) struct NetworkCollector {
    dev: Source,
}

impl NetworkCollector {
    pub(super) fn new() -> Self {
        Self { dev: Source::new("proc/net/dev") }
    }
}

impl Collector for NetworkCollector {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/dev")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let text = self.dev.read(reading.root)?;
        let devices = || lines(text).filter_map(parse).filter(|(name, _)| !is_cable(name));
        let taken = reading.limit(devices().count());
        for (name, columns) in devices().take(taken) {
            for (family, column) in COLUMNS.iter().zip(columns) {
                reading.put(family, &[name], as_f64(column));
            }
        }
        Ok(Outcome::Read)
    }
}

/// How the host's ends of cables begin that are named with a number or an
/// identifier behind it.
const CABLES: [&[u8]; 5] = [
    // Docker, Podman and others, and guests of Proxmox: `veth1a2b3c4`, `veth100i0`.
    b"veth", // Calico: `cali` and eleven letters or digits.
    b"cali", // Guests of libvirt: `vnet0`.
    b"vnet",
    // Between a guest and the bridge in the firewall of Proxmox: `fwpr100p0`
    // and `fwln100i0`.
    b"fwpr", b"fwln",
];

/// True for the host's end of a container's or guest's cable, and for what a
/// firewall puts into it. They come by the hundred, have another name after each
/// start, and what goes through them is counted in their bridge or the card.
///
/// Left out are, besides [`CABLES`], `fwbr100i0` (a bridge for one guest of
/// Proxmox), `tap100i0` (Proxmox) and `tap1a2b3c4d-5e` (OpenStack), `lxc` and
/// hexadecimal digits (Cilium). Kept are those that people name and number
/// themselves: `tap0` and `tun0` of a VPN, `lxcbr0` and `lxdbr0`, which are the
/// bridges.
pub(super) fn is_cable(name: &[u8]) -> bool {
    if CABLES.iter().any(|start| name.starts_with(start)) {
        return true;
    }
    let after = |start: &[u8]| name.strip_prefix(start).unwrap_or_default();
    let (tap, lxc) = (after(b"tap"), after(b"lxc"));
    is_of_guest(after(b"fwbr"))
        || is_of_guest(tap)
        || is_port(tap)
        || lxc.len() >= CILIUM_DIGITS && lxc.iter().all(u8::is_ascii_hexdigit)
}

/// The fewest hexadecimal digits behind `lxc`: a name that a person gives is
/// shorter or has another letter.
const CILIUM_DIGITS: usize = 5;

/// `100i0`: the number of a guest and that of its card.
fn is_of_guest(rest: &[u8]) -> bool {
    let mut parts = rest.split(|&byte| byte == b'i');
    let mut is_number =
        || parts.next().is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    is_number() && is_number() && parts.next().is_none()
}

/// `1a2b3c4d-5e`: how the identifier of a port begins.
fn is_port(rest: &[u8]) -> bool {
    rest.len() == 11
        && rest.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `eth0: bytes packets errs drop fifo frame compressed multicast` and then
/// what was sent. The two lines above the devices have no numbers.
fn parse(line: &[u8]) -> Option<(&[u8], [u64; 16])> {
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let (name, rest) = line.split_at(colon);
    let mut columns = [0; 16];
    let mut words = words(rest.get(1..)?);
    for column in &mut columns {
        *column = number(words.next()?)?;
    }
    Some((name.trim_ascii(), columns))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const HEAD: &str = "Inter-|   Receive                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n";

    #[test]
    fn both_ways_of_each_device_but_cables() {
        let devices = "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
            veth12ab: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
            \x20 eth0:1000 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n";
        let mut bench = Bench::new(&[("proc/net/dev", &format!("{HEAD}{devices}"))]);
        let lines = bench.read(&mut NetworkCollector::new(), 0);
        assert_eq!(lines.len(), 32);
        let bytes = below(&lines, "node_network_receive_bytes_total");
        assert_eq!(bytes, [r#"{device="eth0"} 1000"#, r#"{device="lo"} 9"#]);
        let carrier = below(&lines, "node_network_transmit_carrier_total");
        assert_eq!(carrier[0], r#"{device="eth0"} 11"#);
    }

    #[test]
    fn cables_of_containers_and_guests_are_known_by_their_names() {
        for cable in [
            "veth1a2b3c4",
            "veth100i0",
            "cali0123456789a",
            "lxc1a2b3c4d5e6f",
            "vnet12",
            "tap100i0",
            "tap1a2b3c4d-5e",
            "fwpr100p0",
            "fwln100i0",
            "fwbr100i0",
        ] {
            assert!(is_cable(cable.as_bytes()), "{cable}");
        }
        for device in [
            "eth0",
            "tap0",
            "tapvpn",
            "tap",
            "tun0",
            "lxcbr0",
            "lxdbr0",
            "lxc",
            "lxc0",
            "fwbr0",
            "vmbr0",
            "virbr0",
            "docker0",
            "br-1a2b3c4d5e6f",
            "tap100i",
            "tapi0",
            "tap1i2i3",
            "wg0",
            "vlan5",
            "cilium_host",
            "lxcmine99",
        ] {
            assert!(!is_cable(device.as_bytes()), "{device}");
        }
    }

    #[test]
    fn a_line_that_is_cut_is_no_device() {
        let mut bench = Bench::new(&[("proc/net/dev", "eth0: 1 2 3\n")]);
        assert!(bench.read(&mut NetworkCollector::new(), 0).is_empty());
        assert_eq!(bench.outcome, Some(Outcome::Read));
    }
}
