-- Each change of an agent has a number, so that a hub reads what changed and not
-- every agent each time that one of ten thousand comes.

CREATE TABLE agent_change (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO agent_change SELECT 1, 1 + count(*) FROM agent;

ALTER TABLE agent ADD COLUMN changed INTEGER NOT NULL DEFAULT 1;
CREATE INDEX agent_by_change ON agent (changed);
