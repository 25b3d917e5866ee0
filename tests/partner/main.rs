//! A partner that is not what it should be: what comes back on the connection, what log and status
//! say of it, and that clients are served all the while.
//!
//! ```text
//! greeting   a secondary that the primary does not take    link     what one does wrong once it is
//! primary    a primary that the secondary does not take             the partner
//! scene      the server that is held to it                 words    what a sound partner says
//! ```

mod greeting;
mod link;
mod primary;
mod scene;
mod words;
