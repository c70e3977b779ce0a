-- Which servers a user that was made sees: a JSON list of matchers. Those of older releases saw all.
ALTER TABLE user ADD COLUMN servers TEXT NOT NULL DEFAULT '["*"]';

-- The authenticator app of a user, and the last of its codes that opened: none opens twice.
CREATE TABLE totp (
    user          TEXT    NOT NULL PRIMARY KEY,
    secret        TEXT    NOT NULL,
    since_unix_ms INTEGER NOT NULL,
    last_step     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The hashes of the codes that stand in for a lost app. One that was used is deleted.
CREATE TABLE recovery_code (
    user TEXT NOT NULL REFERENCES totp (user) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

-- The tokens of programs. `hash` is the SHA-256 of what opens; `epoch` stands for the password that
-- the user had. `servers` is a JSON list of matchers, and NULL for all that the user sees.
CREATE TABLE api_token (
    id            TEXT    NOT NULL PRIMARY KEY,
    user          TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    hash          TEXT    NOT NULL,
    epoch         TEXT    NOT NULL,
    scopes        TEXT    NOT NULL,
    servers       TEXT,
    made_unix_ms  INTEGER NOT NULL,
    ends_unix_ms  INTEGER NOT NULL,
    used_unix_ms  INTEGER,
    UNIQUE (user, name)
) STRICT, WITHOUT ROWID;
