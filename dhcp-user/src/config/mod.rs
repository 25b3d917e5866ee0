//! The TOML file, its checks, and the model the rest of the server is built from.

pub mod model;

pub use model::Config;
