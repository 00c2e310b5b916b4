//! `int` and `bool`.
//!
//! An int that fits 62 bits is unboxed (`Value::as_small_int`); others are [`Int`] objects, as are all instances of
//! subclasses. Everything computed on big values is in `naja-numbers`. CPython: Objects/longobject.c, boolobject.c.

pub mod error;
mod methods;

use crate::protocols::compare::CompareOp;
use crate::protocols::{hash as hashing, number};
use crate::vm::{PyResult, Vm};
use dashu_int::IBig;
use error::check;
use naja_heap::Value;
use naja_macros::pyclass;
use naja_numbers::bigint;
use std::borrow::Cow;

/// int([x]) -> integer
/// int(x, base=10) -> integer
///
/// Convert a number or string to an integer, or return 0 if no arguments
/// are given.  If x is a number, return x.__int__().  For floating-point
/// numbers, this truncates towards zero.
///
/// If x is not a number or if base is given, then x must be a string,
/// bytes, or bytearray instance representing an integer literal in the
/// given base.  The literal can be preceded by '+' or '-' and be surrounded
/// by whitespace.  The base defaults to 10.  Valid bases are 0 and 2-36.
/// Base 0 means to interpret the base from the string as an integer literal.
/// >>> int('0b100', base=0)
/// 4
#[pyclass(name = "int", module = "builtins", flags(BASETYPE, MATCH_SELF))]
#[repr(C)]
pub struct Int {
    pub value: IBig,
}

/// Returns True when the argument is true, False otherwise.
/// The builtins True and False are the only two instances of the class bool.
/// The class bool is a subclass of the class int, and cannot be subclassed.
#[pyclass(name = "bool", module = "builtins", extends = "Int", flags(MATCH_SELF))]
#[repr(C)]
pub struct Bool(Int);

/// Bits that the result of one operation may have at the most.
pub const BIT_LIMIT: usize = 1 << 36;

/// The value of an int or bool that fits 64 bits.
#[inline]
pub fn as_i64(value: &Value) -> Option<i64> {
    if let Some(n) = value.as_small_int() {
        return Some(n);
    }
    if value.is_bool() {
        return Some(value.is_true() as i64);
    }
    value
        .downcast::<Int>()
        .and_then(|i| bigint::to_i64(&i.value))
}

/// The value of an int or bool.
pub fn to_big(value: &Value) -> Option<IBig> {
    if let Some(n) = value.as_small_int() {
        return Some(IBig::from(n));
    }
    if value.is_bool() {
        return Some(IBig::from(value.is_true() as u8));
    }
    value.downcast::<Int>().map(|i| i.value.clone())
}

/// The nearest float. Raises OverflowError.
pub fn to_f64(vm: &Vm, value: &Value) -> PyResult<f64> {
    match as_i64(value) {
        Some(n) => Ok(n as f64),
        None => match value.downcast::<Int>() {
            Some(i) => check(vm, bigint::to_f64(&i.value)),
            None => Err(vm.system_error("an int without a value")),
        },
    }
}

/// `hash(value)` of an int.
pub fn hash(vm: &Vm, value: &Value) -> PyResult<i64> {
    match as_i64(value) {
        Some(n) => Ok(hashing::hash_int(n)),
        None => match value.downcast::<Int>() {
            Some(i) => Ok(bigint::hash(&i.value)),
            None => Err(vm.system_error("an int without a value")),
        },
    }
}

impl Vm {
    /// The int `n`. Raises MemoryError.
    #[inline(always)]
    pub fn new_int(&self, n: i64) -> PyResult {
        match Value::try_int(n) {
            Some(value) => Ok(value),
            None => self.boxed_int(IBig::from(n)),
        }
    }

    fn boxed_int(&self, value: IBig) -> PyResult {
        Ok(self.new_object(Int { value })?.into_value())
    }

    /// The int `n`. Raises MemoryError.
    pub(crate) fn new_wide_int(&self, n: i128) -> PyResult {
        match i64::try_from(n).ok().and_then(Value::try_int) {
            Some(value) => Ok(value),
            None => self.boxed_int(IBig::from(n)),
        }
    }

    /// An int of any size, unboxed if it fits. Raises MemoryError.
    pub fn new_bigint(&self, n: IBig) -> PyResult {
        match bigint::to_small(&n).and_then(Value::try_int) {
            Some(value) => Ok(value),
            None => self.boxed_int(n),
        }
    }
}

/// Whether a value is an int, bool included (subclasses too).
#[inline]
fn is_int(value: &Value) -> bool {
    value.is_small_int() || value.is_bool() || value.downcast::<Int>().is_some()
}

/// Both operands as machine integers, if they are.
#[inline]
fn machine(a: &Value, b: &Value) -> Option<(i64, i64)> {
    Some((as_i64(a)?, as_i64(b)?))
}

/// The value of what is exactly an int and fits a machine word.
#[inline(always)]
fn exact_word(vm: &Vm, value: &Value) -> Option<i64> {
    if let Some(n) = value.as_small_int() {
        return Some(n);
    }
    let int = value.downcast::<Int>()?;
    match vm.type_of(value).is(&vm.types.int) {
        true => bigint::to_i64(&int.value),
        false => None,
    }
}

/// `a op b` of ints of a machine word each, of which one is boxed, mostly; None for anything else, and for operations that
/// may raise. `operation` is BINARY_OP's argument.
#[inline(always)]
pub(crate) fn arithmetic(vm: &Vm, operation: u32, a: &Value, b: &Value) -> Option<PyResult> {
    if a.is_object() && a.downcast::<Int>().is_none() {
        return None;
    }
    let (Some(x), Some(y)) = (exact_word(vm, a), exact_word(vm, b)) else {
        return wide_arithmetic(vm, operation, a, b);
    };
    let word = match operation {
        1 | 14 => x & y,
        7 | 20 => x | y,
        12 | 25 => x ^ y,
        9 | 22 if y >= 0 => x >> y.min(63),
        0 | 13 => match x.checked_add(y) {
            Some(sum) => sum,
            None => return Some(vm.new_wide_int(x as i128 + y as i128)),
        },
        10 | 23 => match x.checked_sub(y) {
            Some(difference) => difference,
            None => return Some(vm.new_wide_int(x as i128 - y as i128)),
        },
        5 | 18 => match x.checked_mul(y) {
            Some(product) => product,
            None => return Some(vm.new_wide_int(x as i128 * y as i128)),
        },
        _ => return None,
    };
    Some(vm.new_int(word))
}

/// As [`arithmetic`], of up to 128 bits.
#[inline(never)]
fn wide_arithmetic(vm: &Vm, operation: u32, a: &Value, b: &Value) -> Option<PyResult> {
    if !vm.type_of(a).is(&vm.types.int) || !vm.type_of(b).is(&vm.types.int) {
        return None;
    }
    let (x, y) = wides(a, b)?;
    let n = match operation {
        1 | 14 => x & y,
        7 | 20 => x | y,
        12 | 25 => x ^ y,
        0 | 13 => x.checked_add(y)?,
        10 | 23 => x.checked_sub(y)?,
        _ => return None,
    };
    Some(vm.new_wide_int(n))
}

/// The value of an int or bool that fits 128 bits.
#[inline]
fn wide(value: &Value) -> Option<i128> {
    if let Some(n) = value.as_small_int() {
        return Some(n as i128);
    }
    match value.downcast::<Int>() {
        Some(int) => wide_of(&int.value),
        None => value.is_bool().then_some(value.is_true() as i128),
    }
}

#[inline]
fn wide_of(value: &IBig) -> Option<i128> {
    let (sign, words) = value.as_sign_words();
    let magnitude = match *words {
        [] => 0,
        [low] => low as i128,
        [low, high] if high < 1 << 63 => (high as i128) << 64 | low as i128,
        _ => return None,
    };
    Some(match sign {
        dashu_int::Sign::Negative => -magnitude,
        dashu_int::Sign::Positive => magnitude,
    })
}

/// Both operands as integers of 128 bits, if they are.
#[inline]
fn wides(a: &Value, b: &Value) -> Option<(i128, i128)> {
    Some((wide(a)?, wide(b)?))
}

/// A factor below 2^63 in magnitude and any other one, multiplied where 128 bits are enough.
fn wide_product(x: i128, y: i128) -> Option<i128> {
    match (i64::try_from(x), i64::try_from(y)) {
        (Ok(_), Ok(_)) => Some(x * y),
        _ => x.checked_mul(y),
    }
}

/// `x // y` and `x % y`, for y that is not zero; None where the quotient does not fit.
fn wide_divmod(x: i128, y: i128) -> Option<(i128, i128)> {
    let (q, r) = match (
        u64::try_from(x.unsigned_abs()),
        u64::try_from(y.unsigned_abs()),
    ) {
        (Ok(a), Ok(b)) if b != 0 => {
            let (q, r) = ((a / b) as i128, (a % b) as i128);
            let q = if (x < 0) != (y < 0) { -q } else { q };
            (q, if x < 0 { -r } else { r })
        }
        _ => (x.checked_div(y)?, x.checked_rem(y)?),
    };
    Some(match r != 0 && (r < 0) != (y < 0) {
        true => (q - 1, r + y),
        false => (q, r),
    })
}

/// An operand of an operation on big integers.
fn big(value: &Value) -> Option<Cow<'_, IBig>> {
    match value.downcast::<Int>() {
        Some(int) => Some(Cow::Borrowed(&int.value)),
        None => to_big(value).map(Cow::Owned),
    }
}

/// Both operands as big integers; None unless both are ints.
#[allow(clippy::type_complexity)]
fn bigs<'a>(a: &'a Value, b: &'a Value) -> Option<(Cow<'a, IBig>, Cow<'a, IBig>)> {
    Some((big(a)?, big(b)?))
}

/// A check for long computations: stops when a signal handler has raised.
pub fn stopper(vm: &Vm) -> impl FnMut() -> bool + '_ {
    || vm.check_signals().is_err()
}

/// `repr(int)`. Raises ValueError beyond the digit limit.
pub fn to_decimal(vm: &Vm, value: &Value) -> PyResult<String> {
    if let Some(n) = as_i64(value) {
        return Ok(n.to_string());
    }
    if let Some(n) = wide(value) {
        return Ok(wide_decimal(n));
    }
    match value.downcast::<Int>() {
        Some(i) => check(
            vm,
            bigint::to_decimal_checked(
                &i.value,
                vm.interp.state.int_max_str_digits.get(),
                &mut stopper(vm),
            ),
        ),
        None => Err(vm.system_error("an int without a value")),
    }
}

/// `str(n)`, nineteen digits at a time.
fn wide_decimal(n: i128) -> String {
    const STEP: u128 = 10_000_000_000_000_000_000;
    let magnitude = n.unsigned_abs();
    let sign = if n < 0 { "-" } else { "" };
    let (high, low) = ((magnitude / STEP), (magnitude % STEP) as u64);
    match (high / STEP, u64::try_from(high)) {
        (0, Ok(0)) => format!("{sign}{low}"),
        (0, Ok(high)) => format!("{sign}{high}{low:019}"),
        (top, _) => format!("{sign}{top}{:019}{low:019}", (high % STEP) as u64),
    }
}

/// A machine word in decimal digits.
pub struct Digits {
    text: [u8; 20],
    start: usize,
}

impl Digits {
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

/// "00" to "99".
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// `str(n)`.
pub fn decimal_digits(n: i64) -> Digits {
    let (mut text, mut start) = ([0; 20], 20);
    let mut rest = n.unsigned_abs();
    while rest >= 10 {
        start -= 2;
        text[start..start + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if rest > 0 || start == 20 {
        start -= 1;
        text[start] = b'0' + rest as u8;
    }
    if n < 0 {
        start -= 1;
        text[start] = b'-';
    }
    Digits { text, start }
}

/// Comparison of two ints; None unless both are.
fn compare(a: &Value, b: &Value, op: CompareOp) -> Option<Value> {
    if let Some((x, y)) = machine(a, b) {
        return Some(Value::from_bool(op.holds(x.cmp(&y))));
    }
    if let Some((x, y)) = wides(a, b) {
        return Some(Value::from_bool(op.holds(x.cmp(&y))));
    }
    let (x, y) = bigs(a, b)?;
    Some(Value::from_bool(op.holds(x.cmp(&y))))
}

/// The int that a number or text is converted to by `int(x)`.
pub fn from_object(vm: &Vm, value: &Value) -> PyResult {
    let ty = vm.type_of(value);
    if ty.is(&vm.types.int) {
        return Ok(value.clone());
    }
    if ty.is(&vm.types.str)
        && let Some(n) = value
            .downcast::<crate::objects::str_::Str>()
            .and_then(|t| plain_decimal(t.as_bytes()))
    {
        return Ok(Value::small_int(n));
    }
    if let Some(f) = ty.slots.int.get() {
        let result = f(vm, value)?;
        if !number::is_int(vm, &result) {
            return Err(vm.type_error(format!(
                "__int__ returned non-int (type {})",
                vm.type_of(&result).full_name()
            )));
        }
        let rty = vm.type_of(&result);
        if !rty.is(&vm.types.int) {
            vm.warn(
                &vm.types.deprecation_warning,
                format!(
                    "__int__ returned non-int (type {}).  The ability to return an instance of a strict subclass of int is deprecated, and may not be supported in a future version of Python.",
                    rty.full_name()
                ),
                1,
            )?;
        }
        return exact(vm, result);
    }
    if ty.slots.index.get().is_some() {
        let result = number::index(vm, value)?;
        return exact(vm, result);
    }
    methods::parse_object(vm, value, 10)?.ok_or_else(|| {
        vm.type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            ty.full_name()
        ))
    })
}

/// The number that up to 17 ASCII digits mean, perhaps behind a minus: the usual text of an int.
fn plain_decimal(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 17 {
        return None;
    }
    let mut n = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        n = n * 10 + (digit - b'0') as i64;
    }
    Some(if negative { -n } else { n })
}

/// An instance of a subclass (or bool) as a plain int.
fn exact(vm: &Vm, value: Value) -> PyResult {
    if vm.type_of(&value).is(&vm.types.int) {
        return Ok(value);
    }
    match to_big(&value) {
        Some(n) => vm.new_bigint(n),
        None => Err(vm.system_error("an int without a value")),
    }
}

/// The decimal digits of a small int as a str. Raises MemoryError.
pub(crate) fn small_text(vm: &Vm, n: i64) -> PyResult<naja_heap::Ref<crate::objects::str_::Str>> {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = n.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if n < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    vm.new_ascii_str(&digits[at..])
}
