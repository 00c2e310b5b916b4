//! `_stat`: what the bits of a file's mode mean. CPython: Modules/_stat.c.
//!
//! Kinds of files that Linux does not have (doors, event ports, whiteouts) have the number 0 and test false.

use crate::system::add_ints;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::protocols::number;
use naja_vm::{PyResult, Vm};

const CONSTANTS: &[(&str, i64)] = &[
    ("SF_APPEND", 262144),
    ("SF_ARCHIVED", 65536),
    ("SF_DATALESS", 1073741824),
    ("SF_FIRMLINK", 8388608),
    ("SF_IMMUTABLE", 131072),
    ("SF_NOUNLINK", 1048576),
    ("SF_SETTABLE", 4294901760),
    ("SF_SNAPSHOT", 2097152),
    ("ST_ATIME", 7),
    ("ST_CTIME", 9),
    ("ST_DEV", 2),
    ("ST_GID", 5),
    ("ST_INO", 1),
    ("ST_MODE", 0),
    ("ST_MTIME", 8),
    ("ST_NLINK", 3),
    ("ST_SIZE", 6),
    ("ST_UID", 4),
    ("S_ENFMT", 1024),
    ("S_IEXEC", 64),
    ("S_IFBLK", 24576),
    ("S_IFCHR", 8192),
    ("S_IFDIR", 16384),
    ("S_IFDOOR", 0),
    ("S_IFIFO", 4096),
    ("S_IFLNK", 40960),
    ("S_IFPORT", 0),
    ("S_IFREG", 32768),
    ("S_IFSOCK", 49152),
    ("S_IFWHT", 0),
    ("S_IREAD", 256),
    ("S_IRGRP", 32),
    ("S_IROTH", 4),
    ("S_IRUSR", 256),
    ("S_IRWXG", 56),
    ("S_IRWXO", 7),
    ("S_IRWXU", 448),
    ("S_ISGID", 1024),
    ("S_ISUID", 2048),
    ("S_ISVTX", 512),
    ("S_IWGRP", 16),
    ("S_IWOTH", 2),
    ("S_IWRITE", 128),
    ("S_IWUSR", 128),
    ("S_IXGRP", 8),
    ("S_IXOTH", 1),
    ("S_IXUSR", 64),
    ("UF_APPEND", 4),
    ("UF_COMPRESSED", 32),
    ("UF_DATAVAULT", 128),
    ("UF_HIDDEN", 32768),
    ("UF_IMMUTABLE", 2),
    ("UF_NODUMP", 1),
    ("UF_NOUNLINK", 16),
    ("UF_OPAQUE", 8),
    ("UF_SETTABLE", 65535),
    ("UF_TRACKED", 64),
];

fn mode_of(vm: &Vm, value: &Value) -> PyResult<u32> {
    if !number::is_int(vm, value) {
        return Err(vm.type_error("an integer is required"));
    }
    match number::index_i64(vm, value)? {
        Some(n) if n < 0 => Err(vm.overflow_error("can't convert negative value to unsigned int")),
        Some(n) => u32::try_from(n).map_err(|_| vm.overflow_error("mode out of range")),
        None => Err(vm.overflow_error("Python int too large to convert to C unsigned long")),
    }
}

/// The letter of the file type, then three letters each for owner, group and others.
fn mode_text(mode: u32) -> String {
    let kind = match mode & libc::S_IFMT {
        libc::S_IFREG => '-',
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFBLK => 'b',
        libc::S_IFCHR => 'c',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, set, unset) in [
        (6, 0o4000, 's', 'S'),
        (3, 0o2000, 's', 'S'),
        (0, 0o1000, 't', 'T'),
    ] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[pymodule(
    name = "_stat",
    doc = "S_IFMT_: file type bits\nS_IFDIR: directory\nS_IFCHR: character device\nS_IFBLK: block device\nS_IFREG: regular file\nS_IFIFO: fifo (named pipe)\nS_IFLNK: symbolic link\nS_IFSOCK: socket file\nS_IFDOOR: door\nS_IFPORT: event port\nS_IFWHT: whiteout\n\nS_ISUID: set UID bit\nS_ISGID: set GID bit\nS_ENFMT: file locking enforcement\nS_ISVTX: sticky bit\nS_IREAD: Unix V7 synonym for S_IRUSR\nS_IWRITE: Unix V7 synonym for S_IWUSR\nS_IEXEC: Unix V7 synonym for S_IXUSR\nS_IRWXU: mask for owner permissions\nS_IRUSR: read by owner\nS_IWUSR: write by owner\nS_IXUSR: execute by owner\nS_IRWXG: mask for group permissions\nS_IRGRP: read by group\nS_IWGRP: write by group\nS_IXGRP: execute by group\nS_IRWXO: mask for others (not in group) permissions\nS_IROTH: read by others\nS_IWOTH: write by others\nS_IXOTH: execute by others\n\nUF_SETTABLE: mask of owner changeable flags\nUF_NODUMP: do not dump file\nUF_IMMUTABLE: file may not be changed\nUF_APPEND: file may only be appended to\nUF_OPAQUE: directory is opaque when viewed through a union stack\nUF_NOUNLINK: file may not be renamed or deleted\nUF_COMPRESSED: macOS: file is hfs-compressed\nUF_TRACKED: used for dealing with document IDs\nUF_DATAVAULT: entitlement required for reading and writing\nUF_HIDDEN: macOS: file should not be displayed\nSF_SETTABLE: mask of super user changeable flags\nSF_ARCHIVED: file may be archived\nSF_IMMUTABLE: file may not be changed\nSF_APPEND: file may only be appended to\nSF_RESTRICTED: entitlement required for writing\nSF_NOUNLINK: file may not be renamed or deleted\nSF_SNAPSHOT: file is a snapshot file\nSF_FIRMLINK: file is a firmlink\nSF_DATALESS: file is a dataless object\n\nOn macOS:\nSF_SUPPORTED: mask of super user supported flags\nSF_SYNTHETIC: mask of read-only synthetic flags\n\nST_MODE\nST_INO\nST_DEV\nST_NLINK\nST_UID\nST_GID\nST_SIZE\nST_ATIME\nST_MTIME\nST_CTIME\n\nFILE_ATTRIBUTE_*: Windows file attribute constants\n                   (only present on Windows)\n"
)]
pub mod module {
    use super::*;

    /// S_ISDIR(mode) -> bool
    ///
    /// Return True if mode is from a directory.
    #[pyfunction(name = "S_ISDIR", sig = "(object, /)")]
    fn is_dir(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFDIR)
    }

    /// S_ISCHR(mode) -> bool
    ///
    /// Return True if mode is from a character special device file.
    #[pyfunction(name = "S_ISCHR", sig = "(object, /)")]
    fn is_chr(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFCHR)
    }

    /// S_ISBLK(mode) -> bool
    ///
    /// Return True if mode is from a block special device file.
    #[pyfunction(name = "S_ISBLK", sig = "(object, /)")]
    fn is_blk(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFBLK)
    }

    /// S_ISREG(mode) -> bool
    ///
    /// Return True if mode is from a regular file.
    #[pyfunction(name = "S_ISREG", sig = "(object, /)")]
    fn is_reg(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFREG)
    }

    /// S_ISFIFO(mode) -> bool
    ///
    /// Return True if mode is from a FIFO (named pipe).
    #[pyfunction(name = "S_ISFIFO", sig = "(object, /)")]
    fn is_fifo(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFIFO)
    }

    /// S_ISLNK(mode) -> bool
    ///
    /// Return True if mode is from a symbolic link.
    #[pyfunction(name = "S_ISLNK", sig = "(object, /)")]
    fn is_lnk(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFLNK)
    }

    /// S_ISSOCK(mode) -> bool
    ///
    /// Return True if mode is from a socket.
    #[pyfunction(name = "S_ISSOCK", sig = "(object, /)")]
    fn is_sock(vm: &Vm, object: &Value) -> PyResult<bool> {
        Ok(mode_of(vm, object)? & libc::S_IFMT == libc::S_IFSOCK)
    }

    /// S_ISDOOR(mode) -> bool
    ///
    /// Return True if mode is from a door.
    #[pyfunction(name = "S_ISDOOR", sig = "(object, /)")]
    fn is_door(vm: &Vm, object: &Value) -> PyResult<bool> {
        mode_of(vm, object).map(|_| false)
    }

    /// S_ISPORT(mode) -> bool
    ///
    /// Return True if mode is from an event port.
    #[pyfunction(name = "S_ISPORT", sig = "(object, /)")]
    fn is_port(vm: &Vm, object: &Value) -> PyResult<bool> {
        mode_of(vm, object).map(|_| false)
    }

    /// S_ISWHT(mode) -> bool
    ///
    /// Return True if mode is from a whiteout.
    #[pyfunction(name = "S_ISWHT", sig = "(object, /)")]
    fn is_wht(vm: &Vm, object: &Value) -> PyResult<bool> {
        mode_of(vm, object).map(|_| false)
    }

    /// Return the portion of the file's mode that can be set by os.chmod().
    #[pyfunction(name = "S_IMODE", sig = "(object, /)")]
    fn imode(vm: &Vm, object: &Value) -> PyResult<u32> {
        Ok(mode_of(vm, object)? & 0o7777)
    }

    /// Return the portion of the file's mode that describes the file type.
    #[pyfunction(name = "S_IFMT", sig = "(object, /)")]
    fn ifmt(vm: &Vm, object: &Value) -> PyResult<u32> {
        Ok(mode_of(vm, object)? & libc::S_IFMT)
    }

    /// Convert a file's mode to a string of the form '-rwxrwxrwx'
    #[pyfunction(sig = "(object, /)")]
    fn filemode(vm: &Vm, object: &Value) -> PyResult<String> {
        Ok(mode_text(mode_of(vm, object)?))
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        add_ints(vm, module, CONSTANTS)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn letters() {
        assert_eq!(super::mode_text(0o100644), "-rw-r--r--");
        assert_eq!(super::mode_text(0o041777), "drwxrwxrwt");
        assert_eq!(super::mode_text(0o106644), "-rwSr-Sr--");
    }
}
