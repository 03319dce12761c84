//! The gateway in front of real upstreams that misbehave.

mod issuer;
