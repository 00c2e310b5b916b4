//! Arguments of the functions of `posix`: paths, directory descriptors, ids of users and groups.
//!
//! A [`Path`] is what CPython's `path_t` is: text, bytes, an object with `__fspath__`, or a descriptor where the function
//! can take one; it keeps the object for error messages. Invariant: either `fd` is set or `c` holds the path.

use crate::system;
use naja_heap::Value;
use naja_vm::bytes::Bytes;
use naja_vm::function::Signature;
use naja_vm::protocols::{attributes, number};
use naja_vm::str_;
use naja_vm::{FromArg, PyResult, Raised, Vm};
use std::ffi::{CStr, CString};

/// A path.
#[derive(Clone)]
pub struct Path {
    pub object: Value,
    pub c: CString,
    pub fd: Option<i32>,
    /// Given as bytes: results are bytes too.
    pub bytes: bool,
}

/// A path or an open descriptor.
#[derive(Clone)]
pub struct PathOrFd(pub Path);

/// A path, a descriptor, or None for the current directory.
#[derive(Clone)]
pub struct PathOrFdOrNone(pub Path);

impl Path {
    /// The current directory, as an omitted argument means.
    pub fn current() -> Path {
        Path {
            object: Value::NONE,
            c: c".".to_owned(),
            fd: None,
            bytes: false,
        }
    }

    pub fn ptr(&self) -> *const libc::c_char {
        self.c.as_ptr()
    }

    pub fn as_c(&self) -> &CStr {
        &self.c
    }

    /// A file name as the kind of text that the path was.
    pub fn decode(&self, vm: &Vm, bytes: &[u8]) -> PyResult {
        if self.bytes {
            Ok(vm.new_bytes(bytes)?.into_value())
        } else {
            system::fs_decode(vm, bytes)
        }
    }

    /// Raises the OSError of an error number, naming the path.
    #[cold]
    pub fn error(&self, vm: &Vm, errno: i32) -> Raised {
        let named = !self.object.is_none();
        vm.os_error(errno, named.then_some(&self.object))
    }

    /// Raises OSError where a system call has given a negative number.
    pub fn check(&self, vm: &Vm, result: i32) -> PyResult<()> {
        if result < 0 {
            let errno = system::errno();
            return Err(self.error(vm, errno));
        }
        Ok(())
    }
}

/// What `os.fspath` gives. Raises TypeError.
pub fn fspath(vm: &Vm, value: &Value) -> PyResult {
    if str_::of(value).is_some() || value.downcast::<Bytes>().is_some() {
        return Ok(value.clone());
    }
    let class = vm.type_of(value).to_ref();
    let method = attributes::get_optional(vm, class.as_value(), &vm.intern("__fspath__"))?;
    let Some(method) = method.filter(|m| !m.is_none()) else {
        return Err(vm.type_error(format!(
            "expected str, bytes or os.PathLike object, not {}",
            vm.type_name(value)
        )));
    };
    let path = vm.call(&method, std::slice::from_ref(value))?;
    if str_::of(&path).is_some() || path.downcast::<Bytes>().is_some() {
        return Ok(path);
    }
    Err(vm.type_error(format!(
        "expected {}.__fspath__() to return str or bytes, not {}",
        vm.type_name(value),
        vm.type_name(&path)
    )))
}

/// The bytes of a path: `PyUnicode_FSConverter` without the check for null bytes.
pub fn fs_bytes(vm: &Vm, value: &Value) -> PyResult<Vec<u8>> {
    let path = fspath(vm, value)?;
    match (str_::of(&path), path.downcast::<Bytes>()) {
        (Some(text), _) => system::fs_encode(vm, text),
        (_, Some(bytes)) => Ok(bytes.as_bytes().to_vec()),
        _ => Err(vm.type_error("expected str or bytes")),
    }
}

fn convert(
    vm: &Vm,
    value: &Value,
    sig: &Signature,
    index: usize,
    allow_fd: bool,
    nullable: bool,
) -> PyResult<Path> {
    let argument = sig.params.get(index).map_or("path", |p| p.name);
    if nullable && value.is_none() {
        return Ok(Path::current());
    }
    let mut path = Path {
        object: value.clone(),
        c: CString::default(),
        fd: None,
        bytes: false,
    };
    let mut given = value.clone();
    if str_::of(value).is_none() && value.downcast::<Bytes>().is_none() {
        if allow_fd && number::has_index(vm, value) {
            path.fd = Some(fd_number(vm, value)?);
            return Ok(path);
        }
        let class = vm.type_of(value).to_ref();
        let method = attributes::get_optional(vm, class.as_value(), &vm.intern("__fspath__"))?;
        if method.is_none_or(|m| m.is_none()) {
            let allowed = match (allow_fd, nullable) {
                (true, true) => "string, bytes, os.PathLike, integer or None",
                (true, false) => "string, bytes, os.PathLike or integer",
                (false, true) => "string, bytes, os.PathLike or None",
                (false, false) => "string, bytes or os.PathLike",
            };
            return Err(vm.type_error(format!(
                "{}: {argument} should be {allowed}, not {}",
                sig.name,
                vm.type_name(value)
            )));
        }
        given = fspath(vm, value)?;
    }
    let bytes = match str_::of(&given) {
        Some(text) => system::fs_encode(vm, text)?,
        None => {
            path.bytes = true;
            fs_bytes(vm, &given)?
        }
    };
    path.c = CString::new(bytes).map_err(|_| {
        vm.value_error(format!(
            "{}: embedded null character in {argument}",
            sig.name
        ))
    })?;
    Ok(path)
}

fn fd_number(vm: &Vm, value: &Value) -> PyResult<i32> {
    if value.is_bool() {
        vm.warn(
            &vm.types.runtime_warning,
            "bool is used as a file descriptor",
            1,
        )?;
    }
    match number::index_i64(vm, value)? {
        Some(n) if n > i32::MAX as i64 => Err(vm.overflow_error("fd is greater than maximum")),
        Some(n) if n < i32::MIN as i64 => Err(vm.overflow_error("fd is less than minimum")),
        Some(n) => Ok(n as i32),
        None => Err(vm.overflow_error("fd is greater than maximum")),
    }
}

impl FromArg<'_> for Path {
    fn from_arg(vm: &Vm, value: &Value, sig: &Signature, index: usize) -> PyResult<Self> {
        convert(vm, value, sig, index, false, false)
    }
}

impl FromArg<'_> for PathOrFd {
    fn from_arg(vm: &Vm, value: &Value, sig: &Signature, index: usize) -> PyResult<Self> {
        convert(vm, value, sig, index, true, false).map(PathOrFd)
    }
}

impl FromArg<'_> for PathOrFdOrNone {
    fn from_arg(vm: &Vm, value: &Value, sig: &Signature, index: usize) -> PyResult<Self> {
        convert(vm, value, sig, index, true, true).map(PathOrFdOrNone)
    }
}

/// A directory's descriptor, relative to which paths are: `AT_FDCWD` for None.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DirFd(pub i32);

impl DirFd {
    pub const CWD: DirFd = DirFd(libc::AT_FDCWD);

    pub fn given(self) -> bool {
        self != DirFd::CWD
    }

    /// Its number for audit events, which have -1 for none.
    pub fn audit(self, vm: &Vm) -> PyResult {
        vm.new_int(if self.given() { self.0 as i64 } else { -1 })
    }
}

impl FromArg<'_> for DirFd {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        if value.is_none() {
            return Ok(DirFd::CWD);
        }
        if !number::has_index(vm, value) {
            return Err(vm.type_error(format!(
                "argument should be integer or None, not {}",
                vm.type_name(value)
            )));
        }
        fd_number(vm, value).map(DirFd)
    }
}

/// Bytes of a str, bytes or PathLike, without null bytes (`PyUnicode_FSConverter`).
pub struct FsBytes(pub CString);

impl FromArg<'_> for FsBytes {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        system::c_string(vm, fs_bytes(vm, value)?).map(FsBytes)
    }
}

fn id(vm: &Vm, value: &Value, what: &str) -> PyResult<u32> {
    if !number::has_index(vm, value) {
        return Err(vm.type_error(format!(
            "{what} should be integer, not {}",
            vm.type_name(value)
        )));
    }
    let n = number::index_big(vm, value)?;
    if n == (-1).into() {
        return Ok(u32::MAX);
    }
    u32::try_from(&n).map_err(|_| {
        let negative = n < dashu_int::IBig::ZERO;
        let side = if negative {
            "less than minimum"
        } else {
            "greater than maximum"
        };
        vm.overflow_error(format!("{what} is {side}"))
    })
}

/// A user's number; -1 leaves it as it is.
#[derive(Clone, Copy)]
pub struct Uid(pub u32);

/// A group's number; -1 leaves it as it is.
#[derive(Clone, Copy)]
pub struct Gid(pub u32);

impl Uid {
    pub fn of(vm: &Vm, value: &Value) -> PyResult<Uid> {
        id(vm, value, "uid").map(Uid)
    }
}

impl Gid {
    pub fn of(vm: &Vm, value: &Value) -> PyResult<Gid> {
        id(vm, value, "gid").map(Gid)
    }
}

impl FromArg<'_> for Uid {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        Uid::of(vm, value)
    }
}

impl FromArg<'_> for Gid {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        Gid::of(vm, value)
    }
}

/// Raises ValueError for arguments that do not go together.
pub fn refuse_together(
    vm: &Vm,
    function: &str,
    path: &Path,
    dir_fd: DirFd,
    follow: bool,
) -> PyResult<()> {
    let fd = path.fd.is_some();
    let wrong = if fd && dir_fd.given() {
        "can't specify both dir_fd and fd"
    } else if fd && !follow {
        "cannot use fd and follow_symlinks together"
    } else {
        return Ok(());
    };
    Err(vm.value_error(format!("{function}: {wrong}")))
}
