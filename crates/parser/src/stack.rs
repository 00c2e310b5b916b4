//! A check of the native stack for code that recurses over user data.

/// Native stack that a recursion may use by default; threads may have as little as 1 MiB.
const LIMIT: usize = 600 * 1024;

/// Remembers where the stack was when a recursion began.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    base: usize,
    limit: usize,
}

/// The address of something on the stack right now.
#[inline(never)]
fn position() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)) as usize
}

impl Stack {
    /// The recursion begins here.
    pub fn here() -> Self {
        Self::with_limit(LIMIT)
    }

    /// The recursion begins here and may use `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            base: position(),
            limit,
        }
    }

    /// Whether more than the limit is in use now.
    #[inline]
    pub fn exhausted(&self) -> bool {
        self.base.abs_diff(position()) > self.limit
    }
}
