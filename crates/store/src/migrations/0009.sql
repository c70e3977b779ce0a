-- The stages of users' escalations that an incident went through, each once. `incident` is the
-- first one of those that belong together, and `stage` its place in the user's config.
CREATE TABLE escalation (
    incident INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    user     TEXT    NOT NULL,
    stage    INTEGER NOT NULL,
    unix_ms  INTEGER NOT NULL,
    PRIMARY KEY (incident, user, stage)
) STRICT, WITHOUT ROWID;
