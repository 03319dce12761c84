-- Claims are JSON objects that the operator wrote. Keys of the admin API are known by a hash of 256 random bits.

ALTER TABLE session ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';
ALTER TABLE account ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';

CREATE INDEX pending_by_subject ON pending (subject) WHERE subject IS NOT NULL;

CREATE TABLE admin_key (
    name         TEXT    NOT NULL PRIMARY KEY,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes       TEXT    NOT NULL,       -- a JSON array of names
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;
