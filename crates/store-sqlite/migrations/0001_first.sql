-- Times are milliseconds since 1970. A session is one row, whatever the number of refreshes: a rotation
-- changes no indexed column.

CREATE TABLE session (
    sid              BLOB    NOT NULL PRIMARY KEY CHECK (length(sid) = 16),
    session_key      TEXT    NOT NULL UNIQUE,
    salt             BLOB    NOT NULL CHECK (length(salt) = 16),
    subject          TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    ends_at          INTEGER NOT NULL,
    active_at        INTEGER NOT NULL,
    generation       INTEGER NOT NULL,
    parent           INTEGER,            -- NULL: nobody remembers
    delivered_at     INTEGER NOT NULL,
    late             INTEGER NOT NULL,
    confirmed        INTEGER NOT NULL,
    ended_at         INTEGER,
    end_reason       TEXT,
    authenticated_at INTEGER NOT NULL,
    assurance_level  INTEGER NOT NULL,
    methods          TEXT    NOT NULL,   -- a JSON array of strings
    device           TEXT    NOT NULL,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX session_that_lives_by_subject ON session (subject, created_at) WHERE ended_at IS NULL;
CREATE INDEX session_by_end ON session (ends_at);

-- A subject need not be an account, so nothing refers to this table from `session`.
CREATE TABLE account (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    disabled      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    sealed_secret BLOB,                  -- the second factor, when there is one
    last_step     INTEGER,
    CHECK ((sealed_secret IS NULL) = (last_step IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

-- `step` says which of the columns that may be NULL are filled.
CREATE TABLE pending (
    token_hash    BLOB    NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    step          TEXT    NOT NULL,
    attempts_left INTEGER NOT NULL CHECK (attempts_left >= 0),
    ends_at       INTEGER NOT NULL,
    email         TEXT,
    name          TEXT,
    password_hash TEXT,
    code_hash     BLOB CHECK (length(code_hash) = 32),
    resends_left  INTEGER CHECK (resends_left >= 0),
    subject       TEXT,
    sealed_secret BLOB,
    within_sid    BLOB CHECK (length(within_sid) = 16)
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_by_end ON pending (ends_at);

CREATE TABLE allowance (
    key            BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    used           INTEGER NOT NULL,
    window_ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX allowance_by_end ON allowance (window_ends_at);

CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    subject     TEXT,
    session_key TEXT,
    detail      TEXT    NOT NULL
) STRICT;
