//! What can be asked of any object: CPython's Objects/abstract.c, object.c, call.c, by topic.

pub mod attributes;
pub mod compare;
pub mod hash;
pub mod iterator;
pub mod number;
pub mod object;
pub mod pattern;
pub mod sequence;
pub mod suggestions;
