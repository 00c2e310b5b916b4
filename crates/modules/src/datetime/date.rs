//! `date`, and the result of `isocalendar()`.
//!
//! A date made by its constructor exists in the calendar; an unpickled one need not, but its month is between 1 and 12.
//! CPython: PyDateTime_Date.

use super::args::{self, Spec};
use super::calendar::{self, Clock, Day, IsoError, MAXYEAR, MINYEAR};
use super::datetime::DateTime;
use super::delta::Delta;
use super::format::{self, Moment, pickled_state};
use crate::system::{self, Round};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::object;
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// date(year, month, day) --> date object
#[pyclass(name = "date", module = "datetime", flags(BASETYPE))]
#[repr(C)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
    /// -1: not computed yet.
    pub(super) hash: Cell<i64>,
}

/// The result of date.isocalendar() or datetime.isocalendar()
///
/// This object may be accessed either as a tuple of
///   ((year, week, weekday)
/// or via the object attributes as named in the above tuple.
#[pyclass(name = "IsoCalendarDate", module = "datetime", extends = "Tuple", gc)]
#[repr(C)]
pub struct IsoCalendarDate {
    tuple: Tuple,
}

impl Traverse for IsoCalendarDate {
    fn traverse(&self, v: &mut Visitor) {
        self.tuple.traverse(v)
    }
    fn clear(&self) {}
}

static NEW: Spec = Spec {
    name: None,
    params: &["year", "month", "day"],
    required: 3,
    positional: 3,
};
static REPLACE: Spec = Spec {
    name: Some("replace"),
    ..NEW_OPTIONAL
};
const NEW_OPTIONAL: Spec = Spec {
    name: None,
    params: &["year", "month", "day"],
    required: 0,
    positional: 3,
};
static ISO: Spec = Spec {
    name: Some("fromisocalendar"),
    params: &["year", "week", "day"],
    required: 3,
    positional: 3,
};
static FORMAT: Spec = Spec {
    name: Some("strftime"),
    params: &["format"],
    required: 1,
    positional: 1,
};

/// The format argument of a `strftime`. Raises TypeError.
pub fn format_arg(vm: &Vm, args: Args) -> PyResult<Ref<Str>> {
    let mut format = None;
    FORMAT.parse(vm, args, |_, value| {
        format = Some(args::text(vm, value, "strftime", 1)?.clone());
        Ok(())
    })?;
    format.ok_or_else(|| vm.type_error("strftime() missing required argument 'format' (pos 1)"))
}

/// `object.__format__(format)` of dates and times.
pub fn format_object(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
    let [format] = args::exactly(vm, args, "__format__", "datetime.date.__format__")?;
    let format = args::text(vm, format, "__format__", 1)?;
    if format.byte_len() == 0 {
        return Ok(object::str(vm, zelf)?.into_value());
    }
    vm.call_method_str(zelf, "strftime", &[format.to_value()])
}

/// The object of a raw method, and its other arguments.
pub fn receive<'a, T: naja_heap::Payload>(
    vm: &Vm,
    args: Args<'a>,
    method: &str,
) -> PyResult<(&'a Ref<T>, Args<'a>)> {
    match args.positional().first() {
        Some(first) => match first.downcast::<T>() {
            Some(object) => Ok((object, args.rest())),
            None => Err(vm.type_error(format!(
                "descriptor '{method}' for 'datetime.{}' objects doesn't apply to a '{}' object",
                T::NAME,
                vm.type_of(first).full_name()
            ))),
        },
        None => Err(vm.type_error(format!(
            "unbound method {}.{method}() needs an argument",
            T::NAME
        ))),
    }
}

fn no_ordinal(vm: &Vm, n: i32) -> PyResult<Day> {
    if n < 1 {
        return Err(vm.value_error("ordinal must be >= 1"));
    }
    Ok(calendar::from_ordinal(n as i64))
}

/// Raises ValueError "Invalid isoformat string: ..".
pub fn invalid_iso(vm: &Vm, text: &Value) -> naja_vm::Raised {
    match object::repr(vm, text) {
        Ok(text) => vm.value_error(format!(
            "Invalid isoformat string: {}",
            text.to_string_lossy()
        )),
        Err(raised) => raised,
    }
}

/// The text for a `fromisoformat`. Raises TypeError.
pub fn iso_text<'a>(vm: &Vm, value: &'a Value) -> PyResult<&'a Ref<Str>> {
    value
        .downcast::<Str>()
        .ok_or_else(|| vm.type_error("fromisoformat: argument must be str"))
}

impl Date {
    pub fn day_of(&self) -> Day {
        Day {
            year: self.year as i32,
            month: self.month as i32,
            day: self.day as i32,
        }
    }

    /// A payload for a day whose numbers are in the fields' ranges.
    pub fn payload(day: Day) -> Date {
        Date {
            year: day.year as u16,
            month: day.month as u8,
            day: day.day as u8,
            hash: Cell::new(-1),
        }
    }

    /// A date of class `cls`. Raises ValueError.
    fn make(vm: &Vm, cls: &Type, day: Day) -> PyResult {
        calendar::check_day(vm, day)?;
        Ok(vm.new_object_of(cls, Date::payload(day))?.into_value())
    }

    /// `cls(year, month, day)`, directly where the class is one of this module.
    fn construct(vm: &Vm, cls: &Ref<Type>, day: Day) -> PyResult {
        if cls.is(vm.class::<Date>()) {
            return Date::make(vm, cls, day);
        }
        if cls.is(vm.class::<DateTime>()) {
            let clock = Clock::default();
            return DateTime::make(vm, cls, day, clock, Value::NONE, 0);
        }
        let args = [
            vm.new_int(day.year as i64)?,
            vm.new_int(day.month as i64)?,
            vm.new_int(day.day as i64)?,
        ];
        vm.call(cls.as_value(), &args)
    }

    fn class(zelf: &Ref<Self>, vm: &Vm) -> Ref<Type> {
        vm.type_of(zelf.as_value()).to_ref()
    }

    fn moved(zelf: &Ref<Self>, vm: &Vm, days: i64) -> PyResult {
        let day = calendar::add_days(vm, zelf.day_of(), days)?;
        Date::construct(vm, &Date::class(zelf, vm), day)
    }

    /// The four bytes that are pickled.
    pub fn state(&self) -> [u8; 4] {
        let [high, low] = self.year.to_be_bytes();
        [high, low, self.month, self.day]
    }

    /// The day that a pickled state tells; None for what is no state.
    pub fn from_state(state: &[u8]) -> Option<Day> {
        let [high, low, month, day, ..] = *state else {
            return None;
        };
        let month = (month & 0x7f) as i32;
        (1..=12).contains(&month).then_some(Day {
            year: u16::from_be_bytes([high, low]) as i32,
            month,
            day: day as i32,
        })
    }

    fn replaced(vm: &Vm, args: Args, method: &str) -> PyResult {
        let (zelf, args) = receive::<Date>(vm, args, method)?;
        let day = zelf.day_of();
        let mut fields = [day.year, day.month, day.day];
        REPLACE.parse(vm, args, |i, value| {
            if let Some(place) = fields.get_mut(i) {
                *place = args::int(vm, value)?
            }
            Ok(())
        })?;
        let [year, month, day] = fields;
        Date::construct(vm, &Date::class(zelf, vm), Day { year, month, day })
    }
}

fn as_date(value: &Value) -> Option<&Ref<Date>> {
    value
        .downcast::<Date>()
        .filter(|_| value.downcast::<DateTime>().is_none())
}

#[pymethods]
impl Date {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if let [state] = args.args
            && let Some(state) = pickled_state(vm, state, 4, "date")?
            && state.get(2).is_some_and(|m| (1..=12).contains(m))
            && let Some(day) = Date::from_state(&state)
        {
            return Ok(vm.new_object_of(cls, Date::payload(day))?.into_value());
        }
        let mut fields = [0; 3];
        NEW.parse(vm, args, |i, value| {
            if let Some(place) = fields.get_mut(i) {
                *place = args::int(vm, value)?
            }
            Ok(())
        })?;
        let [year, month, day] = fields;
        Date::make(vm, cls, Day { year, month, day })
    }

    #[pyslot]
    fn init(_zelf: &Value, _vm: &Vm, _args: Args) -> PyResult<()> {
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).full_name();
        let day = zelf.day_of();
        let text = format!("{name}({}, {}, {})", day.year, day.month, day.day);
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        vm.call_method_str(zelf.as_value(), "isoformat", &[])
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() == -1 {
            zelf.hash.set(vm.interp.hash_key.hash_bytes(&zelf.state()))
        }
        Ok(zelf.hash.get())
    }

    #[pyslot]
    fn richcompare(_vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        // A datetime is a date, but no comparison of days alone would be right for it.
        match (a.downcast::<Date>(), as_date(b)) {
            (Some(a), Some(b)) => Ok(Value::from_bool(op.holds(a.day_of().cmp(&b.day_of())))),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if a.downcast::<DateTime>().is_some() || b.downcast::<DateTime>().is_some() {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        match (a.downcast::<Date>(), b.downcast::<Delta>()) {
            (Some(date), Some(delta)) => return Date::moved(date, vm, delta.days as i64),
            (Some(_), None) => return Ok(Value::NOT_IMPLEMENTED),
            _ => {}
        }
        match (a.downcast::<Delta>(), b.downcast::<Date>()) {
            (Some(delta), Some(date)) => Date::moved(date, vm, delta.days as i64),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if a.downcast::<DateTime>().is_some() || b.downcast::<DateTime>().is_some() {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let Some(date) = a.downcast::<Date>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if let Some(other) = b.downcast::<Date>() {
            let days = calendar::ordinal(date.day_of()) - calendar::ordinal(other.day_of());
            let delta = Delta::of_seconds(vm, days * calendar::SECONDS_PER_DAY)?;
            return Ok(delta.into_value());
        }
        match b.downcast::<Delta>() {
            Some(delta) => Date::moved(date, vm, -(delta.days as i64)),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    /// Create a date from a POSIX timestamp.
    ///
    /// The timestamp is a number, e.g. created via time.time(), that is
    /// interpreted as local time.
    #[pyclassmethod(sig = "($type, timestamp, /)")]
    fn fromtimestamp(cls: &Ref<Type>, vm: &Vm, timestamp: &Value) -> PyResult {
        let tm = super::local::local(vm, system::seconds(vm, timestamp, Round::Floor)?)?;
        Date::construct(vm, cls, tm.day)
    }

    /// int -> date corresponding to a proleptic Gregorian ordinal.
    #[pyclassmethod(raw)]
    fn fromordinal(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "fromordinal")?;
        let [n] = args::exactly(vm, args, "fromordinal", "date.fromordinal")?;
        let day = no_ordinal(vm, args::int(vm, n)?)?;
        Date::construct(vm, cls, day)
    }

    /// str -> Construct a date from a string in ISO 8601 format.
    #[pyclassmethod(sig = "($type, object, /)")]
    fn fromisoformat(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        let text = iso_text(vm, object)?;
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), 7 | 8 | 10) {
            return Err(invalid_iso(vm, object));
        }
        match super::iso::date(bytes, bytes.len()) {
            Ok(day) => Date::construct(vm, cls, day),
            Err(_) => Err(invalid_iso(vm, object)),
        }
    }

    /// int, int, int -> Construct a date from the ISO year, week number and weekday.
    ///
    /// This is the inverse of the date.isocalendar() function
    #[pyclassmethod(raw)]
    fn fromisocalendar(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "fromisocalendar")?;
        let mut fields = [0; 3];
        let parsed = ISO.parse(vm, args, |i, value| {
            if let Some(place) = fields.get_mut(i) {
                *place = args::int(vm, value)?
            }
            Ok(())
        });
        if let Err(raised) = parsed {
            return Err(if vm.catch(&vm.types.overflow_error) {
                vm.value_error("ISO calendar component out of range")
            } else {
                raised
            });
        }
        let [year, week, weekday] = fields;
        match calendar::from_iso_calendar(year, week, weekday) {
            Ok(day) => Date::construct(vm, cls, day),
            Err(IsoError::Year) => {
                Err(vm.value_error(format!("year must be in {MINYEAR}..{MAXYEAR}, not {year}")))
            }
            Err(IsoError::Week) => Err(vm.value_error(format!("Invalid week: {week}"))),
            Err(IsoError::Weekday) => {
                Err(vm.value_error(format!("Invalid weekday: {weekday} (range is [1, 7])")))
            }
        }
    }

    /// string, format -> new date parsed from a string (like time.strptime()).
    #[pyclassmethod(raw)]
    fn strptime(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "strptime")?;
        let [text, form] = args::exactly(vm, args, "strptime", "date.strptime")?;
        args::text(vm, text, "strptime", 1)?;
        args::text(vm, form, "strptime", 2)?;
        let function = "_strptime_datetime_date";
        format::strptime(vm, function, cls.as_value(), text, form)
    }

    /// Current date or datetime:  same as self.__class__.fromtimestamp(time.time()).
    #[pyclassmethod(sig = "($type, /)")]
    fn today(cls: &Ref<Type>, vm: &Vm) -> PyResult {
        let now = format::time_time(vm)?;
        if cls.is(vm.class::<Date>()) {
            return Date::fromtimestamp(cls, vm, &now);
        }
        vm.call_method_str(cls.as_value(), "fromtimestamp", &[now])
    }

    /// Return ctime() style string.
    #[pymethod(sig = "($self, /)")]
    fn ctime(&self) -> String {
        format::ctime(self.day_of(), Clock::default())
    }

    /// format -> strftime() style string.
    #[pymethod(raw)]
    fn strftime(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<Date>(vm, args, "strftime")?;
        let format = format_arg(vm, args)?;
        let value = zelf.as_value();
        let (tzinfo, micro) = match value.downcast::<DateTime>() {
            Some(moment) => (moment.zone(), moment.clock_of().micro),
            None => (Value::NONE, 0),
        };
        let moment = Moment {
            tuple: vm.call_method_str(value, "timetuple", &[])?,
            micro,
            tzinfo,
            zone_arg: value,
        };
        moment.strftime(vm, &format)
    }

    /// Formats self with strftime.
    #[pymethod(raw)]
    fn __format__(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<Date>(vm, args, "__format__")?;
        format_object(vm, zelf.as_value(), args)
    }

    /// Return time tuple, compatible with time.localtime().
    #[pymethod(sig = "($self, /)")]
    fn timetuple(&self, vm: &Vm) -> PyResult {
        format::struct_time(vm, self.day_of(), Clock::default(), -1)
    }

    /// Return a named tuple containing ISO year, week number, and weekday.
    #[pymethod(sig = "($self, /)")]
    fn isocalendar(&self, vm: &Vm) -> PyResult<Ref<IsoCalendarDate>> {
        let (year, week, weekday) = calendar::iso_calendar(self.day_of());
        let items = vec![
            vm.new_int(year as i64)?,
            vm.new_int(week as i64)?,
            vm.new_int(weekday as i64)?,
        ];
        IsoCalendarDate::make(vm, vm.class::<IsoCalendarDate>(), items)
    }

    /// Return string in ISO 8601 format, YYYY-MM-DD.
    #[pymethod(sig = "($self, /)")]
    fn isoformat(&self) -> String {
        format::iso_date(self.day_of())
    }

    /// Return the day of the week represented by the date.
    /// Monday == 1 ... Sunday == 7
    #[pymethod(sig = "($self, /)")]
    fn isoweekday(&self) -> i64 {
        calendar::weekday(self.day_of()) as i64 + 1
    }

    /// Return proleptic Gregorian ordinal.  January 1 of year 1 is day 1.
    #[pymethod(sig = "($self, /)")]
    fn toordinal(&self) -> i64 {
        calendar::ordinal(self.day_of())
    }

    /// Return the day of the week represented by the date.
    /// Monday == 0 ... Sunday == 6
    #[pymethod(sig = "($self, /)")]
    fn weekday(&self) -> i64 {
        calendar::weekday(self.day_of()) as i64
    }

    /// Return date with new specified fields.
    #[pymethod(
        raw,
        sig = "($self, /, year=unchanged, month=unchanged, day=unchanged)"
    )]
    fn replace(vm: &Vm, args: Args) -> PyResult {
        Date::replaced(vm, args, "replace")
    }

    /// The same as replace().
    #[pymethod(raw, sig = "($self, /, **changes)")]
    fn __replace__(vm: &Vm, args: Args) -> PyResult {
        Date::replaced(vm, args, "__replace__")
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let state = vm.new_bytes(&zelf.state())?.into_value();
        format::reduced(vm, zelf.as_value(), vec![state])
    }

    #[pygetter(name = "year")]
    fn get_year(&self) -> i64 {
        self.year as i64
    }

    #[pygetter(name = "month")]
    fn get_month(&self) -> i64 {
        self.month as i64
    }

    #[pygetter(name = "day")]
    fn get_day(&self) -> i64 {
        self.day as i64
    }

    #[pyattr]
    fn min(vm: &Vm) -> PyResult {
        Date::make(vm, vm.class::<Date>(), calendar::from_ordinal(1))
    }

    #[pyattr]
    fn max(vm: &Vm) -> PyResult {
        let last = calendar::from_ordinal(calendar::MAX_ORDINAL);
        Date::make(vm, vm.class::<Date>(), last)
    }

    #[pyattr]
    fn resolution(vm: &Vm) -> PyResult {
        let day = Delta::of_seconds(vm, calendar::SECONDS_PER_DAY)?;
        Ok(day.into_value())
    }
}

static ISO_NEW: Spec = Spec {
    name: Some("IsoCalendarDate"),
    params: &["year", "week", "weekday"],
    required: 3,
    positional: 3,
};

impl IsoCalendarDate {
    fn make(vm: &Vm, cls: &Type, items: Vec<Value>) -> PyResult<Ref<IsoCalendarDate>> {
        let tuple = Tuple::empty();
        Tuple::of_type_with(vm, cls, IsoCalendarDate { tuple }, items)
    }
}

#[pymethods]
impl IsoCalendarDate {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let mut items = Vec::with_capacity(3);
        ISO_NEW.parse(vm, args, |_, value| {
            items.push(vm.new_int(args::int(vm, value)? as i64)?);
            Ok(())
        })?;
        Ok(IsoCalendarDate::make(vm, cls, items)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let Some(tuple) = zelf.downcast::<Tuple>() else {
            return Err(vm.type_error("not an IsoCalendarDate"));
        };
        let name = vm.type_of(zelf).full_name();
        let mut shown = Vec::new();
        for (name, item) in ["year", "week", "weekday"].iter().zip(tuple.items()) {
            let item = object::str(vm, item)?;
            shown.push(format!("{name}={}", item.to_string_lossy()))
        }
        Ok(vm
            .new_str(format!("{name}({})", shown.join(", ")))?
            .into_value())
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let plain = Tuple::from_slice(vm, self.tuple.items())?.into_value();
        let args = vm.new_tuple(vec![plain])?.into_value();
        Tuple::pair(vm, vm.types.tuple.to_value(), args)
    }

    #[pygetter]
    fn year(&self) -> Option<Value> {
        self.tuple.get(0).cloned()
    }

    #[pygetter]
    fn week(&self) -> Option<Value> {
        self.tuple.get(1).cloned()
    }

    #[pygetter]
    fn weekday(&self) -> Option<Value> {
        self.tuple.get(2).cloned()
    }
}
