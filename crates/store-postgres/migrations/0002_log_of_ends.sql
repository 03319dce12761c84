-- The log of ends is an index over the sessions that were ended: it needs no write of its own, and forgets an
-- end with its session. A rotation does not touch it.

CREATE INDEX session_that_was_ended ON perennial.session (ended_at, sid) WHERE ended_at IS NOT NULL;
