//! The tcpdump filter syntax, as the pcap-filter manual page has it, compiled to classic BPF.
//!
//! ```
//! use sluice_expr::bpf::{Filter, Machine, Options};
//! use sluice_wire::link::LinkType;
//!
//! let filter: Filter = "ip proto 1".parse()?;
//! let program = filter.compile(Options::file(LinkType::IPV4))?;
//! assert_eq!(program.to_string().lines().next(), Some("(000) ldb      [9]"));
//!
//! let machine = Machine::new(&program);
//! assert!(machine.matches(&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1], 20));
//! # Ok::<(), sluice_expr::Error>(())
//! ```
//!
//! A text is parsed once and compiled for each link type. Names of services and protocols come from tables of this crate;
//! names of hosts and networks are not looked up.

pub mod ast;
mod build;
mod codegen;
mod lexer;
mod listing;
mod machine;
mod names;
mod parser;
mod print;
pub mod program;
mod words;

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
pub use codegen::Options;
pub use machine::{Ancillary, Machine, Verdict};
pub use program::{Insn, Invalid, Program};

/// A filter: an expression, or none, which every packet passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Option<ast::Expr>);

impl Filter {
    /// The expression, unless the text was empty.
    pub const fn expr(&self) -> Option<&ast::Expr> {
        self.0.as_ref()
    }

    /// The program for one link type.
    ///
    /// # Errors
    /// If the expression asks for something that frames of this link type do not have.
    pub fn compile(&self, options: Options) -> Result<Program, Error> {
        codegen::compile(self.expr(), options)
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self(parser::parse(text)?))
    }
}

impl fmt::Display for Filter {
    /// The expression with every implied qualifier written out; it parses to the same filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |expr| expr.fmt(f))
    }
}
