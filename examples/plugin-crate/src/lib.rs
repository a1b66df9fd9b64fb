//! Components for Sluice, outside of its repository. To use them, build a binary as `../custom-binary` does.

mod by_size;
