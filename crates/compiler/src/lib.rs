//! From the syntax tree to code objects.
//!
//! `instruction_sequence` is the border between code generation and the flow graph; `constants` decides when two
//! constants are one. CPython: `Python/compile.c`, `Python/codegen.c`, `Python/flowgraph.c`, `Python/assemble.c`.

pub mod assemble;
pub mod constants;
pub mod flowgraph;
pub mod instruction_sequence;
