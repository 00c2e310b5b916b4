//! Names and folders: listing, making, renaming, linking, permissions, times.

use super::paths::{DirFd, Fd, PathArg, PathKind, PathOrFd, PathOrNone, to_python};
use super::status::{stat_value, status_at};
use super::{errno, failed};
use crate::io::fileio::os_error_at;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::{number, object};
use naja_vm::runtime::Access;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt;

/// A folder being read; closed when dropped.
struct Folder(*mut libc::DIR);

impl Drop for Folder {
    fn drop(&mut self) {
        // SAFETY: the stream is open and not used again.
        unsafe { libc::closedir(self.0) };
    }
}

/// One name in a folder.
struct Name {
    name: Vec<u8>,
    inode: u64,
    kind: u8,
}

impl Folder {
    fn open(vm: &Vm, path: &PathArg) -> PyResult<Folder> {
        let opened = match &path.kind {
            PathKind::Path(text) => vm.without_gil(|| {
                // SAFETY: the path is a C string.
                let stream = unsafe { libc::opendir(text.as_ptr()) };
                (stream as usize, errno())
            }),
            PathKind::Fd(fd) => {
                // A copy: closing the stream must not close the caller's descriptor.
                // SAFETY: plain calls about descriptors; on failure the copy is closed.
                unsafe {
                    let copy = libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, 0);
                    let stream = if copy < 0 {
                        std::ptr::null_mut()
                    } else {
                        libc::fdopendir(copy)
                    };
                    let error = errno();
                    if stream.is_null() && copy >= 0 {
                        libc::close(copy);
                    }
                    if !stream.is_null() {
                        libc::rewinddir(stream);
                    }
                    (stream as usize, error)
                }
            }
        };
        match opened {
            (0, error) => Err(os_error_at(vm, error, &path.value)),
            (stream, _) => Ok(Folder(stream as *mut libc::DIR)),
        }
    }

    /// The next name other than "." and "..". The error is an errno.
    fn next(&self) -> Result<Option<Name>, i32> {
        loop {
            // SAFETY: the stream is open; the entry is read before the next call.
            let entry = unsafe {
                *libc::__errno_location() = 0;
                libc::readdir(self.0)
            };
            if entry.is_null() {
                return match errno() {
                    0 => Ok(None),
                    error => Err(error),
                };
            }
            // SAFETY: the entry is valid and its name ends in a null byte.
            let (name, inode, kind) = unsafe {
                let name = CStr::from_ptr((*entry).d_name.as_ptr()).to_bytes().to_vec();
                (name, (*entry).d_ino, (*entry).d_type)
            };
            if name != b"." && name != b".." {
                return Ok(Some(Name { name, inode, kind }));
            }
        }
    }
}

/// What `scandir` yields: a name with what is known about it.
#[pyclass(name = "DirEntry", module = "posix", gc, doc = "", flags(NO_NEW))]
pub struct DirEntry {
    name: Value,
    path: Value,
    /// The path for system calls, and the folder it is relative to.
    system: CString,
    dir: i32,
    inode: u64,
    kind: u8,
    status: MutCell<Option<Value>>,
    link_status: MutCell<Option<Value>>,
}

impl naja_vm::Traverse for DirEntry {
    fn traverse(&self, v: &mut naja_vm::Visitor) {
        v.value(&self.name);
        v.value(&self.path);
        self.status.with(|s| v.opt(s));
        self.link_status.with(|s| v.opt(s));
    }
    fn clear(&self) {}
}

impl DirEntry {
    fn fetch(&self, vm: &Vm, follow: bool) -> PyResult {
        let path = &self.system;
        match vm.without_gil(|| status_at(self.dir, path, follow)) {
            Ok(status) => stat_value(vm, &status),
            Err(error) => Err(os_error_at(vm, error, &self.path)),
        }
    }

    fn link_stat(&self, vm: &Vm) -> PyResult {
        if let Some(known) = self.link_status.get() {
            return Ok(known);
        }
        let status = self.fetch(vm, false)?;
        self.link_status.set(Some(status.clone()));
        Ok(status)
    }

    fn is_link(&self, vm: &Vm) -> PyResult<bool> {
        if self.kind != libc::DT_UNKNOWN {
            return Ok(self.kind == libc::DT_LNK);
        }
        let status = self.link_stat(vm)?;
        Ok(mode_of(&status) & libc::S_IFMT == libc::S_IFLNK)
    }

    /// `stat(follow_symlinks=follow)`, kept.
    fn full_stat(&self, vm: &Vm, follow: bool) -> PyResult {
        if !follow {
            return self.link_stat(vm);
        }
        if let Some(known) = self.status.get() {
            return Ok(known);
        }
        let status = if self.is_link(vm)? {
            self.fetch(vm, true)?
        } else {
            self.link_stat(vm)?
        };
        self.status.set(Some(status.clone()));
        Ok(status)
    }

    fn is_kind(&self, vm: &Vm, follow: bool, kind: u8, mode: u32) -> PyResult<bool> {
        let link = self.kind == libc::DT_LNK;
        if self.kind != libc::DT_UNKNOWN && !(follow && link) {
            return Ok(self.kind == kind);
        }
        match self.full_stat(vm, follow) {
            Ok(status) => Ok(mode_of(&status) & libc::S_IFMT == mode),
            // A link that leads nowhere is nothing.
            Err(_) if vm.catch(&vm.types.exceptions.file_not_found_error) => Ok(false),
            Err(raised) => Err(raised),
        }
    }
}

fn mode_of(status: &Value) -> u32 {
    let mode = status
        .downcast::<Tuple>()
        .and_then(|t| t.get(0))
        .and_then(Value::as_small_int);
    mode.unwrap_or(0) as u32
}

#[pymethods]
impl DirEntry {
    /// the entry's base filename, relative to scandir() "path" argument
    #[pygetter]
    fn name(&self) -> Value {
        self.name.clone()
    }

    /// the entry's full path name; equivalent to os.path.join(scandir_path, entry.name)
    #[pygetter]
    fn path(&self) -> Value {
        self.path.clone()
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = object::repr(vm, &zelf.name)?;
        Ok(vm
            .new_str(format!("<DirEntry {}>", name.to_string_lossy()))?
            .into_value())
    }

    /// Return True if the entry is a directory; cached per entry.
    #[pymethod(sig = "($self, /, *, follow_symlinks=True)")]
    fn is_dir(&self, vm: &Vm, follow_symlinks: Option<bool>) -> PyResult<bool> {
        self.is_kind(
            vm,
            follow_symlinks.unwrap_or(true),
            libc::DT_DIR,
            libc::S_IFDIR,
        )
    }

    /// Return True if the entry is a file; cached per entry.
    #[pymethod(sig = "($self, /, *, follow_symlinks=True)")]
    fn is_file(&self, vm: &Vm, follow_symlinks: Option<bool>) -> PyResult<bool> {
        self.is_kind(
            vm,
            follow_symlinks.unwrap_or(true),
            libc::DT_REG,
            libc::S_IFREG,
        )
    }

    /// Return True if the entry is a symbolic link; cached per entry.
    #[pymethod(sig = "($self, /)")]
    fn is_symlink(&self, vm: &Vm) -> PyResult<bool> {
        self.is_link(vm)
    }

    /// Return True if the entry is a junction; cached per entry.
    #[pymethod(sig = "($self, /)")]
    fn is_junction(&self) -> bool {
        false
    }

    /// Return stat_result object for the entry; cached per entry.
    #[pymethod(sig = "($self, /, *, follow_symlinks=True)")]
    fn stat(&self, vm: &Vm, follow_symlinks: Option<bool>) -> PyResult {
        self.full_stat(vm, follow_symlinks.unwrap_or(true))
    }

    /// Return inode of the entry; cached per entry.
    #[pymethod(sig = "($self, /)")]
    fn inode(&self, vm: &Vm) -> PyResult {
        vm.new_bigint(self.inode.into())
    }

    /// Returns the path for the entry.
    #[pymethod(sig = "($self, /)")]
    fn __fspath__(&self) -> Value {
        self.path.clone()
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, item, /)")]
    fn class_getitem(cls: &Ref<naja_vm::type_::Type>, vm: &Vm, item: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), item)
    }
}

/// The iterator that `scandir` gives.
#[pyclass(
    name = "ScandirIterator",
    module = "posix",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct ScandirIterator {
    path: Value,
    prefix: Vec<u8>,
    bytes: bool,
    dir: i32,
    folder: MutCell<Option<Folder>>,
    warned: Cell<bool>,
}

impl naja_vm::Traverse for ScandirIterator {
    fn traverse(&self, v: &mut naja_vm::Visitor) {
        v.value(&self.path)
    }
    fn clear(&self) {}
}

#[pymethods]
impl ScandirIterator {
    #[pyslot]
    fn iter(_vm: &Vm, zelf: &Value) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let next = zelf.folder.with(|f| f.as_ref().map(Folder::next));
        let name = match next {
            None => return Ok(None),
            Some(Err(error)) => return Err(os_error_at(vm, error, &zelf.path)),
            Some(Ok(None)) => {
                drop(zelf.folder.take());
                return Ok(None);
            }
            Some(Ok(Some(name))) => name,
        };
        let mut full = zelf.prefix.clone();
        full.extend_from_slice(&name.name);
        let system = if zelf.dir == libc::AT_FDCWD {
            full.clone()
        } else {
            name.name.clone()
        };
        let system = CString::new(system).map_err(|_| vm.value_error("embedded null byte"))?;
        let entry = DirEntry {
            name: to_python(vm, &name.name, zelf.bytes)?,
            path: to_python(vm, &full, zelf.bytes)?,
            system,
            dir: zelf.dir,
            inode: name.inode,
            kind: name.kind,
            status: MutCell::new(None),
            link_status: MutCell::new(None),
        };
        Ok(Some(vm.new_object(entry)?.into_value()))
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        if zelf.folder.with(Option::is_some) && !zelf.warned.replace(true) {
            let pending = vm.has_exception().then(|| vm.take_exception());
            let shown = object::repr(vm, zelf.as_value()).map(|r| r.to_string_lossy().into_owned());
            let warned = shown.and_then(|shown| {
                vm.warn(
                    &vm.types.resource_warning,
                    format!("unclosed scandir iterator {shown}"),
                    1,
                )
            });
            if warned.is_err() {
                let exception = vm.take_exception();
                naja_vm::builtins::sys::unraisable(vm, exception, Some(zelf.as_value()), None);
            }
            if let Some(pending) = pending {
                vm.raise_value(pending);
            }
        }
    }

    /// Ends the iteration and frees what it holds.
    #[pymethod(sig = "($self, /)")]
    fn close(&self) {
        drop(self.folder.take())
    }

    #[pymethod(sig = "($self, /)")]
    fn __enter__(zelf: &Value) -> Value {
        zelf.clone()
    }

    #[pymethod(sig = "($self, /, *args)")]
    fn __exit__(&self, args: &[Value]) {
        let _ = args;
        drop(self.folder.take())
    }
}

fn dir(fd: Option<DirFd>) -> i32 {
    fd.map_or(libc::AT_FDCWD, |d| d.0)
}

/// Raises OSError with the path where a call has failed.
fn done(vm: &Vm, path: &PathArg, result: i32) -> PyResult<()> {
    if result < 0 {
        Err(path.error(vm))
    } else {
        Ok(())
    }
}

/// The seconds and nanoseconds of a `times` item.
fn time_of(vm: &Vm, value: &Value) -> PyResult<libc::timespec> {
    let wrong = || vm.overflow_error("timestamp out of range for platform time_t");
    if let Some(seconds) = naja_vm::float::value_of(value) {
        if seconds.is_nan() {
            return Err(vm.value_error("Invalid value NaN (not a number)"));
        }
        let whole = seconds.floor();
        if !(-9.2e18..9.2e18).contains(&whole) {
            return Err(wrong());
        }
        let nanos = ((seconds - whole) * 1e9).floor() as i64;
        return Ok(libc::timespec {
            tv_sec: whole as i64,
            tv_nsec: nanos.clamp(0, 999_999_999),
        });
    }
    let seconds = number::index_i64(vm, value)?.ok_or_else(wrong)?;
    Ok(libc::timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    })
}

fn nanos_of(vm: &Vm, value: &Value) -> PyResult<libc::timespec> {
    let wrong = || vm.overflow_error("timestamp out of range for platform time_t");
    let nanos = number::index_i128(vm, value)?.ok_or_else(wrong)?;
    let billion = 1_000_000_000;
    Ok(libc::timespec {
        tv_sec: i64::try_from(nanos.div_euclid(billion)).map_err(|_| wrong())?,
        tv_nsec: nanos.rem_euclid(billion) as i64,
    })
}

#[naja_macros::pymodule(name = "posix", classes(DirEntry))]
pub mod module {
    use super::*;

    /// Return a list containing the names of the files in the directory.
    ///
    /// path can be specified as either str, bytes, or a path-like object.  If path is bytes,
    ///   the filenames returned will also be bytes; in all other circumstances
    ///   the filenames returned will be str.
    /// If path is None, uses the path='.'.
    ///
    /// The list is in arbitrary order.  It does not include the special
    /// entries '.' and '..' even if they are present in the directory.
    #[pyfunction(sig = "($module, /, path=None)")]
    fn listdir(vm: &Vm, path: Option<PathOrNone>) -> PyResult {
        let path = match path {
            Some(path) => path.0,
            None => PathArg::read(vm, &Value::NONE, "listdir", "path", true, true)?,
        };
        vm.permit(Access::Event(
            "os.listdir",
            std::slice::from_ref(&path.value),
        ))?;
        let folder = Folder::open(vm, &path)?;
        let mut names = Vec::new();
        loop {
            match folder.next() {
                Ok(None) => return Ok(vm.new_list(names)?.into_value()),
                Ok(Some(name)) => names.push(to_python(vm, &name.name, path.bytes)?),
                Err(error) => return Err(os_error_at(vm, error, &path.value)),
            }
        }
    }

    /// Return an iterator of DirEntry objects for given path.
    ///
    /// path can be specified as either str, bytes, or a path-like object.  If path
    /// is bytes, the names of yielded DirEntry objects will also be bytes; in
    /// all other circumstances they will be str.
    ///
    /// If path is None, uses the path='.'.
    #[pyfunction(sig = "($module, /, path=None)")]
    fn scandir(vm: &Vm, path: Option<PathOrNone>) -> PyResult {
        let path = match path {
            Some(path) => path.0,
            None => PathArg::read(vm, &Value::NONE, "scandir", "path", true, true)?,
        };
        vm.permit(Access::Event(
            "os.scandir",
            std::slice::from_ref(&path.value),
        ))?;
        let folder = Folder::open(vm, &path)?;
        let mut prefix = match &path.kind {
            PathKind::Path(_) if path.value.is_none() => b".".to_vec(),
            PathKind::Path(text) => text.as_bytes().to_vec(),
            PathKind::Fd(_) => Vec::new(),
        };
        if prefix.last().is_some_and(|&b| b != b'/') {
            prefix.push(b'/');
        }
        let iterator = ScandirIterator {
            path: path.value.clone(),
            prefix,
            bytes: path.bytes,
            dir: path.fd().unwrap_or(libc::AT_FDCWD),
            folder: MutCell::new(Some(folder)),
            warned: Cell::new(false),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    /// Return a unicode string representing the current working directory.
    #[pyfunction(sig = "($module, /)")]
    fn getcwd(vm: &Vm) -> PyResult {
        match std::env::current_dir() {
            Ok(path) => to_python(vm, &path.into_os_string().into_vec(), false),
            Err(_) => Err(failed(vm)),
        }
    }

    /// Return a bytes string representing the current working directory.
    #[pyfunction(sig = "($module, /)")]
    fn getcwdb(vm: &Vm) -> PyResult {
        match std::env::current_dir() {
            Ok(path) => to_python(vm, &path.into_os_string().into_vec(), true),
            Err(_) => Err(failed(vm)),
        }
    }

    /// Change the current working directory to the specified path.
    #[pyfunction(sig = "($module, /, path)")]
    fn chdir(vm: &Vm, path: PathOrFd) -> PyResult<()> {
        let path = path.0;
        vm.permit(Access::Event("os.chdir", std::slice::from_ref(&path.value)))?;
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe {
            match path.fd() {
                Some(fd) => libc::fchdir(fd),
                None => libc::chdir(path.text().as_ptr()),
            }
        });
        done(vm, &path, result)
    }

    /// Change to the directory of the given file descriptor.
    #[pyfunction(sig = "($module, /, fd)")]
    fn fchdir(vm: &Vm, fd: Fd) -> PyResult<()> {
        vm.permit(Access::Event("os.chdir", &[vm.new_int(i64::from(fd.0))?]))?;
        // SAFETY: a plain call.
        super::super::blocking(vm, || i64::from(unsafe { libc::fchdir(fd.0) })).map(drop)
    }

    /// Change root directory to path.
    #[pyfunction(sig = "($module, /, path)")]
    fn chroot(vm: &Vm, path: PathArg) -> PyResult<()> {
        // SAFETY: the path is a C string.
        let result = unsafe { libc::chroot(path.text().as_ptr()) };
        done(vm, &path, result)
    }

    /// Create a directory.
    ///
    /// If dir_fd is not None, it should be a file descriptor open to a directory,
    ///   and path should be relative; path will then be relative to that directory.
    #[pyfunction(sig = "($module, /, path, mode=511, *, dir_fd=None)")]
    fn mkdir(vm: &Vm, path: PathArg, mode: Option<u32>, dir_fd: Option<DirFd>) -> PyResult<()> {
        let mode = mode.unwrap_or(0o777);
        let dir = dir(dir_fd);
        let event = [
            path.value.clone(),
            vm.new_int(i64::from(mode))?,
            vm.new_int(if dir == libc::AT_FDCWD {
                -1
            } else {
                i64::from(dir)
            })?,
        ];
        vm.permit(Access::Event("os.mkdir", &event))?;
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe {
            libc::mkdirat(dir, path.text().as_ptr(), mode as libc::mode_t)
        });
        done(vm, &path, result)
    }

    /// Remove a directory.
    #[pyfunction(sig = "($module, /, path, *, dir_fd=None)")]
    fn rmdir(vm: &Vm, path: PathArg, dir_fd: Option<DirFd>) -> PyResult<()> {
        let dir = dir(dir_fd);
        let event = [
            path.value.clone(),
            vm.new_int(if dir == libc::AT_FDCWD {
                -1
            } else {
                i64::from(dir)
            })?,
        ];
        vm.permit(Access::Event("os.rmdir", &event))?;
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe {
            libc::unlinkat(dir, path.text().as_ptr(), libc::AT_REMOVEDIR)
        });
        done(vm, &path, result)
    }

    fn remove_file(vm: &Vm, path: &PathArg, dir: i32) -> PyResult<()> {
        let event = [
            path.value.clone(),
            vm.new_int(if dir == libc::AT_FDCWD {
                -1
            } else {
                i64::from(dir)
            })?,
        ];
        vm.permit(Access::Event("os.remove", &event))?;
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe { libc::unlinkat(dir, path.text().as_ptr(), 0) });
        done(vm, path, result)
    }

    /// Remove a file (same as unlink()).
    #[pyfunction(sig = "($module, /, path, *, dir_fd=None)")]
    fn remove(vm: &Vm, path: PathArg, dir_fd: Option<DirFd>) -> PyResult<()> {
        remove_file(vm, &path, dir(dir_fd))
    }

    /// Remove a file (same as remove()).
    #[pyfunction(sig = "($module, /, path, *, dir_fd=None)")]
    fn unlink(vm: &Vm, path: PathArg, dir_fd: Option<DirFd>) -> PyResult<()> {
        remove_file(vm, &path, dir(dir_fd))
    }

    fn rename_file(vm: &Vm, src: &PathArg, dst: &PathArg, from: i32, to: i32) -> PyResult<()> {
        let fd = |d: i32| {
            vm.new_int(if d == libc::AT_FDCWD {
                -1
            } else {
                i64::from(d)
            })
        };
        vm.permit(Access::Event(
            "os.rename",
            &[src.value.clone(), dst.value.clone(), fd(from)?, fd(to)?],
        ))?;
        // SAFETY: both paths are C strings.
        let result = vm.without_gil(|| unsafe {
            libc::renameat(from, src.text().as_ptr(), to, dst.text().as_ptr())
        });
        if result < 0 {
            Err(src.error2(vm, dst))
        } else {
            Ok(())
        }
    }

    /// Rename a file or directory.
    #[pyfunction(sig = "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)")]
    fn rename(
        vm: &Vm,
        src: PathArg,
        dst: PathArg,
        src_dir_fd: Option<DirFd>,
        dst_dir_fd: Option<DirFd>,
    ) -> PyResult<()> {
        rename_file(vm, &src, &dst, dir(src_dir_fd), dir(dst_dir_fd))
    }

    /// Rename a file or directory, overwriting the destination.
    #[pyfunction(sig = "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)")]
    fn replace(
        vm: &Vm,
        src: PathArg,
        dst: PathArg,
        src_dir_fd: Option<DirFd>,
        dst_dir_fd: Option<DirFd>,
    ) -> PyResult<()> {
        rename_file(vm, &src, &dst, dir(src_dir_fd), dir(dst_dir_fd))
    }

    /// Create a hard link to a file.
    #[pyfunction(
        sig = "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None,\n     follow_symlinks=True)"
    )]
    fn link(
        vm: &Vm,
        src: PathArg,
        dst: PathArg,
        src_dir_fd: Option<DirFd>,
        dst_dir_fd: Option<DirFd>,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        let (from, to) = (dir(src_dir_fd), dir(dst_dir_fd));
        let fd = |d: i32| {
            vm.new_int(if d == libc::AT_FDCWD {
                -1
            } else {
                i64::from(d)
            })
        };
        vm.permit(Access::Event(
            "os.link",
            &[src.value.clone(), dst.value.clone(), fd(from)?, fd(to)?],
        ))?;
        let flags = if follow_symlinks.unwrap_or(true) {
            libc::AT_SYMLINK_FOLLOW
        } else {
            0
        };
        // SAFETY: both paths are C strings.
        let result = vm.without_gil(|| unsafe {
            libc::linkat(from, src.text().as_ptr(), to, dst.text().as_ptr(), flags)
        });
        if result < 0 {
            Err(src.error2(vm, &dst))
        } else {
            Ok(())
        }
    }

    /// Create a symbolic link pointing to src named dst.
    #[pyfunction(sig = "($module, /, src, dst, target_is_directory=False, *, dir_fd=None)")]
    fn symlink(
        vm: &Vm,
        src: PathArg,
        dst: PathArg,
        target_is_directory: Option<bool>,
        dir_fd: Option<DirFd>,
    ) -> PyResult<()> {
        let _ = target_is_directory;
        let dir = dir(dir_fd);
        let fd = vm.new_int(if dir == libc::AT_FDCWD {
            -1
        } else {
            i64::from(dir)
        })?;
        vm.permit(Access::Event(
            "os.symlink",
            &[src.value.clone(), dst.value.clone(), fd],
        ))?;
        // SAFETY: both paths are C strings.
        let result = vm.without_gil(|| unsafe {
            libc::symlinkat(src.text().as_ptr(), dir, dst.text().as_ptr())
        });
        if result < 0 {
            Err(src.error2(vm, &dst))
        } else {
            Ok(())
        }
    }

    /// Return a string representing the path to which the symbolic link points.
    #[pyfunction(sig = "($module, /, path, *, dir_fd=None)")]
    fn readlink(vm: &Vm, path: PathArg, dir_fd: Option<DirFd>) -> PyResult {
        vm.permit(Access::Stat(&path.value))?;
        let dir = dir(dir_fd);
        let mut buffer = vec![0u8; 4097];
        // SAFETY: the path is a C string, the buffer has the length that is told.
        let n = unsafe {
            libc::readlinkat(
                dir,
                path.text().as_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
            )
        };
        if n < 0 {
            return Err(path.error(vm));
        }
        to_python(vm, &buffer[..n as usize], path.bytes)
    }

    /// Use the real uid/gid to test for access to a path.
    #[pyfunction(
        sig = "($module, /, path, mode, *, dir_fd=None, effective_ids=False,\n       follow_symlinks=True)"
    )]
    fn access(
        vm: &Vm,
        path: PathArg,
        mode: i32,
        dir_fd: Option<DirFd>,
        effective_ids: Option<bool>,
        follow_symlinks: Option<bool>,
    ) -> PyResult<bool> {
        vm.permit(Access::Stat(&path.value))?;
        let mut flags = 0;
        if effective_ids == Some(true) {
            flags |= libc::AT_EACCESS;
        }
        if follow_symlinks == Some(false) {
            flags |= libc::AT_SYMLINK_NOFOLLOW;
        }
        let dir = dir(dir_fd);
        // SAFETY: the path is a C string.
        Ok(
            vm.without_gil(|| unsafe { libc::faccessat(dir, path.text().as_ptr(), mode, flags) })
                == 0,
        )
    }

    /// Change the access permissions of a file.
    #[pyfunction(
        sig = "($module, /, path, mode, *, dir_fd=None, follow_symlinks=(os.name != 'nt'))"
    )]
    fn chmod(
        vm: &Vm,
        path: PathOrFd,
        mode: u32,
        dir_fd: Option<DirFd>,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        let (path, dir) = (path.0, dir(dir_fd));
        let event = [
            path.value.clone(),
            vm.new_int(i64::from(mode))?,
            vm.new_int(if dir == libc::AT_FDCWD {
                -1
            } else {
                i64::from(dir)
            })?,
        ];
        vm.permit(Access::Event("os.chmod", &event))?;
        let flags = if follow_symlinks == Some(false) {
            libc::AT_SYMLINK_NOFOLLOW
        } else {
            0
        };
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe {
            match path.fd() {
                Some(fd) => libc::fchmod(fd, mode as libc::mode_t),
                None => libc::fchmodat(dir, path.text().as_ptr(), mode as libc::mode_t, flags),
            }
        });
        if result < 0 && flags != 0 && matches!(errno(), libc::EOPNOTSUPP) {
            return Err(
                vm.not_implemented_error("chmod: follow_symlinks unavailable on this platform")
            );
        }
        done(vm, &path, result)
    }

    /// Change the access permissions of the file given by file descriptor fd.
    #[pyfunction(sig = "($module, /, fd, mode)")]
    fn fchmod(vm: &Vm, fd: i32, mode: u32) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.chmod",
            &[
                vm.new_int(i64::from(fd))?,
                vm.new_int(i64::from(mode))?,
                vm.new_int(-1)?,
            ],
        ))?;
        // SAFETY: a plain call.
        super::super::blocking(vm, || {
            i64::from(unsafe { libc::fchmod(fd, mode as libc::mode_t) })
        })
        .map(drop)
    }

    fn change_owner(
        vm: &Vm,
        path: &PathArg,
        uid: i64,
        gid: i64,
        dir: i32,
        follow: bool,
    ) -> PyResult<()> {
        let event = [
            path.value.clone(),
            vm.new_int(uid)?,
            vm.new_int(gid)?,
            vm.new_int(if dir == libc::AT_FDCWD {
                -1
            } else {
                i64::from(dir)
            })?,
        ];
        vm.permit(Access::Event("os.chown", &event))?;
        let (uid, gid) = (uid as libc::uid_t, gid as libc::gid_t);
        let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe {
            match path.fd() {
                Some(fd) => libc::fchown(fd, uid, gid),
                None => libc::fchownat(dir, path.text().as_ptr(), uid, gid, flags),
            }
        });
        done(vm, path, result)
    }

    /// Change the owner and group id of path to the numeric uid and gid.
    #[pyfunction(sig = "($module, /, path, uid, gid, *, dir_fd=None, follow_symlinks=True)")]
    fn chown(
        vm: &Vm,
        path: PathOrFd,
        uid: i64,
        gid: i64,
        dir_fd: Option<DirFd>,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        change_owner(
            vm,
            &path.0,
            uid,
            gid,
            dir(dir_fd),
            follow_symlinks.unwrap_or(true),
        )
    }

    /// Change the owner and group id of the file specified by file descriptor.
    #[pyfunction(sig = "($module, /, fd, uid, gid)")]
    fn fchown(vm: &Vm, fd: i32, uid: i64, gid: i64) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.chown",
            &[
                vm.new_int(i64::from(fd))?,
                vm.new_int(uid)?,
                vm.new_int(gid)?,
                vm.new_int(-1)?,
            ],
        ))?;
        // SAFETY: a plain call.
        super::super::blocking(vm, || {
            i64::from(unsafe { libc::fchown(fd, uid as libc::uid_t, gid as libc::gid_t) })
        })
        .map(drop)
    }

    /// Change the owner and group id of path to the numeric uid and gid.
    ///
    /// This function will not follow symbolic links.
    #[pyfunction(sig = "($module, /, path, uid, gid)")]
    fn lchown(vm: &Vm, path: PathArg, uid: i64, gid: i64) -> PyResult<()> {
        change_owner(vm, &path, uid, gid, libc::AT_FDCWD, false)
    }

    /// Set the access and modified time of path.
    #[pyfunction(
        sig = "($module, /, path, times=None, *, ns=<unrepresentable>, dir_fd=None,\n      follow_symlinks=True)"
    )]
    fn utime(
        vm: &Vm,
        path: PathOrFd,
        times: Option<&Value>,
        ns: Option<&Value>,
        dir_fd: Option<DirFd>,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        let (path, dir) = (path.0, dir(dir_fd));
        let times = times.filter(|t| !t.is_none());
        if times.is_some() && ns.is_some() {
            return Err(
                vm.value_error("utime: you may specify either 'times' or 'ns' but not both")
            );
        }
        fn pair<'a>(vm: &Vm, value: &'a Value, message: &str) -> PyResult<[&'a Value; 2]> {
            match value.downcast::<Tuple>().map(|t| t.items()) {
                Some([a, b]) => Ok([a, b]),
                _ => Err(vm.type_error(message)),
            }
        }
        let (spec, shown) = match (times, ns) {
            (Some(times), _) => {
                let [a, b] = pair(
                    vm,
                    times,
                    "utime: 'times' must be either a tuple of two ints or None",
                )?;
                (Some([time_of(vm, a)?, time_of(vm, b)?]), times.clone())
            }
            (_, Some(ns)) => {
                let [a, b] = pair(vm, ns, "utime: 'ns' must be a tuple of two ints")?;
                (Some([nanos_of(vm, a)?, nanos_of(vm, b)?]), Value::NONE)
            }
            _ => (None, Value::NONE),
        };
        let event = [
            path.value.clone(),
            shown,
            ns.cloned().unwrap_or(Value::NONE),
            vm.new_int(if dir == libc::AT_FDCWD {
                -1
            } else {
                i64::from(dir)
            })?,
        ];
        vm.permit(Access::Event("os.utime", &event))?;
        let pointer = spec.as_ref().map_or(std::ptr::null(), |s| s.as_ptr()) as usize;
        let flags = if follow_symlinks == Some(false) {
            libc::AT_SYMLINK_NOFOLLOW
        } else {
            0
        };
        // SAFETY: the path is a C string; the times, if any, are two and live through the call.
        let result = vm.without_gil(|| unsafe {
            let times = pointer as *const libc::timespec;
            match path.fd() {
                Some(fd) => libc::futimens(fd, times),
                None => libc::utimensat(dir, path.text().as_ptr(), times, flags),
            }
        });
        done(vm, &path, result)
    }

    /// Create a "fifo" (a POSIX named pipe).
    #[pyfunction(sig = "($module, /, path, mode=438, *, dir_fd=None)")]
    fn mkfifo(vm: &Vm, path: PathArg, mode: Option<u32>, dir_fd: Option<DirFd>) -> PyResult<()> {
        let dir = dir(dir_fd);
        // SAFETY: the path is a C string.
        let result = unsafe {
            libc::mkfifoat(
                dir,
                path.text().as_ptr(),
                mode.unwrap_or(0o666) as libc::mode_t,
            )
        };
        done(vm, &path, result)
    }

    /// Create a node in the file system.
    #[pyfunction(sig = "($module, /, path, mode=384, device=0, *, dir_fd=None)")]
    fn mknod(
        vm: &Vm,
        path: PathArg,
        mode: Option<u32>,
        device: Option<u64>,
        dir_fd: Option<DirFd>,
    ) -> PyResult<()> {
        let dir = dir(dir_fd);
        // SAFETY: the path is a C string.
        let result = unsafe {
            libc::mknodat(
                dir,
                path.text().as_ptr(),
                mode.unwrap_or(0o600) as libc::mode_t,
                device.unwrap_or(0) as libc::dev_t,
            )
        };
        done(vm, &path, result)
    }

    /// Truncate a file, specified by path, to a specific length.
    #[pyfunction(sig = "($module, /, path, length)")]
    fn truncate(vm: &Vm, path: PathOrFd, length: i64) -> PyResult<()> {
        let path = path.0;
        vm.permit(Access::Event(
            "os.truncate",
            &[path.value.clone(), vm.new_int(length)?],
        ))?;
        // SAFETY: the path is a C string.
        let result = vm.without_gil(|| unsafe {
            match path.fd() {
                Some(fd) => libc::ftruncate(fd, length),
                None => libc::truncate(path.text().as_ptr(), length),
            }
        });
        done(vm, &path, result)
    }

    /// Set the current numeric umask and return the previous umask.
    #[pyfunction(sig = "($module, mask, /)")]
    fn umask(mask: i32) -> i64 {
        // SAFETY: a plain call.
        i64::from(unsafe { libc::umask(mask as libc::mode_t) })
    }

    /// Force write of everything to disk.
    #[pyfunction(sig = "($module, /)")]
    fn sync(vm: &Vm) {
        // SAFETY: a plain call.
        vm.without_gil(|| unsafe { libc::sync() })
    }

    /// Return the value of extended attribute attribute on path.
    #[pyfunction(sig = "($module, /, path, attribute, *, follow_symlinks=True)")]
    fn getxattr(
        vm: &Vm,
        path: PathOrFd,
        attribute: PathArg,
        follow_symlinks: Option<bool>,
    ) -> PyResult {
        let path = path.0;
        vm.permit(Access::Event(
            "os.getxattr",
            &[path.value.clone(), attribute.value.clone()],
        ))?;
        let mut buffer = vec![0u8; 65536];
        let follow = follow_symlinks.unwrap_or(true);
        // SAFETY: both names are C strings, the buffer has the length that is told.
        let n = unsafe {
            let (name, into, size) = (
                attribute.text().as_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
            );
            match path.fd() {
                Some(fd) => libc::fgetxattr(fd, name, into, size),
                None if follow => libc::getxattr(path.text().as_ptr(), name, into, size),
                None => libc::lgetxattr(path.text().as_ptr(), name, into, size),
            }
        };
        if n < 0 {
            return Err(path.error(vm));
        }
        Ok(vm.new_bytes(&buffer[..n as usize])?.into_value())
    }

    /// Set extended attribute attribute on path to value.
    #[pyfunction(sig = "($module, /, path, attribute, value, flags=0, *, follow_symlinks=True)")]
    fn setxattr(
        vm: &Vm,
        path: PathOrFd,
        attribute: PathArg,
        value: naja_vm::buffer::Buffer,
        flags: Option<i32>,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        let path = path.0;
        let data = value.to_vec();
        vm.permit(Access::Event(
            "os.setxattr",
            &[
                path.value.clone(),
                attribute.value.clone(),
                value.object.clone(),
                vm.new_int(i64::from(flags.unwrap_or(0)))?,
            ],
        ))?;
        let follow = follow_symlinks.unwrap_or(true);
        // SAFETY: both names are C strings, the value has the length that is told.
        let result = unsafe {
            let (name, from, size, flags) = (
                attribute.text().as_ptr(),
                data.as_ptr().cast(),
                data.len(),
                flags.unwrap_or(0),
            );
            match path.fd() {
                Some(fd) => libc::fsetxattr(fd, name, from, size, flags),
                None if follow => libc::setxattr(path.text().as_ptr(), name, from, size, flags),
                None => libc::lsetxattr(path.text().as_ptr(), name, from, size, flags),
            }
        };
        done(vm, &path, result)
    }

    /// Remove extended attribute attribute on path.
    #[pyfunction(sig = "($module, /, path, attribute, *, follow_symlinks=True)")]
    fn removexattr(
        vm: &Vm,
        path: PathOrFd,
        attribute: PathArg,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        let path = path.0;
        vm.permit(Access::Event(
            "os.removexattr",
            &[path.value.clone(), attribute.value.clone()],
        ))?;
        let follow = follow_symlinks.unwrap_or(true);
        // SAFETY: both names are C strings.
        let result = unsafe {
            let name = attribute.text().as_ptr();
            match path.fd() {
                Some(fd) => libc::fremovexattr(fd, name),
                None if follow => libc::removexattr(path.text().as_ptr(), name),
                None => libc::lremovexattr(path.text().as_ptr(), name),
            }
        };
        done(vm, &path, result)
    }

    /// Return a list of extended attributes on path.
    #[pyfunction(sig = "($module, /, path=None, *, follow_symlinks=True)")]
    fn listxattr(vm: &Vm, path: Option<PathOrNone>, follow_symlinks: Option<bool>) -> PyResult {
        let path = match path {
            Some(path) => path.0,
            None => PathArg::read(vm, &Value::NONE, "listxattr", "path", true, true)?,
        };
        vm.permit(Access::Event(
            "os.listxattr",
            std::slice::from_ref(&path.value),
        ))?;
        let mut buffer = vec![0u8; 65536];
        let follow = follow_symlinks.unwrap_or(true);
        // SAFETY: the path is a C string, the buffer has the length that is told.
        let n = unsafe {
            let (into, size) = (buffer.as_mut_ptr().cast(), buffer.len());
            match path.fd() {
                Some(fd) => libc::flistxattr(fd, into, size),
                None if follow => libc::listxattr(path.text().as_ptr(), into, size),
                None => libc::llistxattr(path.text().as_ptr(), into, size),
            }
        };
        if n < 0 {
            return Err(path.error(vm));
        }
        let names = buffer[..n as usize]
            .split(|&b| b == 0)
            .filter(|name| !name.is_empty())
            .map(|name| to_python(vm, name, false))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_list(names)?.into_value())
    }
}
