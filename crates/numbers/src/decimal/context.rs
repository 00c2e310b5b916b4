//! Contexts of decimal arithmetic: precision, bounds of the exponent, rounding, and the status bits an operation raises.
//!
//! The bits and limits are libmpdec's for 64-bit machines (mpdecimal.h, context.c).

use super::coeff::Rest;

pub const MAX_PREC: i64 = 999_999_999_999_999_999;
pub const MAX_EMAX: i64 = 999_999_999_999_999_999;
pub const MIN_EMIN: i64 = -999_999_999_999_999_999;
pub const MIN_ETINY: i64 = MIN_EMIN - (MAX_PREC - 1);
/// The largest format of `ieee`, in bits.
pub const IEEE_MAX_BITS: i64 = 512;

/// Status bits.
pub mod status {
    pub const CLAMPED: u32 = 0x1;
    pub const CONVERSION_SYNTAX: u32 = 0x2;
    pub const DIVISION_BY_ZERO: u32 = 0x4;
    pub const DIVISION_IMPOSSIBLE: u32 = 0x8;
    pub const DIVISION_UNDEFINED: u32 = 0x10;
    pub const FPU_ERROR: u32 = 0x20;
    pub const INEXACT: u32 = 0x40;
    pub const INVALID_CONTEXT: u32 = 0x80;
    pub const INVALID_OPERATION: u32 = 0x100;
    pub const MALLOC_ERROR: u32 = 0x200;
    pub const NOT_IMPLEMENTED: u32 = 0x400;
    pub const OVERFLOW: u32 = 0x800;
    pub const ROUNDED: u32 = 0x1000;
    pub const SUBNORMAL: u32 = 0x2000;
    pub const UNDERFLOW: u32 = 0x4000;
    /// Not libmpdec's: the bit that the Python binding adds for floats.
    pub const FLOAT_OPERATION: u32 = 0x8000;

    /// What raises InvalidOperation.
    pub const IEEE_INVALID: u32 = CONVERSION_SYNTAX
        | DIVISION_IMPOSSIBLE
        | DIVISION_UNDEFINED
        | FPU_ERROR
        | INVALID_CONTEXT
        | INVALID_OPERATION
        | MALLOC_ERROR;
    /// What makes a result NaN or meaningless.
    pub const ERRORS: u32 = IEEE_INVALID | DIVISION_BY_ZERO;
}

/// The rounding modes, in the order of libmpdec's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Round {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
    Up05,
}

/// Names of the modes, indexed by their numbers.
pub const ROUND_NAMES: [&str; 8] = [
    "ROUND_UP",
    "ROUND_DOWN",
    "ROUND_CEILING",
    "ROUND_FLOOR",
    "ROUND_HALF_UP",
    "ROUND_HALF_DOWN",
    "ROUND_HALF_EVEN",
    "ROUND_05UP",
];

impl Round {
    const ALL: [Round; 8] = [
        Round::Up,
        Round::Down,
        Round::Ceiling,
        Round::Floor,
        Round::HalfUp,
        Round::HalfDown,
        Round::HalfEven,
        Round::Up05,
    ];

    pub fn name(self) -> &'static str {
        ROUND_NAMES[self as usize]
    }

    pub fn from_name(name: &str) -> Option<Round> {
        let at = ROUND_NAMES.iter().position(|n| *n == name)?;
        Round::ALL.get(at).copied()
    }

    /// Whether a coefficient with this last digit is to be incremented for what was cut off.
    #[inline]
    pub fn increments(self, negative: bool, last: impl FnOnce() -> u8, rest: Rest) -> bool {
        if rest == Rest::Zero {
            return false;
        }
        match self {
            Round::Up => true,
            Round::Down => false,
            Round::Ceiling => !negative,
            Round::Floor => negative,
            Round::HalfUp => matches!(rest, Rest::Half | Rest::More),
            Round::HalfDown => rest == Rest::More,
            Round::HalfEven => rest == Rest::More || (rest == Rest::Half && last() & 1 == 1),
            Round::Up05 => matches!(last(), 0 | 5),
        }
    }
}

/// What an operation needs of a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    pub prec: i64,
    pub emax: i64,
    pub emin: i64,
    pub round: Round,
    pub clamp: bool,
}

impl Context {
    /// The widest one.
    pub const MAX: Context = Context {
        prec: MAX_PREC,
        emax: MAX_EMAX,
        emin: MIN_EMIN,
        round: Round::HalfEven,
        clamp: false,
    };

    /// The smallest exponent of a subnormal number.
    #[inline]
    pub fn etiny(&self) -> i64 {
        self.emin - (self.prec - 1)
    }

    /// The largest exponent of a number of full precision.
    #[inline]
    pub fn etop(&self) -> i64 {
        self.emax - (self.prec - 1)
    }

    /// The interchange format of so many bits: a multiple of 32 up to 512.
    pub fn ieee(bits: i64) -> Option<Context> {
        if bits <= 0 || bits > IEEE_MAX_BITS || bits % 32 != 0 {
            return None;
        }
        let emax = 3 * (1i64 << (bits / 16 + 3));
        Some(Context {
            prec: 9 * (bits / 32) - 2,
            emax,
            emin: 1 - emax,
            round: Round::HalfEven,
            clamp: true,
        })
    }
}
