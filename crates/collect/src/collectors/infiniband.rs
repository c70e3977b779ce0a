use super::sysfs::{copy, signed, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;
use crate::text::{fraction, split_once, words};

static INFO: Family = Family::gauge(
    "node_infiniband_info",
    "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.",
    &["device", "board_id", "firmware_version", "hca_type"],
);
static STATE: Family = Family::gauge(
    "node_infiniband_state_id",
    "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, 5: act \
     defer)",
    LABELS,
);
static PHYSICAL: Family = Family::gauge(
    "node_infiniband_physical_state_id",
    "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, 3: disable, 4: \
     shift, 5: link up, 6: link error recover, 7: phytest)",
    LABELS,
);
static RATE: Family =
    Family::gauge("node_infiniband_rate_bytes_per_second", "Maximum signal transfer rate", LABELS);

const LABELS: &[&str] = &["device", "port"];

/// Data is counted in words of this size.
const WORD_BYTES: f64 = 4.0;
/// The rate of a port is given in this many bits per second.
const GIGABIT_BYTES: f64 = 1e9 / 8.0;

/// The files of a port's `counters`, their metrics, and what one of their
/// units is worth.
static COUNTERS: [(&[u8], Family, f64); 17] = [
    (
        b"link_downed",
        counter(
            "node_infiniband_link_downed_total",
            "Number of times the link failed to recover from an error state and went down",
        ),
        1.0,
    ),
    (
        b"link_error_recovery",
        counter(
            "node_infiniband_link_error_recovery_total",
            "Number of times the link successfully recovered from an error state",
        ),
        1.0,
    ),
    (
        b"multicast_rcv_packets",
        counter(
            "node_infiniband_multicast_packets_received_total",
            "Number of multicast packets received (including errors)",
        ),
        1.0,
    ),
    (
        b"multicast_xmit_packets",
        counter(
            "node_infiniband_multicast_packets_transmitted_total",
            "Number of multicast packets transmitted (including errors)",
        ),
        1.0,
    ),
    (
        b"port_rcv_constraint_errors",
        counter(
            "node_infiniband_port_constraint_errors_received_total",
            "Number of packets received on the switch physical port that are discarded",
        ),
        1.0,
    ),
    (
        b"port_xmit_constraint_errors",
        counter(
            "node_infiniband_port_constraint_errors_transmitted_total",
            "Number of packets not transmitted from the switch physical port",
        ),
        1.0,
    ),
    (
        b"port_rcv_data",
        counter(
            "node_infiniband_port_data_received_bytes_total",
            "Number of data octets received on all links",
        ),
        WORD_BYTES,
    ),
    (
        b"port_xmit_data",
        counter(
            "node_infiniband_port_data_transmitted_bytes_total",
            "Number of data octets transmitted on all links",
        ),
        WORD_BYTES,
    ),
    (
        b"port_rcv_discards",
        counter(
            "node_infiniband_port_discards_received_total",
            "Number of inbound packets discarded by the port because the port is down or \
             congested",
        ),
        1.0,
    ),
    (
        b"port_xmit_discards",
        counter(
            "node_infiniband_port_discards_transmitted_total",
            "Number of outbound packets discarded by the port because the port is down or \
             congested",
        ),
        1.0,
    ),
    (
        b"port_rcv_errors",
        counter(
            "node_infiniband_port_errors_received_total",
            "Number of packets containing an error that were received on this port",
        ),
        1.0,
    ),
    (
        b"port_rcv_packets",
        counter(
            "node_infiniband_port_packets_received_total",
            "Number of packets received on all VLs by this port (including errors)",
        ),
        1.0,
    ),
    (
        b"port_xmit_packets",
        counter(
            "node_infiniband_port_packets_transmitted_total",
            "Number of packets transmitted on all VLs from this port (including errors)",
        ),
        1.0,
    ),
    (
        b"port_xmit_wait",
        counter(
            "node_infiniband_port_transmit_wait_total",
            "Number of ticks during which the port had data to transmit but no data was sent \
             during the entire tick",
        ),
        1.0,
    ),
    (
        b"unicast_rcv_packets",
        counter(
            "node_infiniband_unicast_packets_received_total",
            "Number of unicast packets received (including errors)",
        ),
        1.0,
    ),
    (
        b"unicast_xmit_packets",
        counter(
            "node_infiniband_unicast_packets_transmitted_total",
            "Number of unicast packets transmitted (including errors)",
        ),
        1.0,
    ),
    (
        b"symbol_error",
        counter(
            "node_infiniband_symbol_error_total",
            "Number of minor link errors detected on one or more physical lanes",
        ),
        1.0,
    ),
];

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, LABELS)
}

/// Ports of InfiniBand, from the files of the kernel's
/// `Documentation/ABI/stable/sysfs-class-infiniband`.
#[derive(Debug)]
pub(super) struct InfinibandCollector {
    class: Folder,
    devices: Names,
    ports: Names,
    values: [Vec<u8>; INFO_FILES.len()],
}

/// The files behind the labels of [`INFO`] but the first.
const INFO_FILES: [&[u8]; 3] = [b"board_id", b"fw_ver", b"hca_type"];

impl InfinibandCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new("sys/class/infiniband"),
            devices: Names::default(),
            ports: Names::default(),
            values: Default::default(),
        }
    }
}

impl Collector for InfinibandCollector {
    fn name(&self) -> &'static str {
        "infiniband"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/infiniband/*/board_id"),
                whole("sys/class/infiniband/*/fw_ver"),
                whole("sys/class/infiniband/*/hca_type"),
                whole("sys/class/infiniband/*/ports/*/state"),
                whole("sys/class/infiniband/*/ports/*/phys_state"),
                whole("sys/class/infiniband/*/ports/*/rate"),
                whole("sys/class/infiniband/*/ports/*/counters/*"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, devices, ports, values } = self;
        class.list(&[], devices);
        let all = devices.iter().count();
        for device in devices.iter().take(reading.limit(all)) {
            for (value, file) in values.iter_mut().zip(INFO_FILES) {
                copy(class, &[device, file], value);
            }
            let [board, firmware, kind] = &*values;
            reading.put(&INFO, &[device, board, firmware, kind], 1.0);
            class.list(&[device, b"ports"], ports);
            let taken = reading.limit(ports.iter().count());
            for port in ports.iter().take(taken) {
                put_port(reading, class, device, port);
            }
        }
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

fn put_port(reading: &mut Reading<'_>, class: &mut Folder, device: &[u8], port: &[u8]) {
    let labels = [device, port];
    // `4: ACTIVE` and `5: LinkUp`.
    for (family, file) in [(&STATE, &b"state"[..]), (&PHYSICAL, b"phys_state")] {
        let text = class.read(&[device, b"ports", port, file]);
        if let Some(state) = text.and_then(|text| signed(split_once(text, b':')?.0)) {
            reading.put(family, &labels, state);
        }
    }
    // `40 Gb/sec (4X QDR)`.
    let rate = class.read(&[device, b"ports", port, b"rate"]);
    if let Some(gigabits) = rate.and_then(|text| fraction(words(text).next()?)) {
        reading.put(&RATE, &labels, gigabits * GIGABIT_BYTES);
    }
    for (file, family, worth) in &COUNTERS {
        // A counter that the device lacks reads `N/A (no PMA)`.
        if let Some(count) = value(class, &[device, b"ports", port, b"counters", file]) {
            reading.put(family, &labels, count * worth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn a_port_with_counters_and_one_without() {
        let mut bench = Bench::new(&[]);
        for (file, content) in [
            ("mlx4_0/board_id", "SM_1141000001000\n"),
            ("mlx4_0/fw_ver", "2.31.5050\n"),
            ("mlx4_0/hca_type", "MT4099\n"),
            ("mlx4_0/ports/1/state", "4: ACTIVE\n"),
            ("mlx4_0/ports/1/phys_state", "5: LinkUp\n"),
            ("mlx4_0/ports/1/rate", "2.5 Gb/sec (1X SDR)\n"),
            ("mlx4_0/ports/1/counters/port_rcv_data", "4631917\n"),
            ("mlx4_0/ports/1/counters/link_downed", "3\n"),
            ("mlx4_0/ports/1/counters/port_xmit_wait", "N/A (no PMA)\n"),
            ("i40iw0/ports/1/state", "garbage\n"),
        ] {
            bench.write(&format!("sys/class/infiniband/{file}"), content);
        }
        let expected = [
            r#"info{board_id="SM_1141000001000",device="mlx4_0",firmware_version="2.31.5050",hca_type="MT4099"} 1"#,
            r#"info{device="i40iw0"} 1"#,
            r#"link_downed_total{device="mlx4_0",port="1"} 3"#,
            r#"physical_state_id{device="mlx4_0",port="1"} 5"#,
            r#"port_data_received_bytes_total{device="mlx4_0",port="1"} 18527668"#,
            r#"rate_bytes_per_second{device="mlx4_0",port="1"} 312500000"#,
            r#"state_id{device="mlx4_0",port="1"} 4"#,
        ];
        let lines = bench.read(&mut InfinibandCollector::new(), 0);
        let lines: Vec<&str> =
            lines.iter().filter_map(|line| line.strip_prefix("node_infiniband_")).collect();
        assert_eq!(lines, expected);
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn a_machine_without_such_ports() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut InfinibandCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
    }
}
