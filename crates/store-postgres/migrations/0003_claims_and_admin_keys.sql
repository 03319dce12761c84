-- Claims are JSON objects that the operator wrote. Keys of the admin API are known by a hash of 256 random bits.

ALTER TABLE perennial.session ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';
ALTER TABLE perennial.account ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';

CREATE INDEX pending_by_subject ON perennial.pending (subject) WHERE subject IS NOT NULL;

CREATE TABLE perennial.admin_key (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash         BYTEA            NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes       TEXT             NOT NULL,      -- a JSON array of names
    created_at   BIGINT           NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT
);
