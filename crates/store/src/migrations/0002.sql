-- Agents that enrolled. The id is the hash of the agent's key, so an agent that
-- enrols anew under an old name is another one. What was removed stays as a row,
-- so that its key is refused with the reason.

CREATE TABLE agent (
    id                     TEXT    PRIMARY KEY,
    name                   TEXT    NOT NULL,
    labels                 TEXT    NOT NULL,
    address                TEXT,
    public_key_fingerprint TEXT    NOT NULL,
    certificate_not_after  INTEGER NOT NULL,
    enrolled_unix_ms       INTEGER NOT NULL,
    removed_unix_ms        INTEGER,
    last_protocol          TEXT
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX agent_by_name ON agent (name) WHERE removed_unix_ms IS NULL;
CREATE INDEX agent_removed ON agent (removed_unix_ms) WHERE removed_unix_ms IS NOT NULL;

-- Only the digest of a token is kept: who reads this file cannot enrol with it.
CREATE TABLE enrol_token (
    digest            BLOB    PRIMARY KEY,
    name              TEXT,
    labels            TEXT    NOT NULL DEFAULT '{}',
    created_unix_ms   INTEGER NOT NULL,
    expires_unix_ms   INTEGER NOT NULL,
    used_unix_ms      INTEGER,
    used_by           TEXT,
    misused_unix_ms   INTEGER,
    misused_by        TEXT,
    CHECK ((used_unix_ms IS NULL) = (used_by IS NULL)),
    CHECK ((misused_unix_ms IS NULL) = (misused_by IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX enrol_token_by_end ON enrol_token (expires_unix_ms);

-- Notifications that must arrive in order with this one, which began to tell of many
-- servers, of one that comes and goes, or of the hub itself. A notification that
-- was held and then told by another one of a thread says by which.

ALTER TABLE notification ADD COLUMN thread INTEGER REFERENCES notification (id) ON DELETE SET NULL;
ALTER TABLE notification ADD COLUMN told_by INTEGER REFERENCES notification (id) ON DELETE SET NULL;

CREATE INDEX notification_by_thread ON notification (thread, user, id) WHERE thread IS NOT NULL;
CREATE INDEX notification_by_teller ON notification (told_by) WHERE told_by IS NOT NULL;
CREATE INDEX notification_held ON notification (id) WHERE state = 'held';
CREATE INDEX notification_of_hub ON notification (user, id) WHERE kind IN ('cut_off', 'hub_back');
