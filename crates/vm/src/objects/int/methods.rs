//! The slots and methods of `int` and `bool`.

use super::error::check;
use super::*;
use crate::function::Args;
use crate::objects::buffer::Buffer;
use crate::objects::bytes::Bytes;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::sequence;
use naja_heap::Ref;
use naja_macros::pymethods;
use naja_numbers::bigint::{ByteOrder, ParseIntError};
use naja_numbers::format_spec::{self, Locale};
use naja_numbers::wtf8;
use smallvec::SmallVec;

/// Parses text or bytes as an int in `base`; None for other objects. Raises ValueError.
pub(super) fn parse_object(vm: &Vm, value: &Value, base: u32) -> PyResult<Option<Value>> {
    let bytes = if let Some(text) = str_::of(value) {
        wtf8::ascii_number(text.as_bytes()).into_owned()
    } else if let Some(bytes) = value.downcast::<Bytes>() {
        bytes.as_bytes().to_vec()
    } else if let Some(bytes) = value.downcast::<crate::objects::bytearray::ByteArray>() {
        bytes.to_vec()
    } else if base == 10 && Buffer::supported(vm, value) {
        Buffer::of(vm, value)?.to_vec()
    } else {
        return Ok(None);
    };
    let limit = vm.interp.state.int_max_str_digits.get();
    match bigint::parse_checked(&bytes, base, limit, &mut stopper(vm)) {
        Ok(n) => vm.new_bigint(n).map(Some),
        Err(ParseIntError::Invalid) => Err(bad_literal(vm, value, base)),
        Err(ParseIntError::Base) => Err(vm.value_error("int() base must be >= 2 and <= 36, or 0")),
        Err(ParseIntError::Cancelled) => Err(crate::vm::Raised),
        Err(ParseIntError::TooManyDigits(digits)) => Err(error::raise(
            vm,
            bigint::digit_limit_parse_error(limit, digits),
        )),
    }
}

#[cold]
fn bad_literal(vm: &Vm, value: &Value, base: u32) -> crate::vm::Raised {
    match crate::protocols::object::repr(vm, value) {
        Ok(shown) => vm.value_error(format!(
            "invalid literal for int() with base {base}: {}",
            shown.to_string_lossy()
        )),
        Err(raised) => raised,
    }
}

/// Makes an instance of `cls` with this value.
fn instance(vm: &Vm, cls: &Ref<Type>, value: Value) -> PyResult {
    if cls.is(&vm.types.int) {
        return Ok(value);
    }
    match to_big(&value) {
        Some(value) => Ok(vm.new_object_of(cls, Int { value })?.into_value()),
        None => Err(vm.system_error("an int without a value")),
    }
}

/// A binary operation: on machine integers, on those of 128 bits, else on big ones; NotImplemented for other operands.
macro_rules! operation {
    ($vm:ident, $a:ident, $b:ident, |$x:ident, $y:ident| $small:expr, $wide:expr, |$p:ident, $q:ident| $big:expr) => {{
        if let Some(($x, $y)) = machine($a, $b)
            && let Some(n) = $small
        {
            return $vm.new_int(n);
        }
        if let Some(($x, $y)) = wides($a, $b)
            && let Some(n) = $wide
        {
            return $vm.new_wide_int(n);
        }
        match bigs($a, $b) {
            Some(($p, $q)) => {
                let n: IBig = $big;
                $vm.new_bigint(n)
            }
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }};
}

/// The most usual specifications: a width below 100, perhaps with a leading zero or an alignment, for decimal or
/// hexadecimal digits.
fn format_padded(n: i64, spec: &[u8]) -> Option<SmallVec<[u8; 128]>> {
    let (fill, align, spec) = match *spec {
        [fill, align @ (b'<' | b'>' | b'^'), ref rest @ ..] if fill.is_ascii() => {
            (fill, align, rest)
        }
        [align @ (b'<' | b'>' | b'^'), ref rest @ ..] => (b' ', align, rest),
        ref rest => (b' ', 0, rest),
    };
    let (digits, hex) = match spec {
        [digits @ .., b'd'] => (digits, false),
        [digits @ .., b'x'] => (digits, true),
        digits => (digits, false),
    };
    let (zero, width) = match *digits {
        [] => (false, 0),
        [b'0', b @ b'1'..=b'9'] if align == 0 => (true, b - b'0'),
        [b @ b'1'..=b'9'] => (false, b - b'0'),
        [a @ b'1'..=b'9', b @ b'0'..=b'9'] => (false, (a - b'0') * 10 + (b - b'0')),
        _ => return None,
    };
    let base = if hex { 16 } else { 10 };
    let mut number = SmallVec::<[u8; 20]>::new();
    let mut rest = n.unsigned_abs();
    while rest > 0 || number.is_empty() {
        number.push(b"0123456789abcdef"[(rest % base) as usize]);
        rest /= base;
    }
    number.reverse();
    let missing = usize::from(width).saturating_sub(number.len() + usize::from(n < 0));
    let mut text = SmallVec::new();
    let before = match align {
        b'<' => 0,
        b'^' => missing / 2,
        _ => missing,
    };
    if !zero {
        text.resize(before, fill);
    }
    if n < 0 {
        text.push(b'-');
    }
    if zero {
        text.resize(text.len() + missing, b'0');
    }
    text.extend_from_slice(&number);
    if !zero {
        text.resize(text.len() + missing - before, fill);
    }
    Some(text)
}

/// What `int.from_bytes` gives for up to seven bytes without a sign.
fn from_few_bytes(bytes: &Value, little: bool) -> Option<i64> {
    let bytes = bytes.downcast::<Bytes>()?.as_bytes();
    if bytes.len() > 7 {
        return None;
    }
    let add = |word: i64, byte: &u8| word << 8 | i64::from(*byte);
    Some(match little {
        true => bytes.iter().rev().fold(0, add),
        false => bytes.iter().fold(0, add),
    })
}

/// Whether `byteorder` is "big" or "little"; None for anything else.
fn is_little(order: Option<&Ref<Str>>) -> Option<bool> {
    match order.map(|order| order.as_bytes()) {
        None | Some(b"big") => Some(false),
        Some(b"little") => Some(true),
        _ => None,
    }
}

#[pymethods]
impl Int {
    #[pyslot(sig = "(x=0, /, base=10)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        // Plain numbers, the commonest, need no further questions.
        if let ([x], None) = (args.args, args.kwnames)
            && cls.is(&vm.types.int)
        {
            if x.is_small_int() {
                return Ok(x.clone());
            }
            if let Some(f) = x.as_small_float()
                && f.abs() < (1i64 << 60) as f64
            {
                return vm.new_int(f as i64);
            }
        }
        let positional = args.positional();
        for (name, _) in args.keywords() {
            if name.as_bytes() != b"base" {
                return Err(vm.type_error(format!(
                    "int() got an unexpected keyword argument '{}'",
                    name.to_string_lossy()
                )));
            }
        }
        if positional.len() + args.keyword_count() > 2 {
            return Err(vm.type_error(format!(
                "int() takes at most 2 arguments ({} given)",
                args.args.len()
            )));
        }
        let base = positional.get(1).or_else(|| args.keyword("base"));
        let value = match (positional.first(), base) {
            (None, None) => Value::small_int(0),
            (None, Some(_)) => return Err(vm.type_error("int() missing string argument")),
            (Some(x), None) => from_object(vm, x)?,
            (Some(x), Some(base)) => {
                let base = number::index_clipped(vm, base)?;
                if base != 0 && !(2..=36).contains(&base) {
                    return Err(vm.value_error("int() base must be >= 2 and <= 36, or 0"));
                }
                match parse_object(vm, x, base as u32)? {
                    Some(n) => n,
                    None => {
                        return Err(
                            vm.type_error("int() can't convert non-string with explicit base")
                        );
                    }
                }
            }
        };
        instance(vm, cls, value)
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        if let Some(n) = zelf.as_small_int() {
            let digits = super::decimal_digits(n);
            return Ok(vm.new_ascii_str(digits.as_bytes())?.into_value());
        }
        Ok(vm
            .new_ascii_str(to_decimal(vm, zelf)?.as_bytes())?
            .into_value())
    }

    #[pyslot]
    fn hash(zelf: &Value, vm: &Vm) -> PyResult<i64> {
        super::hash(vm, zelf)
    }

    #[pyslot]
    fn richcompare(_vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        Ok(compare(a, b, op).unwrap_or(Value::NOT_IMPLEMENTED))
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(
            vm,
            a,
            b,
            |x, y| x.checked_add(y),
            x.checked_add(y),
            |p, q| &*p + &*q
        )
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(
            vm,
            a,
            b,
            |x, y| x.checked_sub(y),
            x.checked_sub(y),
            |p, q| &*p - &*q
        )
    }

    #[pyslot]
    fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(
            vm,
            a,
            b,
            |x, y| x.checked_mul(y),
            wide_product(x, y),
            |p, q| check(vm, bigint::mul(&p, &q, BIT_LIMIT))?
        )
    }

    #[pyslot]
    fn floor_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(
            vm,
            a,
            b,
            |x, y| bigint::floor_div_i64(x, y),
            wide_divmod(x, y).map(|(q, _)| q),
            |p, q| check(vm, bigint::floor_div(&p, &q))?
        )
    }

    #[pyslot]
    fn remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(
            vm,
            a,
            b,
            |x, y| bigint::floor_mod_i64(x, y),
            wide_divmod(x, y).map(|(_, r)| r),
            |p, q| check(vm, bigint::floor_mod(&p, &q))?
        )
    }

    #[pyslot]
    fn divmod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (q, r) = match machine(a, b) {
            Some((x, y)) if y != 0 && y != -1 => {
                let (Some(q), Some(r)) = (bigint::floor_div_i64(x, y), bigint::floor_mod_i64(x, y))
                else {
                    return Err(vm.system_error("division failed"));
                };
                (vm.new_int(q)?, vm.new_int(r)?)
            }
            _ => match wides(a, b).and_then(|(x, y)| wide_divmod(x, y)) {
                Some((q, r)) => (vm.new_wide_int(q)?, vm.new_wide_int(r)?),
                None => match bigs(a, b) {
                    Some((x, y)) => {
                        let (q, r) = check(vm, bigint::divmod(&x, &y))?;
                        (vm.new_bigint(q)?, vm.new_bigint(r)?)
                    }
                    None => return Ok(Value::NOT_IMPLEMENTED),
                },
            },
        };
        Tuple::pair(vm, q, r)
    }

    #[pyslot]
    fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let result = match machine(a, b) {
            Some((x, y)) => bigint::true_div_i64(x, y),
            None => match bigs(a, b) {
                Some((x, y)) => bigint::true_div(&x, &y),
                None => return Ok(Value::NOT_IMPLEMENTED),
            },
        };
        vm.new_float(check(vm, result)?)
    }

    #[pyslot]
    fn power(vm: &Vm, a: &Value, b: &Value, c: &Value) -> PyResult {
        if c.is_none() {
            if let Some((x, y)) = machine(a, b)
                && let Ok(y) = u32::try_from(y)
                && let Some(n) = bigint::pow_i64(x, y)
            {
                return vm.new_int(n);
            }
            let Some((x, y)) = bigs(a, b) else {
                return Ok(Value::NOT_IMPLEMENTED);
            };
            if bigint::is_negative(&y) {
                let (x, y) = (to_f64(vm, a)?, to_f64(vm, b)?);
                return crate::objects::float::power(vm, x, y);
            }
            return vm.new_bigint(check(vm, bigint::pow(&x, &y, BIT_LIMIT, &mut stopper(vm)))?);
        }
        let (Some((x, y)), true) = (bigs(a, b), is_int(c)) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let Some(z) = to_big(c) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        vm.new_bigint(check(vm, bigint::pow_mod(&x, &y, &z, &mut stopper(vm)))?)
    }

    #[pyslot]
    fn lshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let Some((x, y)) = machine(a, b)
            && let Ok(y) = u32::try_from(y)
            && let Some(n) = bigint::shl_i64(x, y)
        {
            return vm.new_int(n);
        }
        if let (Some(x), Some(y @ 0..=126)) = (wide(a), b.as_small_int())
            && x << y >> y == x
        {
            return vm.new_wide_int(x << y);
        }
        match bigs(a, b) {
            Some((x, y)) => vm.new_bigint(check(vm, bigint::shl(&x, &y, BIT_LIMIT))?),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn rshift(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let Some((x, y)) = machine(a, b)
            && let Ok(y) = u64::try_from(y)
        {
            return vm.new_int(bigint::shr_i64(x, y));
        }
        if let (Some(x), Some(y @ 0..)) = (wide(a), b.as_small_int()) {
            return vm.new_wide_int(x >> y.min(127));
        }
        match bigs(a, b) {
            Some((x, y)) => vm.new_bigint(check(vm, bigint::shr(&x, &y))?),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| Some(x & y), Some(x & y), |p, q| &*p & &*q)
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| Some(x | y), Some(x | y), |p, q| &*p | &*q)
    }

    #[pyslot]
    fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        operation!(vm, a, b, |x, y| Some(x ^ y), Some(x ^ y), |p, q| &*p ^ &*q)
    }

    #[pyslot]
    fn negative(zelf: &Value, vm: &Vm) -> PyResult {
        match (wide(zelf), big(zelf)) {
            (Some(n), _) => vm.new_wide_int(-n),
            (None, Some(n)) => vm.new_bigint(-&*n),
            (None, None) => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn positive(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    #[pyslot]
    fn absolute(zelf: &Value, vm: &Vm) -> PyResult {
        match as_i64(zelf) {
            Some(n) if n >= 0 => vm.new_int(n),
            _ => Int::negative_if(vm, zelf),
        }
    }

    #[pyslot]
    fn invert(zelf: &Value, vm: &Vm) -> PyResult {
        match (wide(zelf), big(zelf)) {
            (Some(n), _) => vm.new_wide_int(!n),
            (None, Some(n)) => vm.new_bigint(!n.into_owned()),
            (None, None) => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot(name = "bool")]
    fn truth(zelf: &Value, _vm: &Vm) -> PyResult<bool> {
        Ok(as_i64(zelf) != Some(0))
    }

    #[pyslot(name = "int")]
    fn to_int(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    #[pyslot]
    fn index(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    #[pyslot(name = "float")]
    fn to_float(zelf: &Value, vm: &Vm) -> PyResult {
        vm.new_float(to_f64(vm, zelf)?)
    }

    /// Returns self, the complex conjugate of any int.
    #[pymethod]
    fn conjugate(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    /// Number of bits necessary to represent self in binary.
    ///
    /// >>> bin(37)
    /// '0b100101'
    /// >>> (37).bit_length()
    /// 6
    #[pymethod]
    fn bit_length(zelf: &Value, vm: &Vm) -> PyResult {
        match (as_i64(zelf), big(zelf)) {
            (Some(n), _) => vm.new_int(bigint::bit_length_i64(n) as i64),
            (None, Some(n)) => vm.new_int(bigint::bit_length(&n) as i64),
            (None, None) => Err(vm.type_error("not an int")),
        }
    }

    /// Number of ones in the binary representation of the absolute value of self.
    ///
    /// Also known as the population count.
    ///
    /// >>> bin(13)
    /// '0b1101'
    /// >>> (13).bit_count()
    /// 3
    #[pymethod]
    fn bit_count(zelf: &Value, vm: &Vm) -> PyResult {
        match to_big(zelf) {
            Some(n) => vm.new_int(bigint::bit_count(&n) as i64),
            None => Err(vm.type_error("not an int")),
        }
    }

    /// Return a pair of integers, whose ratio is equal to the original int.
    ///
    /// The ratio is in lowest terms and has a positive denominator.
    #[pymethod]
    fn as_integer_ratio(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm
            .new_tuple(vec![exact(vm, zelf.clone())?, Value::small_int(1)])?
            .into_value())
    }

    /// Returns True. Exists for duck type compatibility with float.is_integer.
    #[pymethod]
    fn is_integer(_zelf: &Value) -> bool {
        true
    }

    /// Truncating an Integral returns itself.
    #[pymethod]
    fn __trunc__(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    /// Flooring an Integral returns itself.
    #[pymethod]
    fn __floor__(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    /// Ceiling of an Integral returns itself.
    #[pymethod]
    fn __ceil__(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    /// Rounding an Integral returns itself.
    ///
    /// Rounding with an ndigits argument also returns an integer.
    #[pymethod(sig = "($self, ndigits=None, /)")]
    fn __round__(zelf: &Value, vm: &Vm, ndigits: Option<Value>) -> PyResult {
        let Some(ndigits) = ndigits.filter(|n| !n.is_none()) else {
            return exact(vm, zelf.clone());
        };
        let ndigits = number::index_big(vm, &ndigits)?;
        match to_big(zelf) {
            Some(n) => {
                if !bigint::is_negative(&ndigits) {
                    return exact(vm, zelf.clone());
                }
                let rounded = bigint::round_to_power_of_ten(
                    &n,
                    bigint::to_u64(&-ndigits).map_or(usize::MAX, |d| d as usize),
                    BIT_LIMIT,
                    &mut stopper(vm),
                );
                vm.new_bigint(check(vm, rounded)?)
            }
            None => Err(vm.type_error("not an int")),
        }
    }

    /// Convert to a string according to format_spec.
    #[pymethod(sig = "($self, format_spec, /)")]
    pub(crate) fn __format__(zelf: &Value, vm: &Vm, format_spec: &Ref<Str>) -> PyResult {
        if format_spec.byte_len() == 0 {
            return Ok(crate::protocols::object::str(vm, zelf)?.into_value());
        }
        if let Some(n) = zelf.as_small_int()
            && let Some(text) = format_padded(n, format_spec.as_bytes())
        {
            return Ok(vm.new_ascii_str(&text)?.into_value());
        }
        let ty = vm.type_of(zelf);
        let name = || ty.full_name();
        let limit = vm.interp.state.int_max_str_digits.get();
        let text = match as_i64(zelf) {
            Some(n) => format_spec::format_i64(n, format_spec.as_bytes(), &name, limit, &Locale::C),
            None => match to_big(zelf) {
                Some(n) => {
                    format_spec::format_int(&n, format_spec.as_bytes(), &name, limit, &Locale::C)
                }
                None => return Err(vm.type_error("not an int")),
            },
        };
        Ok(vm.new_str_wtf8(&check(vm, text)?)?.into_value())
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.new_tuple(vec![exact(vm, zelf.clone())?])?.into_value())
    }

    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(zelf: &Value, vm: &Vm) -> PyResult {
        let digits = to_big(zelf).map_or(0, |n| bigint::bit_length(&n).div_ceil(30).max(1));
        vm.new_int(24 + 4 * digits as i64)
    }

    /// Return an array of bytes representing an integer.
    ///
    ///   length
    ///     Length of bytes object to use.  An OverflowError is raised if the
    ///     integer is not representable with the given number of bytes.  Default
    ///     is length 1.
    ///   byteorder
    ///     The byte order used to represent the integer.  If byteorder is 'big',
    ///     the most significant byte is at the beginning of the byte array.  If
    ///     byteorder is 'little', the most significant byte is at the end of the
    ///     byte array.  To request the native byte order of the host system, use
    ///     sys.byteorder as the byte order value.  Default is to use 'big'.
    ///   signed
    ///     Determines whether two's complement is used to represent the integer.
    ///     If signed is False and a negative integer is given, an OverflowError
    ///     is raised.
    #[pymethod(sig = "($self, /, length=1, byteorder='big', *, signed=False)")]
    fn to_bytes(
        zelf: &Value,
        vm: &Vm,
        #[default(1)] length: isize,
        byteorder: Option<Ref<Str>>,
        #[default(false)] signed: bool,
    ) -> PyResult {
        if let (Some(n), Some(little), 1..=8, false) = (
            zelf.as_small_int(),
            is_little(byteorder.as_ref()),
            length,
            signed,
        ) && n >= 0
            && (length == 8 || n >> (length * 8) == 0)
        {
            let length = length as usize;
            return Ok(match little {
                true => vm.new_bytes(&n.to_le_bytes()[..length])?,
                false => vm.new_bytes(&n.to_be_bytes()[8 - length..])?,
            }
            .into_value());
        }
        let order = byte_order(vm, byteorder)?;
        if length < 0 {
            return Err(vm.value_error("length argument must be non-negative"));
        }
        match to_big(zelf) {
            Some(n) => {
                let bytes = check(vm, bigint::to_bytes(&n, length as usize, order, signed))?;
                Ok(vm.new_bytes(&bytes)?.into_value())
            }
            None => Err(vm.type_error("not an int")),
        }
    }

    /// Return the integer represented by the given array of bytes.
    ///
    ///   bytes
    ///     Holds the array of bytes to convert.  The argument must either
    ///     support the buffer protocol or be an iterable object producing bytes.
    ///     Bytes and bytearray are examples of built-in objects that support the
    ///     buffer protocol.
    ///   byteorder
    ///     The byte order used to represent the integer.  If byteorder is 'big',
    ///     the most significant byte is at the beginning of the byte array.  If
    ///     byteorder is 'little', the most significant byte is at the end of the
    ///     byte array.  To request the native byte order of the host system, use
    ///     sys.byteorder as the byte order value.  Default is to use 'big'.
    ///   signed
    ///     Indicates whether two's complement is used to represent the integer.
    #[pyclassmethod(sig = "($type, /, bytes, byteorder='big', *, signed=False)")]
    fn from_bytes(
        cls: &Ref<Type>,
        vm: &Vm,
        bytes: &Value,
        byteorder: Option<Ref<Str>>,
        #[default(false)] signed: bool,
    ) -> PyResult {
        if let Some(little) = is_little(byteorder.as_ref())
            && !signed
            && cls.is(&vm.types.int)
            && let Some(n) = from_few_bytes(bytes, little)
        {
            return vm.new_int(n);
        }
        let order = byte_order(vm, byteorder)?;
        let data = match bytes.downcast::<Bytes>() {
            Some(bytes) => return from_data(vm, cls, bytes.as_bytes(), order, signed),
            None => {
                if str_::of(bytes).is_some() {
                    return Err(vm.type_error("cannot convert 'str' object to bytes"));
                }
                if let Some(made) = vm.call_special(bytes, &vm.names.__bytes__, &[])? {
                    match made.downcast::<Bytes>() {
                        Some(made) => return from_data(vm, cls, made.as_bytes(), order, signed),
                        None => {
                            return Err(vm.type_error(format!(
                                "__bytes__ returned non-bytes (type {})",
                                vm.type_of(&made).full_name()
                            )));
                        }
                    }
                }
                let mut data = Vec::new();
                for item in sequence::collect(vm, bytes)? {
                    match number::index_i64(vm, &item)? {
                        Some(n) if (0..256).contains(&n) => data.push(n as u8),
                        _ => return Err(vm.value_error("bytes must be in range(0, 256)")),
                    }
                }
                data
            }
        };
        from_data(vm, cls, &data, order, signed)
    }

    /// the real part of a complex number
    #[pygetter]
    fn real(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    /// the imaginary part of a complex number
    #[pygetter]
    fn imag(_zelf: &Value) -> i64 {
        0
    }

    /// the numerator of a rational number in lowest terms
    #[pygetter]
    fn numerator(zelf: &Value, vm: &Vm) -> PyResult {
        exact(vm, zelf.clone())
    }

    /// the denominator of a rational number in lowest terms
    #[pygetter]
    fn denominator(_zelf: &Value) -> i64 {
        1
    }
}

impl Int {
    /// The absolute value of an int that is negative or big.
    fn negative_if(vm: &Vm, zelf: &Value) -> PyResult {
        if let Some(n) = wide(zelf) {
            return vm.new_wide_int(n.abs());
        }
        match to_big(zelf) {
            Some(n) if bigint::is_negative(&n) => vm.new_bigint(-n),
            Some(n) => vm.new_bigint(n),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }
}

/// The integer that bytes stand for, of the class that was asked.
fn from_data(vm: &Vm, class: &Ref<Type>, data: &[u8], order: ByteOrder, signed: bool) -> PyResult {
    let value = vm.new_bigint(bigint::from_bytes(data, order, signed))?;
    if class.is(&vm.types.int) {
        Ok(value)
    } else {
        vm.call(class.as_value(), &[value])
    }
}

fn byte_order(vm: &Vm, order: Option<Ref<Str>>) -> PyResult<ByteOrder> {
    match order.as_ref().map(|o| o.as_bytes()) {
        None | Some(b"big") => Ok(ByteOrder::Big),
        Some(b"little") => Ok(ByteOrder::Little),
        Some(_) => Err(vm.value_error("byteorder must be either 'little' or 'big'")),
    }
}

#[pymethods]
impl Bool {
    #[pyslot(sig = "(object=False, /)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("bool() takes no keyword arguments"));
        }
        match args.args {
            [] => Ok(Value::FALSE),
            [one] => Ok(Value::from_bool(crate::protocols::object::is_true(
                vm, one,
            )?)),
            many => Err(vm.type_error(format!(
                "bool expected at most 1 argument, got {}",
                many.len()
            ))),
        }
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm
            .intern(if zelf.is_true() { "True" } else { "False" })
            .into_value())
    }

    #[pyslot]
    fn and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if a.is_bool() && b.is_bool() {
            Ok(Value::from_bool(a.is_true() && b.is_true()))
        } else {
            Int::and(vm, a, b)
        }
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if a.is_bool() && b.is_bool() {
            Ok(Value::from_bool(a.is_true() || b.is_true()))
        } else {
            Int::or(vm, a, b)
        }
    }

    #[pyslot]
    fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if a.is_bool() && b.is_bool() {
            Ok(Value::from_bool(a.is_true() != b.is_true()))
        } else {
            Int::xor(vm, a, b)
        }
    }

    #[pyslot]
    fn invert(zelf: &Value, vm: &Vm) -> PyResult {
        vm.warn(
            &vm.types.deprecation_warning,
            "Bitwise inversion '~' on bool is deprecated and will be removed in Python 3.16. This returns the bitwise inversion of the underlying int object and is usually not what you expect from the negation of a bool object. Use the 'not' operator for boolean negation or ~int(x) for the bitwise inversion of the underlying int.",
            1,
        )?;
        vm.new_int(!(zelf.is_true() as i64))
    }
}
