//! Filters that let items through or not, send them somewhere, or say something about them: where, route, mark, set,
//! sample, limit.

#![forbid(unsafe_code)]

mod condition;
mod limit;
mod mark;
mod route;
mod sample;
mod set;
mod r#where;
