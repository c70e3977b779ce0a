-- The audit: who did what. Each line is JSON and holds the hash of the one before, so nothing
-- of it can be changed unseen.
CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL
) STRICT;
