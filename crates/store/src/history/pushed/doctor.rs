//! Every checksum of what was pushed.

use std::collections::HashMap;

use rusqlite::Connection;

use super::batch::Batch;
use super::labels::Texts;
use super::run::{self, RunRow};
use super::{facts, load};
use crate::StoreError;
use crate::block::Scratch;
use crate::findings::Findings;

/// Goes through series, facts, batches and runs of all senders.
pub(in crate::history) fn examine(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    for (row, sender) in load::senders(connection)? {
        let tag = load::tag(&sender);
        let tags = series(connection, (row, &sender), tag, findings)?;
        for_each(connection, facts::SELECT, row, |one| {
            let what = "what it said of a metric is damaged, and left out";
            findings.looked(facts::one(one, tag).is_some(), || format!("{sender}: {what}"));
        })?;
        batches(connection, (row, &sender), tag, findings)?;
        runs(connection, (row, &sender), &tags, findings)?;
    }
    Ok(())
}

fn for_each(
    connection: &Connection,
    sql: &str,
    sender: i64,
    mut look: impl FnMut(&rusqlite::Row<'_>),
) -> Result<(), StoreError> {
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([sender])?;
    while let Some(row) = rows.next()? {
        look(row);
    }
    Ok(())
}

/// Where the checksums of the runs of each sound series begin.
fn series(
    connection: &Connection,
    (row, sender): (i64, &str),
    tag: u32,
    findings: &mut Findings,
) -> Result<HashMap<i64, u32>, StoreError> {
    let mut tags = HashMap::new();
    let sql = "SELECT id, crc, labels FROM pushed_series WHERE sender = ?1";
    for_each(connection, sql, row, |one| {
        let found = load::one_series(one, tag, &mut Texts::default());
        tags.extend(found.as_ref().map(|(id, crc, _)| (*id, *crc)));
        let what = "the labels of a pushed series are damaged: it cannot be found";
        findings.looked(found.is_some(), || format!("{sender}: {what}"));
    })?;
    Ok(tags)
}

fn batches(
    connection: &Connection,
    (row, sender): (i64, &str),
    tag: u32,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let scratch = &mut Scratch::new();
    let sql = "SELECT id, first_ms, last_ms, crc, bytes FROM pushed_batch WHERE sender = ?1";
    for_each(connection, sql, row, |one| {
        let stored = load::one_batch(one).map(|(_, stored)| stored);
        let right = stored.as_ref().is_some_and(|of| Batch::read(of, tag, scratch).is_ok());
        findings.looked(right, || match stored {
            Some(of) => {
                let (from, to) = (of.first_ms, of.last_ms);
                format!("{sender}: a push is damaged: a gap from {from} to {to} ms")
            }
            None => format!("{sender}: a push is damaged"),
        });
    })
}

fn runs(
    connection: &Connection,
    (row, sender): (i64, &str),
    tags: &HashMap<i64, u32>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let sql = "SELECT id, first_ms, last_ms, samples, series FROM pushed_run WHERE sender = ?1";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([row])?;
    let scratch = &mut Scratch::new();
    while let Some(one) = rows.next()? {
        let run: RunRow = run::row(one)?;
        let right = match tags.get(&one.get(4)?) {
            Some(tag) => run::read(connection, &run, *tag, scratch)?.is_some(),
            // That its series is damaged was told.
            None => false,
        };
        findings.looked(right, || {
            let (from, to) = (run.first_ms, run.last_ms);
            format!("{sender}: a run of a pushed series is damaged: a gap from {from} to {to} ms")
        });
    }
    Ok(())
}
