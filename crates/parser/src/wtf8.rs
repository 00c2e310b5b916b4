//! Text as Python's `str` holds it: UTF-8 in which lone surrogates are allowed, as three bytes each.

/// Borrowed WTF-8.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub struct Wtf8([u8]);

impl Wtf8 {
    /// `bytes` must be well-formed WTF-8.
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> &Wtf8 {
        // SAFETY: a transparent wrapper around the slice.
        unsafe { &*(std::ptr::from_ref(bytes) as *const Wtf8) }
    }

    #[inline]
    pub fn new(text: &str) -> &Wtf8 {
        Self::from_bytes(text.as_bytes())
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}
