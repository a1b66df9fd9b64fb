//! Filters on packets: finding headers, checking, rewriting and reshaping them.

#![forbid(unsafe_code)]

mod decode;
mod rewrite;
mod truncate;
mod validate;
mod vlan;
