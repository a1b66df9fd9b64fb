//! Filters that turn many items into a few records that sum them up.

#![forbid(unsafe_code)]

mod count;
