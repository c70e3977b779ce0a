-- Servers whose agent said goodbye and that may be away for a while. The row goes
-- with the next change of the server's presence.

CREATE TABLE leaving (
    server  TEXT    PRIMARY KEY,
    goodbye TEXT    NOT NULL,
    unix_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a user was told of a server that comes and goes is found by its thread.
CREATE INDEX notification_of_flapping ON notification (created_unix_ms) WHERE kind = 'flapping';

-- Making a token counts the open ones: that must not read those that ended.
CREATE INDEX enrol_token_open ON enrol_token (expires_unix_ms) WHERE used_unix_ms IS NULL;
