//! The one error type of this crate: which Python exception a computation ends in, and with what message.
//!
//! Nothing here knows exception objects; the virtual machine maps each variant to its class. `Range` stands apart from
//! `Overflow` because some float operations raise `OverflowError` with the pair (ERANGE, strerror) as arguments.
//! CPython raises these in Objects/longobject.c, Objects/floatobject.c, Modules/mathmodule.c.

use std::borrow::Cow;
use std::fmt;

/// Why a numeric operation has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumError {
    /// `ValueError`
    Value(Cow<'static, str>),
    /// `OverflowError` with a message
    Overflow(Cow<'static, str>),
    /// `OverflowError(34, 'Numerical result out of range')`
    Range,
    /// `ZeroDivisionError`
    ZeroDivision(&'static str),
    /// `TypeError`
    Type(Cow<'static, str>),
    /// `MemoryError`: the result would exceed the limit that the caller gave.
    Memory,
    /// The caller's check asked to stop; the exception to raise is the caller's.
    Cancelled,
}

impl NumError {
    pub(crate) fn value(message: &'static str) -> NumError {
        NumError::Value(Cow::Borrowed(message))
    }

    pub(crate) fn overflow(message: &'static str) -> NumError {
        NumError::Overflow(Cow::Borrowed(message))
    }
}

impl fmt::Display for NumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumError::Value(m) => write!(f, "ValueError: {m}"),
            NumError::Overflow(m) => write!(f, "OverflowError: {m}"),
            NumError::Range => f.write_str("OverflowError: (34, 'Numerical result out of range')"),
            NumError::ZeroDivision(m) => write!(f, "ZeroDivisionError: {m}"),
            NumError::Type(m) => write!(f, "TypeError: {m}"),
            NumError::Memory => f.write_str("MemoryError"),
            NumError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for NumError {}

pub type Result<T> = std::result::Result<T, NumError>;

/// Asked between the steps of a long computation; an answer of `true` ends it with [`NumError::Cancelled`].
pub type Stop<'a> = &'a mut dyn FnMut() -> bool;

/// A [`Stop`] that never stops.
pub fn never() -> bool {
    false
}
