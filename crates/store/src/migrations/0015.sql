-- What the hub began of its own accord: a runbook by a schedule (`of` is the window's end) or by an
-- alert (`of` is the alert's number). Each begins once. `run` is empty where nothing was run.
CREATE TABLE automatic (
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    of         INTEGER NOT NULL,
    at_unix_ms INTEGER NOT NULL,
    run        TEXT    NOT NULL,
    incident   INTEGER,
    is_over    INTEGER NOT NULL,
    PRIMARY KEY (kind, name, of)
) STRICT, WITHOUT ROWID;
