-- How many chunks a ring has, and their bytes. An index that was changed in place hides
-- chunks, and the number tells; by the bytes it is known who fills the history.
CREATE TABLE held (
    ring   INTEGER PRIMARY KEY,
    chunks INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;

INSERT INTO held (ring, chunks, bytes)
    SELECT ring, count(*), sum(length(bytes)) FROM chunk NOT INDEXED GROUP BY ring;

CREATE TRIGGER chunk_came AFTER INSERT ON chunk BEGIN
    INSERT INTO held (ring, chunks, bytes) VALUES (new.ring, 1, length(new.bytes))
        ON CONFLICT (ring) DO UPDATE SET
            chunks = chunks + 1, bytes = bytes + length(new.bytes);
END;

CREATE TRIGGER chunk_went AFTER DELETE ON chunk BEGIN
    UPDATE held SET chunks = chunks - 1, bytes = bytes - length(old.bytes)
        WHERE ring = old.ring;
END;
