-- An incident is about a server that does not answer, or about alerts that fire. `subject` keeps
-- those apart that are about no server: it is made from their labels, and empty for all others.
-- `part_of` names the first one of those that belong together.
ALTER TABLE incident ADD COLUMN kind TEXT NOT NULL DEFAULT 'presence';
ALTER TABLE incident ADD COLUMN severity TEXT NOT NULL DEFAULT 'critical';
ALTER TABLE incident ADD COLUMN part_of INTEGER REFERENCES incident (id) ON DELETE SET NULL;
ALTER TABLE incident ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE incident ADD COLUMN labels TEXT;
ALTER TABLE incident ADD COLUMN acknowledged_by TEXT;
ALTER TABLE incident ADD COLUMN acknowledged_unix_ms INTEGER;

-- A server has one open incident of each kind at the most.
DROP INDEX incident_open;
CREATE UNIQUE INDEX incident_open ON incident (server, kind, subject)
    WHERE closed_unix_ms IS NULL;
CREATE INDEX incident_of_family ON incident (part_of) WHERE part_of IS NOT NULL;

-- An alert that fires or fired. One that fires again while its incident is open has its row again.
CREATE TABLE alert (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    incident      INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    source        TEXT    NOT NULL,
    labels        TEXT    NOT NULL,
    annotations   TEXT    NOT NULL,
    generator_url TEXT    NOT NULL,
    value         REAL,
    starts_unix_ms INTEGER NOT NULL,
    -- When its sender says that it will be over unless it is named again; null is never.
    ends_unix_ms  INTEGER,
    -- When it was over; null while it fires.
    over_unix_ms  INTEGER,
    -- When it began to fire of late, as JSON: it may come and go.
    fired         TEXT    NOT NULL
) STRICT;

CREATE INDEX alert_by_incident ON alert (incident, id);
CREATE INDEX alert_firing ON alert (id) WHERE over_unix_ms IS NULL;

-- What a user is still to be told of an alert: that it fires, or that it is over.
CREATE TABLE alert_news (
    alert   INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    user    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    since_unix_ms INTEGER NOT NULL,
    PRIMARY KEY (alert, user)
) STRICT, WITHOUT ROWID;

-- What a user knows of an alert: whether the last letter said that it fires, when that was
-- written down, and which letter began its thread.
CREATE TABLE alert_told (
    alert     INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    user      TEXT    NOT NULL,
    is_firing INTEGER NOT NULL,
    unix_ms   INTEGER NOT NULL,
    thread    INTEGER REFERENCES notification (id) ON DELETE SET NULL,
    PRIMARY KEY (alert, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_told_by_thread ON alert_told (thread) WHERE thread IS NOT NULL;

-- The letters that told of an alert.
CREATE TABLE alert_letter (
    alert        INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    notification INTEGER NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    PRIMARY KEY (alert, notification)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_letter_by_notification ON alert_letter (notification);
