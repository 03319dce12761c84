//! Proof by worlds: what happens to jars, sessions and thieves when everything around them fails.
//!
//! `exhaustive` searches small worlds to their end over the refresh decision alone. `seeded` plays large
//! worlds at random over the real service: its router, cookies, guard, operations and nodes.

pub mod exhaustive;
pub mod seeded;
