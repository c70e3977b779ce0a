use prost::Message as _;
use watchfire_model::{ProcessRow, ProcessTable};

use super::{
    at_most, bounded, bounded_unix_ms, cut, moment_from_wire, moment_to_wire, sane_unix_ms, short,
    within,
};
use crate::limits::{
    MAX_FRAME_BYTES, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_PIDS, MAX_PROCESS_PERCENT, MAX_PROCESSES,
};
use crate::{WireError, proto};

/// What a frame needs beside the rows: keys, lengths, the moment and the total.
const OVERHEAD_BYTES: usize = 64;
/// What one row needs beside itself: its key and its length.
const ROW_OVERHEAD_BYTES: usize = 4;
/// Sent for a state letter that is none.
const NO_STATE: char = '?';

/// The table, cut to the rows that fit one frame. The order is kept, so those
/// that use the most cpu stay.
pub(crate) fn to_wire(table: &ProcessTable) -> proto::Processes {
    let mut left = MAX_FRAME_BYTES - OVERHEAD_BYTES;
    let mut processes = Vec::with_capacity(table.processes.len().min(MAX_PROCESSES));
    for row in table.processes.iter().take(MAX_PROCESSES) {
        let row = row_to_wire(row);
        let needed = row.encoded_len() + ROW_OVERHEAD_BYTES;
        if needed > left {
            break;
        }
        left -= needed;
        processes.push(row);
    }
    let total = if processes.len() < table.processes.len() {
        table.total.max(u32::try_from(table.processes.len()).unwrap_or(u32::MAX))
    } else {
        table.total
    };
    proto::Processes { at: Some(moment_to_wire(table.at)), processes, total: total.min(MAX_PIDS) }
}

fn row_to_wire(row: &ProcessRow) -> proto::Process {
    let state = if is_state(row.state) { row.state } else { NO_STATE };
    proto::Process {
        pid: row.pid.min(MAX_PIDS),
        ppid: row.ppid.min(MAX_PIDS),
        user: cut(&row.user, MAX_NAME_BYTES),
        name: cut(&row.name, MAX_NAME_BYTES),
        command: cut(&row.command, MAX_PATH_BYTES),
        state: u32::from(state),
        cpu_percent: bounded(row.cpu_percent, MAX_PROCESS_PERCENT),
        rss_bytes: row.rss_bytes,
        threads: row.threads.min(MAX_PIDS),
        start_time_ms: bounded_unix_ms(row.start_time_ms),
    }
}

pub(crate) fn from_wire(table: proto::Processes) -> Result<ProcessTable, WireError> {
    Ok(ProcessTable {
        at: table.at.as_ref().map(moment_from_wire).transpose()?.unwrap_or_default(),
        processes: table.processes.into_iter().map(row_from_wire).collect::<Result<_, _>>()?,
        total: at_most(table.total, MAX_PIDS, "count of processes")?,
    })
}

fn row_from_wire(row: proto::Process) -> Result<ProcessRow, WireError> {
    Ok(ProcessRow {
        pid: at_most(row.pid, MAX_PIDS, "process id")?,
        ppid: at_most(row.ppid, MAX_PIDS, "process id")?,
        user: short(row.user, "process owner", MAX_NAME_BYTES)?,
        name: short(row.name, "process name", MAX_NAME_BYTES)?,
        command: short(row.command, "command line", MAX_PATH_BYTES)?,
        state: char::from_u32(row.state)
            .filter(|state| is_state(*state))
            .ok_or(WireError::BadValue { what: "process state" })?,
        cpu_percent: within(row.cpu_percent, MAX_PROCESS_PERCENT, "process cpu")?,
        rss_bytes: row.rss_bytes,
        threads: at_most(row.threads, MAX_PIDS, "count of threads")?,
        start_time_ms: sane_unix_ms(row.start_time_ms, "start of a process")?,
        // The others do not travel yet.
        ..ProcessRow::default()
    })
}

/// The kernel's letters are printable ASCII; NUL stands for one not known.
fn is_state(state: char) -> bool {
    state == '\0' || state.is_ascii_graphic()
}
