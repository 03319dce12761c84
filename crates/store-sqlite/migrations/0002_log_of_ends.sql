-- The log of ends is an index over the sessions that were ended: it needs no write of its own, and forgets an
-- end with its session.

CREATE INDEX session_that_was_ended ON session (ended_at, sid) WHERE ended_at IS NOT NULL;
