//! Two-level tables from code point to a small number, read straight from the bytes of a .bin file.
//!
//! The first stage holds, per block of `1 << SHIFT` code points, a little-endian u16 number of a block in the second
//! stage; equal blocks are stored once. Code points past U+10FFFF read as number 0, the record of what is unassigned.
//! CPython does the same with `index1`/`index2` in Objects/unicodetype_db.h and Modules/unicodedata_db.h.

/// A trie whose values are u16. `FIRST` and `SECOND` are the sizes of the stages in bytes.
pub struct Trie16<const SHIFT: u32, const FIRST: usize, const SECOND: usize> {
    data: &'static [u8],
}

/// The little-endian u16 at byte `at`; 0 outside the data.
#[inline]
pub fn read_u16(data: &[u8], at: usize) -> u16 {
    match data.get(at..at + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}

/// The little-endian u32 at byte `at`; 0 outside the data.
#[inline]
pub fn read_u32(data: &[u8], at: usize) -> u32 {
    match data.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

impl<const SHIFT: u32, const FIRST: usize, const SECOND: usize> Trie16<SHIFT, FIRST, SECOND> {
    /// Wraps the bytes of both stages.
    pub const fn new(data: &'static [u8]) -> Self {
        assert!(data.len() == FIRST + SECOND);
        Trie16 { data }
    }

    /// The value of a code point.
    #[inline]
    pub fn get(&self, code: u32) -> usize {
        let block = (code >> SHIFT) as usize * 2;
        if block >= FIRST {
            return 0;
        }
        let block = read_u16(self.data, block) as usize;
        let index = (block << SHIFT) + (code & ((1 << SHIFT) - 1)) as usize;
        read_u16(self.data, FIRST + index * 2) as usize
    }
}
