//! Every checksum of the file.

use rusqlite::Connection;

use super::reading::is_sound;
use super::{archive, coverage, outgoing, pushed, ring};
use crate::StoreError;
use crate::findings::Findings;

/// Goes through chunks and intervals, and then through what is sealed.
pub(crate) fn examine(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT DISTINCT server FROM ring WHERE removed = FALSE ORDER BY server";
    let mut query = connection.prepare(sql)?;
    let servers = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    for server in servers {
        for ring in ring::all(connection, &server)? {
            let sql = "SELECT id FROM chunk WHERE ring = ?1";
            let mut query = connection.prepare_cached(sql)?;
            let ids = query.query_map([ring.row], |row| row.get(0))?;
            for id in ids.collect::<Result<Vec<i64>, _>>()? {
                let right = is_sound(connection, &server, &ring, id)?;
                findings.looked(right, || format!("{server}: chunk {id} is damaged"));
            }
            for right in coverage::are_sound(connection, &ring)? {
                let what = "an interval is damaged: what it covers is asked for again";
                findings.looked(right, || format!("{server}: {what}"));
            }
        }
    }
    archive::doctor::examine(connection, findings)?;
    pushed::doctor::examine(connection, findings)?;
    outgoing::examine(connection, findings)
}
