//! Filters that turn lines into fields: parse_json, parse_regex.

#![forbid(unsafe_code)]

mod bad;
mod json;
mod parse_json;
mod parse_regex;
mod time;
