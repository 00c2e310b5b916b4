//! Arithmetic on constants, for folding: Python's operators on int, float, complex, str, bytes and tuples.
//!
//! Every function answers `None` for what Python would raise on (division by zero, wrong types, overflow) and for what
//! CPython declines to fold because the result would be large (see the limits below); the instruction then stays as it
//! is and raises at run time. CPython: the `const_folding_safe_*` functions in `Python/flowgraph.c`.

use std::sync::Arc;

use naja_bytecode::code::{Const, Text};
use naja_bytecode::opcode::nb;
use naja_numbers::complex::{self, Complex};
use naja_numbers::float::{self, Power};
use naja_numbers::{IBig, bigint};

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
            complex_sub,
        ),
        nb::MULTIPLY => multiply(left, right),
        nb::TRUE_DIVIDE => {
            let ints = |a, b| bigint::true_div(&a, &b).ok().map(Const::Float);
            arithmetic(left, right, ints, |a, b| float::div(a, b).ok(), complex_div)
        }
        nb::FLOOR_DIVIDE => {
            let ints = |a, b| bigint::floor_div(&a, &b).ok().map(Const::int);
            arithmetic(
                left,
                right,
                ints,
                |a, b| float::floor_div(a, b).ok(),
                |_, _| None,
            )
        }
        nb::REMAINDER => {
            let ints = |a, b| bigint::floor_mod(&a, &b).ok().map(Const::int);
            arithmetic(
                left,
                right,
                ints,
                |a, b| float::floor_mod(a, b).ok(),
                |_, _| None,
            )
        }
        nb::POWER => power(left, right),
        nb::LSHIFT => lshift(left, right),
        nb::RSHIFT => bigint::shr(&as_int(left)?, &as_int(right)?)
            .ok()
            .map(Const::int),
        nb::OR => bitwise(left, right, |a, b| a | b, |a, b| a | b),
        nb::XOR => bitwise(left, right, |a, b| a ^ b, |a, b| a ^ b),
        nb::AND => bitwise(left, right, |a, b| a & b, |a, b| a & b),
        nb::SUBSCR => subscript(left, right),
        _ => None,
    }
}

/// A complex operation's operand: a real one is not widened, since signed zeros and infinities would change.
enum Operand {
    Real(f64),
    Complex(Complex),
}

fn complex_add(a: Operand, b: Operand) -> Option<Complex> {
    Some(match (a, b) {
        (Operand::Complex(a), Operand::Complex(b)) => complex::add(a, b),
        (Operand::Complex(c), Operand::Real(r)) | (Operand::Real(r), Operand::Complex(c)) => {
            complex::add_real(c, r)
        }
        (Operand::Real(_), Operand::Real(_)) => return None,
    })
}

fn complex_sub(a: Operand, b: Operand) -> Option<Complex> {
    Some(match (a, b) {
        (Operand::Complex(a), Operand::Complex(b)) => complex::sub(a, b),
        (Operand::Complex(c), Operand::Real(r)) => complex::sub_real(c, r),
        (Operand::Real(r), Operand::Complex(c)) => complex::real_sub(r, c),
        (Operand::Real(_), Operand::Real(_)) => return None,
    })
}

fn complex_mul(a: Operand, b: Operand) -> Option<Complex> {
    Some(match (a, b) {
        (Operand::Complex(a), Operand::Complex(b)) => complex::mul(a, b),
        (Operand::Complex(c), Operand::Real(r)) | (Operand::Real(r), Operand::Complex(c)) => {
            complex::mul_real(c, r)
        }
        (Operand::Real(_), Operand::Real(_)) => return None,
    })
}

fn complex_div(a: Operand, b: Operand) -> Option<Complex> {
    match (a, b) {
        (Operand::Complex(a), Operand::Complex(b)) => complex::div(a, b).ok(),
        (Operand::Complex(c), Operand::Real(r)) => complex::div_real(c, r).ok(),
        (Operand::Real(r), Operand::Complex(c)) => complex::real_div(r, c).ok(),
        (Operand::Real(_), Operand::Real(_)) => None,
    }
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
            Number::Int(i) => Operand::Real(bigint::to_f64(&i).ok()?),
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
            complex_add,
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
                let fits = a.is_zero()
                    || b.is_zero()
                    || bigint::bit_length(&a) + bigint::bit_length(&b) <= MAX_INT_SIZE;
                fits.then(|| Const::int(a * b))
            },
            |a, b| Some(a * b),
            complex_mul,
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
        Number::Int(i) => bigint::to_f64(i).ok(),
        Number::Float(f) => Some(*f),
        Number::Complex(_) => None,
    }
}

fn to_complex(n: &Number) -> Option<Complex> {
    match n {
        Number::Complex(c) => Some(*c),
        other => Some(complex::complex(real(other)?, 0.0)),
    }
}

fn complex_power(a: Complex, b: Complex) -> Option<Const> {
    complex::pow(a, b).ok().map(|c| Const::Complex(c.re, c.im))
}

fn int_power(a: &IBig, b: &IBig) -> Option<Const> {
    if bigint::is_negative(b) {
        return float_power(bigint::to_f64(a).ok()?, bigint::to_f64(b).ok()?);
    }
    if b.is_zero() {
        return Some(Const::Int(1));
    }
    if a.is_zero() {
        return Some(Const::Int(0));
    }
    let exponent = usize::try_from(b).ok()?;
    if bigint::bit_length(a) > MAX_INT_SIZE / exponent {
        return None;
    }
    Some(Const::int(a.pow(exponent)))
}

fn float_power(a: f64, b: f64) -> Option<Const> {
    match float::pow(a, b).ok()? {
        Power::Float(result) => Some(Const::Float(result)),
        Power::Complex => complex_power(complex::complex(a, 0.0), complex::complex(b, 0.0)),
    }
}

fn lshift(left: &Const, right: &Const) -> Option<Const> {
    let (a, b) = (as_int(left)?, as_int(right)?);
    if bigint::is_negative(&b) {
        return None;
    }
    if a.is_zero() || b.is_zero() {
        return Some(Const::int(a));
    }
    let shift = usize::try_from(&b).ok()?;
    if shift > MAX_INT_SIZE || bigint::bit_length(&a) > MAX_INT_SIZE - shift {
        return None;
    }
    Some(Const::int(a << shift))
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
        let clipped = if bigint::is_negative(&i) {
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
