//! Filters on packets: finding headers, checking, rewriting and reshaping them.

#![forbid(unsafe_code)]

mod corrupt;
mod decode;
mod fix;
mod link_type;
mod rewrite;
mod shift_time;
mod split_direction;
mod truncate;
mod validate;
mod vlan;
