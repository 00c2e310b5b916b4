//! The definitions of all modules side by side.
//!
//! A search by name reads each definition's name; where they lie with their modules, that touches many pages of memory.

use crate::MODULES;
use naja_vm::ModuleDef;

/// [`MODULES`], copied. For `Config::builtin_modules`.
pub static DEFINITIONS: [ModuleDef; MODULES.len()] = {
    let mut definitions = [*MODULES[0]; MODULES.len()];
    let mut index = 1;
    while index < definitions.len() {
        definitions[index] = *MODULES[index];
        index += 1;
    }
    definitions
};
