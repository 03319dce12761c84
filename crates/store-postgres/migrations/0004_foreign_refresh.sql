-- One refresh of a foreign issuer's token for many nodes: leased to whoever makes it now, or its sealed result.

CREATE TABLE perennial.foreign_refresh (
    token_hash BYTEA  NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    lease      BYTEA CHECK (length(lease) = 16),
    sealed     BYTEA,
    successor  BYTEA CHECK (length(successor) = 32),  -- the hash of the token that took this one's place
    ends_at    BIGINT NOT NULL,
    CHECK ((lease IS NULL) <> (sealed IS NULL)),
    CHECK (successor IS NULL OR sealed IS NOT NULL)
);

CREATE INDEX foreign_refresh_by_end ON perennial.foreign_refresh (ends_at);
CREATE INDEX foreign_refresh_by_successor ON perennial.foreign_refresh (successor) WHERE successor IS NOT NULL;
