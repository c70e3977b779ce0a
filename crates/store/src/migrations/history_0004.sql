-- What the kernel of a server told, each record once. `id` is the order of arrival. The bytes
-- come last, so that the rest can be read without them.
CREATE TABLE kernel_event (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    server INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,
    crc    INTEGER NOT NULL,
    bytes  BLOB    NOT NULL
) STRICT;

CREATE INDEX kernel_event_by_time ON kernel_event (server, at_ms, crc);

-- In `held_block`, -3 are events.
CREATE TRIGGER kernel_event_came AFTER INSERT ON kernel_event BEGIN
    INSERT INTO held_block (server, width_ms, blocks, bytes)
        VALUES (new.server, -3, 1, length(new.bytes) + 64), (0, -3, 1, length(new.bytes) + 64)
        ON CONFLICT (server, width_ms) DO UPDATE SET
            blocks = blocks + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER kernel_event_went AFTER DELETE ON kernel_event BEGIN
    UPDATE held_block SET blocks = blocks - 1, bytes = bytes - length(old.bytes) - 64
        WHERE server IN (old.server, 0) AND width_ms = -3;
END;
