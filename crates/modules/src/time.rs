//! `time`: clocks, sleeping, calendar time.
//!
//! Calendar conversions and their text are the system's (`localtime_r`, `strftime`); the format is taken apart here so
//! that only directives reach the C library. Instants are nanoseconds in an `i64`. CPython: Modules/timemodule.c.

use crate::system::{self, Round, add_ints};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::runtime::Access;
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};

struct_sequence! { new pub STRUCT_TIME = "struct_time" in "time", "The time value as returned by gmtime(), localtime(), and strptime(), and\n accepted by asctime(), mktime() and strftime().  May be considered as a\n sequence of 9 integers.\n\n Note that several fields' values are not the same as those defined by\n the C language standard for struct tm.  For example, the value of the\n field tm_year is the actual year, not year - 1900.  See individual\n fields' descriptions for details.";
    visible 9, unnamed 0;
    0 "tm_year" "year, for example, 1993"; 1 "tm_mon" "month of year, range [1, 12]"; 2 "tm_mday" "day of month, range [1, 31]";
    3 "tm_hour" "hours, range [0, 23]"; 4 "tm_min" "minutes, range [0, 59]"; 5 "tm_sec" "seconds, range [0, 61])";
    6 "tm_wday" "day of week, range [0, 6], Monday is 0"; 7 "tm_yday" "day of year, range [1, 366]";
    8 "tm_isdst" "1 if summer time is in effect, 0 if not, and -1 if unknown";
    9 "tm_zone" "abbreviation of timezone name"; 10 "tm_gmtoff" "offset from UTC in seconds";
}

/// A clock's time in nanoseconds. Raises OSError.
fn clock(vm: &Vm, id: libc::clockid_t) -> PyResult<i64> {
    vm.permit(Access::Clock)?;
    let mut now = system::c_timespec(0);
    // SAFETY: writes one timespec.
    if unsafe { libc::clock_gettime(id, &mut now) } != 0 {
        return Err(vm.last_os_error(None));
    }
    now.tv_sec
        .checked_mul(1_000_000_000)
        .and_then(|s| s.checked_add(now.tv_nsec))
        .ok_or_else(|| vm.overflow_error("timestamp too large to convert to C PyTime_t"))
}

fn resolution(vm: &Vm, id: libc::clockid_t) -> PyResult<f64> {
    let mut step = system::c_timespec(0);
    // SAFETY: writes one timespec.
    if unsafe { libc::clock_getres(id, &mut step) } != 0 {
        return Err(vm.last_os_error(None));
    }
    Ok(step.tv_sec as f64 + step.tv_nsec as f64 * 1e-9)
}

/// Nanoseconds as seconds.
fn as_seconds(ns: i64) -> f64 {
    if ns % 1_000_000_000 == 0 {
        (ns / 1_000_000_000) as f64
    } else {
        ns as f64 / 1e9
    }
}

fn zero_tm() -> libc::tm {
    // SAFETY: all zero is a valid `tm`.
    unsafe { std::mem::zeroed() }
}

fn struct_time(vm: &Vm, tm: &libc::tm, zone: Option<&[u8]>) -> PyResult {
    let zone = match zone {
        Some(zone) => system::fs_decode(vm, zone)?,
        None => zone_name(vm, tm)?,
    };
    let ints = [
        tm.tm_year as i64 + 1900,
        tm.tm_mon as i64 + 1,
        tm.tm_mday as i64,
        tm.tm_hour as i64,
        tm.tm_min as i64,
        tm.tm_sec as i64,
        (tm.tm_wday as i64 + 6) % 7,
        tm.tm_yday as i64 + 1,
        tm.tm_isdst as i64,
    ];
    let mut items = ints
        .iter()
        .map(|&n| vm.new_int(n))
        .collect::<PyResult<Vec<_>>>()?;
    items.push(zone);
    items.push(vm.new_int(tm.tm_gmtoff)?);
    structseq::make(vm, &STRUCT_TIME, items)
}

fn zone_name(vm: &Vm, tm: &libc::tm) -> PyResult {
    if tm.tm_zone.is_null() {
        return Ok(vm.new_str("")?.into_value());
    }
    // SAFETY: the C library's own terminated text.
    let name = unsafe { std::ffi::CStr::from_ptr(tm.tm_zone) };
    system::fs_decode(vm, name.to_bytes())
}

fn local(vm: &Vm, seconds: i64) -> PyResult<libc::tm> {
    let mut tm = zero_tm();
    // SAFETY: reads one time_t, writes one `tm`.
    if unsafe { libc::localtime_r(&seconds, &mut tm) }.is_null() {
        return Err(vm.last_os_error(None));
    }
    Ok(tm)
}

/// The seconds of an optional argument: now for None.
fn instant(vm: &Vm, value: Option<&Value>) -> PyResult<i64> {
    match value.filter(|v| !v.is_none()) {
        Some(value) => system::seconds(vm, value, Round::Floor),
        None => Ok(clock(vm, libc::CLOCK_REALTIME)?.div_euclid(1_000_000_000)),
    }
}

/// The C time of a tuple of nine ints. Raises TypeError, OverflowError.
fn tm_of(vm: &Vm, value: &Value, function: &str) -> PyResult<libc::tm> {
    let Some(items) = value.downcast::<Tuple>() else {
        return Err(vm.type_error("Tuple or struct_time argument required"));
    };
    if items.len() != 9 {
        return Err(vm.type_error(format!("{function}(): illegal time tuple argument")));
    }
    let mut n = [0i64; 9];
    for (place, item) in n.iter_mut().zip(items.items()) {
        let number = naja_vm::protocols::number::index_i64(vm, item)?;
        *place = number
            .filter(|n| i32::try_from(*n).is_ok())
            .ok_or_else(|| {
                let over = number.is_none_or(|n| n > 0);
                vm.overflow_error(if over {
                    "signed integer is greater than maximum"
                } else {
                    "signed integer is less than minimum"
                })
            })?;
    }
    if n[0] < i32::MIN as i64 + 1900 {
        return Err(vm.overflow_error("year out of range"));
    }
    let mut tm = zero_tm();
    tm.tm_year = (n[0] - 1900) as i32;
    tm.tm_mon = (n[1] - 1).max(i32::MIN as i64) as i32;
    tm.tm_mday = n[2] as i32;
    tm.tm_hour = n[3] as i32;
    tm.tm_min = n[4] as i32;
    tm.tm_sec = n[5] as i32;
    tm.tm_wday = ((n[6] + 1) % 7) as i32;
    tm.tm_yday = (n[7] - 1).max(i32::MIN as i64) as i32;
    tm.tm_isdst = n[8] as i32;
    if let Some(seq) = value.downcast::<structseq::StructSeq>() {
        let _ = seq;
        let offset = structseq::get::<10>(vm, value)?;
        if let Some(offset) = offset.as_small_int() {
            tm.tm_gmtoff = offset;
        }
    }
    Ok(tm)
}

/// Refuses fields that would make the C library read outside its tables; a 0 for a month, day, or day of year means 1.
fn check(vm: &Vm, tm: &mut libc::tm) -> PyResult<()> {
    if tm.tm_mon == -1 {
        tm.tm_mon = 0
    }
    if tm.tm_mday == 0 {
        tm.tm_mday = 1
    }
    if tm.tm_yday == -1 {
        tm.tm_yday = 0
    }
    let wrong = if !(0..=11).contains(&tm.tm_mon) {
        "month out of range"
    } else if !(0..=31).contains(&tm.tm_mday) {
        "day of month out of range"
    } else if !(0..=23).contains(&tm.tm_hour) {
        "hour out of range"
    } else if !(0..=59).contains(&tm.tm_min) {
        "minute out of range"
    } else if !(0..=61).contains(&tm.tm_sec) {
        "seconds out of range"
    } else if tm.tm_wday < 0 {
        "day of week out of range"
    } else if !(0..=365).contains(&tm.tm_yday) {
        "day of year out of range"
    } else {
        return Ok(());
    };
    Err(vm.value_error(wrong))
}

fn asctime_text(tm: &libc::tm) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let day = DAYS.get(tm.tm_wday as usize).unwrap_or(&"???");
    let month = MONTHS.get(tm.tm_mon as usize).unwrap_or(&"???");
    format!(
        "{day} {month}{:3} {:02}:{:02}:{:02} {}",
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        1900 + tm.tm_year as i64
    )
}

/// The end of the directive that begins at `at` with "%": flags, width, modifiers, letter.
fn directive_end(format: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while format
        .get(end)
        .is_some_and(|b| b"_-0^#+123456789EO:".contains(b))
    {
        end += 1
    }
    end + format.get(end).is_some_and(u8::is_ascii) as usize
}

/// Appends what the usual directives for numbers give, which no locale changes. False: another directive, or an odd value.
fn push_number(out: &mut Vec<u8>, directive: &[u8], tm: &libc::tm) -> bool {
    let (number, digits) = match directive {
        b"%Y" => (tm.tm_year.saturating_add(1900), 4),
        b"%m" => (tm.tm_mon.saturating_add(1), 2),
        b"%d" => (tm.tm_mday, 2),
        b"%H" => (tm.tm_hour, 2),
        b"%M" => (tm.tm_min, 2),
        b"%S" => (tm.tm_sec, 2),
        _ => return false,
    };
    let usual = if digits == 4 { 1000..=9999 } else { 0..=99 };
    if !usual.contains(&number) {
        return false;
    }
    let digit = |n: i32| b'0' + (n % 10) as u8;
    if digits == 4 {
        out.extend([digit(number / 1000), digit(number / 100)]);
    }
    out.extend([digit(number / 10), digit(number)]);
    true
}

fn strftime_text(vm: &Vm, format: &Ref<Str>, tm: &libc::tm) -> PyResult {
    let format = format.as_bytes();
    let mut out = Vec::with_capacity(2 * format.len());
    let mut at = 0;
    while at < format.len() {
        let Some(skip) = memchr::memchr(b'%', &format[at..]) else {
            out.extend_from_slice(&format[at..]);
            break;
        };
        out.extend_from_slice(&format[at..at + skip]);
        at += skip;
        let end = directive_end(format, at);
        let directive = &format[at..end];
        at = end;
        if directive.contains(&0) || directive.len() == 1 {
            out.extend_from_slice(directive);
            continue;
        }
        if push_number(&mut out, directive, tm) {
            continue;
        }
        // A space in front tells an empty result from a buffer too small.
        let mut c = vec![b' '];
        c.extend_from_slice(directive);
        c.push(0);
        let mut size = 256;
        loop {
            let mut text = vec![0u8; size];
            // SAFETY: a terminated format, a buffer of the size told.
            let n =
                unsafe { libc::strftime(text.as_mut_ptr().cast(), size, c.as_ptr().cast(), tm) };
            if n > 0 {
                let decoded = system::fs_decode(vm, &text[1..n])?;
                if let Some(text) = str_::of(&decoded) {
                    out.extend_from_slice(text.as_bytes())
                }
                break;
            }
            if size > 1 << 20 {
                return Err(vm.memory_error(""));
            }
            size *= 4;
        }
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

/// Sets the attributes that tell the time zone.
fn set_zone(vm: &Vm, set: &dyn Fn(&str, Value) -> PyResult<()>) -> PyResult<()> {
    const YEAR: i64 = (365 * 24 + 6) * 3600;
    // SAFETY: plain query.
    let now = unsafe { libc::time(std::ptr::null_mut()) };
    let winter = local(vm, now / YEAR * YEAR)?;
    let summer = local(vm, now / YEAR * YEAR + YEAR / 2)?;
    let (jan, jul) = (-winter.tm_gmtoff, -summer.tm_gmtoff);
    let (first, second) = if jan < jul {
        (&summer, &winter)
    } else {
        (&winter, &summer)
    };
    set("timezone", vm.new_int(-first.tm_gmtoff)?)?;
    set("altzone", vm.new_int(-second.tm_gmtoff)?)?;
    set("daylight", vm.new_int((jan != jul) as i64)?)?;
    let names = vec![zone_name(vm, first)?, zone_name(vm, second)?];
    set("tzname", vm.new_tuple(names)?.into_value())
}

#[pymodule(
    name = "time",
    doc = "This module provides various functions to manipulate time values.\n\nThere are two standard representations of time.  One is the number\nof seconds since the Epoch, in UTC (a.k.a. GMT).  It may be an integer\nor a floating-point number (to represent fractions of seconds).\nThe epoch is the point where the time starts, the return value of time.gmtime(0).\nIt is January 1, 1970, 00:00:00 (UTC) on all platforms.\n\nThe other representation is a tuple of 9 integers giving local time.\nThe tuple items are:\n  year (including century, e.g. 1998)\n  month (1-12)\n  day (1-31)\n  hours (0-23)\n  minutes (0-59)\n  seconds (0-59)\n  weekday (0-6, Monday is 0)\n  Julian day (day in the year, 1-366)\n  DST (Daylight Savings Time) flag (-1, 0 or 1)\nIf the DST flag is 0, the time is given in the regular time zone;\nif it is 1, the time is given in the DST time zone;\nif it is -1, mktime() should guess based on the date and time.\n"
)]
pub mod module {
    use super::*;

    /// Return the current time in seconds since the Epoch.
    ///
    /// Fractions of a second may be present if the system clock provides them.
    #[pyfunction(sig = "()")]
    fn time(vm: &Vm) -> PyResult<f64> {
        clock(vm, libc::CLOCK_REALTIME).map(as_seconds)
    }

    /// Return the current time in nanoseconds since the Epoch.
    #[pyfunction(sig = "()")]
    fn time_ns(vm: &Vm) -> PyResult<i64> {
        clock(vm, libc::CLOCK_REALTIME)
    }

    /// Monotonic clock, cannot go backward.
    #[pyfunction(sig = "()")]
    fn monotonic(vm: &Vm) -> PyResult<f64> {
        clock(vm, libc::CLOCK_MONOTONIC).map(as_seconds)
    }

    /// Monotonic clock, cannot go backward, as nanoseconds.
    #[pyfunction(sig = "()")]
    fn monotonic_ns(vm: &Vm) -> PyResult<i64> {
        clock(vm, libc::CLOCK_MONOTONIC)
    }

    /// Performance counter for benchmarking.
    #[pyfunction(sig = "()")]
    fn perf_counter(vm: &Vm) -> PyResult<f64> {
        clock(vm, libc::CLOCK_MONOTONIC).map(as_seconds)
    }

    /// Performance counter for benchmarking as nanoseconds.
    #[pyfunction(sig = "()")]
    fn perf_counter_ns(vm: &Vm) -> PyResult<i64> {
        clock(vm, libc::CLOCK_MONOTONIC)
    }

    /// Process time for profiling: sum of the kernel and user-space CPU time.
    #[pyfunction(sig = "()")]
    fn process_time(vm: &Vm) -> PyResult<f64> {
        clock(vm, libc::CLOCK_PROCESS_CPUTIME_ID).map(as_seconds)
    }

    /// Process time for profiling as nanoseconds: sum of the kernel and user-space CPU time.
    #[pyfunction(sig = "()")]
    fn process_time_ns(vm: &Vm) -> PyResult<i64> {
        clock(vm, libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// Thread time for profiling: sum of the kernel and user-space CPU time.
    #[pyfunction(sig = "()")]
    fn thread_time(vm: &Vm) -> PyResult<f64> {
        clock(vm, libc::CLOCK_THREAD_CPUTIME_ID).map(as_seconds)
    }

    /// Thread time for profiling as nanoseconds: sum of the kernel and user-space CPU time.
    #[pyfunction(sig = "()")]
    fn thread_time_ns(vm: &Vm) -> PyResult<i64> {
        clock(vm, libc::CLOCK_THREAD_CPUTIME_ID)
    }

    /// Return the time of the specified clock clk_id as a float.
    #[pyfunction(sig = "(clk_id, /)")]
    fn clock_gettime(vm: &Vm, clk_id: i32) -> PyResult<f64> {
        clock(vm, clk_id).map(as_seconds)
    }

    /// Return the time of the specified clock clk_id as nanoseconds (int).
    #[pyfunction(sig = "(clk_id, /)")]
    fn clock_gettime_ns(vm: &Vm, clk_id: i32) -> PyResult<i64> {
        clock(vm, clk_id)
    }

    fn set_clock(vm: &Vm, id: i32, ns: i64) -> PyResult<()> {
        vm.permit(Access::Clock)?;
        let new = system::c_timespec(ns);
        // SAFETY: reads one timespec.
        if unsafe { libc::clock_settime(id, &new) } != 0 {
            return Err(vm.last_os_error(None));
        }
        Ok(())
    }

    /// Set the time of the specified clock clk_id.
    #[pyfunction(sig = "(clk_id, time, /)")]
    fn clock_settime(vm: &Vm, clk_id: i32, time: &Value) -> PyResult<()> {
        set_clock(vm, clk_id, system::nanoseconds(vm, time, Round::Floor)?)
    }

    /// Set the time of the specified clock clk_id with nanoseconds.
    #[pyfunction(sig = "(clk_id, time, /)")]
    fn clock_settime_ns(vm: &Vm, clk_id: i32, time: i64) -> PyResult<()> {
        set_clock(vm, clk_id, time)
    }

    /// Return the resolution (precision) of the specified clock clk_id.
    #[pyfunction(sig = "(clk_id, /)")]
    fn clock_getres(vm: &Vm, clk_id: i32) -> PyResult<f64> {
        resolution(vm, clk_id)
    }

    /// Return the clk_id of a thread's CPU time clock.
    #[pyfunction(sig = "(thread_id, /)")]
    fn pthread_getcpuclockid(vm: &Vm, thread_id: u64) -> PyResult<i32> {
        let mut id = 0;
        // SAFETY: writes one clock id; the thread is the caller's to know.
        match unsafe { libc::pthread_getcpuclockid(thread_id as libc::pthread_t, &mut id) } {
            0 => Ok(id),
            error => Err(vm.os_error(error, None)),
        }
    }

    /// Delay execution for a given number of seconds.
    ///
    /// The argument may be a floating-point number for subsecond precision.
    #[pyfunction(sig = "(object, /)")]
    fn sleep(vm: &Vm, seconds: &Value) -> PyResult<()> {
        vm.permit(Access::Event("time.sleep", std::slice::from_ref(seconds)))?;
        let ns = system::nanoseconds(vm, seconds, Round::Ceiling)?;
        if ns < 0 {
            return Err(vm.value_error("sleep length must be non-negative"));
        }
        let deadline = system::monotonic()
            .checked_add(ns)
            .ok_or_else(|| vm.overflow_error("timestamp too large to convert to C PyTime_t"))?;
        let until = system::c_timespec(deadline);
        loop {
            let error = vm.without_gil(|| {
                let none = std::ptr::null_mut();
                // SAFETY: reads one timespec.
                unsafe {
                    libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &until, none)
                }
            });
            match error {
                0 => return Ok(()),
                libc::EINTR => vm.check_signals()?,
                error => return Err(vm.os_error(error, None)),
            }
        }
    }

    /// Convert seconds since the Epoch to a time tuple expressing UTC (a.k.a. GMT).
    ///
    /// When 'seconds' is not passed in, convert the current time instead.
    #[pyfunction(sig = "(seconds=None, /)")]
    fn gmtime(vm: &Vm, seconds: Option<&Value>) -> PyResult {
        let seconds = instant(vm, seconds)?;
        let mut tm = zero_tm();
        // SAFETY: reads one time_t, writes one `tm`.
        if unsafe { libc::gmtime_r(&seconds, &mut tm) }.is_null() {
            return Err(vm.last_os_error(None));
        }
        struct_time(vm, &tm, Some(b"UTC"))
    }

    /// Convert seconds since the Epoch to a time tuple expressing local time.
    ///
    /// When 'seconds' is not passed in, convert the current time instead.
    #[pyfunction(sig = "(seconds=None, /)")]
    fn localtime(vm: &Vm, seconds: Option<&Value>) -> PyResult {
        let tm = local(vm, instant(vm, seconds)?)?;
        struct_time(vm, &tm, None)
    }

    /// Convert a time tuple in local time to seconds since the Epoch.
    #[pyfunction(sig = "(object, /)")]
    fn mktime(vm: &Vm, tuple: &Value) -> PyResult<f64> {
        let mut tm = tm_of(vm, tuple, "mktime")?;
        tm.tm_wday = -1;
        // SAFETY: reads and normalises one `tm`.
        let seconds = unsafe { libc::mktime(&mut tm) };
        if seconds == -1 && tm.tm_wday == -1 {
            return Err(vm.overflow_error("mktime argument out of range"));
        }
        Ok(seconds as f64)
    }

    /// Convert a time tuple to a string, e.g. 'Sat Jun 06 16:26:11 1998'.
    ///
    /// When the time tuple is not present, current time as returned by localtime() is used.
    #[pyfunction(sig = "(tuple=None, /)")]
    fn asctime(vm: &Vm, tuple: Option<&Value>) -> PyResult<String> {
        let tm = match tuple {
            Some(tuple) => {
                let mut tm = tm_of(vm, tuple, "asctime")?;
                check(vm, &mut tm)?;
                tm
            }
            None => local(vm, instant(vm, None)?)?,
        };
        Ok(asctime_text(&tm))
    }

    /// Convert a time in seconds since the Epoch to a string in local time.
    #[pyfunction(sig = "(seconds=None, /)")]
    fn ctime(vm: &Vm, seconds: Option<&Value>) -> PyResult<String> {
        Ok(asctime_text(&local(vm, instant(vm, seconds)?)?))
    }

    /// Convert a time tuple to a string according to a format specification.
    ///
    /// See the library reference manual for formatting codes. When the time tuple
    /// is not present, current time as returned by localtime() is used.
    #[pyfunction(sig = "(format, tuple=None, /)")]
    fn strftime(vm: &Vm, format: &Ref<Str>, tuple: Option<&Value>) -> PyResult {
        let mut tm = match tuple {
            Some(tuple) => tm_of(vm, tuple, "strftime")?,
            None => local(vm, instant(vm, None)?)?,
        };
        check(vm, &mut tm)?;
        tm.tm_isdst = tm.tm_isdst.clamp(-1, 1);
        let mut zone: Option<std::ffi::CString> = None;
        if let Some(tuple) = tuple
            && tuple.downcast::<structseq::StructSeq>().is_some()
        {
            let name = structseq::get::<9>(vm, tuple)?;
            if let Some(name) = str_::of(&name) {
                zone = Some(system::c_string(vm, system::fs_encode(vm, name)?)?);
            }
        }
        match &zone {
            Some(zone) => tm.tm_zone = zone.as_ptr(),
            None if tuple.is_some() => {
                // The zone of a bare tuple is the local one of its daylight flag.
                let mut copy = tm;
                // SAFETY: reads and normalises one `tm`.
                unsafe { libc::mktime(&mut copy) };
                (tm.tm_zone, tm.tm_gmtoff) = (copy.tm_zone, copy.tm_gmtoff);
            }
            None => {}
        }
        strftime_text(vm, format, &tm)
    }

    /// Parse a string to a time tuple according to a format specification.
    #[pyfunction(sig = "(*args)")]
    fn strptime(vm: &Vm, args: &[Value]) -> PyResult {
        let module = naja_vm::import::import_simple(vm, "_strptime")?;
        let parse = naja_vm::protocols::attributes::get_by(vm, &module, "_strptime_time")?;
        vm.call(&parse, args)
    }

    /// Get information of the specified clock.
    #[pyfunction(sig = "(name, /)")]
    fn get_clock_info(vm: &Vm, name: &str) -> PyResult {
        let (id, text, monotonic, adjustable) = match name {
            "time" => (libc::CLOCK_REALTIME, "CLOCK_REALTIME", false, true),
            "monotonic" | "perf_counter" => (libc::CLOCK_MONOTONIC, "CLOCK_MONOTONIC", true, false),
            "process_time" => (
                libc::CLOCK_PROCESS_CPUTIME_ID,
                "CLOCK_PROCESS_CPUTIME_ID",
                true,
                false,
            ),
            "thread_time" => (
                libc::CLOCK_THREAD_CPUTIME_ID,
                "CLOCK_THREAD_CPUTIME_ID",
                true,
                false,
            ),
            _ => return Err(vm.value_error("unknown clock")),
        };
        let info = vm.new_dict()?;
        let text = vm.new_str(format!("clock_gettime({text})"))?.into_value();
        info.set_str(vm, &vm.intern("implementation"), text)?;
        info.set_str(vm, &vm.intern("monotonic"), Value::from_bool(monotonic))?;
        info.set_str(vm, &vm.intern("adjustable"), Value::from_bool(adjustable))?;
        let step = vm.new_float(resolution(vm, id)?)?;
        info.set_str(vm, &vm.intern("resolution"), step)?;
        vm.call(vm.types.simple_namespace.as_value(), &[info.into_value()])
    }

    /// Initialize, or reinitialize, the local timezone to the value stored in os.environ['TZ'].
    #[pyfunction(sig = "()")]
    fn tzset(vm: &Vm) -> PyResult<()> {
        unsafe extern "C" {
            fn tzset();
        }
        // SAFETY: reads the environment, which only this interpreter's lock holder changes.
        unsafe { tzset() };
        let modules = naja_vm::import::modules(vm)?;
        match modules.get_str(vm, &vm.intern("time"))? {
            Some(module) => set_zone(vm, &|name, value| {
                naja_vm::protocols::attributes::set(vm, &module, &vm.intern(name), Some(&value))
            }),
            None => Ok(()),
        }
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let clocks = [
            ("CLOCK_REALTIME", libc::CLOCK_REALTIME),
            ("CLOCK_MONOTONIC", libc::CLOCK_MONOTONIC),
            ("CLOCK_MONOTONIC_RAW", libc::CLOCK_MONOTONIC_RAW),
            ("CLOCK_PROCESS_CPUTIME_ID", libc::CLOCK_PROCESS_CPUTIME_ID),
            ("CLOCK_THREAD_CPUTIME_ID", libc::CLOCK_THREAD_CPUTIME_ID),
            ("CLOCK_BOOTTIME", libc::CLOCK_BOOTTIME),
            ("CLOCK_TAI", libc::CLOCK_TAI),
            ("_STRUCT_TM_ITEMS", 11),
        ];
        add_ints(vm, module, &clocks.map(|(name, id)| (name, id as i64)))?;
        let class = structseq::class(vm, &STRUCT_TIME).into_value();
        module.set(vm, "struct_time", class)?;
        set_zone(vm, &|name, value| module.set(vm, name, value))
    }
}
