-- Files of rules that were made on the page or by a program.
CREATE TABLE rule_file (
    name            TEXT    PRIMARY KEY,
    text            TEXT    NOT NULL,
    author          TEXT    NOT NULL,
    changed_unix_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
