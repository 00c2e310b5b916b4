//! `str`: immutable WTF-8 text (UTF-8 with lone surrogates as three bytes), its core; methods are in the sibling files.
//!
//! The bytes stand right behind the payload. `char_len == byte_len` means ASCII, where indexing is direct; other
//! strings longer than a few dozen bytes get an index of every 64th code point's offset when first indexed. The hash is
//! SipHash-1-3, keyed per interpreter, cached (0: not computed yet). Interned strings are found by address.
//!
//! CPython: Objects/unicodeobject.c.

pub mod case;
pub mod codecs;
pub mod format;
pub mod interner;
pub mod iterator;
pub mod methods;
pub mod percent;
pub(crate) mod repr;
pub(crate) mod scan;
mod split;
pub mod translate;

use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
pub use interner::Interner;
use naja_heap::{Flags, Payload, Ref, Value};
use naja_macros::pyclass;
use std::borrow::Cow;
use std::cell::Cell;

/// str(object='') -> str
/// str(bytes_or_buffer[, encoding[, errors]]) -> str
///
/// Create a new string object from the given object. If encoding or
/// errors is specified, then the object must expose a data buffer
/// that will be decoded using the given encoding and error handler.
/// Otherwise, returns the result of object.__str__() (if defined)
/// or repr(object).
/// encoding defaults to 'utf-8'.
/// errors defaults to 'strict'.
#[pyclass(name = "str", module = "builtins", flags(BASETYPE, MATCH_SELF))]
#[repr(C)]
pub struct Str {
    hash: Cell<i64>,
    /// The lengths change only while nobody else knows the string ([`append`]).
    byte_len: Cell<usize>,
    /// The length in code points, or, with the bit `INDEXED`, the address of an `Index`.
    chars: Cell<usize>,
}

/// For long non-ASCII text in which a code point was looked for by its number.
struct Index {
    char_len: usize,
    /// Offsets of every 64th code point (`INDEX_STEP`), and what the 16th, 32nd and 48th behind are farther.
    offsets: Vec<Crumb>,
    /// The code point found last, and its offset: the next search is often for the one behind.
    last: Cell<(usize, usize)>,
}

/// No length and no address has this bit.
const INDEXED: usize = 1 << (usize::BITS - 1);

impl Drop for Str {
    #[inline]
    fn drop(&mut self) {
        if self.chars.get() & INDEXED != 0 {
            self.drop_index()
        }
    }
}

/// Set on strings that are in the interner.
pub const INTERNED: u32 = Flags::USER_0;
const INDEX_STEP: usize = 64;
/// Code points between those whose offsets a `Crumb` holds.
const CRUMB_STEP: usize = 16;

/// An offset in 40 bits, and three distances from it, below 256, in a byte each.
#[derive(Clone, Copy)]
struct Crumb(u64);

impl Crumb {
    const OFFSET_BITS: u32 = 40;

    #[inline(always)]
    fn offset(self) -> usize {
        (self.0 & ((1 << Self::OFFSET_BITS) - 1)) as usize
    }

    /// The offset of the code point `part` times 16 behind, `part` below 4.
    #[inline(always)]
    fn near(self, part: usize) -> usize {
        // The distances, with a zero for the first below them.
        let distances = (self.0 >> Self::OFFSET_BITS) << 8;
        self.offset() + (distances >> (8 * part) & 0xff) as usize
    }

    /// Adds the distance of code point `part` times 16, `part` from 1 to 3.
    fn add(&mut self, part: usize, offset: usize) {
        let distance = (offset - self.offset()) as u64 & 0xff;
        self.0 |= distance << (Self::OFFSET_BITS as usize + 8 * (part - 1));
    }
}

impl Str {
    /// Makes a string of class `ty` from well-formed WTF-8 bytes, given in parts (the parts are joined as they are).
    ///
    /// `char_len` is the number of code points in all parts together. Raises MemoryError.
    pub fn from_parts(vm: &Vm, ty: &Type, parts: &[&[u8]], char_len: usize) -> PyResult<Ref<Str>> {
        let byte_len = parts
            .iter()
            .map(|p| p.len())
            .fold(0usize, usize::saturating_add);
        let payload = Str {
            hash: Cell::new(0),
            byte_len: Cell::new(byte_len),
            chars: Cell::new(char_len),
        };
        // SAFETY: the text is filled in here.
        let new = unsafe { vm.heap().alloc_unfilled(&ty.layout, byte_len, payload) }
            .map_err(|e| vm.no_memory(e))?;
        let mut at = new.data_ptr();
        for part in parts {
            // SAFETY: the object was allocated with `byte_len` extra bytes, which the parts fill together.
            unsafe {
                std::ptr::copy_nonoverlapping(part.as_ptr(), at, part.len());
                at = at.add(part.len());
            }
        }
        if !std::ptr::eq(ty, &*vm.types.str) {
            crate::objects::instance::init_attrs(new.header())
        }
        Ok(new)
    }

    /// Makes a `str` of `byte_len` bytes and `char_len` code points that `fill` writes (well-formed WTF-8 in all).
    /// Raises MemoryError.
    pub fn build(
        vm: &Vm,
        byte_len: usize,
        char_len: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> PyResult<Ref<Str>> {
        if byte_len == 0 {
            return Ok(vm.interp.empty_str());
        }
        if byte_len == 1 {
            let mut one = [0];
            fill(&mut one);
            return Ok(vm.interp.latin1_char(one[0]));
        }
        let payload = Str {
            hash: Cell::new(0),
            byte_len: Cell::new(byte_len),
            chars: Cell::new(char_len),
        };
        let byte_len = vm.check_size(Some(byte_len))?;
        let new = vm
            .heap()
            .alloc_object(&vm.types.str.layout, byte_len, payload)
            .map_err(|e| vm.no_memory(e))?;
        // SAFETY: the object was allocated with `byte_len` extra bytes, zeroed, and nobody else knows it yet.
        fill(unsafe { std::slice::from_raw_parts_mut(new.data_ptr(), byte_len) });
        Ok(new)
    }

    /// A string of `byte_len` bytes which `fill` gives piece by piece. Raises MemoryError.
    ///
    /// Panics where the pieces are not of that length together.
    #[inline]
    pub(crate) fn filled(
        vm: &Vm,
        byte_len: usize,
        char_len: usize,
        fill: impl FnOnce(&mut Pieces),
    ) -> PyResult<Ref<Str>> {
        let payload = Str {
            hash: Cell::new(0),
            byte_len: Cell::new(byte_len),
            chars: Cell::new(char_len),
        };
        let ty = &vm.types.str;
        // SAFETY: the text is filled in here; if it is not, nobody sees the object.
        let new = unsafe { vm.heap().alloc_unfilled(&ty.layout, byte_len, payload) }
            .map_err(|e| vm.no_memory(e))?;
        let mut pieces = Pieces {
            at: new.data_ptr(),
            room: byte_len,
        };
        fill(&mut pieces);
        assert_eq!(pieces.room, 0);
        Ok(new)
    }

    pub(crate) fn for_interner(
        heap: &naja_heap::Heap,
        ty: &naja_heap::TypeLayout,
        text: &[u8],
        char_len: usize,
    ) -> Option<Ref<Str>> {
        let payload = Str {
            hash: Cell::new(0),
            byte_len: Cell::new(text.len()),
            chars: Cell::new(char_len),
        };
        let new = heap.alloc_object(ty, text.len(), payload).ok()?;
        // SAFETY: the object was allocated with room for the text.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), new.data_ptr(), text.len()) }
        Some(new)
    }

    #[inline(always)]
    fn data_ptr(&self) -> *mut u8 {
        let ty = Type::of_payload_header(self);
        // Text stands behind the fixed part, which in a subclass may hold `__slots__`.
        (self as *const Str as *mut u8).wrapping_add(ty.layout.size.get() as usize - 16)
    }

    /// The text as WTF-8.
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the text was written when the object was made, and never changes.
        unsafe { std::slice::from_raw_parts(self.data_ptr(), self.byte_len.get()) }
    }

    /// The text, if it has no lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        if self.is_ascii() {
            // SAFETY: ASCII is UTF-8.
            return Some(unsafe { std::str::from_utf8_unchecked(self.as_bytes()) });
        }
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The text, lone surrogates replaced by U+FFFD.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match self.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(
                self.code_points()
                    .map(|c| char::from_u32(c).unwrap_or('\u{fffd}'))
                    .collect(),
            ),
        }
    }

    /// Length in code points: Python's `len`.
    #[inline(always)]
    pub fn char_len(&self) -> usize {
        match self.chars.get() {
            length if length & INDEXED == 0 => length,
            _ => self.indexed().char_len,
        }
    }

    /// The index, which must be there.
    #[inline]
    fn indexed(&self) -> &Index {
        // SAFETY: `make_index` made it; it lives as long as the string, or until `append` changes that, and never changes.
        unsafe { &*((self.chars.get() & !INDEXED) as *const Index) }
    }

    #[cold]
    #[inline(never)]
    fn drop_index(&self) {
        let index = self.chars.get() & !INDEXED;
        // SAFETY: the index was made by `Box::into_raw`, is this string's own and not used any more.
        let index = unsafe { Box::from_raw(index as *mut Index) };
        self.chars.set(index.char_len);
    }

    #[inline(always)]
    pub fn byte_len(&self) -> usize {
        self.byte_len.get()
    }

    #[inline(always)]
    pub fn is_ascii(&self) -> bool {
        self.chars.get() == self.byte_len.get()
    }

    /// The characters as CPython keeps (and hashes) them: one, two or four bytes each, by the largest.
    fn fixed_width(&self) -> smallvec::SmallVec<[u8; 256]> {
        // The first bytes of the characters sort as the characters do.
        let largest = self.as_bytes().iter().copied().max().unwrap_or(0);
        let points = self.code_points();
        match largest {
            0..=0xc3 => points.map(|c| c as u8).collect(),
            0xc4..=0xef => points.flat_map(|c| (c as u16).to_ne_bytes()).collect(),
            _ => points.flat_map(u32::to_ne_bytes).collect(),
        }
    }

    /// The code points, surrogates included.
    pub fn code_points(&self) -> CodePoints<'_> {
        CodePoints {
            rest: self.as_bytes(),
        }
    }

    /// The byte offset of code point `index`, which may be the length.
    pub fn byte_offset(&self, index: usize) -> usize {
        if self.is_ascii() || index == 0 {
            return index.min(self.byte_len.get());
        }
        if index >= self.char_len() {
            return self.byte_len.get();
        }
        let bytes = self.as_bytes();
        let walk = |at: usize, steps: usize| skip_chars(bytes, at, steps);
        if self.byte_len.get() < 2 * INDEX_STEP {
            return walk(0, index);
        }
        let known = self.known_offsets();
        let (last, offset) = known.last.get();
        let at = match index.checked_sub(last) {
            Some(steps) if steps <= index % CRUMB_STEP => walk(offset, steps),
            _ => {
                let part = index % INDEX_STEP / CRUMB_STEP;
                let start = known.offsets.get(index / INDEX_STEP);
                walk(start.map_or(0, |c| c.near(part)), index % CRUMB_STEP)
            }
        };
        known.last.set((index, at));
        at
    }

    /// The index of the code point that starts at byte `offset`.
    pub fn char_index(&self, offset: usize) -> usize {
        if self.is_ascii() {
            offset
        } else if self.byte_len.get() < 4 * INDEX_STEP {
            count_chars(&self.as_bytes()[..offset])
        } else {
            let offsets = &self.known_offsets().offsets;
            let before = offsets.partition_point(|c| c.offset() <= offset);
            let before = before.saturating_sub(1);
            let start = offsets.get(before).map_or(0, |c| c.offset());
            before * INDEX_STEP + count_chars(&self.as_bytes()[start..offset])
        }
    }

    /// The index of every 64th code point's offset, made on first use.
    #[inline]
    fn known_offsets(&self) -> &Index {
        if self.chars.get() & INDEXED == 0 {
            self.make_index()
        }
        self.indexed()
    }

    #[cold]
    #[inline(never)]
    fn make_index(&self) {
        let char_len = self.char_len();
        let mut offsets = Vec::with_capacity(char_len / INDEX_STEP + 1);
        let mut seen = 0;
        for (offset, &byte) in self.as_bytes().iter().enumerate() {
            if byte & 0xC0 != 0x80 {
                if seen % INDEX_STEP == 0 {
                    offsets.push(Crumb(offset as u64))
                } else if seen % CRUMB_STEP == 0
                    && let Some(crumb) = offsets.last_mut()
                {
                    crumb.add(seen % INDEX_STEP / CRUMB_STEP, offset)
                }
                seen += 1;
            }
        }
        let index = Box::into_raw(Box::new(Index {
            char_len,
            offsets,
            last: Cell::new((0, 0)),
        }));
        self.chars.set(index as usize | INDEXED);
    }

    /// The code point at `index`, which must be below the length.
    pub fn char_at(&self, index: usize) -> u32 {
        let offset = self.byte_offset(index);
        decode_at(self.as_bytes(), offset).0
    }

    /// The hash, computed on first use.
    #[inline(always)]
    pub fn hash(&self, vm: &Vm) -> i64 {
        match self.hash.get() {
            0 => self.compute_hash(&vm.interp.hash_key),
            hash => hash,
        }
    }

    #[inline(never)]
    pub(crate) fn compute_hash(&self, key: &HashKey) -> i64 {
        let hash = match self.is_ascii() {
            true => key.hash_bytes(self.as_bytes()),
            false => key.hash_bytes(&self.fixed_width()),
        };
        self.hash.set(hash);
        hash
    }

    /// The cached hash, 0 if none.
    #[inline(always)]
    pub fn cached_hash(&self) -> i64 {
        self.hash.get()
    }
}

/// Where the text of a string that is being made goes.
pub(crate) struct Pieces {
    at: *mut u8,
    /// Bytes that are still to come.
    room: usize,
}

impl Pieces {
    /// Appends a piece.
    #[inline(always)]
    pub(crate) fn push(&mut self, piece: &[u8]) {
        assert!(piece.len() <= self.room);
        let length = piece.len();
        // SAFETY: there is room for the piece, as just checked; the two-word copies overlap within it.
        unsafe {
            let (from, to) = (piece.as_ptr(), self.at);
            // Most pieces are short, and a call costs more than they do.
            match length {
                8..=16 => {
                    let head = from.cast::<u64>().read_unaligned();
                    let tail = from.add(length - 8).cast::<u64>().read_unaligned();
                    to.cast::<u64>().write_unaligned(head);
                    to.add(length - 8).cast::<u64>().write_unaligned(tail);
                }
                4..8 => {
                    let head = from.cast::<u32>().read_unaligned();
                    let tail = from.add(length - 4).cast::<u32>().read_unaligned();
                    to.cast::<u32>().write_unaligned(head);
                    to.add(length - 4).cast::<u32>().write_unaligned(tail);
                }
                1..4 => {
                    let (first, last) = (*from, *from.add(length - 1));
                    *to.add(length / 2) = *from.add(length / 2);
                    *to = first;
                    *to.add(length - 1) = last;
                }
                0 => {}
                _ => std::ptr::copy_nonoverlapping(from, to, length),
            }
            self.at = to.add(length);
        }
        self.room -= length;
    }
}

impl Type {
    /// The type of the object that a payload sits in.
    #[inline(always)]
    pub(crate) fn of_payload_header<T: Payload>(payload: &T) -> &Type {
        // SAFETY: payloads that ask this live only in objects, 16 bytes behind the header.
        let header =
            unsafe { &*((payload as *const T as *const u8).sub(16) as *const naja_heap::Header) };
        Type::of_header(header)
    }
}

/// Extension of references to strings.
pub trait StrRef {
    fn is_interned(&self) -> bool;
}

impl StrRef for Ref<Str> {
    #[inline(always)]
    fn is_interned(&self) -> bool {
        self.header().has_flag(INTERNED)
    }
}

/// The keys of the hash of str and bytes.
#[derive(Clone, Copy)]
pub struct HashKey(pub u64, pub u64);

impl HashKey {
    /// SipHash-1-3 of `bytes` as CPython makes it into a hash: 0 for nothing, never -1. (Never 0 otherwise either: that means "not cached".)
    pub fn hash_bytes(&self, bytes: &[u8]) -> i64 {
        if bytes.is_empty() {
            return 0;
        }
        match sip13(self.0, self.1, bytes) as i64 {
            -1 => -2,
            hash => hash,
        }
    }
}

/// SipHash with one round per word and three at the end.
fn sip13(k0: u64, k1: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = word
            .first_chunk::<8>()
            .map_or(0, |w| u64::from_le_bytes(*w));
        sip_word(&mut v, word);
    }
    let rest = words.remainder();
    // The last bytes, and the length above them.
    let last = match (rest.len(), bytes.last_chunk::<8>()) {
        (0, _) => 0,
        (n, Some(last)) => u64::from_le_bytes(*last) >> (64 - 8 * n),
        (n, None) => {
            let mut word = 0;
            let mut at = 0;
            if let Some(four) = rest.first_chunk::<4>() {
                word = u64::from(u32::from_le_bytes(*four));
                at = 4;
            }
            while at < n {
                word |= u64::from(rest[at]) << (8 * at);
                at += 1;
            }
            word
        }
    };
    sip_word(&mut v, last | (bytes.len() as u64) << 56);
    v[2] ^= 0xff;
    for _ in 0..3 {
        sip_round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline(always)]
fn sip_word(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

#[inline(always)]
fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

/// Iterator over the code points of WTF-8 bytes.
#[derive(Clone)]
pub struct CodePoints<'a> {
    pub rest: &'a [u8],
}

impl<'a> CodePoints<'a> {
    pub fn new(bytes: &'a [u8]) -> CodePoints<'a> {
        CodePoints { rest: bytes }
    }
}

impl Iterator for CodePoints<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.rest.is_empty() {
            return None;
        }
        let (c, width) = decode_at(self.rest, 0);
        self.rest = &self.rest[width..];
        Some(c)
    }
}

impl DoubleEndedIterator for CodePoints<'_> {
    fn next_back(&mut self) -> Option<u32> {
        let mut at = self.rest.len().checked_sub(1)?;
        while at > 0 && self.rest[at] & 0xC0 == 0x80 {
            at -= 1;
        }
        let (c, _) = decode_at(self.rest, at);
        self.rest = &self.rest[..at];
        Some(c)
    }
}

/// Bytes of the code point that starts with `first`.
#[inline(always)]
pub fn utf8_width(first: u8) -> usize {
    match first {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

/// The code point at byte `at` of well-formed WTF-8, and its width.
#[inline]
pub fn decode_at(bytes: &[u8], at: usize) -> (u32, usize) {
    let b = |i: usize| (bytes.get(at + i).copied().unwrap_or(0) & 0x3f) as u32;
    let first = bytes[at] as u32;
    match utf8_width(first as u8) {
        1 => (first, 1),
        2 => ((first & 0x1f) << 6 | b(1), 2),
        3 => ((first & 0x0f) << 12 | b(1) << 6 | b(2), 3),
        _ => ((first & 0x07) << 18 | b(1) << 12 | b(2) << 6 | b(3), 4),
    }
}

/// Appends a code point (a surrogate too) as WTF-8.
#[inline]
pub fn push_code_point(out: &mut Vec<u8>, c: u32) {
    if c < 0x80 {
        return out.push(c as u8);
    }
    let (bytes, width) = encoded(c);
    out.extend_from_slice(&bytes[..width]);
}

/// A code point as WTF-8, and how many bytes of the array it takes.
#[inline]
fn encoded(c: u32) -> ([u8; 4], usize) {
    let tail = |shift: u32| 0x80 | (c >> shift & 0x3f) as u8;
    match c {
        0..=0x7f => ([c as u8, 0, 0, 0], 1),
        0x80..=0x7ff => ([0xc0 | (c >> 6) as u8, tail(0), 0, 0], 2),
        0x800..=0xffff => ([0xe0 | (c >> 12) as u8, tail(6), tail(0), 0], 3),
        _ => ([0xf0 | (c >> 18) as u8, tail(12), tail(6), tail(0)], 4),
    }
}

/// The offset of the code point that is `steps` behind the one at `at`.
#[inline]
fn skip_chars(bytes: &[u8], mut at: usize, mut steps: usize) -> usize {
    const LOWEST: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(Ok(word)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(word);
        // The bytes that begin code points, all but those of the form 10xxxxxx, and how many up to each byte.
        let begins = !(word >> 7 & !word >> 6) & LOWEST;
        let counts = begins.wrapping_mul(LOWEST);
        if steps < 8 {
            // The first byte whose count is above the steps begins the code point that is looked for.
            let reached = ((counts | HIGH) - (steps as u64 + 1) * LOWEST) & HIGH;
            if reached != 0 {
                return at + (reached.trailing_zeros() / 8) as usize;
            }
        }
        steps -= (counts >> 56) as usize;
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if byte & 0xC0 != 0x80 {
            if steps == 0 {
                return at;
            }
            steps -= 1;
        }
        at += 1;
    }
    at
}

/// The number of code points in well-formed WTF-8.
#[inline]
pub fn count_chars(bytes: &[u8]) -> usize {
    /// Of eight bytes, those that continue a code point.
    fn continued(bytes: u64) -> usize {
        const LOWEST: u64 = 0x0101_0101_0101_0101;
        ((bytes >> 7 & !bytes >> 6 & LOWEST).wrapping_mul(LOWEST) >> 56) as usize
    }
    // Most strings are names: short.
    if bytes.len() > 40 {
        return bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count();
    }
    let (words, rest) = bytes.as_chunks::<8>();
    let mut count = bytes.len();
    for word in words {
        count -= continued(u64::from_le_bytes(*word));
    }
    count -= match bytes.last_chunk::<8>() {
        Some(_) if rest.is_empty() => 0,
        // What was counted already is shifted out.
        Some(last) => continued(u64::from_le_bytes(*last) >> (8 * (8 - rest.len()))),
        None => rest.iter().filter(|&&b| b & 0xC0 == 0x80).count(),
    };
    count
}

impl Vm {
    /// A new `str` of UTF-8 text (one-character ASCII and empty strings are shared). Raises MemoryError.
    pub fn new_str(&self, text: impl AsRef<str>) -> PyResult<Ref<Str>> {
        self.new_str_wtf8(text.as_ref().as_bytes())
    }

    /// A new `str` of well-formed WTF-8. Raises MemoryError.
    pub fn new_str_wtf8(&self, bytes: &[u8]) -> PyResult<Ref<Str>> {
        match bytes {
            [] => Ok(self.interp.empty_str()),
            [byte] if byte.is_ascii() => Ok(self.interp.latin1_char(*byte)),
            _ => Str::from_parts(self, &self.types.str, &[bytes], count_chars(bytes)),
        }
    }

    /// A new `str` of bytes known to be ASCII. Raises MemoryError.
    pub fn new_ascii_str(&self, bytes: &[u8]) -> PyResult<Ref<Str>> {
        debug_assert!(bytes.is_ascii());
        match bytes {
            [] => Ok(self.interp.empty_str()),
            [byte] => Ok(self.interp.latin1_char(*byte)),
            _ => Str::from_parts(self, &self.types.str, &[bytes], bytes.len()),
        }
    }

    /// The one-character string of a code point. Raises MemoryError.
    pub fn new_char(&self, c: u32) -> PyResult<Ref<Str>> {
        if c < 256 {
            return Ok(self.interp.latin1_char(c as u8));
        }
        let (bytes, width) = encoded(c);
        Str::filled(self, width, 1, |out| out.push(&bytes[..width]))
    }
}

/// Whether two strings have the same text.
#[inline]
pub fn eq(a: &Str, b: &Str) -> bool {
    std::ptr::eq(a, b) || (a.byte_len.get() == b.byte_len.get() && a.as_bytes() == b.as_bytes())
}

/// `a + b`. Raises MemoryError.
pub fn concat(vm: &Vm, a: &Ref<Str>, b: &Ref<Str>) -> PyResult<Ref<Str>> {
    Str::from_parts(
        vm,
        &vm.types.str,
        &[a.as_bytes(), b.as_bytes()],
        a.char_len() + b.char_len(),
    )
}

/// `a += b`, `a` being given up. Raises MemoryError.
///
/// Where nothing else refers to `a` and its block has room the text grows in place; a copy of long text gets room to
/// grow by an eighth.
pub fn append(vm: &Vm, a: Ref<Str>, b: &Ref<Str>) -> PyResult<Ref<Str>> {
    let (old, more) = (a.byte_len(), b.byte_len());
    let (Some(byte_len), chars) = (old.checked_add(more), a.char_len() + b.char_len()) else {
        return Err(vm.memory_error(""));
    };
    let header = a.header();
    let sole = header.refcount() == 1
        && !header.has_flag(INTERNED)
        && vm.type_of(a.as_value()).is(&vm.types.str);
    if old < SPARE_FROM || !sole {
        return concat(vm, &a, b);
    }
    let room = vm.heap().room(header).saturating_sub(size_of::<Str>());
    let grown = if byte_len <= room {
        a
    } else {
        let payload = Str {
            hash: Cell::new(0),
            byte_len: Cell::new(old),
            chars: Cell::new(a.char_len()),
        };
        let extra = byte_len.saturating_add(byte_len / 8);
        // SAFETY: the text is filled in here, as far as its length says that there is any.
        let new = unsafe {
            vm.heap()
                .alloc_unfilled(&vm.types.str.layout, extra, payload)
        }
        .map_err(|e| vm.no_memory(e))?;
        // SAFETY: the new object has room for `extra` bytes.
        unsafe { std::ptr::copy_nonoverlapping(a.data_ptr(), new.data_ptr(), old) };
        new
    };
    // SAFETY: the block has room for `byte_len` bytes of text, and nobody looks at it meanwhile.
    unsafe { std::ptr::copy_nonoverlapping(b.data_ptr(), grown.data_ptr().add(old), more) };
    grown.byte_len.set(byte_len);
    if grown.chars.get() & INDEXED != 0 {
        grown.drop_index()
    }
    grown.chars.set(chars);
    grown.hash.set(0);
    Ok(grown)
}

/// Shorter text is copied.
const SPARE_FROM: usize = 64;

/// The strings one after the other. Raises MemoryError.
pub fn join_parts(vm: &Vm, parts: &[&Str]) -> PyResult<Ref<Str>> {
    let bytes: smallvec::SmallVec<[&[u8]; 16]> = parts.iter().map(|p| p.as_bytes()).collect();
    let chars = parts.iter().map(|p| p.char_len()).sum();
    Str::from_parts(vm, &vm.types.str, &bytes, chars)
}

/// The string in a value that is a `str` (or subclass) instance.
#[inline(always)]
pub fn of(value: &Value) -> Option<&Ref<Str>> {
    value.downcast::<Str>()
}
