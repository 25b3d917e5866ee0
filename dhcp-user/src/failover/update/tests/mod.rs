//! Two servers' updates against each other, each with a table of its own.

mod listening;
mod pair;
mod race;
mod reserved;
mod single;
