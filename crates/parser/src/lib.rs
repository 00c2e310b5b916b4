//! Python source to abstract syntax tree: decoding, tokens, the parser with every SyntaxError, and back to source.
//!
//! The stages are plain functions from one public type to the next; nothing here knows of objects or the heap.
//! CPython: `Parser/`, `Grammar/python.gram`.

pub mod ast;
pub mod wtf8;
