//! The system's local time: what the clock on the wall shows at an instant, and the other way round.
//!
//! Instants here are seconds counted like day numbers, from the first instant of day 0; both directions go through
//! `localtime_r`. Where clocks are put back a time is shown twice; `fold` tells which of the two is meant.
//! CPython: local, local_to_seconds, datetime_from_timet_and_us.

use super::calendar::{Clock, Day, EPOCH, SECONDS_PER_DAY, total_seconds};
use super::delta::Delta;
use super::tz;
use crate::system;
use naja_heap::Value;
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm};

/// The longest time by which clocks are put back.
const MAX_FOLD: i64 = SECONDS_PER_DAY;

/// A broken-down time.
pub struct Broken {
    pub day: Day,
    pub clock: Clock,
    tm: libc::tm,
}

fn broken(vm: &Vm, seconds: i64, utc: bool) -> PyResult<Broken> {
    // SAFETY: all zero is a valid `tm`.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    let found = if utc {
        // SAFETY: reads one time_t, writes one `tm`.
        unsafe { libc::gmtime_r(&seconds, &mut tm) }
    } else {
        vm.permit(Access::Environment)?;
        // SAFETY: as above.
        unsafe { libc::localtime_r(&seconds, &mut tm) }
    };
    if found.is_null() {
        return Err(vm.os_error(system::errno(), None));
    }
    Ok(Broken {
        day: Day {
            year: tm.tm_year.saturating_add(1900),
            month: tm.tm_mon + 1,
            day: tm.tm_mday,
        },
        clock: Clock {
            hour: tm.tm_hour,
            minute: tm.tm_min,
            second: tm.tm_sec.min(59),
            micro: 0,
        },
        tm,
    })
}

/// Local time at an instant of Unix time. Raises OSError.
pub fn local(vm: &Vm, seconds: i64) -> PyResult<Broken> {
    broken(vm, seconds, false)
}

/// Universal time at an instant of Unix time. Raises OSError.
pub fn universal(vm: &Vm, seconds: i64) -> PyResult<Broken> {
    broken(vm, seconds, true)
}

/// What local clocks show at an instant. Raises OSError, ValueError.
fn shown(vm: &Vm, instant: i64) -> PyResult<i64> {
    let now = local(vm, instant.saturating_sub(EPOCH))?;
    total_seconds(vm, now.day, now.clock)
}

/// The instant at which local clocks show a time. Raises OSError, ValueError.
pub fn instant_of(vm: &Vm, day: Day, clock: Clock, fold: bool) -> PyResult<i64> {
    let t = total_seconds(vm, day, clock)?;
    let a = shown(vm, t)? - t;
    let u1 = t - a;
    let t1 = shown(vm, u1)?;
    let b = if t1 == t {
        // One solution; the other one, if there is any, lies within a day before or after it.
        let u2 = if fold { u1 + MAX_FOLD } else { u1 - MAX_FOLD };
        let b = shown(vm, u2)? - u2;
        if a == b {
            return Ok(u1);
        }
        b
    } else {
        t1 - u1
    };
    let u2 = t - b;
    if shown(vm, u2)? == t {
        return Ok(u2);
    }
    if t1 == t {
        return Ok(u1);
    }
    // Clocks never show this time: they jump over it.
    Ok(if fold { u1.min(u2) } else { u1.max(u2) })
}

/// Whether local clocks show at an instant of Unix time what they showed some time before.
pub fn is_repeated(vm: &Vm, seconds: i64, now: &Broken) -> PyResult<bool> {
    let result = total_seconds(vm, now.day, now.clock)?;
    let probe = shown(vm, EPOCH + seconds - MAX_FOLD)?;
    let transition = result - probe - MAX_FOLD;
    if transition >= 0 {
        return Ok(false);
    }
    Ok(shown(vm, EPOCH + seconds + transition)? == result)
}

/// The system's time zone at an instant of Unix time, as a `timezone` with that moment's offset and name.
pub fn zone_at(vm: &Vm, seconds: i64) -> PyResult {
    let now = local(vm, seconds)?;
    let offset = Delta::of_seconds(vm, now.tm.tm_gmtoff)?;
    let name = if now.tm.tm_zone.is_null() {
        Value::NONE
    } else {
        // SAFETY: the C library's own terminated text.
        let name = unsafe { std::ffi::CStr::from_ptr(now.tm.tm_zone) };
        system::fs_decode(vm, name.to_bytes())?
    };
    Ok(tz::new_timezone(vm, &offset, name.downcast())?.into_value())
}
