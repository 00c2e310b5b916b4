//! The methods of `str`.
