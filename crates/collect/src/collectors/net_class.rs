use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::text::{hexadecimal, number};

static UP: Family = of_device("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.");
static INFO: Family = Family::gauge(
    "node_network_info",
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
    &["device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"],
);
static SPEED: Family =
    of_device("node_network_speed_bytes", "Network device property: speed_bytes");

/// Files of one number each that is what it was as long as the device is the same.
static LASTING: [(&[u8], Family); 8] = [
    (
        b"addr_assign_type",
        of_device(
            "node_network_address_assign_type",
            "Network device property: address_assign_type",
        ),
    ),
    (b"dev_id", of_device("node_network_device_id", "Network device property: device_id")),
    (b"ifindex", of_device("node_network_iface_id", "Network device property: iface_id")),
    (b"iflink", of_device("node_network_iface_link", "Network device property: iface_link")),
    (
        b"link_mode",
        of_device("node_network_iface_link_mode", "Network device property: iface_link_mode"),
    ),
    (
        b"name_assign_type",
        of_device("node_network_name_assign_type", "Network device property: name_assign_type"),
    ),
    (
        b"netdev_group",
        of_device("node_network_net_dev_group", "Network device property: net_dev_group"),
    ),
    (b"type", of_device("node_network_protocol_type", "Network device property: protocol_type")),
];

/// Files of one number each that changes.
static NUMBERS: [(&[u8], Family); 7] = [
    (b"carrier", of_device("node_network_carrier", "Network device property: carrier")),
    (
        b"carrier_changes",
        changes(
            "node_network_carrier_changes_total",
            "Network device property: carrier_changes_total",
        ),
    ),
    (
        b"carrier_up_count",
        changes(
            "node_network_carrier_up_changes_total",
            "Network device property: carrier_up_changes_total",
        ),
    ),
    (
        b"carrier_down_count",
        changes(
            "node_network_carrier_down_changes_total",
            "Network device property: carrier_down_changes_total",
        ),
    ),
    (b"dormant", of_device("node_network_dormant", "Network device property: dormant")),
    (b"mtu", of_device("node_network_mtu_bytes", "Network device property: mtu_bytes")),
    (
        b"tx_queue_len",
        of_device(
            "node_network_transmit_queue_length",
            "Network device property: transmit_queue_length",
        ),
    ),
];

static FLAGS: Family = of_device("node_network_flags", "Network device property: flags");
/// Somebody switched the device on, of the kernel's `include/uapi/linux/if.h`.
const IFF_UP: u64 = 1;

/// After how many readings the lasting numbers are read again: five minutes.
/// The kernel takes its lock on the network for some of the files, and on a
/// machine with many devices they are most of what this costs.
const READ_AGAIN: u32 = 20;

/// The speed is told in millions of bits.
const BYTES_OF_A_MEGABIT: f64 = 1e6 / 8.0;

/// Longer than what the kernel lets a name, an address or an alias be, and a
/// longer one is cut.
const WORD_BYTES: usize = 256;

const fn of_device(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &["device"])
}

const fn changes(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["device"])
}

/// What network devices are, from `/sys/class/net`, but the host's ends of
/// containers' cables. A speed of -1, which is that of a cable that is not
/// plugged in, is none.
#[derive(Debug)]
pub(super) struct NetClassCollector {
    class: Folder,
    names: Names,
    /// In the order of the devices.
    kept: Vec<Kept>,
    readings: u32,
}

/// What is kept of a device between two readings.
#[derive(Debug)]
struct Kept {
    name: Vec<u8>,
    /// The kernel gives no number twice, so another device of the same name is
    /// told by it.
    index: u64,
    numbers: [Option<u64>; LASTING.len()],
}

/// A word that stays while the next file is read.
#[derive(Debug, Clone, Copy)]
struct Word {
    bytes: [u8; WORD_BYTES],
    length: usize,
}

impl Word {
    fn of(text: Option<&[u8]>) -> Self {
        let text = text.unwrap_or_default();
        let mut word = Self { bytes: [0; WORD_BYTES], length: text.len().min(WORD_BYTES) };
        word.bytes[..word.length].copy_from_slice(&text[..word.length]);
        word
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl NetClassCollector {
    pub(super) fn new() -> Self {
        let (class, names) = (Folder::new("sys/class/net"), Names::default());
        Self { class, names, kept: Vec::new(), readings: 0 }
    }
}

impl Collector for NetClassCollector {
    fn name(&self) -> &'static str {
        "netclass"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/net/*/addr_assign_type"),
                RecordedPath { pattern: "sys/class/net/*/address", rewrite: Rewrite::Address },
                RecordedPath { pattern: "sys/class/net/*/broadcast", rewrite: Rewrite::Address },
                whole("sys/class/net/*/carrier"),
                whole("sys/class/net/*/carrier_changes"),
                whole("sys/class/net/*/carrier_down_count"),
                whole("sys/class/net/*/carrier_up_count"),
                whole("sys/class/net/*/dev_id"),
                whole("sys/class/net/*/dormant"),
                whole("sys/class/net/*/duplex"),
                whole("sys/class/net/*/flags"),
                whole("sys/class/net/*/ifalias"),
                whole("sys/class/net/*/ifindex"),
                whole("sys/class/net/*/iflink"),
                whole("sys/class/net/*/link_mode"),
                whole("sys/class/net/*/mtu"),
                whole("sys/class/net/*/name_assign_type"),
                whole("sys/class/net/*/netdev_group"),
                whole("sys/class/net/*/operstate"),
                whole("sys/class/net/*/speed"),
                whole("sys/class/net/*/tx_queue_len"),
                whole("sys/class/net/*/type"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        self.class.list(&[], &mut self.names);
        let devices = || self.names.iter().filter(|name| !super::networks::is_cable(name));
        let taken = reading.limit(devices().count());
        if self.readings.is_multiple_of(READ_AGAIN) {
            self.kept.clear();
        }
        self.readings = self.readings.wrapping_add(1);
        let mut place = 0;
        for device in devices().take(taken) {
            // Beside devices there may be files, such as `bonding_masters`.
            if let Some(index) = self.class.read(&[device, b"ifindex"]).and_then(number) {
                let lasting = lasting(&mut self.kept, place, device, index, &mut self.class);
                put(&mut self.class, device, lasting, reading);
                place += 1;
            }
        }
        self.kept.truncate(place);
        Ok(Outcome::Read)
    }
}

/// The lasting numbers of the device at `place`, read where they are not known.
fn lasting<'k>(
    kept: &'k mut Vec<Kept>,
    place: usize,
    name: &[u8],
    index: u64,
    class: &mut Folder,
) -> &'k [Option<u64>] {
    let known = kept.get(place).is_some_and(|kept| kept.name == name && kept.index == index);
    if !known {
        kept.truncate(place);
        let number = |file: &[u8]| class.read(&[name, file]).and_then(any_number);
        let mut numbers = [None; LASTING.len()];
        let files = LASTING.iter().map(|(file, _)| *file);
        files.map(number).zip(&mut numbers).for_each(|(number, place)| *place = number);
        kept.push(Kept { name: name.to_vec(), index, numbers });
    }
    &kept[place].numbers
}

fn put(class: &mut Folder, device: &[u8], lasting: &[Option<u64>], reading: &mut Reading<'_>) {
    let mut word = |file: &[u8]| Word::of(class.read(&[device, file]));
    let state = word(b"operstate");
    let flags = flags(word(b"flags").as_bytes());
    let [address, broadcast, duplex, alias] =
        [&b"address"[..], b"broadcast", b"duplex", b"ifalias"].map(&mut word);
    let admin = flags.map_or(&b""[..], |flags| if flags & IFF_UP != 0 { b"up" } else { b"down" });
    let up = f64::from(u8::from(state.as_bytes() == b"up"));
    let values = [
        device,
        address.as_bytes(),
        broadcast.as_bytes(),
        duplex.as_bytes(),
        state.as_bytes(),
        admin,
        alias.as_bytes(),
    ];
    reading.put(&INFO, &values, 1.0);
    reading.put(&UP, &[device], up);
    if let Some(flags) = flags {
        reading.put(&FLAGS, &[device], as_f64(flags));
    }
    for ((_, family), number) in LASTING.iter().zip(lasting) {
        if let Some(number) = number {
            reading.put(family, &[device], as_f64(*number));
        }
    }
    // A device that is off refuses many of these.
    for (file, family) in &NUMBERS {
        if let Some(value) = class.read(&[device, file]).and_then(any_number) {
            reading.put(family, &[device], as_f64(value));
        }
    }
    if let Some(speed) = class.read(&[device, b"speed"]).and_then(number).filter(is_known) {
        reading.put(&SPEED, &[device], as_f64(speed) * BYTES_OF_A_MEGABIT);
    }
}

/// Old kernels write the -1 of an unknown speed as a number of 32 bits.
fn is_known(speed: &u64) -> bool {
    *speed < u64::from(u32::MAX)
}

fn flags(word: &[u8]) -> Option<u64> {
    hexadecimal(word.strip_prefix(b"0x")?)
}

/// `12` or `0x1003`
fn any_number(word: &[u8]) -> Option<u64> {
    flags(word).or_else(|| number(word))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    fn bench() -> Bench {
        let bench = Bench::new(&[("sys/class/net/bonding_masters", "bond0\n")]);
        for (name, files) in [
            (
                "eth0",
                &[
                    ("ifindex", "4"),
                    ("operstate", "up"),
                    ("flags", "0x1003"),
                    ("mtu", "1400"),
                    ("address", "02:00:00:00:00:01"),
                    ("broadcast", "ff:ff:ff:ff:ff:ff"),
                    ("duplex", "full"),
                    ("ifalias", "to \"the\" rack"),
                    ("speed", "1000"),
                    ("carrier", "1"),
                    ("carrier_changes", "2"),
                    ("dev_id", "0x1f"),
                ][..],
            ),
            ("eth1", &[("ifindex", "5"), ("operstate", "down"), ("flags", "0x2"), ("speed", "-1")]),
            ("eth2", &[("ifindex", "7"), ("operstate", "up"), ("speed", "4294967295")]),
            ("veth7", &[("ifindex", "6"), ("operstate", "up")]),
        ] {
            for (file, content) in files {
                bench.write(&format!("sys/class/net/{name}/{file}"), &format!("{content}\n"));
            }
        }
        bench
    }

    #[test]
    fn properties_of_devices_but_cables() {
        let lines = bench().read(&mut NetClassCollector::new(), 0);
        let expected = [
            r#"carrier_changes_total{device="eth0"} 2"#,
            r#"carrier{device="eth0"} 1"#,
            r#"device_id{device="eth0"} 31"#,
            r#"flags{device="eth0"} 4099"#,
            r#"flags{device="eth1"} 2"#,
            r#"iface_id{device="eth0"} 4"#,
            r#"iface_id{device="eth1"} 5"#,
            r#"iface_id{device="eth2"} 7"#,
            r#"info{address="02:00:00:00:00:01",adminstate="up",broadcast="ff:ff:ff:ff:ff:ff",device="eth0",duplex="full",ifalias="to \"the\" rack",operstate="up"} 1"#,
            r#"info{adminstate="down",device="eth1",operstate="down"} 1"#,
            r#"info{device="eth2",operstate="up"} 1"#,
            r#"mtu_bytes{device="eth0"} 1400"#,
            r#"speed_bytes{device="eth0"} 125000000"#,
            r#"up{device="eth0"} 1"#,
            r#"up{device="eth1"} 0"#,
            r#"up{device="eth2"} 1"#,
        ];
        assert_eq!(below(&lines, "node_network_"), expected);
    }

    #[test]
    fn a_cable_that_is_pulled_is_another_info() {
        let (mut bench, mut collector) = (bench(), NetClassCollector::new());
        bench.read(&mut collector, 0);
        bench.write("sys/class/net/eth0/operstate", "down\n");
        let lines = bench.read(&mut collector, 15_000);
        let info = below(&lines, "node_network_info");
        assert!(info.len() == 3 && info[0].contains(r#"operstate="down""#), "{info:?}");
        assert_eq!(below(&lines, r#"node_network_up{device="eth0"}"#), [" 0"]);
    }

    #[test]
    fn lasting_numbers_are_read_again_for_another_device_and_in_the_end() {
        let (mut bench, mut collector) = (bench(), NetClassCollector::new());
        let id = |bench: &mut Bench, collector: &mut NetClassCollector| {
            let lines = bench.read(collector, 0);
            below(&lines, r#"node_network_device_id{device="eth0"}"#)[0].to_owned()
        };
        assert_eq!(id(&mut bench, &mut collector), " 31");
        bench.write("sys/class/net/eth0/dev_id", "0x2\n");
        assert_eq!(id(&mut bench, &mut collector), " 31", "it lasts");
        bench.write("sys/class/net/eth0/ifindex", "44\n");
        assert_eq!(id(&mut bench, &mut collector), " 2", "another device of the same name");
        bench.write("sys/class/net/eth0/dev_id", "0x3\n");
        let seen: Vec<_> = (0..READ_AGAIN).map(|_| id(&mut bench, &mut collector)).collect();
        assert_eq!(seen.last().map(String::as_str), Some(" 3"));
    }

    #[test]
    fn long_and_odd_words_are_cut_and_made_printable() {
        let mut bench = bench();
        bench.write("sys/class/net/eth0/ifalias", &format!("a\tb{}", "x".repeat(999)));
        bench.write("sys/class/net/eth0/mtu", "lots\n");
        let lines = bench.read(&mut NetClassCollector::new(), 0);
        let info = below(&lines, "node_network_info");
        assert!(info[0].contains("a?bx") && !info[0].contains(&"x".repeat(254)), "{info:?}");
        assert!(below(&lines, "node_network_mtu_bytes").is_empty());
    }

    #[test]
    fn a_machine_without_a_network_is_no_fault() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut NetClassCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
