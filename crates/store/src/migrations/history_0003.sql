-- A server that has sealed history. A removed one is dropped piece by piece. What is from
-- before each of the three moments was deleted to keep the cap.
CREATE TABLE archived (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    server          TEXT    NOT NULL,
    ticks_from_ms   INTEGER NOT NULL,
    minutes_from_ms INTEGER NOT NULL,
    hours_from_ms   INTEGER NOT NULL,
    removed         INTEGER NOT NULL DEFAULT FALSE
) STRICT;

CREATE UNIQUE INDEX archived_by_server ON archived (server) WHERE removed = FALSE;
CREATE INDEX archived_removed ON archived (id) WHERE removed = TRUE;

-- Series keys by number. The hub holds all of them in memory, so there is no index by text.
-- `seen_ms` is when a block last held it, a day less at the most.
CREATE TABLE series_key (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    key     TEXT    NOT NULL,
    seen_ms INTEGER NOT NULL,
    crc     INTEGER NOT NULL
) STRICT;

CREATE INDEX series_key_by_age ON series_key (seen_ms);

-- Ticks (`width_ms` 0) or windows of a tier. `id` is the order of arrival; where two have a
-- sample, that of the later one counts. The bytes come last, so that the rest can be read
-- without them.
CREATE TABLE block (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    server   INTEGER NOT NULL,
    width_ms INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;

CREATE INDEX block_by_time ON block (server, width_ms, last_ms, first_ms);
CREATE INDEX block_by_age ON block (width_ms);
CREATE INDEX block_by_end ON block (last_ms);

-- Process tables of one server from up to an hour: who ran in `head`, the numbers in `bytes`.
CREATE TABLE process_segment (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    server   INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    crc      INTEGER NOT NULL,
    head     BLOB    NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;

CREATE INDEX process_segment_by_time ON process_segment (server, last_ms, first_ms);
CREATE INDEX process_segment_by_end ON process_segment (last_ms);

-- The texts of processes, each distinct row once, for all servers. `hash` finds them.
CREATE TABLE process_text (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    hash      INTEGER NOT NULL,
    seen_ms   INTEGER NOT NULL,
    crc       INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    user      TEXT    NOT NULL,
    command   TEXT    NOT NULL,
    cgroup    TEXT    NOT NULL,
    unit      TEXT,
    container TEXT
) STRICT;

CREATE INDEX process_text_by_hash ON process_text (hash);
CREATE INDEX process_text_by_age ON process_text (seen_ms);

-- Which segments have a process of a name, given by its hash.
CREATE TABLE process_run (
    name    INTEGER NOT NULL,
    to_ms   INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    PRIMARY KEY (name, to_ms, segment)
) STRICT, WITHOUT ROWID;

CREATE INDEX process_run_by_segment ON process_run (segment);

-- Stretches of a server that have to be merged, or of which a tier has to be made, once
-- they are over. `touched` grows with each block that comes.
CREATE TABLE due (
    server   INTEGER NOT NULL,
    width_ms INTEGER NOT NULL,
    from_ms  INTEGER NOT NULL,
    to_ms    INTEGER NOT NULL,
    touched  INTEGER NOT NULL,
    PRIMARY KEY (server, width_ms, from_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX due_by_end ON due (to_ms, width_ms);

-- How many blocks each server has, and their bytes, by the width of their windows; -1 are
-- segments of process tables. Server 0 is all of them; there -2 are the texts.
CREATE TABLE held_block (
    server   INTEGER NOT NULL,
    width_ms INTEGER NOT NULL,
    blocks   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    PRIMARY KEY (server, width_ms)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER block_came AFTER INSERT ON block BEGIN
    INSERT INTO held_block (server, width_ms, blocks, bytes)
        VALUES (new.server, new.width_ms, 1, new.size), (0, new.width_ms, 1, new.size)
        ON CONFLICT (server, width_ms) DO UPDATE SET
            blocks = blocks + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER block_went AFTER DELETE ON block BEGIN
    UPDATE held_block SET blocks = blocks - 1, bytes = bytes - old.size
        WHERE server IN (old.server, 0) AND width_ms = old.width_ms;
END;

CREATE TRIGGER process_segment_came AFTER INSERT ON process_segment BEGIN
    INSERT INTO held_block (server, width_ms, blocks, bytes)
        VALUES (new.server, -1, 1, new.size), (0, -1, 1, new.size)
        ON CONFLICT (server, width_ms) DO UPDATE SET
            blocks = blocks + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER process_segment_went AFTER DELETE ON process_segment BEGIN
    UPDATE held_block SET blocks = blocks - 1, bytes = bytes - old.size
        WHERE server IN (old.server, 0) AND width_ms = -1;
    DELETE FROM process_run WHERE segment = old.id;
END;

CREATE TRIGGER process_text_came AFTER INSERT ON process_text BEGIN
    INSERT INTO held_block (server, width_ms, blocks, bytes)
        VALUES (0, -2, 1, length(new.command) + length(new.cgroup) + 100)
        ON CONFLICT (server, width_ms) DO UPDATE SET
            blocks = blocks + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER process_text_went AFTER DELETE ON process_text BEGIN
    UPDATE held_block SET blocks = blocks - 1,
            bytes = bytes - length(old.command) - length(old.cgroup) - 100
        WHERE server = 0 AND width_ms = -2;
END;
