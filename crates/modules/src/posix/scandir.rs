//! Reading directories: `listdir`, `scandir` and its `DirEntry`.
//!
//! A [`Dir`] owns the C library's stream and closes it once. Streams are read with the interpreter lock held, so that
//! nobody closes one that is being read. CPython: Modules/posixmodule.c.

use super::fs::{stat_of, stat_value};
use super::path::{DirFd, Path};
use crate::system;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::runtime::Access;
use naja_vm::type_::Type;
use naja_vm::{IntoPyResult, PyResult, Vm};
use smallvec::SmallVec;
use std::cell::Cell;

/// An open stream of directory entries.
pub struct Dir(Cell<*mut libc::DIR>);

/// What a directory says of one of its files.
pub struct Entry {
    pub name: SmallVec<[u8; 64]>,
    kind: u8,
    inode: u64,
}

/// Opens a directory by path or (a duplicate of) a descriptor. Raises OSError.
pub fn open(vm: &Vm, path: &Path) -> PyResult<Dir> {
    let (dir, errno) = vm.without_gil(|| {
        // SAFETY: a terminated path, or a descriptor just duplicated, which the stream takes over.
        let dir = unsafe {
            match path.fd {
                None => libc::opendir(path.ptr()),
                Some(fd) => match libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) {
                    -1 => std::ptr::null_mut(),
                    copy => {
                        let dir = libc::fdopendir(copy);
                        if dir.is_null() {
                            let errno = system::errno();
                            libc::close(copy);
                            *libc::__errno_location() = errno;
                        }
                        dir
                    }
                },
            }
        };
        (dir, system::errno())
    });
    if dir.is_null() {
        return Err(path.error(vm, errno));
    }
    Ok(Dir(Cell::new(dir)))
}

impl Dir {
    /// The next entry but "." and "..".
    pub fn next(&self, vm: &Vm, path: &Path) -> PyResult<Option<Entry>> {
        loop {
            if self.0.get().is_null() {
                return Ok(None);
            }
            // SAFETY: an open stream; the entry is copied before the next call.
            unsafe {
                *libc::__errno_location() = 0;
                let entry = libc::readdir(self.0.get());
                if entry.is_null() {
                    return match system::errno() {
                        0 => Ok(None),
                        errno => Err(path.error(vm, errno)),
                    };
                }
                let name = std::ffi::CStr::from_ptr((*entry).d_name.as_ptr()).to_bytes();
                if name != b"." && name != b".." {
                    return Ok(Some(Entry {
                        name: SmallVec::from_slice(name),
                        kind: (*entry).d_type,
                        inode: (*entry).d_ino,
                    }));
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        !self.0.get().is_null()
    }

    pub fn close(&self, rewind: bool) {
        let dir = self.0.replace(std::ptr::null_mut());
        if !dir.is_null() {
            // SAFETY: an open stream that nobody else has any more.
            unsafe {
                if rewind {
                    libc::rewinddir(dir)
                }
                libc::closedir(dir)
            };
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        self.close(false)
    }
}

#[pyclass(name = "ScandirIterator", module = "posix", doc = "", flags(NO_NEW))]
pub struct ScandirIterator {
    dir: Dir,
    path: Path,
}

/// `scandir(path)`.
pub fn iterate(vm: &Vm, path: Path) -> PyResult {
    let dir = open(vm, &path)?;
    Ok(vm.new_object(ScandirIterator { dir, path })?.into_value())
}

#[pymethods]
impl ScandirIterator {
    #[pyslot]
    fn iter(zelf: &Ref<Self>, _vm: &Vm) -> PyResult {
        Ok(zelf.to_value())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        match zelf.dir.next(vm, &zelf.path)? {
            Some(entry) => DirEntry::make(vm, &zelf.path, entry).map(Some),
            None => {
                zelf.dir.close(zelf.path.fd.is_some());
                Ok(None)
            }
        }
    }

    #[pymethod]
    fn close(&self) {
        self.dir.close(self.path.fd.is_some())
    }

    #[pymethod]
    fn __enter__(zelf: &Ref<Self>) -> Value {
        zelf.to_value()
    }

    #[pymethod(sig = "(*args)")]
    fn __exit__(&self, args: &[Value]) {
        let _ = args;
        self.dir.close(self.path.fd.is_some())
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        if !zelf.dir.is_open() {
            return;
        }
        zelf.dir.close(zelf.path.fd.is_some());
        let message = match naja_vm::protocols::object::repr(vm, zelf.as_value()) {
            Ok(text) => format!("unclosed scandir iterator {}", text.to_string_lossy()),
            Err(_) => return vm.clear_exception(),
        };
        if vm.warn(&vm.types.resource_warning, message, 1).is_err() {
            naja_vm::exception::write_unraisable(vm, Some(zelf.as_value()))
        }
    }
}

#[pyclass(name = "DirEntry", module = "posix", doc = "", flags(NO_NEW))]
pub struct DirEntry {
    name: Value,
    path: Value,
    kind: u8,
    inode: u64,
    /// The directory that the path is relative to.
    dir_fd: DirFd,
    /// The directory was given as bytes.
    bytes: bool,
    stat: MutCell<Option<Value>>,
    lstat: MutCell<Option<Value>>,
}

impl DirEntry {
    fn make(vm: &Vm, dir: &Path, entry: Entry) -> PyResult {
        let name = dir.decode(vm, &entry.name)?;
        let (path, dir_fd) = match dir.fd {
            Some(fd) => (name.clone(), DirFd(fd)),
            None => {
                let mut full = SmallVec::<[u8; 256]>::new();
                if !dir.object.is_none() || dir.bytes {
                    full.extend_from_slice(dir.as_c().to_bytes());
                } else {
                    full.extend_from_slice(b".");
                }
                if full.last() != Some(&b'/') {
                    full.push(b'/')
                }
                full.extend_from_slice(&entry.name);
                (dir.decode(vm, &full)?, DirFd::CWD)
            }
        };
        let entry = DirEntry {
            name,
            path,
            kind: entry.kind,
            inode: entry.inode,
            dir_fd,
            bytes: dir.bytes,
            stat: MutCell::new(None),
            lstat: MutCell::new(None),
        };
        Ok(vm.new_object(entry)?.into_value())
    }

    /// How to reach the file: its full path, or its name below a descriptor.
    fn place(&self, vm: &Vm) -> PyResult<Path> {
        let bytes = super::path::fs_bytes(vm, &self.path)?;
        Ok(Path {
            object: self.path.clone(),
            c: system::c_string(vm, bytes)?,
            fd: None,
            bytes: self.bytes,
        })
    }

    fn status(&self, vm: &Vm, follow: bool) -> PyResult<Result<Value, i32>> {
        vm.permit(Access::Stat(&self.path))?;
        let follow = follow && self.may_be_link(vm)?;
        let cache = if follow { &self.stat } else { &self.lstat };
        if let Some(known) = cache.get() {
            return Ok(Ok(known));
        }
        match stat_of(vm, &self.place(vm)?, self.dir_fd, follow) {
            Ok(st) => {
                let value = stat_value(vm, &st)?;
                cache.set(Some(value.clone()));
                Ok(Ok(value))
            }
            Err(errno) => Ok(Err(errno)),
        }
    }

    fn may_be_link(&self, vm: &Vm) -> PyResult<bool> {
        match self.kind {
            libc::DT_LNK => Ok(true),
            libc::DT_UNKNOWN => self.has_mode(vm, false, libc::S_IFLNK),
            _ => Ok(false),
        }
    }

    /// Whether the file is of a kind; false for one that does not exist.
    fn has_mode(&self, vm: &Vm, follow: bool, wanted: u32) -> PyResult<bool> {
        if self.kind != libc::DT_UNKNOWN && !(follow && self.kind == libc::DT_LNK) {
            return Ok((self.kind as u32) << 12 == wanted);
        }
        let status = if follow {
            self.status(vm, true)?
        } else {
            match self.lstat.get() {
                Some(known) => Ok(known),
                None => match stat_of(vm, &self.place(vm)?, self.dir_fd, false) {
                    Ok(st) => {
                        let value = stat_value(vm, &st)?;
                        self.lstat.set(Some(value.clone()));
                        Ok(value)
                    }
                    Err(errno) => Err(errno),
                },
            }
        };
        match status {
            Ok(status) => {
                let mode = naja_vm::structseq::get::<0>(vm, &status)?;
                Ok(mode.as_small_int().unwrap_or(0) as u32 & libc::S_IFMT == wanted)
            }
            Err(libc::ENOENT) => Ok(false),
            Err(errno) => Err(vm.os_error(errno, Some(&self.path))),
        }
    }
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

    /// Return True if the entry is a directory; cached per entry.
    #[pymethod(sig = "(*, follow_symlinks=True)")]
    fn is_dir(&self, vm: &Vm, #[default(true)] follow_symlinks: bool) -> PyResult<bool> {
        self.has_mode(vm, follow_symlinks, libc::S_IFDIR)
    }

    /// Return True if the entry is a file; cached per entry.
    #[pymethod(sig = "(*, follow_symlinks=True)")]
    fn is_file(&self, vm: &Vm, #[default(true)] follow_symlinks: bool) -> PyResult<bool> {
        self.has_mode(vm, follow_symlinks, libc::S_IFREG)
    }

    /// Return True if the entry is a symbolic link; cached per entry.
    #[pymethod]
    fn is_symlink(&self, vm: &Vm) -> PyResult<bool> {
        self.may_be_link(vm)
    }

    /// Return True if the entry is a junction; cached per entry.
    #[pymethod]
    fn is_junction(&self) -> bool {
        false
    }

    /// Return stat_result object for the entry; cached per entry.
    #[pymethod(sig = "(*, follow_symlinks=True)")]
    fn stat(&self, vm: &Vm, #[default(true)] follow_symlinks: bool) -> PyResult {
        self.status(vm, follow_symlinks)?
            .map_err(|errno| vm.os_error(errno, Some(&self.path)))
    }

    /// Return inode of the entry; cached per entry.
    #[pymethod]
    fn inode(&self, vm: &Vm) -> PyResult {
        self.inode.into_py_result(vm)
    }

    /// Returns the path for the entry.
    #[pymethod]
    fn __fspath__(&self) -> Value {
        self.path.clone()
    }

    /// See PEP 585
    #[pyclassmethod(sig = "(object, /)")]
    fn __class_getitem__(cls: &Ref<Type>, vm: &Vm, item: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), item)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = naja_vm::protocols::object::repr(vm, &zelf.name)?;
        let mut text = b"<DirEntry ".to_vec();
        text.extend_from_slice(name.as_bytes());
        text.push(b'>');
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }
}
