//! Every checksum of the archive.

use rusqlite::{Connection, Row};

use super::part::fits;
use super::rows::{self, BlockRow};
use super::servers;
use super::spans::Level;
use super::tables::{self, Texts};
use super::{events, intern, parse};
use crate::StoreError;
use crate::block::{Block, KeyId, Scratch};
use crate::findings::Findings;

/// Goes through keys, texts, blocks, segments and events.
pub(in crate::history) fn examine(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    keys(connection, findings)?;
    texts(connection, findings)?;
    let sql = "SELECT id, server FROM archived WHERE removed = FALSE ORDER BY server";
    let mut query = connection.prepare(sql)?;
    let servers = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    for (row, server) in servers.collect::<Result<Vec<(i64, String)>, _>>()? {
        let tag = servers::tag(&server);
        blocks(connection, row, &server, tag, findings)?;
        segments(connection, row, &server, tag, findings)?;
        for (at, right) in events::are_sound(connection, row, tag)? {
            findings.looked(right, || format!("{server}: an event at {at} ms is damaged"));
        }
    }
    Ok(())
}

fn keys(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut query = connection.prepare("SELECT id, key, crc FROM series_key ORDER BY id")?;
    let mut all = query.query([])?;
    while let Some(row) = all.next()? {
        let read = || Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?, row.get(2)?));
        let right = read().is_ok_and(|(id, key, crc): (KeyId, String, u32)| {
            intern::checksum(id, &key) == crc && parse::key(&key).is_some()
        });
        findings.looked(right, || "a series key is damaged: its series cannot be found".to_owned());
    }
    Ok(())
}

fn texts(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT crc, name, user, command, cgroup, unit, container, id FROM process_text";
    let mut query = connection.prepare(sql)?;
    let mut all = query.query([])?;
    while let Some(row) = all.next()? {
        let read = Texts::from_row(row).and_then(|texts| Ok((texts, row.get::<_, i64>(7)?)));
        let right = read.is_ok_and(|((crc, texts), id)| tables::text_checksum(id, &texts) == crc);
        let what = "the texts of a process are damaged: the tables that have it are left out";
        findings.looked(right, || what.to_owned());
    }
    Ok(())
}

/// All rows of a server, read before any of them is looked at: the bytes of one may be damaged.
fn of_server<T>(
    connection: &Connection,
    sql: &str,
    server: i64,
    of: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut query = connection.prepare(sql)?;
    let all = query.query_map([server], of)?;
    Ok(all.collect::<Result<_, _>>()?)
}

fn blocks(
    connection: &Connection,
    server: i64,
    name: &str,
    tag: u32,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let sql = "SELECT id, width_ms, first_ms, last_ms FROM block WHERE server = ?1";
    let all = of_server(connection, sql, server, |row| {
        let block = BlockRow { id: row.get(0)?, first_ms: row.get(2)?, last_ms: row.get(3)? };
        Ok((row.get::<_, i64>(1)?, block))
    })?;
    let mut scratch = Scratch::new();
    for (width, row) in all {
        let right = match Level::of_width(width) {
            Some(level) => is_sound(connection, level, &row, tag, &mut scratch)?,
            None => false,
        };
        findings.looked(right, || {
            let kind = if width == 0 { "ticks" } else { "a tier" };
            let (from, to) = (row.first_ms, row.last_ms);
            format!("{name}: a block of {kind} is damaged: a gap from {from} to {to} ms")
        });
    }
    Ok(())
}

fn is_sound(
    connection: &Connection,
    level: Level,
    row: &BlockRow,
    tag: u32,
    scratch: &mut Scratch,
) -> Result<bool, StoreError> {
    let Some(bytes) = rows::bytes(connection, row.id)? else { return Ok(false) };
    let length = bytes.len();
    let Ok(block) = Block::open(bytes, tag) else { return Ok(false) };
    let mut times = Vec::new();
    let mut sound = fits(block.head(), level, row)
        && block.directory().block_bytes() == length
        && block.timestamps(scratch, &mut times).is_ok();
    let directory = block.directory();
    for number in 0..directory.groups() {
        let bytes = directory.front().get(directory.group_range(number)).unwrap_or_default();
        sound &= directory.group(number, bytes).is_ok();
    }
    Ok(sound)
}

fn segments(
    connection: &Connection,
    server: i64,
    name: &str,
    tag: u32,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let sql = "SELECT id, first_ms, last_ms FROM process_segment WHERE server = ?1";
    let of = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let all: Vec<(i64, i64, i64)> = of_server(connection, sql, server, of)?;
    for (id, from, to) in all {
        let right = tables::is_sound(connection, id, tag)?;
        findings
            .looked(right, || format!("{name}: process tables from {from} to {to} ms are damaged"));
    }
    Ok(())
}
