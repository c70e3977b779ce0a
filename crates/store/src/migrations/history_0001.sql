-- One ring of one server. A removed one is dropped piece by piece.
CREATE TABLE ring (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    server    TEXT    NOT NULL,
    ring      BLOB    NOT NULL,
    widest_ms INTEGER NOT NULL,
    removed   INTEGER NOT NULL DEFAULT FALSE
) STRICT;

CREATE UNIQUE INDEX ring_by_server ON ring (server, ring) WHERE removed = FALSE;
CREATE INDEX ring_removed ON ring (id) WHERE removed = TRUE;

-- Sequences above `after` and up to `upto` are known: those that exist were told.
CREATE TABLE interval (
    ring  INTEGER NOT NULL,
    after INTEGER NOT NULL,
    upto  INTEGER NOT NULL,
    crc   INTEGER NOT NULL,
    PRIMARY KEY (ring, after)
) STRICT, WITHOUT ROWID;

-- `id` is the order of arrival. The bytes come last, so that the other columns
-- can be read without them.
CREATE TABLE chunk (
    id           INTEGER PRIMARY KEY,
    ring         INTEGER NOT NULL,
    previous     INTEGER NOT NULL,
    first        INTEGER NOT NULL,
    last         INTEGER NOT NULL,
    from_ms      INTEGER NOT NULL,
    to_ms        INTEGER NOT NULL,
    starts_chain INTEGER NOT NULL,
    crc          INTEGER NOT NULL,
    bytes        BLOB    NOT NULL
) STRICT;

CREATE INDEX chunk_by_time ON chunk (ring, to_ms);
