//! `print` and `input`, and standard output without `_io`.
//!
//! Where `sys.stdout` exists these go through it, as in CPython. Before the module `_io` has made it, text goes to
//! file descriptor 1 through a small buffer of the process: flushed when full, at each line if it is a terminal, by
//! `flush=True`, before reading standard input, and at exit ([`flush_native`]). CPython: `builtin_print_impl`.

use crate::objects::str_;
use crate::protocols::{attributes, object};
use crate::runtime::Access;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use std::sync::{Mutex, PoisonError};

/// Text written and not yet passed to the system.
static OUTPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
const FULL: usize = 8192;

/// Writes all of `data` to a file descriptor. Gives the errno of a failure.
pub fn write_all(fd: i32, mut data: &[u8]) -> Result<(), i32> {
    while !data.is_empty() {
        // SAFETY: the pointer and length are those of a live slice.
        let n = unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) };
        if n >= 0 {
            data = &data[n as usize..];
            continue;
        }
        match std::io::Error::last_os_error().raw_os_error().unwrap_or(0) {
            libc::EINTR => {}
            errno => return Err(errno),
        }
    }
    Ok(())
}

/// Passes buffered standard output to the system. Gives the errno of a failure; the text is then lost.
pub fn flush_native() -> Result<(), i32> {
    let data = std::mem::take(&mut *OUTPUT.lock().unwrap_or_else(PoisonError::into_inner));
    write_all(1, &data)
}

/// Raises OSError for an errno.
#[cold]
pub fn os_error(vm: &Vm, errno: i32) -> crate::vm::Raised {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or("").to_string();
    match (vm.new_int(errno as i64), vm.new_str(text)) {
        (Ok(number), Ok(text)) => {
            let class = crate::objects::exception::types::os_error_class(vm, errno as i64);
            vm.raise_with(&class, &[number, text.into_value()])
        }
        _ => crate::vm::Raised,
    }
}

/// Writes text to standard output natively.
pub fn write_native(vm: &Vm, data: &[u8]) -> PyResult<()> {
    let flush = {
        let mut buffer = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(data);
        // SAFETY: a plain query.
        buffer.len() >= FULL
            || vm.interp.config.unbuffered
            || (data.contains(&b'\n') && unsafe { libc::isatty(1) } == 1)
    };
    if flush {
        flush_native().map_err(|errno| os_error(vm, errno))
    } else {
        Ok(())
    }
}

/// The text of an argument that must be a string or None.
fn separator<'a>(vm: &Vm, name: &str, value: Option<&'a Value>) -> PyResult<Option<&'a Value>> {
    match value {
        Some(v) if str_::of(v).is_none() => Err(vm.type_error(format!(
            "{name} must be None or a string, not {}",
            vm.type_of(v).full_name()
        ))),
        value => Ok(value),
    }
}

/// `print()`.
pub fn print(
    vm: &Vm,
    args: &[Value],
    sep: Option<&Value>,
    end: Option<&Value>,
    file: Option<Value>,
    flush: bool,
) -> PyResult<()> {
    let file = match file {
        Some(file) => Some(file),
        None => match vm.sys_attr("stdout")? {
            // A process without standard output prints nothing.
            Some(stdout) if stdout.is_none() => return Ok(()),
            // An interpreter that never had streams writes natively.
            None if vm.sys_attr("__stdout__")?.is_some() => {
                return Err(vm.runtime_error("lost sys.stdout"));
            }
            stdout => stdout,
        },
    };
    let sep = separator(vm, "sep", sep)?;
    let end = separator(vm, "end", end)?;
    let Some(file) = file else {
        return print_natively(vm, args, sep, end, flush);
    };
    let write = |text: Value| vm.call_method(&file, &vm.names.write, &[text]).map(drop);
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            match sep {
                Some(sep) => write(sep.clone())?,
                None => write(vm.new_str(" ")?.into_value())?,
            }
        }
        write(object::str(vm, arg)?.into_value())?;
    }
    match end {
        Some(end) => write(end.clone())?,
        None => write(vm.new_str("\n")?.into_value())?,
    }
    if flush {
        vm.call_method(&file, &vm.names.flush, &[])?;
    }
    Ok(())
}

fn print_natively(
    vm: &Vm,
    args: &[Value],
    sep: Option<&Value>,
    end: Option<&Value>,
    flush: bool,
) -> PyResult<()> {
    let mut out = Vec::new();
    let mut push = |value: &Value| -> PyResult<()> {
        let text = object::str(vm, value)?;
        if text.as_str().is_none() {
            return Err(crate::objects::exception::surrogates_not_allowed(vm, &text));
        }
        out.extend_from_slice(text.as_bytes());
        Ok(())
    };
    let (space, newline) = (
        vm.new_str(" ")?.into_value(),
        vm.new_str("\n")?.into_value(),
    );
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            push(sep.unwrap_or(&space))?;
        }
        push(arg)?;
    }
    push(end.unwrap_or(&newline))?;
    write_native(vm, &out)?;
    if flush {
        flush_native().map_err(|errno| os_error(vm, errno))?;
    }
    Ok(())
}

/// One line from file descriptor 0, byte by byte so that nothing behind it is taken. None at the end.
fn read_line_native(vm: &Vm) -> PyResult<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let mut byte = 0u8;
        // SAFETY: reads at most one byte into `byte`.
        let (n, errno) = vm.without_gil(|| unsafe {
            let n = libc::read(0, (&raw mut byte).cast(), 1);
            (
                n,
                std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
            )
        });
        match n {
            0 => return Ok(if line.is_empty() { None } else { Some(line) }),
            1 if byte == b'\n' => return Ok(Some(line)),
            1 => line.push(byte),
            _ if errno == libc::EINTR => vm.check_signals()?,
            _ => return Err(os_error(vm, errno)),
        }
    }
}

/// `input()`.
pub fn input(vm: &Vm, prompt: Option<&Value>) -> PyResult {
    vm.permit(Access::Event(
        "builtins.input",
        &[prompt.cloned().unwrap_or(Value::NONE)],
    ))?;
    if vm.sys_attr("stdin")?.is_none() {
        return Err(vm.runtime_error("input(): lost sys.stdin"));
    }
    let Some(stdin) = vm.sys_attr("stdin")? else {
        if let Some(prompt) = prompt {
            print_natively(
                vm,
                std::slice::from_ref(prompt),
                None,
                Some(vm.interp.empty_str().as_value()),
                true,
            )?;
        } else {
            flush_native().map_err(|errno| os_error(vm, errno))?;
        }
        let Some(line) = read_line_native(vm)? else {
            return Err(vm.eof_error("EOF when reading a line"));
        };
        let line = crate::objects::str_::codecs::decode(vm, &line, None, None)?;
        vm.permit(Access::Event(
            "builtins.input/result",
            std::slice::from_ref(&line),
        ))?;
        return Ok(line);
    };
    let (stdout, stderr) = (vm.sys_attr("stdout")?, vm.sys_attr("stderr")?);
    let present = |v: &Value| !v.is_none();
    if !present(&stdin) {
        return Err(vm.runtime_error("lost sys.stdin"));
    }
    let Some(stdout) = stdout.filter(present) else {
        return Err(vm.runtime_error("lost sys.stdout"));
    };
    let Some(stderr) = stderr.filter(present) else {
        return Err(vm.runtime_error("lost sys.stderr"));
    };
    if vm.call_method(&stderr, &vm.names.flush, &[]).is_err() {
        vm.clear_exception()
    }
    if let Some(prompt) = prompt {
        let text = object::str(vm, prompt)?.into_value();
        vm.call_method(&stdout, &vm.names.write, &[text])?;
    }
    if vm.call_method(&stdout, &vm.names.flush, &[]).is_err() {
        vm.clear_exception()
    }
    let readline = attributes::get(vm, &stdin, &vm.names.readline)?;
    let line = vm.call(&readline, &[])?;
    let Some(text) = str_::of(&line) else {
        return Err(vm.type_error("object.readline() returned non-string"));
    };
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err(vm.eof_error("EOF when reading a line"));
    }
    let line = match bytes.strip_suffix(b"\n") {
        Some(bytes) => vm.new_str_wtf8(bytes)?.into_value(),
        None => line.clone(),
    };
    vm.permit(Access::Event(
        "builtins.input/result",
        std::slice::from_ref(&line),
    ))?;
    Ok(line)
}
