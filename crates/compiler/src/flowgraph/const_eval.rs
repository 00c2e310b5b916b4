//! Arithmetic on constants, for folding: Python's operators on int, float, complex, str, bytes and tuples.
//!
//! Every function answers `None` for what Python would raise on (division by zero, wrong types, overflow) and for what
//! CPython declines to fold because the result would be large (see the limits below); the instruction then stays as it
//! is and raises at run time. CPython: the `const_folding_safe_*` functions in `Python/flowgraph.c`.

use std::cmp::Ordering;
use std::sync::Arc;

use dashu_int::ops::{BitTest, DivRem, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use naja_bytecode::code::{Const, Text};
use naja_bytecode::opcode::nb;

use super::complex::Complex;

/// Bits of an integer that folding may make.
const MAX_INT_SIZE: usize = 128;
/// Items of a collection that folding may make by repetition.
const MAX_COLLECTION_SIZE: i64 = 256;
/// Characters of a string that folding may make by repetition.
const MAX_STR_SIZE: i64 = 4096;
/// Items in a repeated tuple, nested ones included.
const MAX_TOTAL_ITEMS: i64 = 1024;

/// A number in one of Python's three kinds.
enum Number {
    Int(IBig),
    Float(f64),
    Complex(Complex),
}

fn number(value: &Const) -> Option<Number> {
    Some(match value {
        Const::False => Number::Int(IBig::ZERO),
        Const::True => Number::Int(IBig::ONE),
        Const::Int(i) => Number::Int(IBig::from(*i)),
        Const::BigInt(i) => Number::Int((**i).clone()),
        Const::Float(f) => Number::Float(*f),
        Const::Complex(re, im) => Number::Complex(Complex { re: *re, im: *im }),
        _ => return None,
    })
}

fn as_int(value: &Const) -> Option<IBig> {
    match number(value)? {
        Number::Int(i) => Some(i),
        _ => None,
    }
}

/// The nearest float; `None` when out of range.
fn int_to_f64(i: &IBig) -> Option<f64> {
    let f = i.to_f64().value();
    f.is_finite().then_some(f)
}

fn bits(i: &IBig) -> usize {
    i.unsigned_abs().bit_len()
}

/// Truth of a constant.
pub fn truth(value: &Const) -> bool {
    match value {
        Const::None | Const::False => false,
        Const::True | Const::Ellipsis | Const::Code(_) | Const::Slice(_) => true,
        Const::Int(i) => *i != 0,
        Const::BigInt(i) => !i.is_zero(),
        Const::Float(f) => *f != 0.0,
        Const::Complex(re, im) => *re != 0.0 || *im != 0.0,
        Const::Str(s) => !s.as_bytes().is_empty(),
        Const::Bytes(b) => !b.is_empty(),
        Const::Tuple(items) | Const::FrozenSet(items) => !items.is_empty(),
    }
}

/// `-x`
pub fn negative(value: &Const) -> Option<Const> {
    Some(match number(value)? {
        Number::Int(i) => Const::int(-i),
        Number::Float(f) => Const::Float(-f),
        Number::Complex(c) => Const::Complex(-c.re, -c.im),
    })
}

/// `+x`
pub fn positive(value: &Const) -> Option<Const> {
    Some(match number(value)? {
        Number::Int(i) => Const::int(i),
        Number::Float(f) => Const::Float(f),
        Number::Complex(c) => Const::Complex(c.re, c.im),
    })
}

/// `~x`; not for bools, where the deprecation warning belongs to run time.
pub fn invert(value: &Const) -> Option<Const> {
    match value {
        Const::True | Const::False => None,
        _ => as_int(value).map(|i| Const::int(!i)),
    }
}

/// A binary operation, by the argument of `BINARY_OP`.
pub fn binary(left: &Const, operation: u8, right: &Const) -> Option<Const> {
    match operation {
        nb::ADD => add(left, right),
        nb::SUBTRACT => arithmetic(
            left,
            right,
            |a, b| Some(Const::int(a - b)),
            |a, b| Some(a - b),
            Complex::sub,
        ),
        nb::MULTIPLY => multiply(left, right),
        nb::TRUE_DIVIDE => arithmetic(
            left,
            right,
            |a, b| int_true_divide(&a, &b).map(Const::Float),
            |a, b| (b != 0.0).then(|| a / b),
            Complex::div,
        ),
        nb::FLOOR_DIVIDE => arithmetic(
            left,
            right,
            |a, b| Some(Const::int(floor_div_mod(&a, &b)?.0)),
            float_floor_div,
            no_complex,
        ),
        nb::REMAINDER => arithmetic(
            left,
            right,
            |a, b| Some(Const::int(floor_div_mod(&a, &b)?.1)),
            float_mod,
            no_complex,
        ),
        nb::POWER => power(left, right),
        nb::LSHIFT => lshift(left, right),
        nb::RSHIFT => rshift(left, right),
        nb::OR => bitwise(left, right, |a, b| a | b, |a, b| a | b),
        nb::XOR => bitwise(left, right, |a, b| a ^ b, |a, b| a ^ b),
        nb::AND => bitwise(left, right, |a, b| a & b, |a, b| a & b),
        nb::SUBSCR => subscript(left, right),
        _ => None,
    }
}

fn no_complex(_: Operand, _: Operand) -> Option<Complex> {
    None
}

/// A complex operation's operand: a real one is not widened, since signed zeros and infinities would change.
pub enum Operand {
    /// An int or float.
    Real(f64),
    /// A complex number.
    Complex(Complex),
}

fn arithmetic(
    left: &Const,
    right: &Const,
    ints: impl Fn(IBig, IBig) -> Option<Const>,
    floats: impl Fn(f64, f64) -> Option<f64>,
    complexes: impl Fn(Operand, Operand) -> Option<Complex>,
) -> Option<Const> {
    let operand = |n: Number| {
        Some(match n {
            Number::Int(i) => Operand::Real(int_to_f64(&i)?),
            Number::Float(f) => Operand::Real(f),
            Number::Complex(c) => Operand::Complex(c),
        })
    };
    match (number(left)?, number(right)?) {
        (Number::Int(a), Number::Int(b)) => ints(a, b),
        (a, b) => match (operand(a)?, operand(b)?) {
            (Operand::Real(a), Operand::Real(b)) => floats(a, b).map(Const::Float),
            (a, b) => complexes(a, b).map(|c| Const::Complex(c.re, c.im)),
        },
    }
}

fn concat<T: Clone>(a: &[T], b: &[T]) -> Vec<T> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    all.extend_from_slice(a);
    all.extend_from_slice(b);
    all
}

fn add(left: &Const, right: &Const) -> Option<Const> {
    match (left, right) {
        (Const::Str(a), Const::Str(b)) => Some(Const::Str(concat_text(a, b))),
        (Const::Bytes(a), Const::Bytes(b)) => Some(Const::Bytes(concat(a, b).into())),
        (Const::Tuple(a), Const::Tuple(b)) => Some(Const::tuple(concat(a, b))),
        _ => arithmetic(
            left,
            right,
            |a, b| Some(Const::int(a + b)),
            |a, b| Some(a + b),
            Complex::add,
        ),
    }
}

/// Joins strings. A high surrogate followed by a low one stays two code points, as in Python.
fn concat_text(a: &Text, b: &Text) -> Text {
    Text::from_wtf8(concat(a.as_bytes(), b.as_bytes()))
}

/// What is left of a budget of items after counting nested tuples; `None` if it is overdrawn.
fn spend_items(value: &Const, mut limit: i64) -> Option<i64> {
    if let Const::Tuple(items) = value {
        limit -= items.len() as i64;
        if limit < 0 {
            return None;
        }
        for item in items.iter() {
            limit = spend_items(item, limit)?;
        }
    }
    Some(limit)
}

fn multiply(left: &Const, right: &Const) -> Option<Const> {
    let is_sequence = |c: &Const| matches!(c, Const::Str(_) | Const::Bytes(_) | Const::Tuple(_));
    match (is_sequence(left), is_sequence(right)) {
        (true, true) => None,
        (true, false) => repeat(left, &as_int(right)?),
        (false, true) => repeat(right, &as_int(left)?),
        (false, false) => arithmetic(
            left,
            right,
            |a, b| {
                let fits = a.is_zero() || b.is_zero() || bits(&a) + bits(&b) <= MAX_INT_SIZE;
                fits.then(|| Const::int(a * b))
            },
            |a, b| Some(a * b),
            Complex::mul,
        ),
    }
}

fn repeat(sequence: &Const, count: &IBig) -> Option<Const> {
    let (len, limit) = match sequence {
        Const::Tuple(items) => (items.len(), MAX_COLLECTION_SIZE),
        Const::Bytes(b) => (b.len(), MAX_STR_SIZE),
        Const::Str(s) => (s.len_chars(), MAX_STR_SIZE),
        _ => return None,
    };
    let count = i64::try_from(count).ok()?;
    if len == 0 {
        return Some(sequence.clone());
    }
    if count < 0 || count > limit / i64::try_from(len).ok()? {
        return None;
    }
    let times = usize::try_from(count).ok()?;
    Some(match sequence {
        Const::Tuple(items) => {
            if count != 0 {
                spend_items(sequence, MAX_TOTAL_ITEMS / count)?;
            }
            Const::tuple(
                std::iter::repeat_n(&items[..], times)
                    .flatten()
                    .cloned()
                    .collect(),
            )
        }
        Const::Bytes(b) => Const::Bytes(b.repeat(times).into()),
        Const::Str(s) => Const::Str(Text::from_wtf8(s.as_bytes().repeat(times))),
        _ => return None,
    })
}

fn floor_div_mod(a: &IBig, b: &IBig) -> Option<(IBig, IBig)> {
    if b.is_zero() {
        return None;
    }
    let (q, r) = a.div_rem(b);
    if !r.is_zero() && r.sign() != b.sign() {
        Some((q - IBig::ONE, r + b))
    } else {
        Some((q, r))
    }
}

/// The float nearest to `a / b`, ties to even.
fn int_true_divide(a: &IBig, b: &IBig) -> Option<f64> {
    if b.is_zero() {
        return None;
    }
    if a.is_zero() {
        return Some(if b.sign() == Sign::Negative {
            -0.0
        } else {
            0.0
        });
    }
    let negative = a.sign() != b.sign();
    let (a, b): (UBig, UBig) = (a.unsigned_abs(), b.unsigned_abs());
    // Scale so that the quotient has 64 or 65 bits: ample for 53 bits and a sticky one.
    let shift = a.bit_len() as i64 - b.bit_len() as i64 - 64;
    let (q, r) = if shift >= 0 {
        a.div_rem(b << usize::try_from(shift).ok()?)
    } else {
        (a << usize::try_from(-shift).ok()?).div_rem(b)
    };
    let mut quotient = u128::try_from(&q).ok()?;
    if !r.is_zero() {
        quotient |= 1;
    }
    let magnitude = round_scaled(quotient, shift)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// `mantissa * 2**exponent` rounded once; the lowest bit of the mantissa is sticky. `None` on overflow.
fn round_scaled(mantissa: u128, exponent: i64) -> Option<f64> {
    let top = i64::from(128 - mantissa.leading_zeros()) + exponent;
    // The result's last place: 53 bits below the top, not below the smallest subnormal.
    let last = (top - 53).max(-1074);
    let drop = last - exponent;
    let mut kept = if drop >= 128 {
        0
    } else {
        mantissa >> drop.max(0)
    };
    if (1..128).contains(&drop) {
        let rest = mantissa & ((1u128 << drop) - 1);
        match rest.cmp(&(1u128 << (drop - 1))) {
            Ordering::Greater => kept += 1,
            Ordering::Equal => kept += kept & 1,
            Ordering::Less => {}
        }
    }
    let scale = |value: f64, power: i64| value * 2f64.powi(power as i32);
    // `kept` has at most 54 bits, so both conversions are exact; scaling by two steps avoids early under- and overflow.
    let value = scale(scale(kept as f64, last / 2), last - last / 2);
    value.is_finite().then_some(value)
}

fn float_div_mod(a: f64, b: f64) -> Option<(f64, f64)> {
    if b == 0.0 {
        return None;
    }
    let mut rest = a % b;
    let mut div = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            div -= 1.0;
        }
    } else {
        rest = 0f64.copysign(b);
    }
    let floor = if div != 0.0 {
        let floor = div.floor();
        if div - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        }
    } else {
        0f64.copysign(a / b)
    };
    Some((floor, rest))
}

fn float_floor_div(a: f64, b: f64) -> Option<f64> {
    float_div_mod(a, b).map(|r| r.0)
}

fn float_mod(a: f64, b: f64) -> Option<f64> {
    float_div_mod(a, b).map(|r| r.1)
}

fn power(left: &Const, right: &Const) -> Option<Const> {
    match (number(left)?, number(right)?) {
        (Number::Int(a), Number::Int(b)) => int_power(&a, &b),
        (Number::Complex(a), b) => complex_power(a, to_complex(&b)?),
        (a, Number::Complex(b)) => complex_power(to_complex(&a)?, b),
        (a, b) => float_power(real(&a)?, real(&b)?),
    }
}

fn real(n: &Number) -> Option<f64> {
    match n {
        Number::Int(i) => int_to_f64(i),
        Number::Float(f) => Some(*f),
        Number::Complex(_) => None,
    }
}

fn to_complex(n: &Number) -> Option<Complex> {
    match n {
        Number::Complex(c) => Some(*c),
        other => Some(Complex {
            re: real(other)?,
            im: 0.0,
        }),
    }
}

fn complex_power(a: Complex, b: Complex) -> Option<Const> {
    a.pow(b).map(|c| Const::Complex(c.re, c.im))
}

fn int_power(a: &IBig, b: &IBig) -> Option<Const> {
    if b.sign() == Sign::Negative {
        return float_power(int_to_f64(a)?, int_to_f64(b)?);
    }
    if b.is_zero() {
        return Some(Const::Int(1));
    }
    if a.is_zero() {
        return Some(Const::Int(0));
    }
    let exponent = usize::try_from(b).ok()?;
    if bits(a) > MAX_INT_SIZE / exponent {
        return None;
    }
    Some(Const::int(a.pow(exponent)))
}

fn float_power(a: f64, b: f64) -> Option<Const> {
    if b == 0.0 || a == 1.0 {
        return Some(Const::Float(1.0));
    }
    if a == 0.0 && b < 0.0 {
        return None;
    }
    if a.is_finite() && a < 0.0 && b.is_finite() && b != b.floor() {
        let (base, exponent) = (Complex { re: a, im: 0.0 }, Complex { re: b, im: 0.0 });
        return complex_power(base, exponent);
    }
    let result = a.powf(b);
    (result.is_finite() || !a.is_finite() || !b.is_finite()).then_some(Const::Float(result))
}

fn lshift(left: &Const, right: &Const) -> Option<Const> {
    let (a, b) = (as_int(left)?, as_int(right)?);
    if b.sign() == Sign::Negative {
        return None;
    }
    if a.is_zero() || b.is_zero() {
        return Some(Const::int(a));
    }
    let shift = usize::try_from(&b).ok()?;
    if shift > MAX_INT_SIZE || bits(&a) > MAX_INT_SIZE - shift {
        return None;
    }
    Some(Const::int(a << shift))
}

fn rshift(left: &Const, right: &Const) -> Option<Const> {
    let (a, b) = (as_int(left)?, as_int(right)?);
    if b.sign() == Sign::Negative {
        return None;
    }
    let shift = usize::try_from(&b).unwrap_or(usize::MAX);
    if shift >= bits(&a) {
        return Some(Const::Int(if a.sign() == Sign::Negative { -1 } else { 0 }));
    }
    let (q, _) = floor_div_mod(&a, &(IBig::ONE << shift))?;
    Some(Const::int(q))
}

fn bitwise(
    left: &Const,
    right: &Const,
    ints: impl Fn(IBig, IBig) -> IBig,
    bools: impl Fn(bool, bool) -> bool,
) -> Option<Const> {
    let as_bool = |c: &Const| match c {
        Const::True => Some(true),
        Const::False => Some(false),
        _ => None,
    };
    if let (Some(a), Some(b)) = (as_bool(left), as_bool(right)) {
        return Some(Const::bool(bools(a, b)));
    }
    Some(Const::int(ints(as_int(left)?, as_int(right)?)))
}

fn subscript(container: &Const, index: &Const) -> Option<Const> {
    let chars: Vec<u32>;
    let len = match container {
        Const::Tuple(items) => items.len(),
        Const::Bytes(b) => b.len(),
        Const::Str(s) => {
            chars = s.code_points().collect();
            let pick = |i: usize| chars.get(i).copied();
            return match index {
                Const::Slice(parts) => {
                    let picked = slice_indices(parts, chars.len())?
                        .into_iter()
                        .filter_map(pick);
                    Some(Const::Str(text_of(picked)))
                }
                _ => Some(Const::Str(text_of(std::iter::once(pick(single_index(
                    index,
                    chars.len(),
                )?)?)))),
            };
        }
        _ => return None,
    };
    if let Const::Slice(parts) = index {
        let indices = slice_indices(parts, len)?.into_iter();
        return Some(match container {
            Const::Tuple(items) => {
                Const::tuple(indices.filter_map(|i| items.get(i).cloned()).collect())
            }
            Const::Bytes(b) => Const::Bytes(indices.filter_map(|i| b.get(i).copied()).collect()),
            _ => return None,
        });
    }
    let i = single_index(index, len)?;
    match container {
        Const::Tuple(items) => items.get(i).cloned(),
        Const::Bytes(b) => b.get(i).map(|byte| Const::Int(i64::from(*byte))),
        _ => None,
    }
}

/// Text of code points, surrogates allowed.
fn text_of(code_points: impl Iterator<Item = u32>) -> Text {
    let mut bytes = Vec::new();
    for c in code_points {
        match char::from_u32(c) {
            Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => bytes.extend_from_slice(&[
                0xe0 | (c >> 12) as u8,
                0x80 | (c >> 6 & 63) as u8,
                0x80 | (c & 63) as u8,
            ]),
        }
    }
    Text::from_wtf8(bytes)
}

fn single_index(index: &Const, len: usize) -> Option<usize> {
    let index = i64::try_from(&as_int(index)?).ok()?;
    let len = i64::try_from(len).ok()?;
    let index = if index < 0 { index + len } else { index };
    (0..len).contains(&index).then_some(index as usize)
}

/// The indices a slice picks; `None` for bounds that are not int or None and for a step of zero.
fn slice_indices(parts: &Arc<[Const; 3]>, len: usize) -> Option<Vec<usize>> {
    let len = i64::try_from(len).ok()?;
    let bound = |c: &Const| -> Option<Option<i64>> {
        if matches!(c, Const::None) {
            return Some(None);
        }
        let i = as_int(c)?;
        let clipped = if i.sign() == Sign::Negative {
            i64::MIN + 1
        } else {
            i64::MAX
        };
        Some(Some(i64::try_from(&i).unwrap_or(clipped).max(i64::MIN + 1)))
    };
    let step = bound(&parts[2])?.unwrap_or(1);
    if step == 0 {
        return None;
    }
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let place = |value: Option<i64>, missing: i64| match value {
        None => missing,
        Some(v) if v < 0 => v.saturating_add(len).max(low),
        Some(v) => v.min(high),
    };
    let start = place(bound(&parts[0])?, if step < 0 { high } else { low });
    let stop = place(bound(&parts[1])?, if step < 0 { low } else { high });
    let mut picked = Vec::new();
    let mut at = start;
    while if step < 0 { at > stop } else { at < stop } {
        picked.push(usize::try_from(at).ok()?);
        let Some(next) = at.checked_add(step) else {
            break;
        };
        at = next;
    }
    Some(picked)
}

/// Python's `==` between constants that can stand in a set literal (`1 == 1.0 == True`).
pub fn python_eq(a: &Const, b: &Const) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => numbers_equal(&a, &b),
        (None, None) => match (a, b) {
            (Const::None, Const::None) | (Const::Ellipsis, Const::Ellipsis) => true,
            (Const::Str(a), Const::Str(b)) => a == b,
            (Const::Bytes(a), Const::Bytes(b)) => a == b,
            (Const::Tuple(a), Const::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| python_eq(a, b))
            }
            (Const::FrozenSet(a), Const::FrozenSet(b)) => {
                a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| python_eq(a, b)))
            }
            (Const::Slice(a), Const::Slice(b)) => {
                a.iter().zip(b.iter()).all(|(a, b)| python_eq(a, b))
            }
            (Const::Code(a), Const::Code(b)) => Arc::ptr_eq(a, b),
            _ => false,
        },
        _ => false,
    }
}

fn numbers_equal(a: &Number, b: &Number) -> bool {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a == b,
        (Number::Float(a), Number::Float(b)) => a == b,
        (Number::Int(i), Number::Float(f)) | (Number::Float(f), Number::Int(i)) => {
            int_equals_float(i, *f)
        }
        (Number::Complex(a), Number::Complex(b)) => a.re == b.re && a.im == b.im,
        (Number::Complex(c), Number::Float(f)) | (Number::Float(f), Number::Complex(c)) => {
            c.im == 0.0 && c.re == *f
        }
        (Number::Complex(c), Number::Int(i)) | (Number::Int(i), Number::Complex(c)) => {
            c.im == 0.0 && int_equals_float(i, c.re)
        }
    }
}

fn int_equals_float(i: &IBig, f: f64) -> bool {
    f.is_finite() && f == f.trunc() && IBig::try_from(f).is_ok_and(|f| f == *i)
}

/// The distinct elements of a set display, first ones kept.
pub fn distinct(items: Vec<Const>) -> Vec<Const> {
    let mut kept: Vec<Const> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.iter().any(|k| python_eq(k, &item)) {
            kept.push(item);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> Const {
        Const::int(text.parse().unwrap())
    }

    fn show(value: Option<Const>) -> String {
        match value {
            None => "-".into(),
            Some(Const::Int(i)) => i.to_string(),
            Some(Const::BigInt(i)) => i.to_string(),
            Some(Const::Float(f)) => format!("{f:?}"),
            Some(Const::Str(s)) => format!("{s:?}"),
            Some(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn integers() {
        let op = |a: &str, o, b: &str| show(binary(&int(a), o, &int(b)));
        assert_eq!(op("-7", nb::FLOOR_DIVIDE, "2"), "-4");
        assert_eq!(op("-7", nb::REMAINDER, "2"), "1");
        assert_eq!(op("7", nb::REMAINDER, "-2"), "-1");
        assert_eq!(op("7", nb::REMAINDER, "0"), "-");
        assert_eq!(op("2", nb::POWER, "100"), "-");
        assert_eq!(op("2", nb::POWER, "64"), "18446744073709551616");
        assert_eq!(op("2", nb::POWER, "-1"), "0.5");
        assert_eq!(op("0", nb::POWER, "-1"), "-");
        assert_eq!(
            op("1", nb::LSHIFT, "127"),
            "170141183460469231731687303715884105728"
        );
        assert_eq!(op("1", nb::LSHIFT, "128"), "-");
        assert_eq!(op("-5", nb::RSHIFT, "1"), "-3");
        assert_eq!(op("-5", nb::RSHIFT, "99999999999999999999"), "-1");
        assert_eq!(op("6", nb::XOR, "-1"), "-7");
        assert_eq!(
            op("9007199254740993", nb::TRUE_DIVIDE, "1"),
            "9007199254740992.0"
        );
        assert_eq!(op("1", nb::TRUE_DIVIDE, "3"), "0.3333333333333333");
        assert_eq!(op("-1", nb::TRUE_DIVIDE, "3"), "-0.3333333333333333");
    }

    #[test]
    fn quotients_at_the_ends_of_the_range() {
        let big = IBig::ONE << 1080;
        assert_eq!(
            int_true_divide(&IBig::ONE, &(IBig::ONE << 1074)),
            Some(5e-324)
        );
        assert_eq!(int_true_divide(&IBig::ONE, &(IBig::ONE << 1075)), Some(0.0));
        assert_eq!(
            int_true_divide(&big, &(IBig::ONE << 57)),
            Some(2f64.powi(1023))
        );
        assert_eq!(int_true_divide(&big, &IBig::ONE), None);
    }

    #[test]
    fn floats() {
        let op = |a, o, b| show(binary(&Const::Float(a), o, &Const::Float(b)));
        assert_eq!(op(-7.5, nb::FLOOR_DIVIDE, 2.0), "-4.0");
        assert_eq!(op(-0.0, nb::REMAINDER, 2.0), "0.0");
        assert_eq!(op(1.0, nb::TRUE_DIVIDE, 0.0), "-");
        assert_eq!(op(1e300, nb::POWER, 2.0), "-");
        assert_eq!(op(1e300, nb::MULTIPLY, 1e300), "inf");
    }

    #[test]
    fn sequences() {
        let text = Const::str("héllo");
        let slice = |a, b, c| Const::Slice(Arc::new([a, b, c]));
        assert_eq!(show(binary(&text, nb::SUBSCR, &Const::Int(-4))), "\"é\"");
        assert_eq!(show(binary(&text, nb::SUBSCR, &Const::Int(5))), "-");
        let backwards = slice(Const::None, Const::None, Const::Int(-2));
        assert_eq!(show(binary(&text, nb::SUBSCR, &backwards)), "\"olh\"");
        let wide = slice(Const::Int(-100), Const::Int(i64::MAX), Const::Int(i64::MAX));
        assert_eq!(show(binary(&text, nb::SUBSCR, &wide)), "\"h\"");
        assert_eq!(
            show(binary(&Const::Int(2), nb::MULTIPLY, &Const::str("ab"))),
            "\"abab\""
        );
        assert_eq!(
            show(binary(&Const::Int(5000), nb::MULTIPLY, &Const::str("a"))),
            "-"
        );
        assert_eq!(
            distinct(vec![
                Const::Int(1),
                Const::Float(1.0),
                Const::True,
                Const::Int(2)
            ])
            .len(),
            2
        );
    }
}
