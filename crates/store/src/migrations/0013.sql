-- Commands that the hub relayed. `what` and `exit` are JSON, for people. What is to be run itself
-- is not kept: a hub that was started anew begins nothing.
CREATE TABLE run (
    id            TEXT    NOT NULL PRIMARY KEY,
    command_id    TEXT    NOT NULL,
    user          TEXT    NOT NULL,
    what          TEXT    NOT NULL,
    began_unix_ms INTEGER NOT NULL,
    ended_unix_ms INTEGER,
    output_bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX run_began ON run (began_unix_ms);

-- Its servers. `number` names the command on the wire.
CREATE TABLE run_target (
    run          TEXT    NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    place        INTEGER NOT NULL,
    server       TEXT    NOT NULL,
    number       INTEGER NOT NULL UNIQUE,
    state        TEXT    NOT NULL,
    why          TEXT    NOT NULL,
    exit         TEXT,
    well         INTEGER NOT NULL,
    heard_bytes  INTEGER NOT NULL,
    output_bytes INTEGER NOT NULL,
    output_cut   INTEGER NOT NULL,
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

-- What they said. `start` counts the bytes of both streams before; 1 is standard output, 2 standard
-- error.
CREATE TABLE run_output (
    number INTEGER NOT NULL REFERENCES run_target (number) ON DELETE CASCADE,
    start  INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    PRIMARY KEY (number, start)
) STRICT;
