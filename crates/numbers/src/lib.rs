//! Numbers as Python computes and writes them, without any Python object: big integers, floats, complex numbers, the
//! three formatting languages (`format()`, `%`, `str.format`), `math`, `random`'s generator and `struct`'s half floats.
//!
//! Every function is pure and answers what CPython 3.14 answers, bit for bit and word for word of an error message.
//! Text comes in and goes out as bytes; where a lone surrogate can occur (fill characters, `%c`) the bytes are UTF-8
//! with surrogates as three bytes, which is the machine's own string representation. Operations whose result may be
//! enormous take a limit in bits and a [`Stop`] check, so that the caller keeps control over memory and interruption.
//! CPython's counterparts: Objects/longobject.c, floatobject.c, complexobject.c, Python/formatter_unicode.c,
//! Python/pystrtod.c, Modules/mathmodule.c, cmathmodule.c, _randommodule.c.

pub mod bigint;
pub mod cmath;
pub mod complex;
pub mod decimal;
pub mod error;
pub mod float;
pub mod format_spec;
pub mod half;
pub mod math;
pub mod percent;
pub mod random;
pub mod strformat;
pub mod wtf8;

pub mod libm;

pub use dashu_int::{IBig, Sign, UBig};
pub use error::{NumError, Result, Stop, never};
