-- Times are milliseconds since 1970. A session is one row, whatever the number of refreshes: a rotation
-- changes no indexed column, and the room left in every page keeps the new version of a row beside the old one.
-- Texts that are names are compared byte by byte.

CREATE TABLE perennial.session (
    sid              BYTEA            NOT NULL PRIMARY KEY CHECK (length(sid) = 16),
    session_key      TEXT COLLATE "C" NOT NULL UNIQUE,
    salt             BYTEA            NOT NULL CHECK (length(salt) = 16),
    subject          TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT           NOT NULL,
    ends_at          BIGINT           NOT NULL,
    active_at        BIGINT           NOT NULL,
    generation       BIGINT           NOT NULL,
    parent           BIGINT,                     -- NULL: nobody remembers
    delivered_at     BIGINT           NOT NULL,
    late             BIGINT           NOT NULL,
    confirmed        BOOLEAN          NOT NULL,
    ended_at         BIGINT,
    end_reason       TEXT,
    authenticated_at BIGINT           NOT NULL,
    assurance_level  BIGINT           NOT NULL,
    methods          TEXT             NOT NULL,  -- a JSON array of strings
    device           TEXT             NOT NULL,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX session_by_subject ON perennial.session (subject, created_at);
CREATE INDEX session_by_end ON perennial.session (ends_at);

-- A subject need not be an account, so nothing refers to this table from `session`.
CREATE TABLE perennial.account (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL UNIQUE,
    name          TEXT             NOT NULL,
    password_hash TEXT             NOT NULL,
    disabled      BOOLEAN          NOT NULL,
    created_at    BIGINT           NOT NULL,
    last_login_at BIGINT,
    sealed_secret BYTEA,                         -- the second factor, when there is one
    last_step     BIGINT,
    CHECK ((sealed_secret IS NULL) = (last_step IS NULL))
);

CREATE TABLE perennial.recovery_code (
    account TEXT COLLATE "C" NOT NULL REFERENCES perennial.account (id) ON DELETE CASCADE,
    hash    BYTEA            NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account, hash)
);

-- `step` says which of the columns that may be NULL are filled.
CREATE TABLE perennial.pending (
    token_hash    BYTEA  NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    step          TEXT   NOT NULL,
    attempts_left BIGINT NOT NULL CHECK (attempts_left >= 0),
    ends_at       BIGINT NOT NULL,
    email         TEXT,
    name          TEXT,
    password_hash TEXT,
    code_hash     BYTEA CHECK (length(code_hash) = 32),
    resends_left  BIGINT CHECK (resends_left >= 0),
    subject       TEXT,
    sealed_secret BYTEA,
    within_sid    BYTEA CHECK (length(within_sid) = 16)
);

CREATE INDEX pending_by_end ON perennial.pending (ends_at);

CREATE TABLE perennial.allowance (
    key            BYTEA  NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    used           BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL
);

CREATE INDEX allowance_by_end ON perennial.allowance (window_ends_at);

CREATE TABLE perennial.audit (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    subject     TEXT,
    session_key TEXT,
    detail      TEXT   NOT NULL
);

-- Keys as whoever holds the master key sealed them.
CREATE TABLE perennial.sealed_key (
    kind        TEXT COLLATE "C" NOT NULL,
    id          BIGINT           NOT NULL,
    active_from BIGINT           NOT NULL,
    sealed      BYTEA            NOT NULL,
    PRIMARY KEY (kind, id)
);
