//! What the modules of the operating system share: file names to and from text, constants, times, interrupted calls.
//!
//! File names and the environment are UTF-8 with `surrogateescape`, so that every byte string has a text.
//! CPython: Python/fileutils.c, Python/pytime.c, Objects/unicodeobject.c.

use naja_heap::{Ref, Value};
use naja_vm::exception::BaseException;
use naja_vm::module::Module;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::str_::{self, Str};
use naja_vm::{PyResult, Raised, Vm};

/// Sets ints as attributes of a module.
pub fn add_ints(vm: &Vm, module: &Ref<Module>, items: &[(&str, i64)]) -> PyResult<()> {
    items
        .iter()
        .try_for_each(|(name, value)| module.set(vm, name, vm.new_int(*value)?))
}

/// The text of a file name: bytes that are not UTF-8 become lone surrogates.
pub fn fs_decode(vm: &Vm, bytes: &[u8]) -> PyResult {
    if bytes.is_ascii() {
        return Ok(vm.new_ascii_str(bytes)?.into_value());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(vm.new_str(text)?.into_value());
    }
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for &b in chunk.invalid() {
            str_::push_code_point(&mut out, 0xdc00 + b as u32)
        }
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}

/// The bytes of a file name. Raises UnicodeEncodeError for surrogates that stand for no byte.
pub fn fs_encode(vm: &Vm, text: &Ref<Str>) -> PyResult<Vec<u8>> {
    if let Some(text) = text.as_str() {
        // With room for the zero that a system call needs.
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        return Ok(bytes);
    }
    let mut out = Vec::with_capacity(text.byte_len());
    for c in text.code_points() {
        match c {
            0xdc80..=0xdcff => out.push((c - 0xdc00) as u8),
            0xd800..=0xdfff => return Err(naja_vm::exception::surrogates_not_allowed(vm, text)),
            _ => str_::push_code_point(&mut out, c),
        }
    }
    Ok(out)
}

/// A C string of `bytes`. Raises ValueError "embedded null byte".
pub fn c_string(vm: &Vm, bytes: Vec<u8>) -> PyResult<std::ffi::CString> {
    std::ffi::CString::new(bytes).map_err(|_| vm.value_error("embedded null byte"))
}

/// The calling thread's `errno`.
pub fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Runs a system call without the interpreter lock, again after each interruption whose handlers did not raise
/// (PEP 475). A negative result gives the error number.
pub fn retry<T: Copy + PartialOrd + Default>(
    vm: &Vm,
    mut call: impl FnMut() -> T,
) -> PyResult<Result<T, i32>> {
    loop {
        let (result, error) = vm.without_gil(|| {
            let result = call();
            (result, errno())
        });
        if result >= T::default() {
            return Ok(Ok(result));
        }
        if error != libc::EINTR {
            return Ok(Err(error));
        }
        vm.check_signals()?;
    }
}

/// As [`retry`]; raises OSError for an error.
pub fn retry_or_raise<T: Copy + PartialOrd + Default>(
    vm: &Vm,
    call: impl FnMut() -> T,
) -> PyResult<T> {
    retry(vm, call)?.map_err(|error| vm.os_error(error, None))
}

/// Runs a system call once, without the interpreter lock. Raises OSError.
pub fn once<T: Copy + PartialOrd + Default>(vm: &Vm, call: impl FnOnce() -> T) -> PyResult<T> {
    let (result, error) = vm.without_gil(|| {
        let result = call();
        (result, errno())
    });
    if result < T::default() {
        Err(vm.os_error(error, None))
    } else {
        Ok(result)
    }
}

/// Raises OSError with two file names.
#[cold]
pub fn os_error2(vm: &Vm, errno: i32, first: &Value, second: &Value) -> Raised {
    let args = (|| -> PyResult<[Value; 5]> {
        Ok([
            vm.new_int(errno as i64)?,
            vm.new_str(strerror(errno))?.into_value(),
            first.clone(),
            Value::NONE,
            second.clone(),
        ])
    })();
    // The class's own constructor chooses the subclass for the number.
    let made = args.and_then(|args| vm.call(vm.types.os_error.as_value(), &args));
    match made.map(Value::downcast_into::<BaseException>) {
        Ok(Ok(exception)) => vm.raise_value(exception),
        Ok(Err(_)) => vm.system_error("OSError() gave no exception"),
        Err(raised) => raised,
    }
}

/// The system's text for an error number.
pub fn strerror(errno: i32) -> String {
    let mut text = [0u8; 256];
    // SAFETY: writes a terminated text of at most the buffer's size; glibc's XSI variant.
    unsafe { libc::strerror_r(errno, text.as_mut_ptr().cast(), text.len()) };
    let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
}

/// How a fraction of a nanosecond is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Round {
    Floor,
    Ceiling,
    HalfEven,
    /// Away from zero (`_PyTime_ROUND_UP`, which timeouts use).
    Up,
}

impl Round {
    /// Rounds a float to an integral one.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Round::Floor => x.floor(),
            Round::Ceiling => x.ceil(),
            Round::HalfEven => x.round_ties_even(),
            Round::Up => {
                if x >= 0.0 {
                    x.ceil()
                } else {
                    x.floor()
                }
            }
        }
    }

    fn divide(self, n: i64, by: i64) -> i64 {
        let (q, r) = (n.div_euclid(by), n.rem_euclid(by));
        let up = match self {
            Round::Floor => false,
            Round::Ceiling => r != 0,
            Round::Up => r != 0 && n >= 0,
            Round::HalfEven => r * 2 > by || r * 2 == by && q & 1 == 1,
        };
        q + up as i64
    }
}

const NS: f64 = 1e9;

/// Nanoseconds of a number of seconds. Raises TypeError, ValueError for NaN, OverflowError.
pub fn nanoseconds(vm: &Vm, value: &Value, round: Round) -> PyResult<i64> {
    if let Some(f) = naja_vm::float::value_of(value) {
        if f.is_nan() {
            return Err(vm.value_error("Invalid value NaN (not a number)"));
        }
        let ns = round.apply(f * NS);
        if !(-9223372036854775808.0..9223372036854775808.0).contains(&ns) {
            return Err(vm.overflow_error("timestamp too large to convert to C PyTime_t"));
        }
        return Ok(ns as i64);
    }
    if !number::has_index(vm, value) {
        return Err(vm.type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            vm.type_name(value)
        )));
    }
    number::index_i64(vm, value)?
        .and_then(|s| s.checked_mul(1_000_000_000))
        .ok_or_else(|| vm.overflow_error("timestamp too large to convert to C PyTime_t"))
}

/// Seconds (`time_t`) of a number. Raises TypeError, ValueError, OverflowError.
pub fn seconds(vm: &Vm, value: &Value, round: Round) -> PyResult<i64> {
    if let Some(f) = naja_vm::float::value_of(value) {
        if f.is_nan() {
            return Err(vm.value_error("Invalid value NaN (not a number)"));
        }
        let s = round.apply(f);
        if !(-9223372036854775808.0..9223372036854775808.0).contains(&s) {
            return Err(vm.overflow_error("timestamp out of range for platform time_t"));
        }
        return Ok(s as i64);
    }
    number::index_i64(vm, value)?
        .ok_or_else(|| vm.overflow_error("timestamp out of range for platform time_t"))
}

/// Seconds and nanoseconds of a number (`_PyTime_ObjectToTimespec`).
pub fn timespec(vm: &Vm, value: &Value, round: Round) -> PyResult<(i64, i64)> {
    let Some(f) = naja_vm::float::value_of(value) else {
        return Ok((seconds(vm, value, round)?, 0));
    };
    if f.is_nan() {
        return Err(vm.value_error("Invalid value NaN (not a number)"));
    }
    let (mut whole, mut ns) = (f.trunc(), round.apply((f - f.trunc()) * NS));
    if ns >= NS {
        (whole, ns) = (whole + 1.0, ns - NS)
    } else if ns < 0.0 {
        (whole, ns) = (whole - 1.0, ns + NS)
    }
    if !(-9223372036854775808.0..9223372036854775808.0).contains(&whole) {
        return Err(vm.overflow_error("timestamp out of range for platform time_t"));
    }
    Ok((whole as i64, ns as i64))
}

/// Milliseconds of nanoseconds.
pub fn to_milliseconds(ns: i64, round: Round) -> i64 {
    round.divide(ns, 1_000_000)
}

/// Microseconds of nanoseconds.
pub fn to_microseconds(ns: i64, round: Round) -> i64 {
    round.divide(ns, 1_000)
}

/// The monotonic clock in nanoseconds.
pub fn monotonic() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec)
}

/// The C timespec of nanoseconds.
pub fn c_timespec(ns: i64) -> libc::timespec {
    libc::timespec {
        tv_sec: ns.div_euclid(1_000_000_000),
        tv_nsec: ns.rem_euclid(1_000_000_000),
    }
}

/// A file descriptor: an int, or what an object's `fileno()` gives. Raises TypeError, ValueError for a negative one.
pub fn file_descriptor(vm: &Vm, value: &Value) -> PyResult<i32> {
    let (number, from_method) = if number::is_int(vm, value) {
        (value.clone(), false)
    } else {
        match attributes::get_optional(vm, value, &vm.intern("fileno"))? {
            Some(method) => {
                let result = vm.call(&method, &[])?;
                if !number::is_int(vm, &result) {
                    return Err(vm.type_error("fileno() returned a non-integer"));
                }
                (result, true)
            }
            None => {
                return Err(vm.type_error("argument must be an int, or have a fileno() method."));
            }
        }
    };
    if !from_method && vm.type_of(&number).name() == "bool" {
        vm.warn(
            &vm.types.runtime_warning,
            "bool is used as a file descriptor",
            1,
        )?;
    }
    let fd = number::index_i64(vm, &number)?
        .and_then(|n| i32::try_from(n).ok())
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"))?;
    if fd < 0 {
        return Err(vm.value_error(format!(
            "file descriptor cannot be a negative integer ({fd})"
        )));
    }
    Ok(fd)
}

/// A parameter that takes what [`file_descriptor`] does.
#[derive(Clone, Copy)]
pub struct Fd(pub i32);

impl naja_vm::FromArg<'_> for Fd {
    fn from_arg(
        vm: &Vm,
        value: &Value,
        _: &naja_vm::function::Signature,
        _: usize,
    ) -> PyResult<Self> {
        file_descriptor(vm, value).map(Fd)
    }
}

/// Whether an object is true, for callers that have an optional one.
pub fn truth(vm: &Vm, value: Option<&Value>, default: bool) -> PyResult<bool> {
    value.map_or(Ok(default), |v| object::is_true(vm, v))
}
