//! What has names: written into the rows of a status that is there.

use super::index::{Index, label};
use super::place::Pair;
use crate::Schema;
use crate::status::{DiskIo, Filesystem, HostFacts, NetworkIo};

/// Fills the rows of a list one after the other, in the memory that they have.
struct Rows<'a, T> {
    list: &'a mut Vec<T>,
    filled: usize,
}

impl<'a, T: Default> Rows<'a, T> {
    fn new(list: &'a mut Vec<T>) -> Self {
        Self { list, filled: 0 }
    }

    /// The next row, with anything in it.
    fn next(&mut self) -> &mut T {
        if self.filled == self.list.len() {
            self.list.push(T::default());
        }
        self.filled += 1;
        &mut self.list[self.filled - 1]
    }

    fn end(self) {
        self.list.truncate(self.filled);
    }
}

/// Into the memory that is there.
fn set(text: &mut String, value: &str) {
    if text != value {
        text.clear();
        text.push_str(value);
    }
}

pub(super) fn filesystems(
    pair: &Pair<'_>,
    index: &Index,
    schema: &Schema,
    list: &mut Vec<Filesystem>,
) {
    let mut rows = Rows::new(list);
    for named in &index.filesystems {
        let series = &named.of;
        let error = pair.value(series.error);
        let not_asked = pair.value(series.not_asked);
        if error.or(not_asked).is_none() {
            continue;
        }
        let number = |series| pair.whole(series).unwrap_or(0);
        // No `..`: a field that is not filled would be that of another row.
        let Filesystem {
            device,
            mount_point,
            kind,
            read_only,
            size_bytes,
            available_bytes,
            free_bytes,
            files,
            files_free,
            stale,
        } = rows.next();
        set(device, named.label(schema, "device"));
        set(mount_point, named.label(schema, "mountpoint"));
        set(kind, named.label(schema, "fstype"));
        *read_only = pair.value(series.read_only) == Some(1.0);
        *size_bytes = number(series.size);
        *available_bytes = number(series.available);
        *free_bytes = number(series.free);
        *files = number(series.files);
        *files_free = number(series.files_free);
        *stale = not_asked == Some(1.0) || error != Some(0.0);
    }
    rows.end();
}

pub(super) fn disks(pair: &Pair<'_>, index: &Index, schema: &Schema, list: &mut Vec<DiskIo>) {
    let mut rows = Rows::new(list);
    for named in &index.disks {
        let disk = &named.of;
        if pair.value(disk.reads).is_none() {
            continue;
        }
        let row = rows.next();
        set(&mut row.name, named.label(schema, "device"));
        *row = DiskIo {
            name: std::mem::take(&mut row.name),
            read_bytes_per_s: pair.rate(disk.in_bytes),
            written_bytes_per_s: pair.rate(disk.out_bytes),
            reads_per_s: pair.rate(disk.reads),
            writes_per_s: pair.rate(disk.writes),
            // Jitter between the kernel's clock and ours must not make it more than all.
            busy_percent: pair.rate(disk.busy).map(|share| (share * 100.0).min(100.0)),
        };
    }
    rows.end();
}

/// Without the loopback, which is no way to anybody.
pub(super) fn networks(pair: &Pair<'_>, index: &Index, schema: &Schema, list: &mut Vec<NetworkIo>) {
    let both = |one, other| Some(pair.rate(one)? + pair.rate(other)?);
    let mut rows = Rows::new(list);
    for named in &index.networks {
        let (name, network) = (named.label(schema, "device"), &named.of);
        if name == "lo" || pair.value(network.in_bytes).is_none() {
            continue;
        }
        let row = rows.next();
        set(&mut row.name, name);
        *row = NetworkIo {
            name: std::mem::take(&mut row.name),
            received_bytes_per_s: pair.rate(network.in_bytes),
            sent_bytes_per_s: pair.rate(network.out_bytes),
            received_packets_per_s: pair.rate(network.reads),
            sent_packets_per_s: pair.rate(network.writes),
            errors_per_s: both(network.in_errors, network.out_errors),
            drops_per_s: both(network.in_drops, network.out_drops),
        };
    }
    rows.end();
}

/// All but the count of cores.
pub(super) fn host(pair: &Pair<'_>, index: &Index, schema: &Schema, host: &mut HostFacts) {
    // Of the series of one name, those of earlier labels have no value any more.
    let current =
        |keys: &[u32]| keys.iter().copied().find(|&key| pair.now.value(key as usize).is_some());
    let of = |key: Option<u32>, name| key.map_or("", |key| label(schema, key, name));
    let (uname, os) = (current(&index.uname), current(&index.os));
    set(&mut host.hostname, of(uname, "nodename"));
    set(&mut host.kernel, of(uname, "release"));
    set(&mut host.architecture, of(uname, "machine"));
    set(
        &mut host.os,
        match of(os, "pretty_name") {
            "" => of(os, "name"),
            name => name,
        },
    );
    set(&mut host.cpu_model, of(current(&index.cpu_info), "model_name"));
    set(&mut host.boot_id, of(current(&index.boot), "boot_id"));
}
