//! Functions of `posix` on paths: status, names, links, permissions, directories, extended attributes.
//!
//! Every one asks the gate with CPython's audit event first. CPython: Modules/posixmodule.c.

use super::path::{DirFd, FsBytes, Gid, Path, PathOrFd, PathOrFdOrNone, Uid, refuse_together};
use super::{STAT_RESULT, STATVFS_RESULT};
use crate::system::{self, Fd, os_error2, retry};
use dashu_int::IBig;
use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::buffer::Buffer;
use naja_vm::runtime::Access;
use naja_vm::tuple::Tuple;
use naja_vm::{IntoPyResult, PyResult, Vm, structseq};

/// `os.stat_result` of the system's status.
pub fn stat_value(vm: &Vm, st: &libc::stat) -> PyResult {
    let mut items = vec![
        vm.new_int(st.st_mode as i64)?,
        st.st_ino.into_py_result(vm)?,
        st.st_dev.into_py_result(vm)?,
        st.st_nlink.into_py_result(vm)?,
        vm.new_int(st.st_uid as i64)?,
        vm.new_int(st.st_gid as i64)?,
        vm.new_int(st.st_size)?,
    ];
    let times = [
        (st.st_atime, st.st_atime_nsec),
        (st.st_mtime, st.st_mtime_nsec),
        (st.st_ctime, st.st_ctime_nsec),
    ];
    for (s, _) in times {
        items.push(vm.new_int(s)?)
    }
    for (s, ns) in times {
        items.push(vm.new_float(s as f64 + 1e-9 * ns as f64)?)
    }
    for (s, ns) in times {
        items.push((s as i128 * 1_000_000_000 + ns as i128).into_py_result(vm)?)
    }
    items.push(vm.new_int(st.st_blksize)?);
    items.push(vm.new_int(st.st_blocks)?);
    items.push(st.st_rdev.into_py_result(vm)?);
    structseq::make(vm, &STAT_RESULT, items)
}

/// The status of a path or descriptor, or the error number.
pub fn stat_of(vm: &Vm, path: &Path, dir_fd: DirFd, follow: bool) -> Result<libc::stat, i32> {
    vm.without_gil(|| {
        // SAFETY: all zero is a valid `stat`.
        let mut st: libc::stat = unsafe { std::mem::zeroed() };
        let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        // SAFETY: a terminated path, one `stat` to write to.
        let result = unsafe {
            match path.fd {
                Some(fd) => libc::fstat(fd, &mut st),
                None => libc::fstatat(dir_fd.0, path.ptr(), &mut st, flags),
            }
        };
        if result == 0 {
            Ok(st)
        } else {
            Err(system::errno())
        }
    })
}

fn do_stat(vm: &Vm, function: &str, path: &Path, dir_fd: DirFd, follow: bool) -> PyResult {
    refuse_together(vm, function, path, dir_fd, follow)?;
    vm.permit(Access::Stat(&path.object))?;
    match stat_of(vm, path, dir_fd, follow) {
        Ok(st) => stat_value(vm, &st),
        Err(errno) => Err(path.error(vm, errno)),
    }
}

fn do_statvfs(vm: &Vm, path: Option<&Path>, fd: i32) -> PyResult {
    // SAFETY: all zero is a valid `statvfs`.
    let mut st: libc::statvfs = unsafe { std::mem::zeroed() };
    let fd = path.map_or(Some(fd), |p| p.fd);
    let result = retry(vm, || {
        // SAFETY: a terminated path, one `statvfs` to write to.
        unsafe {
            match (fd, path) {
                (None, Some(path)) => libc::statvfs(path.ptr(), &mut st),
                (fd, _) => libc::fstatvfs(fd.unwrap_or(-1), &mut st),
            }
        }
    })?;
    if let Err(errno) = result {
        return Err(match path {
            Some(path) => path.error(vm, errno),
            None => vm.os_error(errno, None),
        });
    }
    let fields = [
        st.f_bsize,
        st.f_frsize,
        st.f_blocks,
        st.f_bfree,
        st.f_bavail,
        st.f_files,
        st.f_ffree,
        st.f_favail,
        st.f_flag,
        st.f_namemax,
        st.f_fsid,
    ];
    let items = fields
        .iter()
        .map(|&n| n.into_py_result(vm))
        .collect::<PyResult<_>>()?;
    structseq::make(vm, &STATVFS_RESULT, items)
}

/// Runs a call without the lock; its result or the error number.
fn call(vm: &Vm, f: impl FnOnce() -> i32) -> Result<i32, i32> {
    vm.without_gil(|| {
        let result = f();
        if result < 0 {
            Err(system::errno())
        } else {
            Ok(result)
        }
    })
}

fn on(vm: &Vm, path: &Path, f: impl FnOnce() -> i32) -> PyResult<()> {
    call(vm, f)
        .map(|_| ())
        .map_err(|errno| path.error(vm, errno))
}

fn int(vm: &Vm, n: impl Into<i64>) -> PyResult {
    vm.new_int(n.into())
}

fn do_rename(vm: &Vm, src: &Path, dst: &Path, from: DirFd, to: DirFd) -> PyResult<()> {
    let args = [
        src.object.clone(),
        dst.object.clone(),
        from.audit(vm)?,
        to.audit(vm)?,
    ];
    vm.permit(Access::Event("os.rename", &args))?;
    // SAFETY: terminated paths.
    call(vm, || unsafe {
        libc::renameat(from.0, src.ptr(), to.0, dst.ptr())
    })
    .map(|_| ())
    .map_err(|errno| os_error2(vm, errno, &src.object, &dst.object))
}

fn do_remove(vm: &Vm, path: &Path, dir_fd: DirFd, flags: i32, event: &'static str) -> PyResult<()> {
    vm.permit(Access::Event(
        event,
        &[path.object.clone(), dir_fd.audit(vm)?],
    ))?;
    // SAFETY: a terminated path.
    on(vm, path, || unsafe {
        libc::unlinkat(dir_fd.0, path.ptr(), flags)
    })
}

/// The two instants of `utime`, as seconds and nanoseconds.
fn utime_ns(
    vm: &Vm,
    times: Option<&Value>,
    ns: Option<&Value>,
) -> PyResult<Option<[libc::timespec; 2]>> {
    let spec = |(s, ns): (i64, i64)| libc::timespec {
        tv_sec: s,
        tv_nsec: ns,
    };
    let times = times.filter(|t| !t.is_none());
    if times.is_some() && ns.is_some() {
        return Err(vm.value_error("utime: you may specify either 'times' or 'ns' but not both"));
    }
    if let Some(times) = times {
        let Some([a, m]) = times.downcast::<Tuple>().map(|t| t.items()) else {
            return Err(vm.type_error("utime: 'times' must be either a tuple of two ints or None"));
        };
        let one = |v| system::timespec(vm, v, system::Round::Floor).map(spec);
        return Ok(Some([one(a)?, one(m)?]));
    }
    let Some(ns) = ns else { return Ok(None) };
    let Some([a, m]) = ns.downcast::<Tuple>().map(|t| t.items()) else {
        return Err(vm.type_error("utime: 'ns' must be a tuple of two ints"));
    };
    let one = |v: &Value| -> PyResult<libc::timespec> {
        let n = naja_vm::protocols::number::index_big(vm, v)?;
        let n = i128::try_from(&n)
            .map_err(|_| vm.overflow_error("timestamp out of range for platform time_t"))?;
        let s = i64::try_from(n.div_euclid(1_000_000_000))
            .map_err(|_| vm.overflow_error("timestamp out of range for platform time_t"))?;
        Ok(spec((s, n.rem_euclid(1_000_000_000) as i64)))
    };
    Ok(Some([one(a)?, one(m)?]))
}

fn names_in(vm: &Vm, path: &Path) -> PyResult<Vec<Value>> {
    let dir = super::scandir::open(vm, path)?;
    let mut names = Vec::new();
    while let Some(entry) = dir.next(vm, path)? {
        names.push(path.decode(vm, &entry.name)?)
    }
    // A descriptor that was given stands at the beginning again.
    dir.close(path.fd.is_some());
    Ok(names)
}

fn cwd(vm: &Vm) -> PyResult<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    match std::env::current_dir() {
        Ok(path) => Ok(path.into_os_string().into_vec()),
        Err(error) => Err(vm.os_error(error.raw_os_error().unwrap_or(0), None)),
    }
}

#[pymodule(name = "posix", doc = "")]
pub mod module {
    use super::*;

    /// Perform a stat system call on the given path.
    #[pyfunction(sig = "(path, *, dir_fd=None, follow_symlinks=True)")]
    fn stat(
        vm: &Vm,
        path: PathOrFd,
        #[default(DirFd::CWD)] dir_fd: DirFd,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult {
        do_stat(vm, "stat", &path.0, dir_fd, follow_symlinks)
    }

    /// Perform a stat system call on the given path, without following symbolic links.
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn lstat(vm: &Vm, path: Path, #[default(DirFd::CWD)] dir_fd: DirFd) -> PyResult {
        do_stat(vm, "lstat", &path, dir_fd, false)
    }

    /// Perform a stat system call on the given file descriptor.
    #[pyfunction(sig = "(fd)")]
    fn fstat(vm: &Vm, fd: i32) -> PyResult {
        let mut path = Path::current();
        path.fd = Some(fd);
        do_stat(vm, "fstat", &path, DirFd::CWD, true)
    }

    /// Perform a statvfs system call on the given path.
    #[pyfunction(sig = "(path)")]
    fn statvfs(vm: &Vm, path: PathOrFd) -> PyResult {
        vm.permit(Access::Stat(&path.0.object))?;
        do_statvfs(vm, Some(&path.0), -1)
    }

    /// Perform an fstatvfs system call on the given fd.
    #[pyfunction(sig = "(fd, /)")]
    fn fstatvfs(vm: &Vm, fd: i32) -> PyResult {
        do_statvfs(vm, None, fd)
    }

    /// Use the real uid/gid to test for access to a path.
    #[pyfunction(sig = "(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True)")]
    fn access(
        vm: &Vm,
        path: Path,
        mode: i32,
        #[default(DirFd::CWD)] dir_fd: DirFd,
        #[default(false)] effective_ids: bool,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult<bool> {
        vm.permit(Access::Stat(&path.object))?;
        let mut flags = 0;
        if effective_ids {
            flags |= libc::AT_EACCESS
        }
        if !follow_symlinks {
            flags |= libc::AT_SYMLINK_NOFOLLOW
        }
        // SAFETY: a terminated path.
        Ok(call(vm, || unsafe {
            libc::faccessat(dir_fd.0, path.ptr(), mode, flags)
        })
        .is_ok())
    }

    /// Change the current working directory to the specified path.
    #[pyfunction(sig = "(path)")]
    fn chdir(vm: &Vm, path: PathOrFd) -> PyResult<()> {
        let path = path.0;
        vm.permit(Access::Event(
            "os.chdir",
            std::slice::from_ref(&path.object),
        ))?;
        on(vm, &path, || {
            // SAFETY: a terminated path.
            unsafe {
                match path.fd {
                    Some(fd) => libc::fchdir(fd),
                    None => libc::chdir(path.ptr()),
                }
            }
        })
    }

    /// Change to the directory of the given file descriptor.
    #[pyfunction(sig = "(fd)")]
    fn fchdir(vm: &Vm, fd: Fd) -> PyResult<()> {
        vm.permit(Access::Event("os.chdir", &[int(vm, fd.0)?]))?;
        // SAFETY: a plain call.
        system::retry_or_raise(vm, || unsafe { libc::fchdir(fd.0) }).map(|_| ())
    }

    /// Change the access permissions of a file.
    #[pyfunction(sig = "(path, mode, *, dir_fd=None, follow_symlinks=(os.name != 'nt'))")]
    fn chmod(
        vm: &Vm,
        path: PathOrFd,
        mode: i32,
        #[default(DirFd::CWD)] dir_fd: DirFd,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult<()> {
        let path = path.0;
        vm.permit(Access::Event(
            "os.chmod",
            &[path.object.clone(), int(vm, mode)?, dir_fd.audit(vm)?],
        ))?;
        let flags = if follow_symlinks {
            0
        } else {
            libc::AT_SYMLINK_NOFOLLOW
        };
        let result = call(vm, || {
            // SAFETY: a terminated path.
            unsafe {
                match path.fd {
                    Some(fd) => libc::fchmod(fd, mode as libc::mode_t),
                    None => libc::fchmodat(dir_fd.0, path.ptr(), mode as libc::mode_t, flags),
                }
            }
        });
        match result {
            Ok(_) => Ok(()),
            Err(libc::EOPNOTSUPP) if !follow_symlinks => {
                if dir_fd.given() {
                    return Err(
                        vm.value_error("chmod: cannot use dir_fd and follow_symlinks together")
                    );
                }
                Err(vm.not_implemented_error("chmod: follow_symlinks unavailable on this platform"))
            }
            Err(errno) => Err(path.error(vm, errno)),
        }
    }

    /// Change the access permissions of the file given by file descriptor fd.
    #[pyfunction(sig = "(fd, mode)")]
    fn fchmod(vm: &Vm, fd: i32, mode: i32) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.chmod",
            &[int(vm, fd)?, int(vm, mode)?, int(vm, -1)?],
        ))?;
        // SAFETY: a plain call.
        system::retry_or_raise(vm, || unsafe { libc::fchmod(fd, mode as libc::mode_t) }).map(|_| ())
    }

    fn chown_event(vm: &Vm, object: Value, uid: Uid, gid: Gid, dir_fd: DirFd) -> PyResult<()> {
        let args = [
            object,
            int(vm, uid.0 as i32)?,
            int(vm, gid.0 as i32)?,
            dir_fd.audit(vm)?,
        ];
        vm.permit(Access::Event("os.chown", &args))
    }

    /// Change the owner and group id of path to the numeric uid and gid.
    #[pyfunction(sig = "(path, uid, gid, *, dir_fd=None, follow_symlinks=True)")]
    fn chown(
        vm: &Vm,
        path: PathOrFd,
        uid: Uid,
        gid: Gid,
        #[default(DirFd::CWD)] dir_fd: DirFd,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult<()> {
        let path = path.0;
        refuse_together(vm, "chown", &path, dir_fd, follow_symlinks)?;
        chown_event(vm, path.object.clone(), uid, gid, dir_fd)?;
        let flags = if follow_symlinks {
            0
        } else {
            libc::AT_SYMLINK_NOFOLLOW
        };
        on(vm, &path, || {
            // SAFETY: a terminated path.
            unsafe {
                match path.fd {
                    Some(fd) => libc::fchown(fd, uid.0, gid.0),
                    None => libc::fchownat(dir_fd.0, path.ptr(), uid.0, gid.0, flags),
                }
            }
        })
    }

    /// Change the owner and group id of the file specified by file descriptor.
    #[pyfunction(sig = "(fd, uid, gid)")]
    fn fchown(vm: &Vm, fd: i32, uid: Uid, gid: Gid) -> PyResult<()> {
        chown_event(vm, int(vm, fd)?, uid, gid, DirFd::CWD)?;
        // SAFETY: a plain call.
        system::retry_or_raise(vm, || unsafe { libc::fchown(fd, uid.0, gid.0) }).map(|_| ())
    }

    /// Change the owner and group id of path to the numeric uid and gid, without following symbolic links.
    #[pyfunction(sig = "(path, uid, gid)")]
    fn lchown(vm: &Vm, path: Path, uid: Uid, gid: Gid) -> PyResult<()> {
        chown_event(vm, path.object.clone(), uid, gid, DirFd::CWD)?;
        // SAFETY: a terminated path.
        on(vm, &path, || unsafe {
            libc::lchown(path.ptr(), uid.0, gid.0)
        })
    }

    /// Change root directory to path.
    #[pyfunction(sig = "(path)")]
    fn chroot(vm: &Vm, path: Path) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.chroot",
            std::slice::from_ref(&path.object),
        ))?;
        // SAFETY: a terminated path.
        on(vm, &path, || unsafe { libc::chroot(path.ptr()) })
    }

    /// Return a unicode string representing the current working directory.
    #[pyfunction(sig = "()")]
    fn getcwd(vm: &Vm) -> PyResult {
        let path = cwd(vm)?;
        system::fs_decode(vm, &path)
    }

    /// Return a bytes string representing the current working directory.
    #[pyfunction(sig = "()")]
    fn getcwdb(vm: &Vm) -> PyResult {
        let path = cwd(vm)?;
        Ok(vm.new_bytes(&path)?.into_value())
    }

    /// Return a list containing the names of the files in the directory.
    #[pyfunction(sig = "(path=None)")]
    fn listdir(vm: &Vm, path: Option<PathOrFdOrNone>) -> PyResult {
        let path = path.map_or_else(Path::current, |p| p.0);
        vm.permit(Access::Event(
            "os.listdir",
            std::slice::from_ref(&path.object),
        ))?;
        Ok(vm.new_list(names_in(vm, &path)?)?.into_value())
    }

    /// Return an iterator of DirEntry objects for given path.
    #[pyfunction(sig = "(path=None)")]
    fn scandir(vm: &Vm, path: Option<PathOrFdOrNone>) -> PyResult {
        let path = path.map_or_else(Path::current, |p| p.0);
        vm.permit(Access::Event(
            "os.scandir",
            std::slice::from_ref(&path.object),
        ))?;
        crate::posix::scandir::iterate(vm, path)
    }

    /// Create a directory.
    #[pyfunction(sig = "(path, mode=511, *, dir_fd=None)")]
    fn mkdir(
        vm: &Vm,
        path: Path,
        #[default(0o777)] mode: i32,
        #[default(DirFd::CWD)] dir_fd: DirFd,
    ) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.mkdir",
            &[path.object.clone(), int(vm, mode)?, dir_fd.audit(vm)?],
        ))?;
        // SAFETY: a terminated path.
        on(vm, &path, || unsafe {
            libc::mkdirat(dir_fd.0, path.ptr(), mode as libc::mode_t)
        })
    }

    /// Create a "fifo" (a POSIX named pipe).
    #[pyfunction(sig = "(path, mode=438, *, dir_fd=None)")]
    fn mkfifo(
        vm: &Vm,
        path: Path,
        #[default(0o666)] mode: i32,
        #[default(DirFd::CWD)] dir_fd: DirFd,
    ) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.mkfifo",
            std::slice::from_ref(&path.object),
        ))?;
        // SAFETY: a terminated path.
        on(vm, &path, || unsafe {
            libc::mkfifoat(dir_fd.0, path.ptr(), mode as libc::mode_t)
        })
    }

    /// Create a node in the file system.
    #[pyfunction(sig = "(path, mode=384, device=0, *, dir_fd=None)")]
    fn mknod(
        vm: &Vm,
        path: Path,
        #[default(0o600)] mode: i32,
        #[default(0)] device: u64,
        #[default(DirFd::CWD)] dir_fd: DirFd,
    ) -> PyResult<()> {
        vm.permit(Access::Event(
            "os.mknod",
            std::slice::from_ref(&path.object),
        ))?;
        // SAFETY: a terminated path.
        on(vm, &path, || unsafe {
            libc::mknodat(dir_fd.0, path.ptr(), mode as libc::mode_t, device)
        })
    }

    /// Remove a directory.
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn rmdir(vm: &Vm, path: Path, #[default(DirFd::CWD)] dir_fd: DirFd) -> PyResult<()> {
        do_remove(vm, &path, dir_fd, libc::AT_REMOVEDIR, "os.rmdir")
    }

    /// Remove a file (same as remove()).
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn unlink(vm: &Vm, path: Path, #[default(DirFd::CWD)] dir_fd: DirFd) -> PyResult<()> {
        do_remove(vm, &path, dir_fd, 0, "os.remove")
    }

    /// Remove a file (same as unlink()).
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn remove(vm: &Vm, path: Path, #[default(DirFd::CWD)] dir_fd: DirFd) -> PyResult<()> {
        do_remove(vm, &path, dir_fd, 0, "os.remove")
    }

    /// Rename a file or directory.
    #[pyfunction(sig = "(src, dst, *, src_dir_fd=None, dst_dir_fd=None)")]
    fn rename(
        vm: &Vm,
        src: Path,
        dst: Path,
        #[default(DirFd::CWD)] src_dir_fd: DirFd,
        #[default(DirFd::CWD)] dst_dir_fd: DirFd,
    ) -> PyResult<()> {
        do_rename(vm, &src, &dst, src_dir_fd, dst_dir_fd)
    }

    /// Rename a file or directory, overwriting the destination.
    #[pyfunction(sig = "(src, dst, *, src_dir_fd=None, dst_dir_fd=None)")]
    fn replace(
        vm: &Vm,
        src: Path,
        dst: Path,
        #[default(DirFd::CWD)] src_dir_fd: DirFd,
        #[default(DirFd::CWD)] dst_dir_fd: DirFd,
    ) -> PyResult<()> {
        do_rename(vm, &src, &dst, src_dir_fd, dst_dir_fd)
    }

    /// Create a hard link to a file.
    #[pyfunction(
        sig = "(src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=(os.name != 'nt'))"
    )]
    fn link(
        vm: &Vm,
        src: Path,
        dst: Path,
        #[default(DirFd::CWD)] src_dir_fd: DirFd,
        #[default(DirFd::CWD)] dst_dir_fd: DirFd,
        follow_symlinks: Option<bool>,
    ) -> PyResult<()> {
        let args = [
            src.object.clone(),
            dst.object.clone(),
            src_dir_fd.audit(vm)?,
            dst_dir_fd.audit(vm)?,
        ];
        vm.permit(Access::Event("os.link", &args))?;
        let flags = if follow_symlinks != Some(false) {
            libc::AT_SYMLINK_FOLLOW
        } else {
            0
        };
        // SAFETY: terminated paths.
        call(vm, || unsafe {
            libc::linkat(src_dir_fd.0, src.ptr(), dst_dir_fd.0, dst.ptr(), flags)
        })
        .map(|_| ())
        .map_err(|errno| os_error2(vm, errno, &src.object, &dst.object))
    }

    /// Create a symbolic link pointing to src named dst.
    #[pyfunction(sig = "(src, dst, target_is_directory=False, *, dir_fd=None)")]
    fn symlink(
        vm: &Vm,
        src: Path,
        dst: Path,
        #[default(false)] target_is_directory: bool,
        #[default(DirFd::CWD)] dir_fd: DirFd,
    ) -> PyResult<()> {
        let _ = target_is_directory; // means something on Windows only
        vm.permit(Access::Event(
            "os.symlink",
            &[src.object.clone(), dst.object.clone(), dir_fd.audit(vm)?],
        ))?;
        // SAFETY: terminated paths.
        call(vm, || unsafe {
            libc::symlinkat(src.ptr(), dir_fd.0, dst.ptr())
        })
        .map(|_| ())
        .map_err(|errno| os_error2(vm, errno, &src.object, &dst.object))
    }

    /// Return a string representing the path to which the symbolic link points.
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn readlink(vm: &Vm, path: Path, #[default(DirFd::CWD)] dir_fd: DirFd) -> PyResult {
        vm.permit(Access::Stat(&path.object))?;
        let mut target = vec![0u8; libc::PATH_MAX as usize + 1];
        let result = call(vm, || {
            // SAFETY: a terminated path, a buffer of the size told.
            unsafe {
                libc::readlinkat(
                    dir_fd.0,
                    path.ptr(),
                    target.as_mut_ptr().cast(),
                    target.len(),
                ) as i32
            }
        });
        match result {
            Ok(n) => path.decode(vm, &target[..n as usize]),
            Err(errno) => Err(path.error(vm, errno)),
        }
    }

    /// Set the access and modified time of path.
    #[pyfunction(
        sig = "(path, times=None, *, ns=<unrepresentable>, dir_fd=None, follow_symlinks=True)"
    )]
    fn utime(
        vm: &Vm,
        path: PathOrFd,
        times: Option<&Value>,
        ns: Option<&Value>,
        #[default(DirFd::CWD)] dir_fd: DirFd,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult<()> {
        let path = path.0;
        let specs = utime_ns(vm, times, ns)?;
        refuse_together(vm, "utime", &path, dir_fd, follow_symlinks)?;
        let args = [
            path.object.clone(),
            times.cloned().unwrap_or(Value::NONE),
            ns.cloned().unwrap_or(Value::NONE),
            dir_fd.audit(vm)?,
        ];
        vm.permit(Access::Event("os.utime", &args))?;
        let flags = if follow_symlinks {
            0
        } else {
            libc::AT_SYMLINK_NOFOLLOW
        };
        let specs = specs.as_ref().map_or(std::ptr::null(), |s| s.as_ptr());
        on(vm, &path, || {
            // SAFETY: a terminated path; null or two timespecs.
            unsafe {
                match path.fd {
                    Some(fd) => libc::futimens(fd, specs),
                    None => libc::utimensat(dir_fd.0, path.ptr(), specs, flags),
                }
            }
        })
    }

    /// Truncate a file, specified by path, to a specific length.
    #[pyfunction(sig = "(path, length)")]
    fn truncate(vm: &Vm, path: PathOrFd, length: i64) -> PyResult<()> {
        let path = path.0;
        vm.permit(Access::Event(
            "os.truncate",
            &[path.object.clone(), int(vm, length)?],
        ))?;
        on(vm, &path, || {
            // SAFETY: a terminated path.
            unsafe {
                match path.fd {
                    Some(fd) => libc::ftruncate(fd, length),
                    None => libc::truncate(path.ptr(), length),
                }
            }
        })
    }

    /// Return the configuration limit name for the file or directory path.
    #[pyfunction(sig = "(path, name)")]
    fn pathconf(vm: &Vm, path: PathOrFd, name: &Value) -> PyResult<i64> {
        let name = crate::posix::system_::conf_name(vm, name, crate::posix::tables::PATHCONF)?;
        let path = path.0;
        // SAFETY: clears the calling thread's errno.
        unsafe { *libc::__errno_location() = 0 };
        // SAFETY: a terminated path.
        let limit = unsafe {
            match path.fd {
                Some(fd) => libc::fpathconf(fd, name),
                None => libc::pathconf(path.ptr(), name),
            }
        };
        let errno = system::errno();
        if limit == -1 && errno != 0 {
            return Err(path.error(vm, errno));
        }
        Ok(limit)
    }

    /// Return the value of extended attribute attribute on path.
    #[pyfunction(sig = "(path, attribute, *, follow_symlinks=True)")]
    fn getxattr(
        vm: &Vm,
        path: PathOrFd,
        attribute: FsBytes,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult {
        let path = path.0;
        refuse_together(vm, "getxattr", &path, DirFd::CWD, follow_symlinks)?;
        let name = system::fs_decode(vm, attribute.0.as_bytes())?;
        vm.permit(Access::Event("os.getxattr", &[path.object.clone(), name]))?;
        let value = xattr(vm, &path, |buffer, size| {
            let (name, buffer) = (attribute.0.as_ptr(), buffer.cast());
            // SAFETY: terminated texts, a buffer of the size told.
            unsafe {
                match path.fd {
                    Some(fd) => libc::fgetxattr(fd, name, buffer, size),
                    None if follow_symlinks => libc::getxattr(path.ptr(), name, buffer, size),
                    None => libc::lgetxattr(path.ptr(), name, buffer, size),
                }
            }
        })?;
        Ok(vm.new_bytes(&value)?.into_value())
    }

    /// Calls with growing buffers until the value fits.
    fn xattr(vm: &Vm, path: &Path, get: impl Fn(*mut u8, usize) -> isize) -> PyResult<Vec<u8>> {
        for size in [128usize, 1 << 16, 1 << 20] {
            let mut buffer = vec![0u8; size];
            let (n, errno) = vm.without_gil(|| (get(buffer.as_mut_ptr(), size), system::errno()));
            match usize::try_from(n) {
                Ok(n) => {
                    buffer.truncate(n);
                    return Ok(buffer);
                }
                Err(_) if errno == libc::ERANGE => {}
                Err(_) => return Err(path.error(vm, errno)),
            }
        }
        Err(path.error(vm, libc::ERANGE))
    }

    /// Set extended attribute attribute on path to value.
    #[pyfunction(sig = "(path, attribute, value, flags=0, *, follow_symlinks=True)")]
    fn setxattr(
        vm: &Vm,
        path: PathOrFd,
        attribute: FsBytes,
        value: Buffer,
        #[default(0)] flags: i32,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult<()> {
        let path = path.0;
        refuse_together(vm, "setxattr", &path, DirFd::CWD, follow_symlinks)?;
        let name = system::fs_decode(vm, attribute.0.as_bytes())?;
        let args = [
            path.object.clone(),
            name,
            value.object.clone(),
            int(vm, flags)?,
        ];
        vm.permit(Access::Event("os.setxattr", &args))?;
        let value = value.to_vec();
        on(vm, &path, || {
            let (name, data, size) = (attribute.0.as_ptr(), value.as_ptr().cast(), value.len());
            // SAFETY: terminated texts, a buffer of the size told.
            unsafe {
                match path.fd {
                    Some(fd) => libc::fsetxattr(fd, name, data, size, flags),
                    None if follow_symlinks => libc::setxattr(path.ptr(), name, data, size, flags),
                    None => libc::lsetxattr(path.ptr(), name, data, size, flags),
                }
            }
        })
    }

    /// Remove extended attribute attribute on path.
    #[pyfunction(sig = "(path, attribute, *, follow_symlinks=True)")]
    fn removexattr(
        vm: &Vm,
        path: PathOrFd,
        attribute: FsBytes,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult<()> {
        let path = path.0;
        refuse_together(vm, "removexattr", &path, DirFd::CWD, follow_symlinks)?;
        let name = system::fs_decode(vm, attribute.0.as_bytes())?;
        vm.permit(Access::Event(
            "os.removexattr",
            &[path.object.clone(), name],
        ))?;
        on(vm, &path, || {
            let name = attribute.0.as_ptr();
            // SAFETY: terminated texts.
            unsafe {
                match path.fd {
                    Some(fd) => libc::fremovexattr(fd, name),
                    None if follow_symlinks => libc::removexattr(path.ptr(), name),
                    None => libc::lremovexattr(path.ptr(), name),
                }
            }
        })
    }

    /// Return a list of extended attributes on path.
    #[pyfunction(sig = "(path=None, *, follow_symlinks=True)")]
    fn listxattr(
        vm: &Vm,
        path: Option<PathOrFdOrNone>,
        #[default(true)] follow_symlinks: bool,
    ) -> PyResult {
        let path = path.map_or_else(Path::current, |p| p.0);
        refuse_together(vm, "listxattr", &path, DirFd::CWD, follow_symlinks)?;
        vm.permit(Access::Event(
            "os.listxattr",
            std::slice::from_ref(&path.object),
        ))?;
        let names = xattr(vm, &path, |buffer, size| {
            let buffer = buffer.cast();
            // SAFETY: a terminated path, a buffer of the size told.
            unsafe {
                match path.fd {
                    Some(fd) => libc::flistxattr(fd, buffer, size),
                    None if follow_symlinks => libc::listxattr(path.ptr(), buffer, size),
                    None => libc::llistxattr(path.ptr(), buffer, size),
                }
            }
        })?;
        let names = names.split(|&b| b == 0).filter(|n| !n.is_empty());
        let names = names
            .map(|n| system::fs_decode(vm, n))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_list(names)?.into_value())
    }

    /// Return the file system path representation of the object.
    ///
    /// If the object is str or bytes, then allow it to pass through as-is. If the
    /// object defines __fspath__(), then return the result of that method. All other
    /// types raise a TypeError.
    #[pyfunction(sig = "(path)")]
    fn fspath(vm: &Vm, path: &Value) -> PyResult {
        crate::posix::path::fspath(vm, path)
    }

    /// Extract a raw device major number from a device number.
    #[pyfunction(sig = "(device, /)")]
    fn major(vm: &Vm, device: IBig) -> PyResult<i64> {
        let device = device_number(vm, device)?;
        Ok(device_part(libc::major(device)))
    }

    /// Extract a raw device minor number from a device number.
    #[pyfunction(sig = "(device, /)")]
    fn minor(vm: &Vm, device: IBig) -> PyResult<i64> {
        let device = device_number(vm, device)?;
        Ok(device_part(libc::minor(device)))
    }

    /// "No device" is told as -1.
    fn device_part(part: u32) -> i64 {
        match part {
            u32::MAX => -1,
            part => i64::from(part),
        }
    }

    fn device_number(vm: &Vm, device: IBig) -> PyResult<u64> {
        if device == (-1).into() {
            return Ok(u64::MAX);
        }
        let negative = device < 0.into();
        u64::try_from(device).map_err(|_| {
            vm.overflow_error(match negative {
                true => "can't convert negative int to unsigned",
                false => "int too big to convert",
            })
        })
    }

    /// Compose a raw device number from the major and minor device numbers.
    #[pyfunction(sig = "(major, minor, /)")]
    fn makedev(vm: &Vm, major: IBig, minor: IBig) -> PyResult {
        let part = |n: IBig| -> PyResult<u32> {
            if n == (-1).into() {
                return Ok(u32::MAX);
            }
            let negative = n < 0.into();
            u32::try_from(n).map_err(|_| {
                vm.overflow_error(match negative {
                    true => "can't convert negative int to unsigned",
                    false => "Python int too large to convert to C unsigned int",
                })
            })
        };
        let (major, minor) = (part(major)?, part(minor)?);
        if major == u32::MAX && minor == u32::MAX {
            return vm.new_int(-1);
        }
        vm.new_bigint(libc::makedev(major, minor).into())
    }
}
