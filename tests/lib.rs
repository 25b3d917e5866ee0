//! What the tests against the running server share.
//!
//! - [`lab`]: network namespaces, veth, real clients and the server in them.

pub mod lab;
