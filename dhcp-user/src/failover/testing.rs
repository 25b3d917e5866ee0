//! A pair of servers in one process.
