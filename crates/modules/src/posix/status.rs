//! `stat` and its relatives, and the struct sequences of this module.

use super::failed;
use super::paths::{DirFd, Fd, PathArg, PathOrFd, to_python};
use naja_heap::Ref;
use naja_vm::module::Module;
use naja_vm::runtime::Access;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};
use std::mem::MaybeUninit;

struct_sequence! { new pub STAT = "stat_result" in "os", "stat_result: Result from stat, fstat, or lstat.\n\nThis object may be accessed either as a tuple of\n  (mode, ino, dev, nlink, uid, gid, size, atime, mtime, ctime)\nor via the attributes st_mode, st_ino, st_dev, st_nlink, st_uid, and so on.\n\nPosix/windows: If your platform supports st_blksize, st_blocks, st_rdev,\nor st_flags, they are available as attributes only.\n\nSee os.stat for more information."; visible 10, unnamed 3;
    0 "st_mode" "protection bits"; 1 "st_ino" "inode"; 2 "st_dev" "device"; 3 "st_nlink" "number of hard links";
    4 "st_uid" "user ID of owner"; 5 "st_gid" "group ID of owner"; 6 "st_size" "total size, in bytes";
    10 "st_atime" "time of last access"; 11 "st_mtime" "time of last modification"; 12 "st_ctime" "time of last change";
    13 "st_atime_ns" "time of last access in nanoseconds"; 14 "st_mtime_ns" "time of last modification in nanoseconds";
    15 "st_ctime_ns" "time of last change in nanoseconds"; 16 "st_blksize" "blocksize for filesystem I/O";
    17 "st_blocks" "number of blocks allocated"; 18 "st_rdev" "device type (if inode device)";
}

struct_sequence! { new pub STATVFS = "statvfs_result" in "os", "statvfs_result: Result from statvfs or fstatvfs.\n\nThis object may be accessed either as a tuple of\n  (bsize, frsize, blocks, bfree, bavail, files, ffree, favail, flag, namemax),\nor via the attributes f_bsize, f_frsize, f_blocks, f_bfree, and so on.\n\nSee os.statvfs for more information."; visible 10, unnamed 0;
    0 "f_bsize" ""; 1 "f_frsize" ""; 2 "f_blocks" ""; 3 "f_bfree" ""; 4 "f_bavail" ""; 5 "f_files" ""; 6 "f_ffree" ""; 7 "f_favail" "";
    8 "f_flag" ""; 9 "f_namemax" ""; 10 "f_fsid" "";
}

struct_sequence! { new pub TERMINAL_SIZE = "terminal_size" in "os", "A tuple of (columns, lines) for holding terminal window size";
    0 "columns" "width of the terminal window in characters"; 1 "lines" "height of the terminal window in characters";
}

struct_sequence! { new pub TIMES = "times_result" in "posix", "times_result: Result from os.times().\n\nThis object may be accessed either as a tuple of\n  (user, system, children_user, children_system, elapsed),\nor via the attributes user, system, children_user, children_system,\nand elapsed.\n\nSee os.times for more information.";
    0 "user" "user time"; 1 "system" "system time"; 2 "children_user" "user time of children"; 3 "children_system" "system time of children";
    4 "elapsed" "elapsed time since an arbitrary point in the past";
}

struct_sequence! { new pub UNAME = "uname_result" in "posix", "uname_result: Result from os.uname().\n\nThis object may be accessed either as a tuple of\n  (sysname, nodename, release, version, machine),\nor via the attributes sysname, nodename, release, version, and machine.\n\nSee os.uname for more information.";
    0 "sysname" "operating system name"; 1 "nodename" "name of machine on network (implementation-defined)"; 2 "release" "operating system release";
    3 "version" "operating system version"; 4 "machine" "hardware identifier";
}

struct_sequence! { new pub WAITID = "waitid_result" in "posix", "waitid_result: Result from waitid.\n\nThis object may be accessed either as a tuple of\n  (si_pid, si_uid, si_signo, si_status, si_code),\nor via the attributes si_pid, si_uid, and so on.\n\nSee os.waitid for more information.";
    0 "si_pid" ""; 1 "si_uid" ""; 2 "si_signo" ""; 3 "si_status" ""; 4 "si_code" "";
}

struct_sequence! { new pub SCHED_PARAM = "sched_param" in "posix", "Currently has only one field: sched_priority\n\n  sched_priority\n    A scheduling parameter.";
    0 "sched_priority" "the scheduling priority";
}

/// A `stat_result`. Raises MemoryError.
pub fn stat_value(vm: &Vm, s: &libc::stat) -> PyResult {
    let int = |n: i64| vm.new_int(n);
    let times = [
        (s.st_atime, s.st_atime_nsec),
        (s.st_mtime, s.st_mtime_nsec),
        (s.st_ctime, s.st_ctime_nsec),
    ];
    let mut items = vec![
        int(i64::from(s.st_mode))?,
        vm.new_bigint(s.st_ino.into())?,
        vm.new_bigint(s.st_dev.into())?,
        vm.new_bigint(s.st_nlink.into())?,
        int(i64::from(s.st_uid))?,
        int(i64::from(s.st_gid))?,
        int(s.st_size)?,
    ];
    for (seconds, _) in times {
        items.push(int(seconds)?);
    }
    for (seconds, nanos) in times {
        items.push(vm.new_float(seconds as f64 + 1e-9 * nanos as f64)?);
    }
    for (seconds, nanos) in times {
        items
            .push(vm.new_bigint((i128::from(seconds) * 1_000_000_000 + i128::from(nanos)).into())?);
    }
    items.push(int(s.st_blksize)?);
    items.push(int(s.st_blocks)?);
    items.push(vm.new_bigint(s.st_rdev.into())?);
    structseq::make(vm, &STAT, items)
}

/// The status of a name, relative to a folder. The error is an errno.
pub fn status_at(dir: i32, path: &std::ffi::CStr, follow: bool) -> Result<libc::stat, i32> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the path is a C string, the buffer is for one status.
    match unsafe { libc::fstatat(dir, path.as_ptr(), status.as_mut_ptr(), flags) } {
        // SAFETY: the call has succeeded.
        0 => Ok(unsafe { status.assume_init() }),
        _ => Err(super::errno()),
    }
}

/// The status of an open file.
pub fn status_of(fd: i32) -> Result<libc::stat, i32> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the buffer is for one status.
    match unsafe { libc::fstat(fd, status.as_mut_ptr()) } {
        // SAFETY: the call has succeeded.
        0 => Ok(unsafe { status.assume_init() }),
        _ => Err(super::errno()),
    }
}

fn do_stat(vm: &Vm, path: &PathArg, dir: i32, follow: bool, function: &str) -> PyResult {
    vm.permit(Access::Stat(&path.value))?;
    if path.fd().is_some() && dir != libc::AT_FDCWD {
        return Err(vm.value_error(format!(
            "{function}: can't specify dir_fd without matching path"
        )));
    }
    if path.fd().is_some() && !follow {
        return Err(vm.value_error(format!(
            "{function}: cannot use fd and follow_symlinks together"
        )));
    }
    let text = path.text();
    let result = vm.without_gil(|| match path.fd() {
        Some(fd) => status_of(fd),
        None => status_at(dir, text, follow),
    });
    match result {
        Ok(status) => stat_value(vm, &status),
        Err(errno) => Err(crate::io::fileio::os_error_at(vm, errno, &path.value)),
    }
}

fn statvfs_value(vm: &Vm, s: &libc::statvfs) -> PyResult {
    let mut items = Vec::new();
    for n in [
        s.f_bsize,
        s.f_frsize,
        s.f_blocks,
        s.f_bfree,
        s.f_bavail,
        s.f_files,
        s.f_ffree,
        s.f_favail,
        s.f_flag,
        s.f_namemax,
        s.f_fsid,
    ] {
        items.push(vm.new_bigint(n.into())?);
    }
    structseq::make(vm, &STATVFS, items)
}

#[naja_macros::pymodule(name = "posix")]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for def in [
            &STAT,
            &STATVFS,
            &TERMINAL_SIZE,
            &TIMES,
            &UNAME,
            &WAITID,
            &SCHED_PARAM,
        ] {
            module.set(vm, def.name, structseq::class(vm, def).into_value())?;
        }
        Ok(())
    }

    /// Perform a stat system call on the given path.
    ///
    ///   path
    ///     Path to be examined; can be string, bytes, a path-like object or
    ///     open-file-descriptor int.
    ///   dir_fd
    ///     If not None, it should be a file descriptor open to a directory,
    ///     and path should be a relative string; path will then be relative to
    ///     that directory.
    ///   follow_symlinks
    ///     If False, and the last element of the path is a symbolic link,
    ///     stat will examine the symbolic link itself instead of the file
    ///     the link points to.
    #[pyfunction(sig = "($module, /, path, *, dir_fd=None, follow_symlinks=True)")]
    fn stat(
        vm: &Vm,
        path: PathOrFd,
        dir_fd: Option<DirFd>,
        follow_symlinks: Option<bool>,
    ) -> PyResult {
        let dir = dir_fd.map_or(libc::AT_FDCWD, |d| d.0);
        do_stat(vm, &path.0, dir, follow_symlinks.unwrap_or(true), "stat")
    }

    /// Perform a stat system call on the given path, without following symbolic links.
    ///
    /// Like stat(), but do not follow symbolic links.
    /// Equivalent to stat(path, follow_symlinks=False).
    #[pyfunction(sig = "($module, /, path, *, dir_fd=None)")]
    fn lstat(vm: &Vm, path: PathArg, dir_fd: Option<DirFd>) -> PyResult {
        let dir = dir_fd.map_or(libc::AT_FDCWD, |d| d.0);
        do_stat(vm, &path, dir, false, "lstat")
    }

    /// Perform a stat system call on the given file descriptor.
    ///
    /// Like stat(), but for an open file descriptor.
    /// Equivalent to os.stat(fd).
    #[pyfunction(sig = "($module, /, fd)")]
    fn fstat(vm: &Vm, fd: Fd) -> PyResult {
        match vm.without_gil(|| status_of(fd.0)) {
            Ok(status) => stat_value(vm, &status),
            Err(errno) => Err(naja_vm::builtins::print::os_error(vm, errno)),
        }
    }

    /// Perform a statvfs system call on the given path.
    ///
    /// path may always be specified as a string.
    /// On some platforms, path may also be specified as an open file descriptor.
    ///   If this functionality is unavailable, using it raises an exception.
    #[pyfunction(sig = "($module, /, path)")]
    fn statvfs(vm: &Vm, path: PathOrFd) -> PyResult {
        vm.permit(Access::Stat(&path.0.value))?;
        let mut status = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path is a C string, the buffer is for one status.
        let result = unsafe {
            match path.0.fd() {
                Some(fd) => libc::fstatvfs(fd, status.as_mut_ptr()),
                None => libc::statvfs(path.0.text().as_ptr(), status.as_mut_ptr()),
            }
        };
        if result < 0 {
            return Err(path.0.error(vm));
        }
        // SAFETY: the call has succeeded.
        statvfs_value(vm, &unsafe { status.assume_init() })
    }

    /// Perform an fstatvfs system call on the given fd.
    ///
    /// Equivalent to statvfs(fd).
    #[pyfunction(sig = "($module, /, fd)")]
    fn fstatvfs(vm: &Vm, fd: Fd) -> PyResult {
        let mut status = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the buffer is for one status.
        if unsafe { libc::fstatvfs(fd.0, status.as_mut_ptr()) } < 0 {
            return Err(failed(vm));
        }
        // SAFETY: the call has succeeded.
        statvfs_value(vm, &unsafe { status.assume_init() })
    }

    /// Return an object identifying the current operating system.
    ///
    /// The object behaves like a named tuple with the following fields:
    ///   (sysname, nodename, release, version, machine)
    #[pyfunction(sig = "($module, /)")]
    fn uname(vm: &Vm) -> PyResult {
        let mut name = MaybeUninit::<libc::utsname>::uninit();
        // SAFETY: the buffer is for one answer.
        if unsafe { libc::uname(name.as_mut_ptr()) } < 0 {
            return Err(failed(vm));
        }
        // SAFETY: the call has succeeded.
        let name = unsafe { name.assume_init() };
        let text = |field: &[libc::c_char]| -> PyResult {
            let bytes: Vec<u8> = field
                .iter()
                .map(|&c| c as u8)
                .take_while(|&c| c != 0)
                .collect();
            to_python(vm, &bytes, false)
        };
        let items = vec![
            text(&name.sysname)?,
            text(&name.nodename)?,
            text(&name.release)?,
            text(&name.version)?,
            text(&name.machine)?,
        ];
        structseq::make(vm, &UNAME, items)
    }

    /// Return a collection containing process timing information.
    ///
    /// The object returned behaves like a named tuple with these fields:
    ///   (utime, stime, cutime, cstime, elapsed_time)
    /// All fields are floating-point numbers.
    #[pyfunction(sig = "($module, /)")]
    fn times(vm: &Vm) -> PyResult {
        vm.permit(Access::Clock)?;
        // SAFETY: the buffer is for one answer; the query has no conditions.
        let (times, elapsed, ticks) = unsafe {
            let mut times = std::mem::zeroed::<libc::tms>();
            let elapsed = libc::times(&mut times);
            (
                times,
                elapsed,
                libc::sysconf(libc::_SC_CLK_TCK).max(1) as f64,
            )
        };
        let mut items = Vec::new();
        for n in [
            times.tms_utime,
            times.tms_stime,
            times.tms_cutime,
            times.tms_cstime,
            elapsed,
        ] {
            items.push(vm.new_float(n as f64 / ticks)?);
        }
        structseq::make(vm, &TIMES, items)
    }

    /// Return the size of the terminal window as (columns, lines).
    ///
    /// The optional argument fd (default standard output) specifies
    /// which file descriptor should be queried.
    ///
    /// If the file descriptor is not connected to a terminal, an OSError
    /// is thrown.
    #[pyfunction(sig = "($module, fd=<unrepresentable>, /)")]
    fn get_terminal_size(vm: &Vm, fd: Option<Fd>) -> PyResult {
        let mut size = MaybeUninit::<libc::winsize>::uninit();
        // SAFETY: the request fills one window size.
        if unsafe { libc::ioctl(fd.map_or(1, |f| f.0), libc::TIOCGWINSZ, size.as_mut_ptr()) } < 0 {
            return Err(failed(vm));
        }
        // SAFETY: the call has succeeded.
        let size = unsafe { size.assume_init() };
        let items = vec![
            vm.new_int(i64::from(size.ws_col))?,
            vm.new_int(i64::from(size.ws_row))?,
        ];
        structseq::make(vm, &TERMINAL_SIZE, items)
    }
}
