-- The alerts of a group of rules, as they were when it was last stored: so that a restart neither
-- forgets one nor tells it twice.
CREATE TABLE rule_state (
    rule_group        TEXT PRIMARY KEY,
    evaluated_unix_ms INTEGER NOT NULL,
    alerts            TEXT NOT NULL
) STRICT;
