//! `datetime`: a day and a time of day, with a time zone or without.
//!
//! A datetime is a date in its first fields. Its time zone can be exchanged only before Python sees the object
//! (`astimezone`). CPython: PyDateTime_DateTime.

use super::args::{self, Spec};
use super::calendar::{self, Clock, Day, EPOCH, SECONDS_PER_DAY};
use super::date::{Date, invalid_iso, iso_text, receive};
use super::delta::Delta;
use super::format::{self, pickled_state};
use super::time::{LAST, Time, midnight, offset_value, repr_end, timespec, zone_of_offset};
use super::{iso, local, tz};
use crate::system::{self, Round};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::number;
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm, float};

/// datetime(year, month, day[, hour[, minute[, second[, microsecond[,tzinfo]]]]])
///
/// The year, month and day arguments are required. tzinfo may be None, or an
/// instance of a tzinfo subclass. The remaining arguments may be ints.
#[pyclass(
    name = "datetime",
    module = "datetime",
    extends = "Date",
    flags(BASETYPE)
)]
#[repr(C)]
pub struct DateTime {
    date: Date,
    hour: u8,
    minute: u8,
    second: u8,
    fold: bool,
    micro: u32,
    tzinfo: MutCell<Value>,
}

const PARAMS: [&str; 9] = [
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "microsecond",
    "tzinfo",
    "fold",
];
static NEW: Spec = Spec {
    name: None,
    params: &PARAMS,
    required: 3,
    positional: 8,
};
static REPLACE: Spec = Spec {
    name: Some("replace"),
    params: &PARAMS,
    required: 0,
    positional: 8,
};
static FROM_TIMESTAMP: Spec = Spec {
    name: Some("fromtimestamp"),
    params: &["timestamp", "tz"],
    required: 1,
    positional: 2,
};
static COMBINE: Spec = Spec {
    name: Some("combine"),
    params: &["date", "time", "tzinfo"],
    required: 2,
    positional: 3,
};
static ISO: Spec = Spec {
    name: Some("isoformat"),
    params: &["sep", "timespec"],
    required: 0,
    positional: 2,
};
static AS_TIMEZONE: Spec = Spec {
    name: Some("astimezone"),
    params: &["tz"],
    required: 0,
    positional: 1,
};

/// The arguments of constructor and `replace`.
struct Fields {
    day: Day,
    clock: Clock,
    tzinfo: Value,
    fold: i32,
}

impl Fields {
    fn parse(&mut self, spec: &Spec, vm: &Vm, args: Args) -> PyResult<()> {
        spec.parse(vm, args, |i, value| {
            let place = match i {
                0 => &mut self.day.year,
                1 => &mut self.day.month,
                2 => &mut self.day.day,
                3 => &mut self.clock.hour,
                4 => &mut self.clock.minute,
                5 => &mut self.clock.second,
                6 => &mut self.clock.micro,
                7 => {
                    self.tzinfo = value.clone();
                    return Ok(());
                }
                _ => &mut self.fold,
            };
            *place = args::int(vm, value)?;
            Ok(())
        })
    }
}

/// Seconds and microseconds of a timestamp, rounded to even. Raises TypeError, ValueError, OverflowError.
fn timeval(vm: &Vm, value: &Value) -> PyResult<(i64, i32)> {
    let Some(f) = float::value_of(value) else {
        if !number::has_index(vm, value) {
            return Err(vm.type_error(format!(
                "argument must be int or float, not {}",
                vm.type_of(value).full_name()
            )));
        }
        return Ok((system::seconds(vm, value, Round::HalfEven)?, 0));
    };
    if f.is_nan() {
        return Err(vm.value_error("Invalid value NaN (not a number)"));
    }
    let (mut whole, mut micros) = (f.trunc(), (f.fract() * 1e6).round_ties_even());
    if micros >= 1e6 {
        (whole, micros) = (whole + 1.0, micros - 1e6)
    } else if micros < 0.0 {
        (whole, micros) = (whole - 1.0, micros + 1e6)
    }
    if !(-9223372036854775808.0..9223372036854775808.0).contains(&whole) {
        return Err(vm.overflow_error("timestamp out of range for platform time_t"));
    }
    Ok((whole as i64, micros as i32))
}

/// The datetime of an instant: local time, or universal time where `utc`. `tzinfo` is only attached.
fn at_instant(
    vm: &Vm,
    cls: &Ref<Type>,
    (seconds, micro): (i64, i32),
    utc: bool,
    tzinfo: &Value,
) -> PyResult {
    let now = if utc {
        local::universal(vm, seconds)?
    } else {
        local::local(vm, seconds)?
    };
    let fold = !utc && tzinfo.is_none() && local::is_repeated(vm, seconds, &now)?;
    let clock = Clock { micro, ..now.clock };
    DateTime::construct(vm, cls, now.day, clock, tzinfo.clone(), fold as i32)
}

/// The current instant.
fn now(vm: &Vm) -> PyResult<(i64, i32)> {
    vm.permit(naja_vm::runtime::Access::Clock)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(match now {
        Ok(after) => (after.as_secs() as i64, after.subsec_micros() as i32),
        Err(before) => {
            let micros = -(before.duration().as_micros() as i64);
            (
                micros.div_euclid(1_000_000),
                micros.rem_euclid(1_000_000) as i32,
            )
        }
    })
}

/// A datetime from an instant as `now` and `fromtimestamp` make it: local time, or that of a given zone.
fn in_zone(vm: &Vm, cls: &Ref<Type>, instant: (i64, i32), tzinfo: &Value) -> PyResult {
    let moment = at_instant(vm, cls, instant, !tzinfo.is_none(), tzinfo)?;
    if tzinfo.is_none() {
        return Ok(moment);
    }
    vm.call_method_str(tzinfo, "fromutc", &[moment])
}

fn mixed(vm: &Vm, what: &str) -> naja_vm::Raised {
    vm.type_error(format!(
        "can't {what} offset-naive and offset-aware datetimes"
    ))
}

impl DateTime {
    pub fn clock_of(&self) -> Clock {
        Clock {
            hour: self.hour as i32,
            minute: self.minute as i32,
            second: self.second as i32,
            micro: self.micro as i32,
        }
    }

    pub fn day_of(&self) -> Day {
        self.date.day_of()
    }

    /// Its time zone, or None.
    pub fn zone(&self) -> Value {
        self.tzinfo.get()
    }

    fn unchecked(
        vm: &Vm,
        cls: &Type,
        day: Day,
        clock: Clock,
        tzinfo: Value,
        fold: bool,
    ) -> PyResult<Ref<DateTime>> {
        vm.new_object_of(
            cls,
            DateTime {
                date: Date::payload(day),
                hour: clock.hour as u8,
                minute: clock.minute as u8,
                second: clock.second as u8,
                fold,
                micro: clock.micro as u32,
                tzinfo: MutCell::new(tzinfo),
            },
        )
    }

    /// A datetime of class `cls`. Raises ValueError, TypeError.
    pub fn make(vm: &Vm, cls: &Type, day: Day, clock: Clock, tzinfo: Value, fold: i32) -> PyResult {
        calendar::check_day(vm, day)?;
        calendar::check_clock(vm, clock, fold)?;
        tz::check_tzinfo(vm, &tzinfo)?;
        Ok(DateTime::unchecked(vm, cls, day, clock, tzinfo, fold == 1)?.into_value())
    }

    /// `cls(year, .., tzinfo, fold=fold)`.
    fn construct(vm: &Vm, cls: &Ref<Type>, d: Day, t: Clock, tzinfo: Value, fold: i32) -> PyResult {
        if cls.is(vm.class::<DateTime>()) {
            return DateTime::make(vm, cls, d, t, tzinfo, fold);
        }
        let ints = [d.year, d.month, d.day, t.hour, t.minute, t.second, t.micro];
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

    fn class(zelf: &Ref<Self>, vm: &Vm) -> Ref<Type> {
        vm.type_of(zelf.as_value()).to_ref()
    }

    /// The moment so many microseconds later, by the class's constructor. Raises OverflowError.
    pub fn moved(zelf: &Ref<Self>, vm: &Vm, micros: i128) -> PyResult {
        let per_day = SECONDS_PER_DAY as i128 * 1_000_000;
        let (days, rest) = (micros.div_euclid(per_day), micros.rem_euclid(per_day));
        let (day, clock) = calendar::add_time(
            vm,
            zelf.day_of(),
            zelf.clock_of(),
            days as i64,
            0,
            rest as i64,
        )?;
        DateTime::construct(vm, &DateTime::class(zelf, vm), day, clock, zelf.zone(), 0)
    }

    fn offset(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Ref<Delta>>> {
        tz::utcoffset(vm, &zelf.zone(), zelf.as_value())
    }

    /// Microseconds since the first instant of day 0, in its own zone.
    fn total(&self) -> i128 {
        let seconds =
            calendar::ordinal(self.day_of()) * SECONDS_PER_DAY + self.clock_of().seconds();
        seconds as i128 * 1_000_000 + self.micro as i128
    }

    /// Whether the offset would be another one with the other fold: such a moment equals none of another zone.
    fn depends_on_fold(zelf: &Ref<Self>, vm: &Vm, offset: Option<&Ref<Delta>>) -> PyResult<bool> {
        let (day, clock) = (zelf.day_of(), zelf.clock_of());
        let class = vm.class::<DateTime>();
        let flipped = DateTime::unchecked(vm, class, day, clock, zelf.zone(), !zelf.fold)?;
        let other = DateTime::offset(&flipped, vm)?;
        Ok(other.map(|o| o.key()) != offset.map(|o| o.key()))
    }

    /// The ten bytes that are pickled, without fold.
    fn state(&self) -> [u8; 10] {
        let [y1, y2, month, day] = self.date.state();
        let [_, a, b, c] = self.micro.to_be_bytes();
        [
            y1,
            y2,
            month,
            day,
            self.hour,
            self.minute,
            self.second,
            a,
            b,
            c,
        ]
    }

    fn reduced(zelf: &Ref<Self>, vm: &Vm, protocol: i32) -> PyResult {
        let mut state = zelf.state();
        if protocol > 3 && zelf.fold {
            state[2] |= 0x80
        }
        let mut args = vec![vm.new_bytes(&state)?.into_value()];
        let tzinfo = zelf.zone();
        if !tzinfo.is_none() {
            args.push(tzinfo)
        }
        format::reduced(vm, zelf.as_value(), args)
    }

    fn replaced(vm: &Vm, args: Args, method: &str) -> PyResult {
        let (zelf, args) = receive::<DateTime>(vm, args, method)?;
        let mut fields = Fields {
            day: zelf.day_of(),
            clock: zelf.clock_of(),
            tzinfo: zelf.zone(),
            fold: zelf.fold as i32,
        };
        fields.parse(&REPLACE, vm, args)?;
        DateTime::construct(
            vm,
            &DateTime::class(zelf, vm),
            fields.day,
            fields.clock,
            fields.tzinfo,
            fields.fold,
        )
    }

    /// A state's day, time and fold; None for what is no state.
    fn from_state(state: &[u8]) -> Option<(Day, Clock, bool)> {
        let [_, _, month, _, hour, minute, second, a, b, c] = *state else {
            return None;
        };
        let clock = Clock {
            hour: hour as i32,
            minute: minute as i32,
            second: second as i32,
            micro: u32::from_be_bytes([0, a, b, c]) as i32,
        };
        Some((Date::from_state(state)?, clock, month & 0x80 != 0))
    }

    /// The system's zone at the instant that this moment is in local time.
    fn local_zone(&self, vm: &Vm) -> PyResult {
        let (day, clock) = (self.day_of(), self.clock_of());
        let mut instant = local::instant_of(vm, day, clock, self.fold)?;
        let other = local::instant_of(vm, day, clock, !self.fold)?;
        // In a gap the two folds stand in the opposite order; the zone wanted is the one before or after the gap.
        if other != instant && (other > instant) == self.fold {
            instant = other
        }
        local::zone_at(vm, instant - EPOCH)
    }

    fn separator(vm: &Vm, value: &Value) -> PyResult<u32> {
        let wrong = |got: String| {
            Err(vm.type_error(format!(
                "isoformat() argument 1 must be a unicode character, not {got}"
            )))
        };
        match value.downcast::<Str>() {
            Some(text) if text.char_len() == 1 => Ok(text.char_at(0)),
            Some(text) => wrong(format!("a string of length {}", text.char_len())),
            None => wrong(args::shown_type(vm, value)),
        }
    }
}

#[pymethods]
impl DateTime {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let given = args.positional();
        if let [state] | [state, _] = given
            && let Some(state) = pickled_state(vm, state, 10, "datetime")?
            && let Some((day, clock, fold)) = DateTime::from_state(&state)
        {
            let tzinfo = given.get(1).cloned().unwrap_or(Value::NONE);
            if tz::check_tzinfo(vm, &tzinfo).is_err() {
                vm.clear_exception();
                return Err(vm.type_error("bad tzinfo state arg"));
            }
            let new = DateTime::unchecked(vm, cls, day, clock, tzinfo, fold)?;
            return Ok(new.into_value());
        }
        let mut fields = Fields {
            day: Day {
                year: 0,
                month: 0,
                day: 0,
            },
            clock: Clock::default(),
            tzinfo: Value::NONE,
            fold: 0,
        };
        fields.parse(&NEW, vm, args)?;
        DateTime::make(
            vm,
            cls,
            fields.day,
            fields.clock,
            fields.tzinfo,
            fields.fold,
        )
    }

    #[pyslot]
    fn init(_zelf: &Value, _vm: &Vm, _args: Args) -> PyResult<()> {
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let (d, t) = (zelf.day_of(), zelf.clock_of());
        let mut text = vm.type_of(zelf.as_value()).full_name();
        text += &format!(
            "({}, {}, {}, {}, {}",
            d.year, d.month, d.day, t.hour, t.minute
        );
        if t.second != 0 || t.micro != 0 {
            text += &format!(", {}", t.second)
        }
        if t.micro != 0 {
            text += &format!(", {}", t.micro)
        }
        repr_end(vm, text, &zelf.zone(), zelf.fold)
    }

    #[pyslot]
    fn str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let space = vm.new_str(" ")?.into_value();
        vm.call_method_str(zelf.as_value(), "isoformat", &[space])
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let known = &zelf.date.hash;
        if known.get() == -1 {
            // The zone is asked as if fold were 0, so that both moments of a fold hash equally.
            let offset = if zelf.fold {
                let (day, clock) = (zelf.day_of(), zelf.clock_of());
                let class = vm.type_of(zelf.as_value());
                let first = DateTime::unchecked(vm, class, day, clock, zelf.zone(), false)?;
                DateTime::offset(&first, vm)?
            } else {
                DateTime::offset(zelf, vm)?
            };
            known.set(match offset {
                None => vm.interp.hash_key.hash_bytes(&zelf.state()),
                Some(offset) => Delta::of(vm, zelf.total() - offset.total())?.hash_value(vm)?,
            })
        }
        Ok(known.get())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<DateTime>(), b.downcast::<DateTime>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let key = |m: &Ref<DateTime>| (m.day_of(), m.clock_of());
        if x.zone().is(&y.zone()) {
            return Ok(Value::from_bool(op.holds(key(x).cmp(&key(y)))));
        }
        let (p, q) = (DateTime::offset(x, vm)?, DateTime::offset(y, vm)?);
        let ordering = match (&p, &q) {
            (None, None) => key(x).cmp(&key(y)),
            (Some(p), Some(q)) if p.key() == q.key() => key(x).cmp(&key(y)),
            (Some(p), Some(q)) => (x.total() - p.total()).cmp(&(y.total() - q.total())),
            _ => {
                return match op {
                    CompareOp::Eq => Ok(Value::FALSE),
                    CompareOp::Ne => Ok(Value::TRUE),
                    _ => Err(mixed(vm, "compare")),
                };
            }
        };
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        if equality
            && ordering.is_eq()
            && (DateTime::depends_on_fold(x, vm, p.as_ref())?
                || DateTime::depends_on_fold(y, vm, q.as_ref())?)
        {
            return Ok(Value::from_bool(op == CompareOp::Ne));
        }
        Ok(Value::from_bool(op.holds(ordering)))
    }

    #[pyslot]
    fn add(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let (Some(moment), Some(delta)) = (a.downcast::<DateTime>(), b.downcast::<Delta>()) {
            return DateTime::moved(moment, vm, delta.total());
        }
        match (a.downcast::<Delta>(), b.downcast::<DateTime>()) {
            (Some(delta), Some(moment)) => DateTime::moved(moment, vm, delta.total()),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let Some(x) = a.downcast::<DateTime>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if let Some(delta) = b.downcast::<Delta>() {
            return DateTime::moved(x, vm, -delta.total());
        }
        let Some(y) = b.downcast::<DateTime>() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let mut difference = x.total() - y.total();
        if !x.zone().is(&y.zone()) {
            match (DateTime::offset(x, vm)?, DateTime::offset(y, vm)?) {
                (None, None) => {}
                (Some(p), Some(q)) => difference -= p.total() - q.total(),
                _ => return Err(mixed(vm, "subtract")),
            }
        }
        Ok(Delta::of(vm, difference)?.into_value())
    }

    /// Returns new datetime object representing current time local to tz.
    ///
    ///   tz
    ///     Timezone object.
    ///
    /// If no tz is specified, uses local timezone.
    #[pyclassmethod(name = "now", sig = "($type, /, tz=None)")]
    fn now_method(cls: &Ref<Type>, vm: &Vm, tz: Option<&Value>) -> PyResult {
        let tzinfo = tz.cloned().unwrap_or(Value::NONE);
        tz::check_tzinfo(vm, &tzinfo)?;
        in_zone(vm, cls, now(vm)?, &tzinfo)
    }

    /// Return a new datetime representing UTC day and time.
    #[pyclassmethod(sig = "($type, /)")]
    fn utcnow(cls: &Ref<Type>, vm: &Vm) -> PyResult {
        vm.warn(
            &vm.types.deprecation_warning,
            "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).",
            1,
        )?;
        at_instant(vm, cls, now(vm)?, true, &Value::NONE)
    }

    /// timestamp[, tz] -> tz's local time from POSIX timestamp.
    #[pyclassmethod(raw)]
    fn fromtimestamp(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "fromtimestamp")?;
        let mut given = [Value::NONE, Value::NONE];
        FROM_TIMESTAMP.parse(vm, args, |i, value| {
            if let Some(place) = given.get_mut(i) {
                *place = value.clone()
            }
            Ok(())
        })?;
        let [timestamp, tzinfo] = given;
        tz::check_tzinfo(vm, &tzinfo)?;
        in_zone(vm, cls, timeval(vm, &timestamp)?, &tzinfo)
    }

    /// Construct a naive UTC datetime from a POSIX timestamp.
    #[pyclassmethod(raw)]
    fn utcfromtimestamp(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "utcfromtimestamp")?;
        vm.warn(
            &vm.types.deprecation_warning,
            "datetime.datetime.utcfromtimestamp() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.fromtimestamp(timestamp, datetime.UTC).",
            1,
        )?;
        let name = "utcfromtimestamp";
        let [timestamp] = args::exactly(vm, args, name, "datetime.utcfromtimestamp")?;
        at_instant(vm, cls, timeval(vm, timestamp)?, true, &Value::NONE)
    }

    /// string, format -> new datetime parsed from a string (like time.strptime()).
    #[pyclassmethod(raw)]
    fn strptime(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "strptime")?;
        let [text, form] = args::exactly(vm, args, "strptime", "datetime.strptime")?;
        args::text(vm, text, "strptime", 1)?;
        args::text(vm, form, "strptime", 2)?;
        let function = "_strptime_datetime_datetime";
        format::strptime(vm, function, cls.as_value(), text, form)
    }

    /// date, time -> datetime with same date and time fields
    #[pyclassmethod(raw)]
    fn combine(vm: &Vm, args: Args) -> PyResult {
        let (cls, args) = receive::<Type>(vm, args, "combine")?;
        let (mut date, mut time, mut tzinfo) = (None, None, None);
        COMBINE.parse(vm, args, |i, value| {
            let wrong = |wanted: &str| {
                vm.type_error(format!(
                    "combine() argument {} must be datetime.{wanted}, not {}",
                    i + 1,
                    args::shown_type(vm, value)
                ))
            };
            match i {
                0 => date = Some(value.downcast::<Date>().ok_or_else(|| wrong("date"))?),
                1 => time = Some(value.downcast::<Time>().ok_or_else(|| wrong("time"))?),
                _ => tzinfo = Some(value.clone()),
            }
            Ok(())
        })?;
        let (Some(date), Some(time)) = (date, time) else {
            return Err(vm.type_error("combine() missing required argument 'date' (pos 1)"));
        };
        let tzinfo = tzinfo.unwrap_or_else(|| time.zone().clone());
        let (day, clock) = (date.day_of(), time.clock_of());
        DateTime::construct(vm, cls, day, clock, tzinfo, time.fold_of())
    }

    /// string -> datetime from a string in most ISO 8601 formats
    #[pyclassmethod(sig = "($type, object, /)")]
    fn fromisoformat(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        let bytes = iso_text(vm, object)?.as_bytes();
        let parsed = (|| {
            if bytes.len() < 7 {
                return Err(iso::Malformed);
            }
            let end = iso::date_end(bytes)?;
            let day = iso::date(bytes, end)?;
            let rest = bytes.get(end..).unwrap_or(&[]);
            let Some(&separator) = rest.first() else {
                return Ok((day, Clock::default(), None));
            };
            let time = rest.get(str_::utf8_width(separator)..).unwrap_or(&[]);
            let (clock, offset) = iso::time(time)?;
            Ok((day, clock, offset))
        })();
        let Ok((mut day, mut clock, offset)) = parsed else {
            return Err(invalid_iso(vm, object));
        };
        let tzinfo = zone_of_offset(vm, offset)?;
        if clock.hour == 24 && (1..=12).contains(&day.month) {
            let last = calendar::days_in_month(day.year, day.month);
            if day.day <= last && midnight(vm, &mut clock)? {
                day.day += 1;
                if day.day > last {
                    (day.day, day.month) = (1, day.month + 1)
                }
                if day.month > 12 {
                    (day.month, day.year) = (1, day.year + 1)
                }
            }
        }
        DateTime::construct(vm, cls, day, clock, tzinfo, 0)
    }

    /// Return date object with same year, month and day.
    #[pymethod(sig = "($self, /)")]
    fn date(&self, vm: &Vm) -> PyResult<Ref<Date>> {
        calendar::check_day(vm, self.day_of())?;
        vm.new_object(Date::payload(self.day_of()))
    }

    /// Return time object with same time but with tzinfo=None.
    #[pymethod(sig = "($self, /)")]
    fn time(&self, vm: &Vm) -> PyResult {
        let class = vm.class::<Time>();
        Time::make(vm, class, self.clock_of(), Value::NONE, self.fold as i32)
    }

    /// Return time object with same time and tzinfo.
    #[pymethod(sig = "($self, /)")]
    fn timetz(&self, vm: &Vm) -> PyResult {
        let class = vm.class::<Time>();
        Time::make(vm, class, self.clock_of(), self.zone(), self.fold as i32)
    }

    /// Return ctime() style string.
    #[pymethod(sig = "($self, /)")]
    fn ctime(&self) -> String {
        format::ctime(self.day_of(), self.clock_of())
    }

    /// Return time tuple, compatible with time.localtime().
    #[pymethod(sig = "($self, /)")]
    fn timetuple(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let dst = match tz::dst(vm, &zelf.zone(), zelf.as_value())? {
            Some(dst) => !dst.is_zero() as i32,
            None => -1,
        };
        format::struct_time(vm, zelf.day_of(), zelf.clock_of(), dst)
    }

    /// Return POSIX timestamp as float.
    #[pymethod(sig = "($self, /)")]
    fn timestamp(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if zelf.zone().is_none() {
            let (day, clock) = (zelf.day_of(), zelf.clock_of());
            let seconds = local::instant_of(vm, day, clock, zelf.fold)? - EPOCH;
            return vm.new_float(seconds as f64 + zelf.micro as f64 / 1e6);
        }
        let Some(offset) = DateTime::offset(zelf, vm)? else {
            return Err(mixed(vm, "subtract"));
        };
        let since = zelf.total() - offset.total() - EPOCH as i128 * 1_000_000;
        Delta::of(vm, since)?.total_seconds(vm)
    }

    /// Return UTC time tuple, compatible with time.localtime().
    #[pymethod(sig = "($self, /)")]
    fn utctimetuple(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let (mut day, mut clock) = (zelf.day_of(), zelf.clock_of());
        if let Some(offset) = DateTime::offset(zelf, vm)? {
            let micros = -offset.total() as i64;
            (day, clock) = calendar::add_time(vm, day, clock, 0, 0, micros)?;
        }
        format::struct_time(vm, day, clock, 0)
    }

    /// [sep] -> string in ISO 8601 format, YYYY-MM-DDT[HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].
    /// sep is used to separate the year from the time, and defaults to 'T'.
    /// The optional argument timespec specifies the number of additional terms
    /// of the time to include. Valid options are 'auto', 'hours', 'minutes',
    /// 'seconds', 'milliseconds' and 'microseconds'.
    #[pymethod(raw)]
    fn isoformat(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<DateTime>(vm, args, "isoformat")?;
        let (mut sep, mut spec) = ('T' as u32, None);
        ISO.parse(vm, args, |i, value| {
            match i {
                0 => sep = DateTime::separator(vm, value)?,
                _ => spec = Some(timespec(vm, value, 2)?),
            }
            Ok(())
        })?;
        let clock = format::iso_clock(vm, zelf.clock_of(), spec)?;
        let offset = tz::format_utcoffset(vm, ":", &zelf.zone(), zelf.as_value())?;
        let mut text = Vec::from(format::iso_date(zelf.day_of()));
        str_::push_code_point(&mut text, sep);
        text.extend_from_slice(clock.as_bytes());
        text.extend_from_slice(offset.as_bytes());
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    /// Return self.tzinfo.utcoffset(self).
    #[pymethod(sig = "($self, /)")]
    fn utcoffset(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(offset_value(DateTime::offset(zelf, vm)?))
    }

    /// Return self.tzinfo.tzname(self).
    #[pymethod(sig = "($self, /)")]
    fn tzname(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        tz::tzname(vm, &zelf.zone(), zelf.as_value())
    }

    /// Return self.tzinfo.dst(self).
    #[pymethod(sig = "($self, /)")]
    fn dst(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(offset_value(tz::dst(vm, &zelf.zone(), zelf.as_value())?))
    }

    /// Return datetime with new specified fields.
    #[pymethod(
        raw,
        sig = "($self, /, year=unchanged, month=unchanged, day=unchanged,\n        hour=unchanged, minute=unchanged, second=unchanged,\n        microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)"
    )]
    fn replace(vm: &Vm, args: Args) -> PyResult {
        DateTime::replaced(vm, args, "replace")
    }

    /// The same as replace().
    #[pymethod(raw, sig = "($self, /, **changes)")]
    fn __replace__(vm: &Vm, args: Args) -> PyResult {
        DateTime::replaced(vm, args, "__replace__")
    }

    /// tz -> convert to local time in new timezone tz
    #[pymethod(raw)]
    fn astimezone(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<DateTime>(vm, args, "astimezone")?;
        let mut wanted = Value::NONE;
        AS_TIMEZONE.parse(vm, args, |_, value| {
            wanted = value.clone();
            Ok(())
        })?;
        tz::check_tzinfo(vm, &wanted)?;
        let mut own = zelf.zone();
        if own.is_none() {
            own = zelf.local_zone(vm)?
        }
        if own.is(&wanted) {
            return Ok(zelf.to_value());
        }
        let offset = match tz::utcoffset(vm, &own, zelf.as_value())? {
            Some(offset) => offset,
            // A zone that knows no offset: as good as none.
            None => {
                let own = zelf.local_zone(vm)?;
                match tz::utcoffset(vm, &own, zelf.as_value())? {
                    Some(offset) => offset,
                    None => {
                        return Err(vm.type_error(
                            "utcoffset() returned NoneType, expected timedelta or None",
                        ));
                    }
                }
            }
        };
        let result = DateTime::moved(zelf, vm, -offset.total())?;
        let Some(moment) = result.downcast::<DateTime>() else {
            return Err(vm.type_error("fromutc: argument must be a datetime"));
        };
        if wanted.is_none() {
            let (day, clock) = (moment.day_of(), moment.clock_of());
            let seconds = calendar::total_seconds(vm, day, clock)? - EPOCH;
            wanted = local::zone_at(vm, seconds)?;
        }
        moment.tzinfo.set(wanted.clone());
        vm.call_method_str(&wanted, "fromutc", std::slice::from_ref(&result))
    }

    /// __reduce_ex__(proto) -> (cls, state)
    #[pymethod(raw)]
    fn __reduce_ex__(vm: &Vm, args: Args) -> PyResult {
        let (zelf, args) = receive::<DateTime>(vm, args, "__reduce_ex__")?;
        let name = "__reduce_ex__";
        let [protocol] = args::exactly(vm, args, name, "datetime.datetime.__reduce_ex__")?;
        DateTime::reduced(zelf, vm, args::int(vm, protocol)?)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        DateTime::reduced(zelf, vm, 2)
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
        self.zone()
    }

    #[pygetter(name = "fold")]
    fn get_fold(&self) -> i64 {
        self.fold as i64
    }

    #[pyattr]
    fn min(vm: &Vm) -> PyResult {
        let (day, clock) = (calendar::from_ordinal(1), Clock::default());
        DateTime::make(vm, vm.class::<DateTime>(), day, clock, Value::NONE, 0)
    }

    #[pyattr]
    fn max(vm: &Vm) -> PyResult {
        let day = calendar::from_ordinal(calendar::MAX_ORDINAL);
        DateTime::make(vm, vm.class::<DateTime>(), day, LAST, Value::NONE, 0)
    }

    #[pyattr]
    fn resolution(vm: &Vm) -> PyResult {
        Ok(Delta::of(vm, 1)?.into_value())
    }
}
