//! Arguments that name files: text, bytes, path-like objects, descriptors; and the pure functions on paths.

use crate::io::fileio;
use naja_heap::Value;
use naja_vm::bytes::Bytes;
use naja_vm::function::Signature;
use naja_vm::protocols::number;
use naja_vm::str_;
use naja_vm::{FromArg, PyResult, Raised, Vm};
use std::ffi::{CStr, CString};

/// A file named by a path, or an open one where a function allows that.
pub struct PathArg {
    /// What Python gave, for messages and audit events.
    pub value: Value,
    pub kind: PathKind,
    /// Results are bytes, as the argument was.
    pub bytes: bool,
}

pub enum PathKind {
    Path(CString),
    Fd(i32),
}

/// Text of the system as Python's: UTF-8 with surrogate escapes, or bytes.
pub fn to_python(vm: &Vm, data: &[u8], bytes: bool) -> PyResult {
    if bytes {
        return Ok(vm.new_bytes(data)?.into_value());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        return Ok(vm.new_str(text)?.into_value());
    }
    str_::codecs::decode(vm, data, None, Some(&vm.intern("surrogateescape")))
}

/// Python's text for the system. Raises TypeError, ValueError.
pub fn to_system(vm: &Vm, value: &Value) -> PyResult<CString> {
    fileio::path_bytes(vm, value)
}

/// A descriptor argument: an int, or an object with `fileno()`.
pub fn descriptor(vm: &Vm, value: &Value) -> PyResult<i32> {
    let number = if number::is_int(vm, value) {
        value.clone()
    } else {
        match naja_vm::protocols::attributes::get_optional(vm, value, &vm.intern("fileno"))? {
            Some(fileno) => {
                let number = vm.call(&fileno, &[])?;
                if !number::is_int(vm, &number) {
                    return Err(vm.type_error("fileno() returned a non-integer"));
                }
                number
            }
            None => {
                return Err(vm.type_error("argument must be an int, or have a fileno() method."));
            }
        }
    };
    match number::index_i64(vm, &number)?.map(i32::try_from) {
        Some(Ok(fd)) => Ok(fd),
        Some(Err(_)) if number::index_i64(vm, &number)?.is_some_and(|n| n < 0) => {
            Err(vm.overflow_error("fd is less than minimum"))
        }
        _ => Err(vm.overflow_error("Python int too large to convert to C int")),
    }
}

impl PathArg {
    /// Reads an argument of `function`. `fd`: descriptors are allowed; `none`: None means ".".
    pub fn read(
        vm: &Vm,
        value: &Value,
        function: &str,
        argument: &str,
        fd: bool,
        none: bool,
    ) -> PyResult<PathArg> {
        if none && value.is_none() {
            return Ok(PathArg {
                value: Value::NONE,
                kind: PathKind::Path(c".".to_owned()),
                bytes: false,
            });
        }
        let plain = str_::of(value).is_some() || value.downcast::<Bytes>().is_some();
        if !plain && fd && number::has_index(vm, value) {
            if value.is_bool() {
                vm.warn(
                    &vm.types.runtime_warning,
                    "bool is used as a file descriptor",
                    1,
                )?;
            }
            let number = number::index(vm, value)?;
            return Ok(PathArg {
                value: value.clone(),
                kind: PathKind::Fd(descriptor(vm, &number)?),
                bytes: false,
            });
        }
        let path = if plain {
            value.clone()
        } else {
            let class = vm.type_of(value).to_ref();
            if class.lookup(vm, &vm.intern("__fspath__")).is_none() {
                let allowed = match (fd, none) {
                    (true, true) => "string, bytes, os.PathLike, integer or None",
                    (true, false) => "string, bytes, os.PathLike or integer",
                    (false, true) => "string, bytes, os.PathLike or None",
                    (false, false) => "string, bytes or os.PathLike",
                };
                return Err(vm.type_error(format!(
                    "{function}: {argument} should be {allowed}, not {}",
                    vm.type_name(value)
                )));
            }
            fileio::fspath(vm, value)?
        };
        let text = match to_system(vm, &path) {
            Ok(text) => text,
            Err(_)
                if vm.exception_matches(&vm.types.value_error)
                    && !vm.exception_matches(&vm.types.exceptions.unicode_error) =>
            {
                vm.clear_exception();
                let what = if str_::of(&path).is_some() {
                    "null character"
                } else {
                    "null byte"
                };
                return Err(vm.value_error(format!("{function}: embedded {what} in {argument}")));
            }
            Err(raised) => return Err(raised),
        };
        Ok(PathArg {
            bytes: path.downcast::<Bytes>().is_some(),
            value: path,
            kind: PathKind::Path(text),
        })
    }

    /// The path's text; empty for a descriptor.
    pub fn text(&self) -> &CStr {
        match &self.kind {
            PathKind::Path(text) => text,
            PathKind::Fd(_) => c"",
        }
    }

    pub fn fd(&self) -> Option<i32> {
        match self.kind {
            PathKind::Fd(fd) => Some(fd),
            PathKind::Path(_) => None,
        }
    }

    /// OSError for the latest failed call, with the path as its file name.
    #[cold]
    pub fn error(&self, vm: &Vm) -> Raised {
        fileio::os_error_at(vm, super::errno(), &self.value)
    }

    /// OSError with two file names.
    #[cold]
    pub fn error2(&self, vm: &Vm, other: &PathArg) -> Raised {
        self.error(vm);
        if let Some(exception) = vm.pending_exception()
            && naja_vm::protocols::attributes::set(
                vm,
                exception.as_value(),
                &vm.intern("filename2"),
                Some(&other.value),
            )
            .is_err()
        {
            vm.raise_value(exception);
        }
        Raised
    }
}

/// A path argument of a function, which the signature names.
impl<'a> FromArg<'a> for PathArg {
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        let argument = sig.params.get(index).map_or("path", |p| p.name);
        PathArg::read(vm, value, sig.name, argument, false, false)
    }
}

/// As [`PathArg`], or a descriptor.
pub struct PathOrFd(pub PathArg);

impl<'a> FromArg<'a> for PathOrFd {
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        let argument = sig.params.get(index).map_or("path", |p| p.name);
        PathArg::read(vm, value, sig.name, argument, true, false).map(PathOrFd)
    }
}

/// As [`PathOrFd`], or None for the current folder.
pub struct PathOrNone(pub PathArg);

impl<'a> FromArg<'a> for PathOrNone {
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        let argument = sig.params.get(index).map_or("path", |p| p.name);
        PathArg::read(vm, value, sig.name, argument, true, true).map(PathOrNone)
    }
}

/// A `dir_fd` argument.
pub struct DirFd(pub i32);

impl<'a> FromArg<'a> for DirFd {
    fn from_arg(vm: &Vm, value: &'a Value, _: &Signature, _: usize) -> PyResult<Self> {
        if value.is_none() {
            return Ok(DirFd(libc::AT_FDCWD));
        }
        if !number::has_index(vm, value) {
            return Err(vm.type_error(format!(
                "argument should be integer or None, not {}",
                vm.type_name(value)
            )));
        }
        let number = number::index(vm, value)?;
        descriptor(vm, &number).map(DirFd)
    }
}

/// A descriptor argument (`fildes`).
pub struct Fd(pub i32);

impl<'a> FromArg<'a> for Fd {
    fn from_arg(vm: &Vm, value: &'a Value, _: &Signature, _: usize) -> PyResult<Self> {
        descriptor(vm, value).map(Fd)
    }
}

/// `os.path.normpath` on bytes: empty and "." parts go, ".." takes the part before it.
pub fn normalize(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return b".".to_vec();
    }
    let slashes = path.iter().take_while(|&&b| b == b'/').count();
    let root: &[u8] = match slashes {
        0 => b"",
        2 => b"//",
        _ => b"/",
    };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|&last| last != b"..") => drop(parts.pop()),
            b".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let mut out = root.to_vec();
    out.extend(parts.join(&b'/'));
    if out.is_empty() { b".".to_vec() } else { out }
}

#[naja_macros::pymodule(name = "posix")]
pub mod module {
    use super::*;

    /// Return the file system path representation of the object.
    ///
    /// If the object is str or bytes, then allow it to pass through as-is. If the
    /// object defines __fspath__(), then return the result of that method. All other
    /// types raise a TypeError.
    #[pyfunction(sig = "($module, /, path)")]
    fn fspath(vm: &Vm, path: &Value) -> PyResult {
        fileio::fspath(vm, path)
    }

    /// Normalize path, eliminating double slashes, etc.
    #[pyfunction(sig = "($module, /, path)")]
    fn _path_normpath(vm: &Vm, path: &Value) -> PyResult {
        let path = fileio::fspath(vm, path)?;
        match (str_::of(&path), path.downcast::<Bytes>()) {
            (Some(text), _) => Ok(vm.new_str_wtf8(&normalize(text.as_bytes()))?.into_value()),
            (_, Some(bytes)) => Ok(vm.new_bytes(&normalize(bytes.as_bytes()))?.into_value()),
            _ => Ok(path),
        }
    }

    /// Split a pathname into drive, root and tail.
    ///
    /// The tail contains anything after the root.
    #[pyfunction(sig = "($module, /, path)")]
    fn _path_splitroot_ex(vm: &Vm, path: &Value) -> PyResult {
        let path = fileio::fspath(vm, path)?;
        let split = |data: &[u8]| match data.iter().take_while(|&&b| b == b'/').count() {
            0 => 0,
            2 => 2,
            _ => 1,
        };
        let parts = match (str_::of(&path), path.downcast::<Bytes>()) {
            (Some(text), _) => {
                let data = text.as_bytes();
                let at = split(data);
                let part = |d: &[u8]| Ok(vm.new_str_wtf8(d)?.into_value());
                [part(b"")?, part(&data[..at])?, part(&data[at..])?]
            }
            (_, Some(bytes)) => {
                let data = bytes.as_bytes();
                let at = split(data);
                let part = |d: &[u8]| Ok(vm.new_bytes(d)?.into_value());
                [part(b"")?, part(&data[..at])?, part(&data[at..])?]
            }
            _ => return Err(vm.type_error("expected str or bytes")),
        };
        Ok(vm.new_tuple(parts.to_vec())?.into_value())
    }
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn paths_are_normalized_as_posixpath_does() {
        for (path, wanted) in [
            ("", "."),
            ("///a//b/./c/..", "/a/b"),
            ("//a", "//a"),
            ("../../a", "../../a"),
            ("/..", "/"),
            ("a/..", "."),
        ] {
            assert_eq!(normalize(path.as_bytes()), wanted.as_bytes(), "{path}");
        }
    }
}
