//! Filters on packets: finding headers, checking, rewriting and reshaping them.

#![forbid(unsafe_code)]

mod decode;
mod fix;
mod renewal;
mod rewrite;
mod split_direction;
mod truncate;
mod validate;
mod vlan;
