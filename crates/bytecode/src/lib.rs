//! What a compiled Python program is made of: the instruction set, code objects, their tables, and their stored form.
//!
//! Knows nothing of objects or the heap. `opcode` is the one table of instructions, `code` the plain data of a code
//! object, `exception_table` and `location` its two compressed tables, `marshal` the storage format, `dis` a listing.
//! CPython: `Include/cpython/code.h`, `Python/bytecodes.c`, `Python/marshal.c`, `InternalDocs/`.

pub mod code;
pub mod dis;
pub mod exception_table;
pub mod location;
pub mod marshal;
pub mod opcode;
pub mod packed;
pub mod repr;
pub mod verify;
