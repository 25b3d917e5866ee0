//! What both sides of the kernel share: map names, keys, values, the client hash.
#![no_std]
