//! Filters that let items through or not: select, sample, limit.

#![forbid(unsafe_code)]

mod limit;
mod sample;
mod select;
