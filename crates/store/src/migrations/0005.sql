-- A notification that waits for its user to be awake; null is at once.
ALTER TABLE notification ADD COLUMN not_before_unix_ms INTEGER;

-- When the hub last showed itself that it can write here.
CREATE TABLE last_beat (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    unix_ms INTEGER NOT NULL
) STRICT;
