-- What is still to be handed over to another store, as stretches of a server's history. The
-- history itself is the queue: this tells what of it is left.
CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY,
    -- To whom.
    target TEXT NOT NULL,
    -- The key of the server.
    server TEXT NOT NULL,
    -- Milliseconds since 1970, both ends included.
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    -- How often something came that lies within what was noted already: who is just handing the
    -- stretch over may have missed it.
    again INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX outgoing_of ON outgoing (target, server, to_ms);
