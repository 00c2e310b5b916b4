//! Python source to abstract syntax tree: decoding, tokens, the parser with every SyntaxError, and back to source.
//!
//! The stages are plain functions from one public type to the next; nothing here knows of objects or the heap.
//! CPython: `Parser/`, `Grammar/python.gram`.

pub mod ast;
pub mod dump;
pub mod error;
pub mod parser;
pub mod preprocess;
pub mod repr;
pub mod source;
pub mod stack;
pub mod token;
pub mod tokenizer;
pub mod unparse;
pub mod validate;
pub mod wtf8;

pub use parser::{Mode, ParseOptions, Parsed, parse, parse_with_warnings};
