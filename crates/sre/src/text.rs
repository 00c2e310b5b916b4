//! The two ways to walk over a subject: one byte per character (bytes, and text known to be ASCII), or UTF-8 with lone
//! surrogates as three bytes. Positions are byte offsets throughout.
//!
//! Both are total: on malformed input they still move forward, stay inside the slice, and never panic.

/// A subject, cut off at the end position.
pub trait Text: Copy {
    /// Every character is one byte.
    const SINGLE: bool;
    /// The bytes up to the end position.
    fn bytes(&self) -> &[u8];
    /// The character at `at`, which is before the end, and the position after it.
    fn next(&self, at: usize) -> (u32, usize);
    /// The position of the character that ends at `at`, which is after the start.
    fn before(&self, at: usize) -> usize;
    /// The position after the character at `at`.
    fn after(&self, at: usize) -> usize;
}

/// One byte per character.
#[derive(Clone, Copy)]
pub struct Single<'a>(pub &'a [u8]);

/// UTF-8, surrogates allowed.
#[derive(Clone, Copy)]
pub struct Wide<'a>(pub &'a [u8]);

impl Text for Single<'_> {
    const SINGLE: bool = true;

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.0
    }

    #[inline(always)]
    fn next(&self, at: usize) -> (u32, usize) {
        (self.0.get(at).copied().unwrap_or(0).into(), at + 1)
    }

    #[inline(always)]
    fn before(&self, at: usize) -> usize {
        at.saturating_sub(1)
    }

    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        at + 1
    }
}

impl Text for Wide<'_> {
    const SINGLE: bool = false;

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.0
    }

    #[inline]
    fn next(&self, at: usize) -> (u32, usize) {
        match self.0[at.min(self.0.len())..] {
            [a, ..] if a < 0x80 => (a.into(), at + 1),
            [a, b, ..] if a < 0xE0 => (u32::from(a & 0x1F) << 6 | u32::from(b & 0x3F), at + 2),
            [a, b, c, ..] if a < 0xF0 => {
                let code =
                    u32::from(a & 0x0F) << 12 | u32::from(b & 0x3F) << 6 | u32::from(c & 0x3F);
                (code, at + 3)
            }
            [a, b, c, d, ..] => {
                let code = u32::from(a & 0x07) << 18
                    | u32::from(b & 0x3F) << 12
                    | u32::from(c & 0x3F) << 6
                    | u32::from(d & 0x3F);
                (code, at + 4)
            }
            _ => (0xFFFD, self.0.len().max(at)),
        }
    }

    #[inline]
    fn before(&self, at: usize) -> usize {
        let mut at = at.saturating_sub(1);
        while at > 0 && self.0.get(at).is_some_and(|byte| byte & 0xC0 == 0x80) {
            at -= 1;
        }
        at
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        let length = match self.0.get(at).copied().unwrap_or(0) {
            0..0x80 => 1,
            0x80..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        (at + length).min(self.0.len())
    }
}

/// Appends the bytes of a code point; false when there is no such character.
pub fn encode(code: u32, out: &mut Vec<u8>) -> bool {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
    match code {
        0..0x80 => out.push(code as u8),
        0x80..0x800 => out.extend([0xC0 | (code >> 6) as u8, tail(0)]),
        0x800..0x10000 => out.extend([0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
        0x10000..0x110000 => out.extend([0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
        _ => return false,
    }
    true
}
