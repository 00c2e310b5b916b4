//! `tzinfo`, `timezone`, and what dates and times ask of a time zone.
//!
//! A time zone is any instance of `tzinfo`; its answers are checked here. `timezone` objects have a fixed offset and
//! cannot be subclassed. The one `timezone.utc` of an interpreter lives in [`State`]; a zone with offset zero and no
//! name is always that object. CPython: PyDateTime_TZInfo, PyDateTime_TimeZone.

use super::args::Spec;
use super::datetime::DateTime;
use super::delta::Delta;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::{attributes, object};
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};

/// Abstract base class for time zone info objects.
#[pyclass(name = "tzinfo", module = "datetime", flags(BASETYPE))]
#[repr(C)]
#[derive(Default)]
pub struct TzInfo {}

/// Fixed offset from UTC implementation of tzinfo.
#[pyclass(name = "timezone", module = "datetime", extends = "TzInfo")]
#[repr(C)]
pub struct TimeZone {
    base: TzInfo,
    offset: Ref<Delta>,
    name: Option<Ref<Str>>,
}

#[derive(Default)]
struct State {
    utc: MutCell<Option<Ref<TimeZone>>>,
}

/// `timezone.utc`.
pub fn utc(vm: &Vm) -> PyResult<Ref<TimeZone>> {
    let state = vm.interp.module_state::<State>();
    if let Some(utc) = state.utc.get() {
        return Ok(utc);
    }
    let utc = make(vm, Delta::of(vm, 0)?, None)?;
    state.utc.set(Some(utc.clone()));
    Ok(utc)
}

fn make(vm: &Vm, offset: Ref<Delta>, name: Option<Ref<Str>>) -> PyResult<Ref<TimeZone>> {
    vm.new_object(TimeZone {
        base: TzInfo::default(),
        offset,
        name,
    })
}

/// A time zone with a fixed offset. Raises ValueError for offsets of a day or more.
pub fn new_timezone(
    vm: &Vm,
    offset: &Ref<Delta>,
    name: Option<&Ref<Str>>,
) -> PyResult<Ref<TimeZone>> {
    if name.is_none() && offset.is_zero() {
        return utc(vm);
    }
    if !offset.is_offset() {
        return Err(vm.value_error(format!(
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {}",
            object::repr(vm, offset.as_value())?.to_string_lossy()
        )));
    }
    make(vm, offset.clone(), name.cloned())
}

/// Raises TypeError for what is neither None nor a time zone.
pub fn check_tzinfo(vm: &Vm, value: &Value) -> PyResult<()> {
    if value.is_none() || value.downcast::<TzInfo>().is_some() {
        return Ok(());
    }
    Err(vm.type_error(format!(
        "tzinfo argument must be None or of a tzinfo subclass, not type '{}'",
        vm.type_of(value).full_name()
    )))
}

/// `tzinfo.method(arg)`, which must be an offset or None; `tzinfo` may be None.
fn ask(vm: &Vm, tzinfo: &Value, method: &str, arg: &Value) -> PyResult<Option<Ref<Delta>>> {
    if tzinfo.is_none() {
        return Ok(None);
    }
    let answer = vm.call_method_str(tzinfo, method, std::slice::from_ref(arg))?;
    if answer.is_none() {
        return Ok(None);
    }
    match answer.downcast::<Delta>() {
        Some(offset) if offset.is_offset() => Ok(Some(offset.clone())),
        Some(_) => Err(vm.value_error(format!(
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {}",
            object::repr(vm, &answer)?.to_string_lossy()
        ))),
        None => Err(vm.type_error(format!(
            "tzinfo.{method}() must return None or timedelta, not '{}'",
            vm.type_of(&answer).full_name()
        ))),
    }
}

/// `tzinfo.utcoffset(arg)`. Raises TypeError, ValueError.
pub fn utcoffset(vm: &Vm, tzinfo: &Value, arg: &Value) -> PyResult<Option<Ref<Delta>>> {
    // A fixed offset cannot be overridden: `timezone` has no subclasses.
    match tzinfo.downcast::<TimeZone>() {
        Some(zone) if arg.is_none() || arg.downcast::<DateTime>().is_some() => {
            Ok(Some(zone.offset.clone()))
        }
        _ => ask(vm, tzinfo, "utcoffset", arg),
    }
}

/// `tzinfo.dst(arg)`. Raises TypeError, ValueError.
pub fn dst(vm: &Vm, tzinfo: &Value, arg: &Value) -> PyResult<Option<Ref<Delta>>> {
    ask(vm, tzinfo, "dst", arg)
}

/// `tzinfo.tzname(arg)`: text or None. Raises TypeError.
pub fn tzname(vm: &Vm, tzinfo: &Value, arg: &Value) -> PyResult {
    if tzinfo.is_none() {
        return Ok(Value::NONE);
    }
    let name = vm.call_method_str(tzinfo, "tzname", std::slice::from_ref(arg))?;
    if !name.is_none() && name.downcast::<Str>().is_none() {
        return Err(vm.type_error(format!(
            "tzinfo.tzname() must return None or a string, not '{}'",
            vm.type_of(&name).full_name()
        )));
    }
    Ok(name)
}

/// An offset as `+HH:MM[:SS[.ffffff]]` with the given separator.
pub fn offset_text(offset: &Delta, separator: &str) -> String {
    let sign = if offset.days < 0 { '-' } else { '+' };
    let total = offset.total().unsigned_abs();
    let (seconds, micros) = (total / 1_000_000, total % 1_000_000);
    let mut text = format!(
        "{sign}{:02}{separator}{:02}",
        seconds / 3600,
        seconds / 60 % 60
    );
    if seconds % 60 != 0 || micros != 0 {
        text += &format!("{separator}{:02}", seconds % 60)
    }
    if micros != 0 {
        text += &format!(".{micros:06}")
    }
    text
}

/// The time zone's offset as text; empty where it has none.
pub fn format_utcoffset(vm: &Vm, separator: &str, tzinfo: &Value, arg: &Value) -> PyResult<String> {
    Ok(match utcoffset(vm, tzinfo, arg)? {
        Some(offset) => offset_text(&offset, separator),
        None => String::new(),
    })
}

fn not_implemented(vm: &Vm, method: &str) -> PyResult {
    Err(vm.not_implemented_error(format!("a tzinfo subclass must implement {method}()")))
}

/// The moment that `fromutc` is asked about.
fn own_moment<'a>(vm: &Vm, zelf: &Value, moment: &'a Value) -> PyResult<&'a Ref<DateTime>> {
    let Some(moment) = moment.downcast::<DateTime>() else {
        return Err(vm.type_error("fromutc: argument must be a datetime"));
    };
    if !moment.zone().is(zelf) {
        return Err(vm.value_error("fromutc: dt.tzinfo is not self"));
    }
    Ok(moment)
}

#[pymethods]
impl TzInfo {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, TzInfo::default())?.into_value())
    }

    #[pyslot]
    fn init(_zelf: &Value, _vm: &Vm, _args: Args) -> PyResult<()> {
        Ok(())
    }

    /// datetime -> string name of time zone.
    #[pymethod(sig = "($self, object, /)")]
    fn tzname(_zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        not_implemented(vm, "tzname")
    }

    /// datetime -> timedelta showing offset from UTC, negative values indicating West of UTC
    #[pymethod(sig = "($self, object, /)")]
    fn utcoffset(_zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        not_implemented(vm, "utcoffset")
    }

    /// datetime -> DST offset as timedelta positive east of UTC.
    #[pymethod(sig = "($self, object, /)")]
    fn dst(_zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let _ = object;
        not_implemented(vm, "dst")
    }

    /// datetime in UTC -> datetime in local time.
    #[pymethod(sig = "($self, object, /)")]
    fn fromutc(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let moment = own_moment(vm, zelf.as_value(), object)?;
        let zone = moment.zone();
        let missing =
            |what: &str| vm.value_error(format!("fromutc: non-None {what}() result required"));
        let offset = utcoffset(vm, &zone, object)?.ok_or_else(|| missing("utcoffset"))?;
        let summer = dst(vm, &zone, object)?.ok_or_else(|| missing("dst"))?;
        let standard = offset.total() - summer.total();
        let result = DateTime::moved(moment, vm, standard)?;
        let inconsistent =
            || vm.value_error("fromutc: tz.dst() gave inconsistent results; cannot convert");
        let Some(summer) = dst(vm, &zone, &result)? else {
            return Err(inconsistent());
        };
        if summer.is_zero() {
            return Ok(result);
        }
        let result = result.downcast::<DateTime>().ok_or_else(inconsistent)?;
        DateTime::moved(result, vm, summer.total())
    }

    /// -> (cls, state)
    #[pymethod(sig = "($self, /)")]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let value = zelf.as_value();
        let args = match attributes::get_optional(vm, value, &vm.intern("__getinitargs__"))? {
            Some(method) => vm.call(&method, &[])?,
            None => vm.new_tuple(Vec::new())?.into_value(),
        };
        let state = vm.call_method_str(value, "__getstate__", &[])?;
        let class = vm.type_of(value).to_ref().into_value();
        Ok(vm.new_tuple(vec![class, args, state])?.into_value())
    }
}

static NEW: Spec = Spec {
    name: Some("timezone"),
    params: &["offset", "name"],
    required: 1,
    positional: 2,
};

/// Raises TypeError for an argument that is neither a datetime nor None.
fn check_moment(vm: &Vm, moment: &Value, method: &str) -> PyResult<()> {
    if moment.is_none() || moment.downcast::<DateTime>().is_some() {
        return Ok(());
    }
    Err(vm.type_error(format!(
        "{method}(dt) argument must be a datetime instance or None, not {}",
        vm.type_of(moment).full_name()
    )))
}

#[pymethods]
impl TimeZone {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let (mut offset, mut name) = (None, None);
        NEW.parse(vm, args, |i, value| {
            if i == 0 {
                let Some(delta) = value.downcast::<Delta>() else {
                    return Err(vm.type_error(format!(
                        "timezone() argument 1 must be datetime.timedelta, not {}",
                        super::args::shown_type(vm, value)
                    )));
                };
                offset = Some(delta);
            } else {
                name = Some(super::args::text(vm, value, "timezone", 2)?);
            }
            Ok(())
        })?;
        match offset {
            Some(offset) => Ok(new_timezone(vm, offset, name)?.into_value()),
            None => Err(vm.type_error("timezone() missing required argument 'offset' (pos 1)")),
        }
    }

    #[pyslot]
    fn init(_zelf: &Value, _vm: &Vm, _args: Args) -> PyResult<()> {
        Ok(())
    }

    #[pyslot]
    fn richcompare(_vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<TimeZone>(), b.downcast::<TimeZone>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let equal = x.offset.key() == y.offset.key();
        Ok(match op {
            CompareOp::Eq => Value::from_bool(equal),
            CompareOp::Ne => Value::from_bool(!equal),
            _ => Value::NOT_IMPLEMENTED,
        })
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        zelf.offset.hash_value(vm)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if zelf.is(&utc(vm)?) {
            return Ok(vm.new_str("datetime.timezone.utc")?.into_value());
        }
        let class = vm.type_of(zelf.as_value()).full_name();
        let mut text = Vec::from(format!("{class}("));
        text.extend_from_slice(object::repr(vm, zelf.offset.as_value())?.as_bytes());
        if let Some(name) = &zelf.name {
            text.extend_from_slice(b", ");
            text.extend_from_slice(object::repr(vm, name.as_value())?.as_bytes());
        }
        text.push(b')');
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    #[pyslot]
    fn str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if let Some(name) = &zelf.name {
            return Ok(name.to_value());
        }
        if zelf.offset.is_zero() {
            return Ok(vm.new_str("UTC")?.into_value());
        }
        let text = format!("UTC{}", offset_text(&zelf.offset, ":"));
        Ok(vm.new_str(text)?.into_value())
    }

    /// If name is specified when timezone is created, returns the name.  Otherwise returns offset as 'UTC(+|-)HH:MM'.
    #[pymethod(sig = "($self, object, /)")]
    fn tzname(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        check_moment(vm, object, "tzname")?;
        TimeZone::str(zelf, vm)
    }

    /// Return fixed offset.
    #[pymethod(sig = "($self, object, /)")]
    fn utcoffset(&self, vm: &Vm, object: &Value) -> PyResult<Ref<Delta>> {
        check_moment(vm, object, "utcoffset")?;
        Ok(self.offset.clone())
    }

    /// Return None.
    #[pymethod(sig = "($self, object, /)")]
    fn dst(_zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult<()> {
        check_moment(vm, object, "dst")
    }

    /// datetime in UTC -> datetime in local time.
    #[pymethod(sig = "($self, object, /)")]
    fn fromutc(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let moment = own_moment(vm, zelf.as_value(), object)?;
        DateTime::moved(moment, vm, zelf.offset.total())
    }

    /// pickle support
    #[pymethod(sig = "($self, /)")]
    fn __getinitargs__(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        let mut args = vec![self.offset.to_value()];
        args.extend(self.name.iter().map(Ref::to_value));
        vm.new_tuple(args)
    }

    #[pyattr(name = "utc")]
    fn utc_attr(vm: &Vm) -> PyResult {
        Ok(utc(vm)?.into_value())
    }

    #[pyattr]
    fn min(vm: &Vm) -> PyResult {
        let offset = Delta::of_seconds(vm, -86_340)?;
        Ok(make(vm, offset, None)?.into_value())
    }

    #[pyattr]
    fn max(vm: &Vm) -> PyResult {
        let offset = Delta::of_seconds(vm, 86_340)?;
        Ok(make(vm, offset, None)?.into_value())
    }
}
