//! `_io`: files, buffers and text streams. CPython: Modules/_io/.
//!
//! `base.rs` has the four abstract classes, `fileio.rs` the raw file, `buffered.rs` the buffers over a raw stream,
//! `bytesio.rs` and `stringio.rs` streams in memory, `text.rs` text over bytes with `codec.rs` (its codecs) and
//! `newline.rs` (line ends). Methods of other streams are called as Python's; where a stream is one of ours, unsubclassed,
//! its Rust functions are called directly.

pub mod base;
pub mod buffered;
pub mod bytesio;
pub mod codec;
pub mod fileio;
pub mod newline;
pub mod stringio;
pub mod text;

use base::{BufferedIoBase, IoBase, RawIoBase, TextIoBase};
use buffered::{BufferedRandom, BufferedReader, BufferedRwPair, BufferedWriter};
use bytesio::{BytesIo, BytesIoBuffer};
use fileio::FileIo;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::protocols::{attributes, object};
use naja_vm::str_::Str;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};
use newline::IncrementalNewlineDecoder;
use stringio::StringIo;
use text::TextIoWrapper;

/// Bytes that a buffer holds unless told otherwise.
pub const DEFAULT_BUFFER_SIZE: usize = 128 * 1024;

/// The class `UnsupportedOperation`, of an interpreter.
#[derive(Default)]
struct Unsupported(MutCell<Option<Ref<Type>>>);

/// Raises `io.UnsupportedOperation`.
#[cold]
pub fn unsupported(vm: &Vm, message: &str) -> Raised {
    match vm.interp.module_state::<Unsupported>().0.get() {
        Some(class) => vm.raise(&class, message),
        None => vm.raise(&vm.types.os_error, message),
    }
}

/// "I/O operation on closed file." as ValueError.
#[cold]
pub fn closed_error(vm: &Vm) -> Raised {
    vm.value_error("I/O operation on closed file.")
}

/// The truth of what a method without arguments gives.
pub fn ask(vm: &Vm, stream: &Value, method: &str) -> PyResult<bool> {
    let answer = vm.call_method_str(stream, method, &[])?;
    object::is_true(vm, &answer)
}

/// Whether a stream says that it is closed.
pub fn is_closed(vm: &Vm, stream: &Value) -> PyResult<bool> {
    let closed = attributes::get(vm, stream, &vm.names.closed)?;
    object::is_true(vm, &closed)
}

/// Joins what two clean-up steps raised: the second is raised, with the first as its context.
pub fn chain(vm: &Vm, first: PyResult<()>, second: impl FnOnce() -> PyResult<()>) -> PyResult<()> {
    let Err(raised) = first else {
        return second();
    };
    let exception = vm.take_exception();
    if second().is_err() {
        let later = vm.take_exception();
        naja_vm::exception::set_context_avoiding_cycle(&later, exception.into_value());
        return Err(vm.raise_value(later));
    }
    vm.raise_value(exception);
    Err(raised)
}

/// Closes a stream that an error left behind; the error goes on.
fn close_after(vm: &Vm, raised: Raised, stream: &Value) -> PyResult {
    chain(vm, Err(raised), || {
        vm.call_method_str(stream, "close", &[]).map(drop)
    })?;
    Err(raised)
}

/// The name of an encoding or error handler must be a C string. Raises UnicodeEncodeError, ValueError.
pub fn check_name(vm: &Vm, name: &Ref<Str>) -> PyResult<()> {
    if !name.is_ascii() {
        naja_vm::str_::codecs::encode(vm, name, &vm.intern("utf-8"), None)?;
    }
    if name.as_bytes().contains(&0) {
        return Err(vm.value_error("embedded null character"));
    }
    Ok(())
}

/// A size argument: None and negative numbers mean "all".
pub fn size(vm: &Vm, value: Option<&Value>) -> PyResult<Option<usize>> {
    if let Some(n) = value.and_then(Value::as_small_int) {
        return Ok(usize::try_from(n).ok());
    }
    match value.filter(|v| !v.is_none()) {
        None => Ok(None),
        Some(value) if naja_vm::protocols::number::has_index(vm, value) => {
            Ok(usize::try_from(naja_vm::protocols::number::index_isize(vm, value)?).ok())
        }
        Some(value) => Err(vm.type_error(format!(
            "argument should be integer or None, not '{}'",
            vm.type_name(value)
        ))),
    }
}

/// The parts of a mode string.
struct Mode {
    creating: bool,
    reading: bool,
    writing: bool,
    appending: bool,
    updating: bool,
    text: bool,
    binary: bool,
}

fn parse_mode(vm: &Vm, mode: &str) -> PyResult<Mode> {
    let invalid = || Err(vm.value_error(format!("invalid mode: '{mode}'")));
    let has = |c: char| mode.contains(c);
    let known = mode.chars().all(|c| "xrwa+tb".contains(c));
    let twice = mode.chars().any(|c| mode.matches(c).count() > 1);
    if !known || twice {
        return invalid();
    }
    let parsed = Mode {
        creating: has('x'),
        reading: has('r'),
        writing: has('w'),
        appending: has('a'),
        updating: has('+'),
        text: has('t'),
        binary: has('b'),
    };
    if parsed.text && parsed.binary {
        return Err(vm.value_error("can't have text and binary mode at once"));
    }
    let actions = [
        parsed.creating,
        parsed.reading,
        parsed.writing,
        parsed.appending,
    ];
    if actions.iter().filter(|&&a| a).count() != 1 {
        return Err(vm.value_error("must have exactly one of create/read/write/append mode"));
    }
    Ok(parsed)
}

/// The raw file, then its buffer, then the text over it; what was opened is closed again on the way out of an error.
fn open_stream(
    vm: &Vm,
    file: &Value,
    mode: &str,
    buffering: i64,
    text: [Option<&Value>; 3],
    closefd: bool,
    opener: &Value,
) -> PyResult {
    let parsed = parse_mode(vm, mode)?;
    if parsed.binary {
        for (value, name) in text.iter().zip(["encoding", "errors", "newline"]) {
            if value.is_some_and(|v| !v.is_none()) {
                let article = if name == "newline" {
                    "a newline"
                } else if name == "errors" {
                    "an errors"
                } else {
                    "an encoding"
                };
                return Err(vm.value_error(format!("binary mode doesn't take {article} argument")));
            }
        }
        if buffering == 1 {
            vm.warn(
                &vm.types.runtime_warning,
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used",
                1,
            )?;
        }
    }
    let raw_mode: String = mode.chars().filter(|c| !"tb".contains(*c)).collect();
    let raw = FileIo::open(vm, vm.class::<FileIo>(), file, &raw_mode, closefd, opener)?;
    let result = wrap(vm, &raw, &parsed, buffering, text, mode);
    match result {
        Ok(stream) => Ok(stream),
        Err(raised) => {
            let exception = vm.take_exception();
            if vm.call_method_str(&raw.into_value(), "close", &[]).is_err() {
                let second = vm.take_exception();
                naja_vm::exception::set_context_avoiding_cycle(&second, exception.into_value());
                vm.raise_value(second);
            } else {
                vm.raise_value(exception);
            }
            Err(raised)
        }
    }
}

fn wrap(
    vm: &Vm,
    raw: &Ref<FileIo>,
    mode: &Mode,
    mut buffering: i64,
    [encoding, errors, newline]: [Option<&Value>; 3],
    mode_text: &str,
) -> PyResult {
    let mut line_buffering = buffering == 1 && !mode.binary;
    if buffering < 0 {
        let tty = raw.is_tty_when_opened();
        line_buffering |= tty && !mode.binary;
        buffering = -1;
    }
    if mode.binary && buffering == 1 {
        buffering = -1;
    }
    if buffering < -1 {
        return Err(vm.value_error("invalid buffering size"));
    }
    if buffering == 0 {
        if mode.binary {
            return Ok(raw.to_value());
        }
        return Err(vm.value_error("can't have unbuffered text I/O"));
    }
    let size = match buffering {
        -1 | 1 => raw.buffer_size(),
        n => n as usize,
    };
    let raw = raw.to_value();
    let buffer = if mode.updating {
        BufferedRandom::make(vm, vm.class::<BufferedRandom>(), raw, size)?
    } else if mode.reading {
        BufferedReader::make(vm, vm.class::<BufferedReader>(), raw, size)?
    } else {
        BufferedWriter::make(vm, vm.class::<BufferedWriter>(), raw, size)?
    };
    if mode.binary {
        return Ok(buffer);
    }
    let none = Value::NONE;
    let stream = TextIoWrapper::make(
        vm,
        vm.class::<TextIoWrapper>(),
        buffer.clone(),
        [
            encoding.unwrap_or(&none),
            errors.unwrap_or(&none),
            newline.unwrap_or(&none),
        ],
        line_buffering,
        false,
    );
    let stream = match stream {
        Ok(stream) => stream,
        Err(raised) => {
            // Closed here, so that nobody is warned of a file left open.
            return close_after(vm, raised, &buffer);
        }
    };
    attributes::set(
        vm,
        &stream,
        &vm.intern("mode"),
        Some(vm.new_str(mode_text)?.as_value()),
    )?;
    Ok(stream)
}

/// The io module provides the Python interfaces to stream handling. The
/// builtin open function is defined in this module.
///
/// At the top of the I/O hierarchy is the abstract base class IOBase. It
/// defines the basic interface to a stream. Note, however, that there is no
/// separation between reading and writing to streams; implementations are
/// allowed to raise an OSError if they do not support a given operation.
#[pymodule(
    name = "_io",
    classes(
        IoBase,
        RawIoBase,
        BufferedIoBase,
        TextIoBase,
        FileIo,
        BytesIo,
        BytesIoBuffer,
        BufferedReader,
        BufferedWriter,
        BufferedRandom,
        BufferedRwPair,
        StringIo,
        TextIoWrapper,
        IncrementalNewlineDecoder
    )
)]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let state = vm.interp.module_state::<Unsupported>();
        let bases = vm.new_tuple(vec![
            vm.types.os_error.to_value(),
            vm.types.value_error.to_value(),
        ])?;
        let dict = vm.new_dict()?;
        dict.set_str(vm, &vm.names.__module__, vm.new_str("io")?.into_value())?;
        let name = vm.new_str("UnsupportedOperation")?.into_value();
        let class = vm.call(
            vm.types.type_.as_value(),
            &[name, bases.into_value(), dict.into_value()],
        )?;
        module.set(vm, "UnsupportedOperation", class.clone())?;
        state.0.set(class.downcast_into::<Type>().ok());
        module.set(
            vm,
            "BlockingIOError",
            vm.types.exceptions.blocking_io_error.to_value(),
        )?;
        module.set(
            vm,
            "DEFAULT_BUFFER_SIZE",
            vm.new_int(DEFAULT_BUFFER_SIZE as i64)?,
        )
    }

    /// Open file and return a stream.  Raise OSError upon failure.
    ///
    /// file is either a text or byte string giving the name (and the path
    /// if the file isn't in the current working directory) of the file to
    /// be opened or an integer file descriptor of the file to be
    /// wrapped. (If a file descriptor is given, it is closed when the
    /// returned I/O object is closed, unless closefd is set to False.)
    ///
    /// mode is an optional string that specifies the mode in which the file
    /// is opened. It defaults to 'r' which means open for reading in text
    /// mode.  Other common values are 'w' for writing (truncating the file if
    /// it already exists), 'x' for creating and writing to a new file, and
    /// 'a' for appending.
    #[pyfunction(
        sig = "($module, /, file, mode='r', buffering=-1, encoding=None, errors=None,\n     newline=None, closefd=True, opener=None)"
    )]
    fn open(
        vm: &Vm,
        file: &Value,
        mode: Option<&str>,
        buffering: Option<i64>,
        encoding: Option<&Value>,
        errors: Option<&Value>,
        newline: Option<&Value>,
        closefd: Option<bool>,
        opener: Option<Value>,
    ) -> PyResult {
        let path = if naja_vm::protocols::number::is_int(vm, file) {
            file.clone()
        } else {
            fileio::fspath(vm, file)?
        };
        for (value, name, place) in [
            (encoding, "encoding", 4),
            (errors, "errors", 5),
            (newline, "newline", 6),
        ] {
            if let Some(value) = value.filter(|v| !v.is_none())
                && naja_vm::str_::of(value).is_none()
            {
                let _ = place;
                return Err(vm.type_error(format!(
                    "open() argument '{name}' must be str or None, not {}",
                    vm.type_name(value)
                )));
            }
        }
        open_stream(
            vm,
            &path,
            mode.unwrap_or("r"),
            buffering.unwrap_or(-1),
            [encoding, errors, newline],
            closefd.unwrap_or(true),
            &opener.unwrap_or(Value::NONE),
        )
    }

    /// Opens the provided file with the intent to import the contents.
    ///
    /// This may perform extra validation beyond open(), but is otherwise interchangeable
    /// with calling open(path, 'rb').
    #[pyfunction(sig = "($module, /, path)")]
    fn open_code(vm: &Vm, path: &Ref<Str>) -> PyResult {
        open_stream(vm, path.as_value(), "rb", -1, [None; 3], true, &Value::NONE)
    }

    /// A helper function to choose the text encoding.
    ///
    /// When encoding is not None, this function returns it.
    /// Otherwise, this function returns the default text encoding
    /// (i.e. "locale" or "utf-8" depends on UTF-8 mode).
    ///
    /// This function emits an EncodingWarning if encoding is None and
    /// sys.flags.warn_default_encoding is true.
    #[pyfunction(sig = "($module, encoding, stacklevel=2, /)")]
    fn text_encoding(vm: &Vm, encoding: &Value, stacklevel: Option<i64>) -> PyResult {
        if !encoding.is_none() {
            return Ok(encoding.clone());
        }
        if vm.interp.config.warn_default_encoding {
            let level = stacklevel.unwrap_or(2).max(1) as usize;
            vm.warn(
                &vm.types.exceptions.encoding_warning,
                "'encoding' argument not specified",
                level,
            )?;
        }
        let utf8 = vm.interp.config.utf8_mode == Some(true);
        Ok(vm
            .new_str(if utf8 { "utf-8" } else { "locale" })?
            .into_value())
    }
}
