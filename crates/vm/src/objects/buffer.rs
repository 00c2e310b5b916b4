//! The buffer protocol: what an object with a buffer lends. CPython: PEP 3118, Objects/abstract.c.

use naja_heap::Value;

/// The bytes lent by an object, which is kept alive meanwhile.
pub struct Buffer {
    pub object: Value,
    pub readonly: bool,
    /// A copy of the contents, in C order.
    data: Vec<u8>,
}

impl Buffer {
    pub fn new(object: Value, data: Vec<u8>, readonly: bool) -> Buffer {
        Buffer {
            object,
            readonly,
            data,
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.data.clone()
    }
}
