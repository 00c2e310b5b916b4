//! `timedelta`: days, seconds and microseconds, normalised.
//!
//! Invariant: `|days| <= 999999999`, `0 <= seconds < 86400`, `0 <= micros < 1000000`. All of it as microseconds fits an
//! `i128` by far; products with unlimited ints are made with `IBig`. CPython: PyDateTime_Delta.

use super::args::Spec;
use super::calendar::SECONDS_PER_DAY;
use dashu_int::IBig;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::{hash, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm, float, int};
use std::cell::Cell;

const US_PER_SECOND: i128 = 1_000_000;
const US_PER_DAY: i128 = SECONDS_PER_DAY as i128 * US_PER_SECOND;
const MAX_DAYS: i32 = 999_999_999;

/// Difference between two datetime values.
///
/// timedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)
///
/// All arguments are optional and default to 0.
/// Arguments may be integers or floats, and may be positive or negative.
#[pyclass(name = "timedelta", module = "datetime", flags(BASETYPE))]
#[repr(C)]
pub struct Delta {
    pub days: i32,
    pub seconds: i32,
    pub micros: i32,
    /// -1: not computed yet.
    hash: Cell<i64>,
}

fn too_large(vm: &Vm) -> naja_vm::Raised {
    vm.overflow_error("Python int too large to convert to C int")
}

impl Delta {
    /// All of it in microseconds.
    pub fn total(&self) -> i128 {
        self.days as i128 * US_PER_DAY + self.seconds as i128 * US_PER_SECOND + self.micros as i128
    }

    /// A delta of class `cls` of so many microseconds. Raises OverflowError.
    pub fn of_class(vm: &Vm, cls: &Type, total: i128) -> PyResult<Ref<Delta>> {
        let days = i32::try_from(total.div_euclid(US_PER_DAY)).map_err(|_| too_large(vm))?;
        if days.unsigned_abs() > MAX_DAYS as u32 {
            return Err(
                vm.overflow_error(format!("days={days}; must have magnitude <= {MAX_DAYS}"))
            );
        }
        let rest = total.rem_euclid(US_PER_DAY);
        vm.new_object_of(
            cls,
            Delta {
                days,
                seconds: (rest / US_PER_SECOND) as i32,
                micros: (rest % US_PER_SECOND) as i32,
                hash: Cell::new(-1),
            },
        )
    }

    /// A plain delta of so many microseconds. Raises OverflowError.
    pub fn of(vm: &Vm, total: i128) -> PyResult<Ref<Delta>> {
        Delta::of_class(vm, vm.class::<Delta>(), total)
    }

    /// A plain delta of so many seconds.
    pub fn of_seconds(vm: &Vm, seconds: i64) -> PyResult<Ref<Delta>> {
        Delta::of(vm, seconds as i128 * US_PER_SECOND)
    }

    fn value_of(vm: &Vm, total: i128) -> PyResult {
        Ok(Delta::of(vm, total)?.into_value())
    }

    fn of_big(vm: &Vm, cls: &Type, total: IBig) -> PyResult {
        let total = i128::try_from(total).map_err(|_| too_large(vm))?;
        Ok(Delta::of_class(vm, cls, total)?.into_value())
    }

    /// Whether it can be an offset from UTC: less than a day either way.
    pub fn is_offset(&self) -> bool {
        self.total().abs() < US_PER_DAY
    }

    pub fn is_zero(&self) -> bool {
        (self.days, self.seconds, self.micros) == (0, 0, 0)
    }

    /// The fields as an order: that of the durations.
    pub fn key(&self) -> (i32, i32, i32) {
        (self.days, self.seconds, self.micros)
    }

    fn state(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        vm.new_tuple(vec![
            vm.new_int(self.days as i64)?,
            vm.new_int(self.seconds as i64)?,
            vm.new_int(self.micros as i64)?,
        ])
    }

    /// The hash of the fields' tuple.
    pub fn hash_value(&self, vm: &Vm) -> PyResult<i64> {
        if self.hash.get() == -1 {
            self.hash.set(hash::hash(vm, self.state(vm)?.as_value())?)
        }
        Ok(self.hash.get())
    }
}

/// A sum of microseconds under construction: whole ones and a fraction from floats.
struct Sum {
    whole: IBig,
    rest: f64,
}

impl Sum {
    /// Adds `value` units of `factor` microseconds. Raises TypeError; OverflowError, ValueError for floats that are no
    /// numbers.
    fn add(&mut self, vm: &Vm, name: &str, value: &Value, factor: i64) -> PyResult<()> {
        if number::is_int(vm, value) {
            let Some(n) = int::to_big(value) else {
                return Err(vm.type_error("an integer is required"));
            };
            self.whole += n * IBig::from(factor);
            return Ok(());
        }
        let Some(f) = float::value_of(value) else {
            return Err(vm.type_error(format!(
                "unsupported type for timedelta {name} component: {}",
                vm.type_of(value).full_name()
            )));
        };
        self.whole += whole(vm, f.trunc())? * IBig::from(factor);
        let fraction = f.fract() * factor as f64;
        self.whole += whole(vm, fraction.trunc())?;
        self.rest += fraction.fract();
        Ok(())
    }

    /// The whole sum, its fraction rounded so that a tie gives an even sum.
    fn rounded(self) -> IBig {
        let mut rounded = self.rest.round();
        if (rounded - self.rest).abs() == 0.5 {
            let odd = if &self.whole & IBig::ONE == IBig::ONE {
                1.0
            } else {
                0.0
            };
            rounded = 2.0 * ((self.rest + odd) * 0.5).round() - odd;
        }
        self.whole + IBig::from(rounded as i64)
    }
}

/// A float without a fraction as an int. Raises ValueError, OverflowError.
fn whole(vm: &Vm, f: f64) -> PyResult<IBig> {
    if f.abs() < 9e18 {
        return Ok(IBig::from(f as i64));
    }
    let value = number_from_float(vm, f)?;
    int::to_big(&value).ok_or_else(|| vm.system_error("not an int"))
}

fn number_from_float(vm: &Vm, f: f64) -> PyResult {
    vm.call(vm.types.int.as_value(), &[vm.new_float(f)?])
}

static NEW: Spec = Spec {
    name: Some("__new__"),
    params: &[
        "days",
        "seconds",
        "microseconds",
        "milliseconds",
        "minutes",
        "hours",
        "weeks",
    ],
    required: 0,
    positional: 7,
};
const FACTORS: [i64; 7] = [
    86_400_000_000,
    1_000_000,
    1,
    1_000,
    60_000_000,
    3_600_000_000,
    604_800_000_000,
];
/// The order in which CPython adds the arguments, which decides about rounding and messages.
const ORDER: [usize; 7] = [2, 3, 1, 4, 5, 0, 6];

/// `m / n`, ties to even.
fn divide_nearest(m: &IBig, n: &IBig) -> IBig {
    let (m, n) = if *n < IBig::ZERO {
        (-m, -n)
    } else {
        (m.clone(), n.clone())
    };
    // Floor division: dashu's truncates.
    let mut quotient = &m / &n;
    let mut rest = &m - &quotient * &n;
    if rest < IBig::ZERO {
        quotient -= IBig::ONE;
        rest += &n;
    }
    let twice = rest * IBig::from(2);
    let odd = &quotient & IBig::ONE == IBig::ONE;
    if twice > n || twice == n && odd {
        quotient += IBig::ONE
    }
    quotient
}

fn zero_division(vm: &Vm) -> naja_vm::Raised {
    vm.zero_division_error("division by zero")
}

/// The numerator and denominator that a float's method gives. Raises TypeError, ValueError.
fn ratio(vm: &Vm, value: &Value) -> PyResult<(Value, Value)> {
    let ratio = vm.call_method_str(value, "as_integer_ratio", &[])?;
    let Some(items) = ratio.downcast::<Tuple>() else {
        return Err(vm.type_error(format!(
            "unexpected return type from as_integer_ratio(): expected tuple, got '{}'",
            vm.type_of(&ratio).full_name()
        )));
    };
    match items.items() {
        [a, b] => Ok((a.clone(), b.clone())),
        _ => Err(vm.value_error("as_integer_ratio() must return a 2-tuple")),
    }
}

/// `total * m / n` microseconds, rounded.
fn scaled(vm: &Vm, total: i128, m: &Value, n: &Value) -> PyResult {
    let product = number::multiply(vm, &vm.new_bigint(IBig::from(total))?, m)?;
    let (Some(m), Some(n)) = (int::to_big(&product), int::to_big(n)) else {
        return Err(vm.type_error("non-integer arguments in division"));
    };
    if n == IBig::ZERO {
        return Err(zero_division(vm));
    }
    Delta::of_big(vm, vm.class::<Delta>(), divide_nearest(&m, &n))
}

fn multiplied(vm: &Vm, delta: &Delta, by: &Value) -> PyResult {
    if let Some(product) = by
        .as_small_int()
        .and_then(|n| delta.total().checked_mul(n as i128))
    {
        return Delta::value_of(vm, product);
    }
    if number::is_int(vm, by) {
        let n = int::to_big(by).unwrap_or_default();
        return Delta::of_big(vm, vm.class::<Delta>(), n * IBig::from(delta.total()));
    }
    if float::value_of(by).is_some() {
        let (m, n) = ratio(vm, by)?;
        return scaled(vm, delta.total(), &m, &n);
    }
    Ok(Value::NOT_IMPLEMENTED)
}

fn pair<'a>(a: &'a Value, b: &'a Value) -> Option<(&'a Ref<Delta>, &'a Ref<Delta>)> {
    Some((a.downcast()?, b.downcast()?))
}

fn as_int(vm: &Vm, n: i128) -> PyResult {
    match i64::try_from(n) {
        Ok(n) => vm.new_int(n),
        Err(_) => vm.new_bigint(IBig::from(n)),
    }
}

fn floor_divided(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    if a % b != 0 && (a < 0) != (b < 0) {
        quotient - 1
    } else {
        quotient
    }
}

fn plural(n: i64) -> &'static str {
    if n.abs() == 1 { "" } else { "s" }
}

#[pymethods]
impl Delta {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let mut given: [Option<&Value>; 7] = [None; 7];
        NEW.parse(vm, args, |i, value| {
            if let Some(place) = given.get_mut(i) {
                *place = Some(value)
            }
            Ok(())
        })?;
        let mut small = Some(0i128);
        for (value, factor) in given.iter().zip(FACTORS) {
            if let Some(value) = value {
                small = match (small, value.as_small_int()) {
                    (Some(sum), Some(n)) => Some(sum + n as i128 * factor as i128),
                    _ => None,
                }
            }
        }
        if let Some(total) = small {
            return Ok(Delta::of_class(vm, cls, total)?.into_value());
        }
        let mut sum = Sum {
            whole: IBig::ZERO,
            rest: 0.0,
        };
        for i in ORDER {
            if let (Some(Some(value)), Some(name)) = (given.get(i), NEW.params.get(i)) {
                sum.add(vm, name, value, FACTORS[i])?
            }
        }
        Delta::of_big(vm, cls, sum.rounded())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let mut parts = Vec::new();
        for (name, n) in [
            ("days", zelf.days),
            ("seconds", zelf.seconds),
            ("microseconds", zelf.micros),
        ] {
            if n != 0 {
                parts.push(format!("{name}={n}"))
            }
        }
        if parts.is_empty() {
            parts.push("0".to_string())
        }
        let name = vm.type_of(zelf.as_value()).full_name();
        let text = format!("{name}({})", parts.join(", "));
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let s = zelf.seconds;
        let mut text = String::new();
        if zelf.days != 0 {
            text = format!("{} day{}, ", zelf.days, plural(zelf.days as i64))
        }
        text += &format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
        if zelf.micros != 0 {
            text += &format!(".{:06}", zelf.micros)
        }
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        zelf.hash_value(vm)
    }

    #[pyslot]
    fn richcompare(_vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        match pair(a, b) {
            Some((a, b)) => Ok(Value::from_bool(op.holds(a.key().cmp(&b.key())))),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn bool(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<bool> {
        Ok(!zelf.is_zero())
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match pair(a, b) {
            Some((a, b)) => Delta::value_of(vm, a.total() + b.total()),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match pair(a, b) {
            Some((a, b)) => Delta::value_of(vm, a.total() - b.total()),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn negative(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Delta::value_of(vm, -zelf.total())
    }

    #[pyslot]
    fn positive(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Delta::value_of(vm, zelf.total())
    }

    #[pyslot]
    fn absolute(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Delta::value_of(vm, zelf.total().abs())
    }

    #[pyslot]
    fn multiply(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        match (a.downcast::<Delta>(), b.downcast::<Delta>()) {
            (Some(delta), None) => multiplied(vm, delta, b),
            (None, Some(delta)) => multiplied(vm, delta, a),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn floor_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let Some((a, b)) = pair(a, b) {
            if b.is_zero() {
                return Err(zero_division(vm));
            }
            return as_int(vm, floor_divided(a.total(), b.total()));
        }
        match a.downcast::<Delta>() {
            Some(delta) if number::is_int(vm, b) => {
                let total = vm.new_bigint(IBig::from(delta.total()))?;
                let quotient = number::floor_divide(vm, &total, b)?;
                let quotient = int::to_big(&quotient).ok_or_else(|| {
                    vm.type_error("timedelta division gave a value that is no int")
                })?;
                Delta::of_big(vm, vm.class::<Delta>(), quotient)
            }
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn true_divide(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let Some((a, b)) = pair(a, b) {
            let (a, b) = (as_int(vm, a.total())?, as_int(vm, b.total())?);
            return number::true_divide(vm, &a, &b);
        }
        let Some(delta) = a.downcast::<Delta>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if number::is_int(vm, b) {
            return scaled(vm, delta.total(), &Value::small_int(1), b);
        }
        if float::value_of(b).is_some() {
            let (m, n) = ratio(vm, b)?;
            return scaled(vm, delta.total(), &n, &m);
        }
        Ok(Value::NOT_IMPLEMENTED)
    }

    #[pyslot]
    fn remainder(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let Some((a, b)) = pair(a, b) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if b.is_zero() {
            return Err(zero_division(vm));
        }
        let (a, b) = (a.total(), b.total());
        Delta::value_of(vm, a - floor_divided(a, b) * b)
    }

    #[pyslot]
    fn divmod(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let Some((a, b)) = pair(a, b) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if b.is_zero() {
            return Err(zero_division(vm));
        }
        let (a, b) = (a.total(), b.total());
        let quotient = floor_divided(a, b);
        Tuple::pair(
            vm,
            as_int(vm, quotient)?,
            Delta::value_of(vm, a - quotient * b)?,
        )
    }

    /// Total seconds in the duration.
    #[pymethod(sig = "($self, /)")]
    pub fn total_seconds(&self, vm: &Vm) -> PyResult {
        number::true_divide(
            vm,
            &as_int(vm, self.total())?,
            &Value::small_int(US_PER_SECOND as i64),
        )
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref();
        Tuple::pair(vm, class.into_value(), zelf.state(vm)?.into_value())
    }

    /// Number of days.
    #[pymember]
    fn days(&self) -> i64 {
        self.days as i64
    }

    /// Number of seconds (>= 0 and less than 1 day).
    #[pymember]
    fn seconds(&self) -> i64 {
        self.seconds as i64
    }

    /// Number of microseconds (>= 0 and less than 1 second).
    #[pymember]
    fn microseconds(&self) -> i64 {
        self.micros as i64
    }

    #[pyattr]
    fn resolution(vm: &Vm) -> PyResult {
        Delta::value_of(vm, 1)
    }

    #[pyattr]
    fn min(vm: &Vm) -> PyResult {
        Delta::value_of(vm, -(MAX_DAYS as i128) * US_PER_DAY)
    }

    #[pyattr]
    fn max(vm: &Vm) -> PyResult {
        Delta::value_of(vm, (MAX_DAYS as i128 + 1) * US_PER_DAY - 1)
    }
}
