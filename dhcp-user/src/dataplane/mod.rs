//! How packets come in and go out.
