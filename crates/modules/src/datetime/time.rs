//! `time`: a time of day, with a time zone or without.
//!
//! The zone is any `tzinfo`; its methods are asked with None for the moment. CPython: PyDateTime_Time.

use super::args::{self, Spec};
use super::calendar::{self, Clock};
use super::date::{format_arg, format_object, invalid_iso, iso_text, receive};
use super::delta::Delta;
use super::format::{self, Moment, pickled_state};
use super::{iso, tz};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::object;
use naja_vm::str_::Str;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;

/// time([hour[, minute[, second[, microsecond[, tzinfo]]]]]) --> a time object
///
/// All arguments are optional. tzinfo may be None, or an instance of
/// a tzinfo subclass. The remaining arguments may be ints.
#[pyclass(name = "time", module = "datetime", flags(BASETYPE))]
#[repr(C)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
    fold: bool,
    micro: u32,
    /// -1: not computed yet.
    hash: Cell<i64>,
    tzinfo: Value,
}

static NEW: Spec = Spec {
    name: None,
    params: &PARAMS,
    required: 0,
    positional: 5,
};
static REPLACE: Spec = Spec {
    name: Some("replace"),
    params: &PARAMS,
    required: 0,
    positional: 5,
};
const PARAMS: [&str; 6] = ["hour", "minute", "second", "microsecond", "tzinfo", "fold"];
static ISO: Spec = Spec {
    name: Some("isoformat"),
    params: &["timespec"],
    required: 0,
    positional: 1,
};

/// Takes the arguments of constructor and `replace`.
fn parse(
    spec: &Spec,
    vm: &Vm,
    args: Args,
    clock: &mut Clock,
    tzinfo: &mut Value,
    fold: &mut i32,
) -> PyResult<()> {
    spec.parse(vm, args, |i, value| {
        let place = match i {
            0 => &mut clock.hour,
            1 => &mut clock.minute,
            2 => &mut clock.second,
            3 => &mut clock.micro,
            4 => {
                *tzinfo = value.clone();
                return Ok(());
            }
            _ => &mut *fold,
        };
        *place = args::int(vm, value)?;
        Ok(())
    })
}

/// A `timespec` argument. Raises TypeError, ValueError, UnicodeEncodeError.
pub fn timespec<'a>(vm: &Vm, value: &'a Value, place: usize) -> PyResult<&'a str> {
    let text = args::text(vm, value, "isoformat", place)?;
    match text.as_str() {
        Some(text) if text.contains('\0') => Err(vm.value_error("embedded null character")),
        Some(text) => Ok(text),
        None => Err(naja_vm::exception::surrogates_not_allowed(vm, text)),
    }
}

/// A `repr` completed by zone and fold.
pub fn repr_end(vm: &Vm, start: String, tzinfo: &Value, fold: bool) -> PyResult {
    let mut text = Vec::from(start);
    if !tzinfo.is_none() {
        text.extend_from_slice(b", tzinfo=");
        text.extend_from_slice(object::repr(vm, tzinfo)?.as_bytes());
    }
    if fold {
        text.extend_from_slice(b", fold=1");
    }
    text.push(b')');
    Ok(vm.new_str_wtf8(&text)?.into_value())
}

/// The offset as a result for Python.
pub fn offset_value(offset: Option<Ref<Delta>>) -> Value {
    offset.map_or(Value::NONE, Ref::into_value)
}

impl Time {
    pub fn clock_of(&self) -> Clock {
        Clock {
            hour: self.hour as i32,
            minute: self.minute as i32,
            second: self.second as i32,
            micro: self.micro as i32,
        }
    }

    pub fn zone(&self) -> &Value {
        &self.tzinfo
    }

    pub fn fold_of(&self) -> i32 {
        self.fold as i32
    }

    fn unchecked(
        vm: &Vm,
        cls: &Type,
        clock: Clock,
        tzinfo: Value,
        fold: bool,
    ) -> PyResult<Ref<Time>> {
        vm.new_object_of(
            cls,
            Time {
                hour: clock.hour as u8,
                minute: clock.minute as u8,
                second: clock.second as u8,
                fold,
                micro: clock.micro as u32,
                hash: Cell::new(-1),
                tzinfo,
            },
        )
    }

    /// A time of class `cls`. Raises ValueError, TypeError.
    pub fn make(vm: &Vm, cls: &Type, clock: Clock, tzinfo: Value, fold: i32) -> PyResult {
        calendar::check_clock(vm, clock, fold)?;
        tz::check_tzinfo(vm, &tzinfo)?;
        Ok(Time::unchecked(vm, cls, clock, tzinfo, fold == 1)?.into_value())
    }

    /// `cls(hour, minute, second, microsecond, tzinfo, fold=fold)`.
    fn construct(vm: &Vm, cls: &Ref<Type>, t: Clock, tzinfo: Value, fold: i32) -> PyResult {
        if cls.is(vm.class::<Time>()) {
            return Time::make(vm, cls, t, tzinfo, fold);
        }
        let ints = [t.hour, t.minute, t.second, t.micro];
        let args = ints.iter().map(|&n| vm.new_int(n as i64));
        let mut args = args.collect::<PyResult<Vec<_>>>()?;
        args.push(tzinfo);
        if fold == 0 {
            return vm.call(cls.as_value(), &args);
        }
        let keywords = vm.new_dict()?;
        keywords.set_str(vm, &vm.intern("fold"), vm.new_int(fold as i64)?)?;
        vm.call_with(cls.as_value(), &args, Some(&keywords))
    }

    /// The six bytes that are pickled, without fold.
    fn state(&self) -> [u8; 6] {
        let [_, a, b, c] = self.micro.to_be_bytes();
        [self.hour, self.minute, self.second, a, b, c]
    }

    fn reduced(zelf: &Ref<Self>, vm: &Vm, protocol: i32) -> PyResult {
        let mut state = zelf.state();
        if protocol > 3 && zelf.fold {
            state[0] |= 0x80
        }
        let mut args = vec![vm.new_bytes(&state)?.into_value()];
        if !zelf.tzinfo.is_none() {
            args.push(zelf.tzinfo.clone())
        }
        format::reduced(vm, zelf.as_value(), args)
    }

    fn offset(&self, vm: &Vm) -> PyResult<Option<Ref<Delta>>> {
        tz::utcoffset(vm, &self.tzinfo, &Value::NONE)
    }

    fn replaced(vm: &Vm, args: Args, method: &str) -> PyResult {
        let (zelf, args) = receive::<Time>(vm, args, method)?;
        let (mut clock, mut fold) = (zelf.clock_of(), zelf.fold_of());
        let mut tzinfo = zelf.tzinfo.clone();
        parse(&REPLACE, vm, args, &mut clock, &mut tzinfo, &mut fold)?;
        let class = vm.type_of(zelf.as_value()).to_ref();
        Time::construct(vm, &class, clock, tzinfo, fold)
    }

    /// A pickled state's time and fold; None for what is no state.
    fn from_state(state: &[u8]) -> Option<(Clock, bool)> {
        let [hour, minute, second, a, b, c] = *state else {
            return None;
        };
        let clock = Clock {
            hour: (hour & 0x7f) as i32,
            minute: minute as i32,
            second: second as i32,
            micro: u32::from_be_bytes([0, a, b, c]) as i32,
        };
        (clock.hour < 24).then_some((clock, hour & 0x80 != 0))
    }
}

#[pymethods]
impl Time {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let given = args.positional();
        if let [state] | [state, _] = given
            && let Some(state) = pickled_state(vm, state, 6, "time")?
            && let Some((clock, fold)) = Time::from_state(&state)
        {
            let tzinfo = given.get(1).cloned().unwrap_or(Value::NONE);
            if tz::check_tzinfo(vm, &tzinfo).is_err() {
                vm.clear_exception();
                return Err(vm.type_error("bad tzinfo state arg"));
            }
            return Ok(Time::unchecked(vm, cls, clock, tzinfo, fold)?.into_value());
        }
        let (mut clock, mut tzinfo, mut fold) = (Clock::default(), Value::NONE, 0);
        parse(&NEW, vm, args, &mut clock, &mut tzinfo, &mut fold)?;
        Time::make(vm, cls, clock, tzinfo, fold)
    }

    #[pyslot]
    fn init(_zelf: &Value, _vm: &Vm, _args: Args) -> PyResult<()> {
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let t = zelf.clock_of();
        let mut text = vm.type_of(zelf.as_value()).full_name();
        text += &format!("({}, {}", t.hour, t.minute);
        if t.second != 0 || t.micro != 0 {
            text += &format!(", {}", t.second)
        }
        if t.micro != 0 {
            text += &format!(", {}", t.micro)
        }
        repr_end(vm, text, &zelf.tzinfo, zelf.fold)
    }

    #[pyslot]
    fn str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        vm.call_method_str(zelf.as_value(), "isoformat", &[])
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() == -1 {
            // Both times of a fold are equal, thus hash equally: the zone is not asked about fold, as it sees None.
            let hash = match zelf.offset(vm)? {
                None => vm.interp.hash_key.hash_bytes(&zelf.state()),
                Some(offset) => {
                    let t = zelf.clock_of();
                    let own = t.seconds() as i128 * 1_000_000 + t.micro as i128;
                    Delta::of(vm, own - offset.total())?.hash_value(vm)?
                }
            };
            zelf.hash.set(hash)
        }
        Ok(zelf.hash.get())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Time>(), b.downcast::<Time>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let (own, other) = (x.clock_of(), y.clock_of());
        if x.tzinfo.is(&y.tzinfo) {
            return Ok(Value::from_bool(op.holds(own.cmp(&other))));
        }
        let ordering = match (x.offset(vm)?, y.offset(vm)?) {
            (None, None) => own.cmp(&other),
            (Some(p), Some(q)) => {
                let at = |t: Clock, offset: &Delta| {
                    t.seconds() as i128 * 1_000_000 + t.micro as i128 - offset.total()
                };
                at(own, &p).cmp(&at(other, &q))
            }
            _ => {
                return match op {
                    CompareOp::Eq => Ok(Value::FALSE),
                    CompareOp::Ne => Ok(Value::TRUE),
                    _ => Err(vm.type_error("can't compare offset-naive and offset-aware times")),
                };
            }
        };
        Ok(Value::from_bool(op.holds(ordering)))
    }

    /// string, format -> new time parsed from a string (like time.strptime()).
    #[pyclassmethod(raw)]
    fn strptime(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "strptime")?;
        let [text, form] = args::exactly(vm, args, "strptime", "time.strptime")?;
        args::text(vm, text, "strptime", 1)?;
        args::text(vm, form, "strptime", 2)?;
        let function = "_strptime_datetime_time";
        format::strptime(vm, function, cls.as_value(), text, form)
    }

    /// Return string in ISO 8601 format, [HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].
    ///
    /// The optional argument timespec specifies the number of additional terms
    /// of the time to include. Valid options are 'auto', 'hours', 'minutes',
    /// 'seconds', 'milliseconds' and 'microseconds'.
    #[pymethod(raw)]
    fn isoformat(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<Time>(vm, args, "isoformat")?;
        let mut spec = None;
        ISO.parse(vm, args, |_, value| {
            spec = Some(timespec(vm, value, 1)?);
            Ok(())
        })?;
        let mut text = format::iso_clock(vm, zelf.clock_of(), spec)?;
        text += &tz::format_utcoffset(vm, ":", &zelf.tzinfo, &Value::NONE)?;
        Ok(vm.new_str(text)?.into_value())
    }

    /// format -> strftime() style string.
    #[pymethod(raw)]
    fn strftime(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<Time>(vm, args, "strftime")?;
        let format = format_arg(vm, args)?;
        // A date is needed for the tuple; its year is one that C can format everywhere.
        let t = zelf.clock_of();
        let tuple = [1900, 1, 1, t.hour, t.minute, t.second, 0, 1, -1];
        let moment = Moment {
            tuple: format::time_tuple(vm, tuple)?,
            micro: t.micro,
            tzinfo: zelf.tzinfo.clone(),
            zone_arg: &Value::NONE,
        };
        moment.strftime(vm, &format)
    }

    /// Formats self with strftime.
    #[pymethod(raw)]
    fn __format__(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<Time>(vm, args, "__format__")?;
        format_object(vm, zelf.as_value(), args)
    }

    /// Return self.tzinfo.utcoffset(self).
    #[pymethod(sig = "($self, /)")]
    fn utcoffset(&self, vm: &Vm) -> PyResult {
        Ok(offset_value(self.offset(vm)?))
    }

    /// Return self.tzinfo.tzname(self).
    #[pymethod(sig = "($self, /)")]
    fn tzname(&self, vm: &Vm) -> PyResult {
        tz::tzname(vm, &self.tzinfo, &Value::NONE)
    }

    /// Return self.tzinfo.dst(self).
    #[pymethod(sig = "($self, /)")]
    fn dst(&self, vm: &Vm) -> PyResult {
        Ok(offset_value(tz::dst(vm, &self.tzinfo, &Value::NONE)?))
    }

    /// Return time with new specified fields.
    #[pymethod(
        raw,
        sig = "($self, /, hour=unchanged, minute=unchanged, second=unchanged,\n        microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)"
    )]
    fn replace(vm: &Vm, args: Args) -> PyResult {
        Time::replaced(vm, args, "replace")
    }

    /// The same as replace().
    #[pymethod(raw, sig = "($self, /, **changes)")]
    fn __replace__(vm: &Vm, args: Args) -> PyResult {
        Time::replaced(vm, args, "__replace__")
    }

    /// string -> time from a string in ISO 8601 format
    #[pyclassmethod(sig = "($type, object, /)")]
    fn fromisoformat(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        let text: &Ref<Str> = iso_text(vm, object)?;
        let bytes = text.as_bytes();
        let bytes = bytes.strip_prefix(b"T").unwrap_or(bytes);
        let Ok((mut clock, offset)) = iso::time(bytes) else {
            return Err(invalid_iso(vm, object));
        };
        let tzinfo = zone_of_offset(vm, offset)?;
        midnight(vm, &mut clock)?;
        Time::construct(vm, cls, clock, tzinfo, 0)
    }

    /// __reduce_ex__(proto) -> (cls, state)
    #[pymethod(raw)]
    fn __reduce_ex__(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<Time>(vm, args, "__reduce_ex__")?;
        let [protocol] = args::exactly(vm, args, "__reduce_ex__", "datetime.time.__reduce_ex__")?;
        Time::reduced(zelf, vm, args::int(vm, protocol)?)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Time::reduced(zelf, vm, 2)
    }

    #[pygetter(name = "hour")]
    fn get_hour(&self) -> i64 {
        self.hour as i64
    }

    #[pygetter(name = "minute")]
    fn get_minute(&self) -> i64 {
        self.minute as i64
    }

    #[pygetter(name = "second")]
    fn get_second(&self) -> i64 {
        self.second as i64
    }

    #[pygetter(name = "microsecond")]
    fn get_microsecond(&self) -> i64 {
        self.micro as i64
    }

    #[pygetter(name = "tzinfo")]
    fn get_tzinfo(&self) -> Value {
        self.tzinfo.clone()
    }

    #[pygetter(name = "fold")]
    fn get_fold(&self) -> i64 {
        self.fold as i64
    }

    #[pyattr]
    fn min(vm: &Vm) -> PyResult {
        let clock = Clock::default();
        Time::make(vm, vm.class::<Time>(), clock, Value::NONE, 0)
    }

    #[pyattr]
    fn max(vm: &Vm) -> PyResult {
        Time::make(vm, vm.class::<Time>(), LAST, Value::NONE, 0)
    }

    #[pyattr]
    fn resolution(vm: &Vm) -> PyResult {
        Ok(Delta::of(vm, 1)?.into_value())
    }
}

/// The last moment of a day.
pub const LAST: Clock = Clock {
    hour: 23,
    minute: 59,
    second: 59,
    micro: 999_999,
};

/// The time zone of a parsed offset in microseconds.
pub fn zone_of_offset(vm: &Vm, offset: Option<i64>) -> PyResult {
    match offset {
        None => Ok(Value::NONE),
        Some(micros) => {
            let offset = Delta::of(vm, micros as i128)?;
            Ok(tz::new_timezone(vm, &offset, None)?.into_value())
        }
    }
}

/// Makes 24:00 into 00:00 and tells whether it was that. Raises ValueError for other times of hour 24.
pub fn midnight(vm: &Vm, clock: &mut Clock) -> PyResult<bool> {
    if clock.hour != 24 {
        return Ok(false);
    }
    if (clock.minute, clock.second, clock.micro) != (0, 0, 0) {
        return Err(vm.value_error("minute, second, and microsecond must be 0 when hour is 24"));
    }
    clock.hour = 0;
    Ok(true)
}
