-- What operators mute. An ended one stays a few days, so that it can be seen who muted what.
CREATE TABLE silence (
    id              TEXT PRIMARY KEY,
    -- [["role", "=", "web"], ...]
    matchers        TEXT NOT NULL,
    -- The author's servers when it was made, as selectors: it mutes nothing else.
    scope           TEXT NOT NULL,
    from_unix_ms    INTEGER NOT NULL,
    to_unix_ms      INTEGER NOT NULL,
    author          TEXT NOT NULL,
    comment         TEXT NOT NULL,
    created_unix_ms INTEGER NOT NULL,
    updated_unix_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX silence_by_end ON silence (to_unix_ms);
