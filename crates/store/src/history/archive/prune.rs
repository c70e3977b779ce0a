//! What goes when the cap is reached: ticks before the windows made of them, and the oldest
//! first. Each tier and the process tables have a share of the file that they may not exceed, so
//! that tiers of years do not push out the ticks of today. Events go when they are above theirs,
//! and else last of all.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::BlockRow;
use super::servers::Archived;
use super::spans::{Level, Span};
use super::{events, rows, tables};
use crate::StoreError;
use crate::history::outgoing::{Went, Whose};
use crate::history::pushed::prune as pushed;

/// How many times the mean of all servers one may hold before its own go first.
const MOST_SHARES: i64 = 8;
/// After how many deletions it is looked anew who holds how much.
const LOOK_AFTER: usize = 256;

/// What is deleted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ticks,
    Tables,
    Minutes,
    Hours,
    Events,
    Pushed,
}

impl Class {
    const ALL: [Self; 6] =
        [Self::Ticks, Self::Tables, Self::Minutes, Self::Hours, Self::Events, Self::Pushed];

    /// As the rows of `held_block` have it; pushed series are counted apart from them.
    fn width_ms(self) -> i64 {
        match self {
            Self::Ticks => Level::Ticks.width_ms(),
            Self::Tables => tables::WIDTH,
            Self::Minutes => Level::Minutes.width_ms(),
            Self::Hours => Level::Hours.width_ms(),
            Self::Events => events::WIDTH,
            Self::Pushed => i64::MIN,
        }
    }
}

/// Who holds too much of a class, and for how many deletions that counts.
#[derive(Debug, Default)]
pub(in crate::history) struct BlockTurn {
    heavy: [Option<i64>; Class::ALL.len()],
    left: [usize; Class::ALL.len()],
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::history) struct Gone {
    pub(in crate::history) chunks: usize,
    pub(in crate::history) blocks: usize,
    pub(in crate::history) tables: usize,
    pub(in crate::history) events: usize,
    pub(in crate::history) pushed: usize,
}

impl Gone {
    pub(in crate::history) fn rows(&self) -> usize {
        self.chunks + self.blocks + self.tables + self.events + self.pushed
    }

    pub(in crate::history) fn add(&mut self, more: Self) {
        self.chunks += more.chunks;
        self.blocks += more.blocks;
        self.tables += more.tables;
        self.events += more.events;
        self.pushed += more.pushed;
    }
}

/// What would go next.
#[derive(Debug, Clone, Copy)]
pub(in crate::history) enum Next {
    Nothing,
    /// The ticks of an hour of a server.
    Hour(i64, Span),
    Other,
}

/// What the file holds, in bytes.
struct Totals {
    classes: [i64; Class::ALL.len()],
    texts: i64,
}

impl Totals {
    fn read(connection: &Connection) -> Result<Self, StoreError> {
        let mut totals = Self { classes: [0; Class::ALL.len()], texts: 0 };
        let sql = "SELECT width_ms, bytes FROM held_block WHERE server = 0";
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (width, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
            match Class::ALL.iter().position(|class| class.width_ms() == width) {
                Some(place) => totals.classes[place] = bytes.max(0),
                None => totals.texts = bytes.max(0),
            }
        }
        totals.classes[Class::Pushed as usize] = pushed::held(connection)?.max(0);
        Ok(totals)
    }

    /// The classes in the order in which they are to give; nothing when chunks are first.
    fn order(&self, used: u64, file: u64) -> Vec<Class> {
        let of = |class: Class| {
            let bytes = self.classes[class as usize];
            bytes.unsigned_abs()
                + if class == Class::Tables { self.texts.unsigned_abs() } else { 0 }
        };
        let all: u64 = Class::ALL.into_iter().map(of).sum();
        if used.saturating_sub(all) > file / 2 {
            return Vec::new();
        }
        let shares = [
            (Class::Hours, file / 10),
            (Class::Minutes, file * 3 / 10),
            (Class::Tables, file / 4),
            (Class::Events, events::share(file)),
            (Class::Pushed, pushed::share(file)),
        ];
        let above = shares.into_iter().filter(|(class, share)| of(*class) > *share);
        let mut order: Vec<Class> = above.map(|(class, _)| class).collect();
        order.extend([Class::Ticks, Class::Pushed, Class::Tables, Class::Minutes, Class::Hours]);
        order
    }
}

/// Deletes the next piece, and notes the ticks that `went`. Nothing when chunks are to go.
pub(in crate::history) fn delete(
    connection: &Connection,
    turn: &mut BlockTurn,
    used: u64,
    file: u64,
    went: &mut Vec<Went>,
) -> Result<Option<Gone>, StoreError> {
    for class in Totals::read(connection)?.order(used, file) {
        let gone = match class {
            Class::Tables => {
                let server = turn.heavy(connection, class)?;
                Gone { tables: tables::delete_oldest(connection, server)?, ..Gone::default() }
            }
            Class::Ticks => delete_span(connection, turn, class, Level::Ticks, went)?,
            Class::Minutes => delete_span(connection, turn, class, Level::Minutes, went)?,
            Class::Hours => delete_span(connection, turn, class, Level::Hours, went)?,
            Class::Events => delete_events(connection, turn)?,
            Class::Pushed => Gone { pushed: pushed::delete_oldest(connection)?, ..Gone::default() },
        };
        if gone.rows() > 0 {
            turn.went(class, gone.rows());
            return Ok(Some(gone));
        }
    }
    Ok(None)
}

/// Deletes what is kept when all else is gone: the oldest events.
pub(in crate::history) fn delete_last(
    connection: &Connection,
    turn: &mut BlockTurn,
) -> Result<Gone, StoreError> {
    let gone = delete_events(connection, turn)?;
    turn.went(Class::Events, gone.rows());
    Ok(gone)
}

fn delete_events(connection: &Connection, turn: &mut BlockTurn) -> Result<Gone, StoreError> {
    let server = turn.heavy(connection, Class::Events)?;
    Ok(Gone { events: events::delete_oldest(connection, server)?, ..Gone::default() })
}

/// What [`delete`] would delete, without doing so.
pub(in crate::history) fn next(
    connection: &Connection,
    turn: &mut BlockTurn,
    used: u64,
    file: u64,
) -> Result<Next, StoreError> {
    let order = Totals::read(connection)?.order(used, file);
    if order.first() != Some(&Class::Ticks) {
        return Ok(Next::Other);
    }
    let heavy = turn.heavy(connection, Class::Ticks)?;
    Ok(match oldest(connection, Level::Ticks, heavy)? {
        Some((server, span)) => Next::Hour(server, span),
        None => Next::Other,
    })
}

impl BlockTurn {
    /// The server whose own go first, if one holds too much.
    fn heavy(&mut self, connection: &Connection, class: Class) -> Result<Option<i64>, StoreError> {
        let place = class as usize;
        if self.left[place] == 0 {
            self.heavy[place] = look(connection, class)?;
            self.left[place] = LOOK_AFTER;
        }
        Ok(self.heavy[place])
    }

    /// So much of a class was deleted since.
    fn went(&mut self, class: Class, rows: usize) {
        let left = &mut self.left[class as usize];
        *left = left.saturating_sub(rows);
    }
}

fn look(connection: &Connection, class: Class) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT held_block.server, bytes FROM held_block JOIN archived ON id = held_block.server \
         WHERE width_ms = ?1 AND bytes > 0 AND removed = FALSE";
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([class.width_ms()])?;
    let (mut first, mut servers, mut total) = (None, 0_i64, 0_i64);
    while let Some(row) = rows.next()? {
        let (server, held): (i64, i64) = (row.get(0)?, row.get(1)?);
        if first.is_none_or(|(_, most)| held > most) {
            first = Some((server, held));
        }
        (servers, total) = (servers + 1, total.saturating_add(held));
    }
    let most = (total / servers.max(1)).saturating_mul(MOST_SHARES).min(total / 2);
    Ok(first.filter(|(_, held)| *held > most).map(|(server, _)| server))
}

/// The span that goes next: the one whose block came first, or the oldest of one server by its
/// own clock, so that only it is the worse off when that is wrong.
fn oldest(
    connection: &Connection,
    level: Level,
    heavy: Option<i64>,
) -> Result<Option<(i64, Span)>, StoreError> {
    let found = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
    if let Some(server) = heavy {
        let sql = "SELECT server, first_ms FROM block WHERE server = ?1 AND width_ms = ?2 \
             ORDER BY last_ms LIMIT 1";
        let mut query = connection.prepare_cached(sql)?;
        let one = query.query_row([server, level.width_ms()], found).optional()?;
        if let Some((server, first_ms)) = one {
            return Ok(Some((server, level.span(first_ms))));
        }
    }
    let sql = "SELECT server, first_ms FROM block WHERE width_ms = ?1 ORDER BY id LIMIT 1";
    let one = connection.prepare_cached(sql)?.query_row([level.width_ms()], found).optional()?;
    Ok(one.map(|(server, first_ms)| (server, level.span(first_ms))))
}

fn delete_span(
    connection: &Connection,
    turn: &mut BlockTurn,
    class: Class,
    level: Level,
    went: &mut Vec<Went>,
) -> Result<Gone, StoreError> {
    let heavy = turn.heavy(connection, class)?;
    let Some((server, span)) = oldest(connection, level, heavy)? else {
        return Ok(Gone::default());
    };
    // What is finer goes before what is made of it.
    let mut level = level;
    let mut span = span;
    for finer in [Level::Minutes, Level::Ticks] {
        if finer.width_ms() < level.width_ms()
            && let Some(inner) = first_within(connection, server, finer, span)?
        {
            (level, span) = (finer, inner);
        }
    }
    let blocks = delete_all(connection, server, level, span)?;
    if level == Level::Ticks {
        went.extend(blocks.iter().map(|block| {
            let whose = Whose::Archived(server);
            Went { whose, from_ms: block.first_ms, to_ms: block.last_ms }
        }));
    }
    Ok(Gone { blocks: blocks.len(), ..Gone::default() })
}

/// The first span of a finer level that has a block within one of a coarser level.
fn first_within(
    connection: &Connection,
    server: i64,
    level: Level,
    span: Span,
) -> Result<Option<Span>, StoreError> {
    let sql = "SELECT first_ms FROM block WHERE server = ?1 AND width_ms = ?2 \
         AND last_ms BETWEEN ?3 AND ?4 ORDER BY last_ms LIMIT 1";
    let mut query = connection.prepare_cached(sql)?;
    let values = params![server, level.width_ms(), span.from_ms, span.last_ms()];
    let found = query.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.map(|first_ms| level.span(first_ms)))
}

/// Deletes all blocks of a span, and notes that what is older is gone.
fn delete_all(
    connection: &Connection,
    server: i64,
    level: Level,
    span: Span,
) -> Result<Vec<BlockRow>, StoreError> {
    let all = Archived { row: server, tag: 0, reach: super::Reach::default() };
    let blocks = rows::within(connection, &all, level, span)?;
    for row in &blocks {
        rows::delete(connection, row.id)?;
    }
    let sql = "DELETE FROM due WHERE server = ?1 AND width_ms = ?2 AND from_ms = ?3";
    connection.prepare_cached(sql)?.execute(params![server, level.width_ms(), span.from_ms])?;
    // Where windows are gone, so are the ticks.
    let gone = |of: Level| {
        if of.width_ms() <= level.width_ms() { span.to_ms } else { i64::MIN }
    };
    let sql = "UPDATE archived SET ticks_from_ms = max(ticks_from_ms, ?2), \
         minutes_from_ms = max(minutes_from_ms, ?3), hours_from_ms = max(hours_from_ms, ?4) \
         WHERE id = ?1";
    let values = params![server, gone(Level::Ticks), gone(Level::Minutes), gone(Level::Hours)];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(blocks)
}
