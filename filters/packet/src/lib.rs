//! Filters on packets: decode, validate, rewrite.

#![forbid(unsafe_code)]

mod decode;
mod rewrite;
mod validate;
