//! Text of dates and times: `strftime`, `ctime`, ISO formats, and the tuples that `time` understands.
//!
//! `strftime` puts in the directives that only dates know (`%f`, `%z`, `%:z`, `%Z`, and years with four digits) and leaves
//! the rest to `time.strftime`. CPython: wrap_strftime, build_struct_time, format_ctime.

use super::calendar::{self, Clock, Day};
use super::tz;
use naja_heap::{Ref, Value};
use naja_vm::protocols::{attributes, number, object};
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm, import};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Sun Sep  9 01:46:40 2001`.
pub fn ctime(day: Day, clock: Clock) -> String {
    let weekday = DAYS.get(calendar::weekday(day) as usize).unwrap_or(&"");
    let month = MONTHS
        .get((day.month as usize).wrapping_sub(1))
        .unwrap_or(&"");
    format!(
        "{weekday} {month} {:2} {:02}:{:02}:{:02} {:04}",
        day.day, clock.hour, clock.minute, clock.second, day.year
    )
}

pub fn iso_date(day: Day) -> String {
    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)
}

/// A time in ISO format with so many parts. Raises ValueError for an unknown `timespec`.
pub fn iso_clock(vm: &Vm, t: Clock, timespec: Option<&str>) -> PyResult<String> {
    let timespec = match timespec.unwrap_or("auto") {
        "auto" if t.micro == 0 => "seconds",
        "auto" => "microseconds",
        other => other,
    };
    let (h, m, s) = (t.hour, t.minute, t.second);
    Ok(match timespec {
        "hours" => format!("{h:02}"),
        "minutes" => format!("{h:02}:{m:02}"),
        "seconds" => format!("{h:02}:{m:02}:{s:02}"),
        "milliseconds" => format!("{h:02}:{m:02}:{s:02}.{:03}", t.micro / 1000),
        "microseconds" => format!("{h:02}:{m:02}:{s:02}.{:06}", t.micro),
        _ => return Err(vm.value_error("Unknown timespec value")),
    })
}

fn time_attr(vm: &Vm, name: &str) -> PyResult {
    attributes::get_by(vm, &import::import_simple(vm, "time")?, name)
}

/// `time.time()`.
pub fn time_time(vm: &Vm) -> PyResult {
    vm.call(&time_attr(vm, "time")?, &[])
}

/// The nine ints that `time` takes for a moment.
pub fn time_tuple(vm: &Vm, items: [i32; 9]) -> PyResult {
    let items = items.iter().map(|&n| vm.new_int(n as i64));
    Ok(vm.new_tuple(items.collect::<PyResult<_>>()?)?.into_value())
}

/// A `time.struct_time`.
pub fn struct_time(vm: &Vm, day: Day, clock: Clock, dst: i32) -> PyResult {
    let items = time_tuple(
        vm,
        [
            day.year,
            day.month,
            day.day,
            clock.hour,
            clock.minute,
            clock.second,
            calendar::weekday(day),
            calendar::days_before_month(day.year, day.month) + day.day,
            dst,
        ],
    )?;
    vm.call(&time_attr(vm, "struct_time")?, &[items])
}

/// What `strftime` formats: a moment as a tuple, with what the tuple cannot say.
pub struct Moment<'a> {
    pub tuple: Value,
    pub micro: i32,
    /// None for naive ones.
    pub tzinfo: Value,
    /// The argument for the time zone's methods.
    pub zone_arg: &'a Value,
}

impl Moment<'_> {
    fn zone_name(&self, vm: &Vm) -> PyResult<Vec<u8>> {
        let name = tz::tzname(vm, &self.tzinfo, self.zone_arg)?;
        if name.is_none() {
            return Ok(Vec::new());
        }
        // The name goes through `time.strftime`, too.
        let pair = ["%", "%%"].map(|s| vm.new_str(s).map(Ref::into_value));
        let [one, two] = pair;
        let doubled = vm.call_method_str(&name, "replace", &[one?, two?])?;
        match doubled.downcast::<Str>() {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(vm.type_error("tzname.replace() did not return a string")),
        }
    }

    /// The year for `%Y`, `%G`, `%F`, `%C`, with leading zeros; None where C's own text is right.
    fn year(&self, vm: &Vm, directive: u8, strftime: &Value) -> PyResult<Option<String>> {
        let first = object::get_item(vm, &self.tuple, &Value::small_int(0))?;
        let Some(mut year) = number::index_i64(vm, &first)? else {
            return Err(vm.overflow_error("Python int too large to convert to C long"));
        };
        if year >= 1000 {
            return Ok(None);
        }
        if directive == b'G' {
            let format = vm.new_str("%G")?.into_value();
            let text = vm.call(strftime, &[format, self.tuple.clone()])?;
            let n = vm.call(vm.types.int.as_value(), &[text])?;
            year = number::index_i64(vm, &n)?.unwrap_or(year);
        }
        Ok(Some(match directive {
            b'F' => format!("{year:04}-%m-%d"),
            b'C' => format!("{:02}", year / 100),
            _ => format!("{year:04}"),
        }))
    }

    /// `strftime(format)`.
    pub fn strftime(&self, vm: &Vm, format: &Ref<Str>) -> PyResult {
        let strftime = time_attr(vm, "strftime")?;
        let input = format.as_bytes();
        let mut out: Vec<u8> = Vec::with_capacity(input.len() + 16);
        let mut at = 0;
        while let Some(&c) = input.get(at) {
            at += 1;
            if c != b'%' {
                out.push(c);
                continue;
            }
            let directive = input.get(at).copied();
            at += directive.is_some() as usize;
            match directive {
                Some(b'z') => {
                    let text = tz::format_utcoffset(vm, "", &self.tzinfo, self.zone_arg)?;
                    out.extend_from_slice(text.as_bytes());
                }
                Some(b':') if input.get(at) == Some(&b'z') => {
                    at += 1;
                    let text = tz::format_utcoffset(vm, ":", &self.tzinfo, self.zone_arg)?;
                    out.extend_from_slice(text.as_bytes());
                }
                Some(b'Z') => out.extend_from_slice(&self.zone_name(vm)?),
                Some(b'f') => out.extend_from_slice(format!("{:06}", self.micro).as_bytes()),
                Some(c @ (b'Y' | b'G' | b'F' | b'C')) => match self.year(vm, c, &strftime)? {
                    Some(text) => out.extend_from_slice(text.as_bytes()),
                    None => out.extend_from_slice(&[b'%', c]),
                },
                Some(c) => out.extend_from_slice(&[b'%', c]),
                None => out.push(b'%'),
            }
        }
        let format = vm.new_str_wtf8(&out)?.into_value();
        vm.call(&strftime, &[format, self.tuple.clone()])
    }
}

/// `_strptime.function(class, text, format)`.
pub fn strptime(vm: &Vm, function: &str, class: &Value, text: &Value, format: &Value) -> PyResult {
    let module = import::import_simple(vm, "_strptime")?;
    let function = attributes::get_by(vm, &module, function)?;
    vm.call(&function, &[class.clone(), text.clone(), format.clone()])
}

/// The result of a `__reduce__`: class and arguments.
pub fn reduced(vm: &Vm, object: &Value, args: Vec<Value>) -> PyResult {
    let class = vm.type_of(object).to_ref().into_value();
    Tuple::pair(vm, class, vm.new_tuple(args)?.into_value())
}

/// The bytes of a pickled state, which Python 2 wrote as text. Raises ValueError where the text has other characters.
pub fn pickled_state(vm: &Vm, state: &Value, len: usize, what: &str) -> PyResult<Option<Vec<u8>>> {
    if let Some(bytes) = state.downcast::<naja_vm::bytes::Bytes>() {
        let bytes = bytes.as_bytes();
        return Ok((bytes.len() == len).then(|| bytes.to_vec()));
    }
    let Some(text) = state.downcast::<Str>().filter(|t| t.char_len() == len) else {
        return Ok(None);
    };
    let place = match what {
        "time" => 0,
        _ => 2,
    };
    // As long as the tell-tale character could be one of a state, the rest must be, too.
    let telling = text.char_at(place);
    let possible = match what {
        "time" => telling & 0x7f < 24,
        "date" => (1..=12).contains(&telling),
        _ => (1..=12).contains(&(telling & 0x7f)),
    };
    if !possible {
        return Ok(None);
    }
    let bytes: Option<Vec<u8>> = text.code_points().map(|c| u8::try_from(c).ok()).collect();
    match bytes {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(vm.value_error(format!(
            "Failed to encode latin1 string when unpickling a {what} object. pickle.load(data, encoding='latin1') is assumed."
        ))),
    }
}
