-- A sender pushes samples; it is no agent. A removed one is dropped piece by piece.
CREATE TABLE pushed_sender (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    sender  TEXT    NOT NULL,
    removed INTEGER NOT NULL DEFAULT FALSE
) STRICT;

CREATE UNIQUE INDEX pushed_sender_by_name ON pushed_sender (sender) WHERE removed = FALSE;
CREATE INDEX pushed_sender_removed ON pushed_sender (id) WHERE removed = TRUE;

-- A series of a sender. The hub holds all of them in memory, so there is no index by labels.
CREATE TABLE pushed_series (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    sender INTEGER NOT NULL,
    crc    INTEGER NOT NULL,
    labels BLOB    NOT NULL
) STRICT;

CREATE INDEX pushed_series_by_sender ON pushed_series (sender);

-- What was pushed and is in no run yet; `id` is the order of arrival. The hub holds these
-- samples in memory, and reads this table when it opens the file.
CREATE TABLE pushed_batch (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sender   INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    crc      INTEGER NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;

CREATE INDEX pushed_batch_by_sender ON pushed_batch (sender);

-- Samples of one series. Runs of a series do not overlap, but with one that is damaged. The
-- bytes come last, so that the rest can be read without them.
CREATE TABLE pushed_run (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sender   INTEGER NOT NULL,
    series   INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    samples  INTEGER NOT NULL,
    crc      INTEGER NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;

CREATE INDEX pushed_run_by_time ON pushed_run (series, last_ms, first_ms, samples);
CREATE INDEX pushed_run_by_sender ON pushed_run (sender);

-- What a sender said of a metric.
CREATE TABLE pushed_fact (
    sender INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    help   TEXT    NOT NULL,
    unit   TEXT    NOT NULL,
    crc    INTEGER NOT NULL,
    PRIMARY KEY (sender, name)
) STRICT, WITHOUT ROWID;

-- How many runs each sender has, and about what they and its batches and series take, in
-- bytes. Sender 0 is all of them.
CREATE TABLE held_pushed (
    sender INTEGER PRIMARY KEY,
    runs   INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER pushed_run_came AFTER INSERT ON pushed_run BEGIN
    INSERT INTO held_pushed (sender, runs, bytes)
        VALUES (new.sender, 1, length(new.bytes) + 70), (0, 1, length(new.bytes) + 70)
        ON CONFLICT (sender) DO UPDATE SET runs = runs + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER pushed_run_went AFTER DELETE ON pushed_run BEGIN
    UPDATE held_pushed SET runs = runs - 1, bytes = bytes - length(old.bytes) - 70
        WHERE sender IN (old.sender, 0);
END;

CREATE TRIGGER pushed_batch_came AFTER INSERT ON pushed_batch BEGIN
    INSERT INTO held_pushed (sender, runs, bytes)
        VALUES (new.sender, 0, length(new.bytes) + 40), (0, 0, length(new.bytes) + 40)
        ON CONFLICT (sender) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER pushed_batch_went AFTER DELETE ON pushed_batch BEGIN
    UPDATE held_pushed SET bytes = bytes - length(old.bytes) - 40
        WHERE sender IN (old.sender, 0);
END;

CREATE TRIGGER pushed_series_came AFTER INSERT ON pushed_series BEGIN
    INSERT INTO held_pushed (sender, runs, bytes)
        VALUES (new.sender, 0, length(new.labels) + 20), (0, 0, length(new.labels) + 20)
        ON CONFLICT (sender) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER pushed_series_went AFTER DELETE ON pushed_series BEGIN
    UPDATE held_pushed SET bytes = bytes - length(old.labels) - 20
        WHERE sender IN (old.sender, 0);
END;
