-- A moment is two columns: nanoseconds on the hub's monotonic clock since that
-- boot, and milliseconds since 1970. Words are those of the crate `model`.

CREATE TABLE incident (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    server          TEXT    NOT NULL,
    presence        TEXT    NOT NULL,
    cause           TEXT    NOT NULL,
    silence_mono_ns INTEGER,
    silence_unix_ms INTEGER,
    judged_mono_ns  INTEGER NOT NULL,
    judged_unix_ms  INTEGER NOT NULL,
    hub_stalled_ns  INTEGER NOT NULL,
    closed_mono_ns  INTEGER,
    closed_unix_ms  INTEGER,
    CHECK ((silence_mono_ns IS NULL) = (silence_unix_ms IS NULL)),
    CHECK ((closed_mono_ns IS NULL) = (closed_unix_ms IS NULL))
) STRICT;

-- A server has one open incident at the most.
CREATE UNIQUE INDEX incident_open ON incident (server) WHERE closed_unix_ms IS NULL;
CREATE INDEX incident_open_by_id ON incident (id) WHERE closed_unix_ms IS NULL;
CREATE INDEX incident_by_server ON incident (server, id);
CREATE INDEX incident_by_end ON incident (closed_unix_ms) WHERE closed_unix_ms IS NOT NULL;

CREATE TABLE timeline (
    id         INTEGER PRIMARY KEY,
    incident   INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    at_mono_ns INTEGER NOT NULL,
    at_unix_ms INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    text       TEXT    NOT NULL
) STRICT;

CREATE INDEX timeline_by_incident ON timeline (incident, id);

-- The outbox. A notification without an incident is a report.
CREATE TABLE notification (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    incident        INTEGER REFERENCES incident (id) ON DELETE CASCADE,
    user            TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    text            TEXT    NOT NULL,
    html            TEXT    NOT NULL,
    first_subject   TEXT,
    first_text      TEXT,
    first_html      TEXT,
    message_id      TEXT    NOT NULL UNIQUE,
    created_mono_ns INTEGER NOT NULL,
    created_unix_ms INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    CHECK ((first_subject IS NULL) = (first_text IS NULL)),
    CHECK ((first_subject IS NULL) = (first_html IS NULL))
) STRICT;

CREATE INDEX notification_pending ON notification (user, incident, id) WHERE state = 'pending';
CREATE INDEX notification_by_lane ON notification (user, incident, id);
CREATE INDEX notification_by_incident ON notification (incident, id);
CREATE INDEX report_by_age ON notification (created_unix_ms) WHERE incident IS NULL;

CREATE TABLE notification_channel (
    notification INTEGER NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    place        INTEGER NOT NULL,
    url          TEXT    NOT NULL,
    PRIMARY KEY (notification, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE notification_reference (
    notification INTEGER NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    place        INTEGER NOT NULL,
    message_id   TEXT    NOT NULL,
    PRIMARY KEY (notification, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    notification   INTEGER NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    channel        TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    began_mono_ns  INTEGER NOT NULL,
    began_unix_ms  INTEGER NOT NULL,
    ended_mono_ns  INTEGER,
    ended_unix_ms  INTEGER,
    outcome        TEXT    NOT NULL,
    words          TEXT    NOT NULL,
    maybe_accepted INTEGER NOT NULL,
    UNIQUE (notification, attempt),
    CHECK ((ended_mono_ns IS NULL) = (ended_unix_ms IS NULL))
) STRICT;

CREATE TABLE user (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE last_report (
    user    TEXT    PRIMARY KEY,
    unix_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
