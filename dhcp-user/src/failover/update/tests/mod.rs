//! Two servers' updates against each other, each with a table of its own.

mod pair;
mod race;
mod single;
