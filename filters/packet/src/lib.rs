//! Filters on packets: finding headers, checking, rewriting and reshaping them.

#![forbid(unsafe_code)]

mod decode;
mod fix;
mod rewrite;
mod truncate;
mod validate;
mod vlan;
