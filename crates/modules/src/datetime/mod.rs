//! `_datetime`: dates, times, their differences, and time zones.
//!
//! * `calendar`: arithmetic on plain ints; `local`: the system's local time
//! * `delta`, `date`, `time`, `datetime`, `tz`: the classes
//! * `iso`: parsing of ISO 8601; `format`: text; `args`: arguments
//!
//! Objects hold packed fields, never Python ints; a subclass's constructor is called for results where CPython does.
//! CPython: Modules/_datetimemodule.c.

mod args;
mod calendar;
mod date;
#[allow(clippy::module_inception)]
mod datetime;
mod delta;
mod format;
mod iso;
mod local;
mod time;
mod tz;

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_datetime",
    doc = "Fast implementation of the datetime module.",
    classes(
        date::Date,
        datetime::DateTime,
        time::Time,
        delta::Delta,
        tz::TzInfo,
        tz::TimeZone
    )
)]
pub mod module {
    use super::*;

    #[pyattr(name = "MINYEAR")]
    fn minyear(_vm: &Vm) -> Value {
        Value::small_int(calendar::MINYEAR as i64)
    }

    #[pyattr(name = "MAXYEAR")]
    fn maxyear(_vm: &Vm) -> Value {
        Value::small_int(calendar::MAXYEAR as i64)
    }

    #[pyattr(name = "UTC")]
    fn utc(vm: &Vm) -> PyResult {
        Ok(tz::utc(vm)?.into_value())
    }
}
