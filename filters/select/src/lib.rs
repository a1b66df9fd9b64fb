//! Filters that let items through or not, send them somewhere, or say something about them: where, route, mark, set,
//! select, sample, limit.

#![forbid(unsafe_code)]

mod condition;
mod limit;
mod mark;
mod route;
mod sample;
mod select;
mod set;
mod r#where;
