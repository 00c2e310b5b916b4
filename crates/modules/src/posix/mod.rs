//! `posix`: the operating system.
//!
//! `path.rs` converts arguments, `fs.rs` has the calls on paths, `scandir.rs` reads directories, `files.rs` has those on
//! descriptors, `process.rs` those on processes, `system_.rs` the rest, `tables.rs` the constants. Each file has the
//! table of its functions. CPython: Modules/posixmodule.c.

pub mod files;
pub mod fs;
pub mod path;
pub mod process;
pub mod scandir;
pub mod system_;
#[rustfmt::skip]
pub mod tables;

use naja_heap::{Ref, Value};
use naja_vm::module::Module;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};

struct_sequence! { new pub STAT_RESULT = "stat_result" in "os", "stat_result: Result from stat, fstat, or lstat.\n\nThis object may be accessed either as a tuple of\n  (mode, ino, dev, nlink, uid, gid, size, atime, mtime, ctime)\nor via the attributes st_mode, st_ino, st_dev, st_nlink, and so on.\n\nPosix/windows: If your platform supports st_blksize, st_blocks, st_rdev,\nor st_flags, they are available as attributes only.\n\nSee os.stat for more information.";
    visible 10, unnamed 3;
    0 "st_mode" "protection bits"; 1 "st_ino" "inode"; 2 "st_dev" "device"; 3 "st_nlink" "number of hard links";
    4 "st_uid" "user ID of owner"; 5 "st_gid" "group ID of owner"; 6 "st_size" "total size, in bytes";
    10 "st_atime" "time of last access"; 11 "st_mtime" "time of last modification"; 12 "st_ctime" "time of last change";
    13 "st_atime_ns" "time of last access in nanoseconds"; 14 "st_mtime_ns" "time of last modification in nanoseconds";
    15 "st_ctime_ns" "time of last change in nanoseconds"; 16 "st_blksize" "blocksize for filesystem I/O";
    17 "st_blocks" "number of blocks allocated"; 18 "st_rdev" "device type (if inode device)";
}

struct_sequence! { new pub STATVFS_RESULT = "statvfs_result" in "os", "statvfs_result: Result from statvfs or fstatvfs.\n\nThis object may be accessed either as a tuple of\n  (bsize, frsize, blocks, bfree, bavail, files, ffree, favail, flag, namemax),\nor via the attributes f_bsize, f_frsize, f_blocks, f_bfree, and so on.\n\nSee os.statvfs for more information.";
    visible 10, unnamed 0;
    0 "f_bsize" ""; 1 "f_frsize" ""; 2 "f_blocks" ""; 3 "f_bfree" ""; 4 "f_bavail" ""; 5 "f_files" ""; 6 "f_ffree" "";
    7 "f_favail" ""; 8 "f_flag" ""; 9 "f_namemax" ""; 10 "f_fsid" "";
}

struct_sequence! { new pub TIMES_RESULT = "times_result" in "posix", "times_result: Result from os.times().\n\nThis object may be accessed either as a tuple of\n  (user, system, children_user, children_system, elapsed),\nor via the attributes user, system, children_user, children_system,\nand elapsed.\n\nSee os.times for more information.";
    0 "user" "user time"; 1 "system" "system time"; 2 "children_user" "user time of children";
    3 "children_system" "system time of children"; 4 "elapsed" "elapsed time since an arbitrary point in the past";
}

struct_sequence! { new pub UNAME_RESULT = "uname_result" in "posix", "uname_result: Result from os.uname().\n\nThis object may be accessed either as a tuple of\n  (sysname, nodename, release, version, machine),\nor via the attributes sysname, nodename, release, version, and machine.\n\nSee os.uname for more information.";
    0 "sysname" "operating system name"; 1 "nodename" "name of machine on network (implementation-defined)";
    2 "release" "operating system release"; 3 "version" "operating system version"; 4 "machine" "hardware identifier";
}

struct_sequence! { new pub WAITID_RESULT = "waitid_result" in "posix", "waitid_result: Result from waitid.\n\nThis object may be accessed either as a tuple of\n  (si_pid, si_uid, si_signo, si_status, si_code),\nor via the attributes si_pid, si_uid, and so on.\n\nSee os.waitid for more information.";
    0 "si_pid" ""; 1 "si_uid" ""; 2 "si_signo" ""; 3 "si_status" ""; 4 "si_code" "";
}

struct_sequence! { new pub SCHED_PARAM_BASE = "sched_param" in "posix", "Currently has only one field: sched_priority\n\n  sched_priority\n    A scheduling parameter.";
    0 "sched_priority" "the scheduling priority";
}

/// `sched_param`, whose constructor takes the priority itself.
pub static SCHED_PARAM: naja_vm::TypeDef = {
    static ID: naja_vm::function::DefId = naja_vm::function::DefId::new();
    static NEW: naja_vm::function::MethodTable = naja_vm::function::MethodTable {
        methods: &[],
        getset: &[],
        attrs: &[],
        slots: |slots| slots.new.set(Some(new_sched_param)),
    };
    // The first method of a name counts, the last slot.
    static REDUCE: naja_vm::function::MethodTable = naja_vm::function::MethodTable {
        methods: &[naja_vm::function::MethodDef {
            name: "__reduce__",
            doc: "",
            text_signature: None,
            kind: naja_vm::function::MethodKind::Method,
            call: reduce_sched_param,
        }],
        getset: &[],
        attrs: &[],
        slots: |_| {},
    };
    naja_vm::TypeDef {
        name: SCHED_PARAM_BASE.name,
        module: SCHED_PARAM_BASE.module,
        doc: SCHED_PARAM_BASE.doc,
        text_signature: Some("(sched_priority)"),
        base: SCHED_PARAM_BASE.base,
        flags: SCHED_PARAM_BASE.flags,
        payload: SCHED_PARAM_BASE.payload,
        tables: &[&REDUCE, SCHED_PARAM_BASE.tables[0], &NEW],
        id: &ID,
    }
};

/// The class with its one argument.
fn reduce_sched_param(vm: &Vm, args: naja_vm::Args) -> PyResult {
    let [zelf] = args.args else {
        return Err(vm.type_error("__reduce__() takes no arguments"));
    };
    if !std::ptr::eq(vm.type_of(zelf), &*structseq::class(vm, &SCHED_PARAM)) {
        return Err(vm.type_error("must have a sched_param object"));
    }
    let priority = structseq::get::<0>(vm, zelf)?;
    let state = vm.new_tuple(vec![priority])?.into_value();
    let class = vm.type_of(zelf).to_ref().into_value();
    Ok(vm.new_tuple(vec![class, state])?.into_value())
}

fn new_sched_param(vm: &Vm, _: &Ref<naja_vm::type_::Type>, args: naja_vm::Args) -> PyResult {
    let value = match (args.positional(), args.keyword("sched_priority")) {
        ([value], None) => value.clone(),
        ([], Some(value)) if args.keyword_count() == 1 => value.clone(),
        _ => {
            return Err(
                vm.type_error("sched_param() missing required argument 'sched_priority' (pos 1)")
            );
        }
    };
    structseq::make(vm, &SCHED_PARAM, vec![value])
}

struct_sequence! { new pub TERMINAL_SIZE = "terminal_size" in "os", "A tuple of (columns, lines) for holding terminal window size";
    0 "columns" "width of the terminal window in characters"; 1 "lines" "height of the terminal window in characters";
}

/// This module provides access to operating system functionality that is
/// standardized by the C Standard and the POSIX standard (a thinly
/// disguised Unix interface).  Refer to the library manual and
/// corresponding Unix manual entries for more information on calls.
#[naja_macros::pymodule(
    name = "posix",
    classes(scandir::DirEntry),
    with(fs::module, files::module, process::module, system_::module)
)]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for (name, value) in tables::CONSTANTS {
            module.set(vm, name, vm.new_int(*value)?)?;
        }
        let names = [
            ("pathconf_names", tables::PATHCONF),
            ("sysconf_names", tables::SYSCONF),
            ("confstr_names", tables::CONFSTR),
        ];
        for (attribute, table) in names {
            let dict = vm.new_dict()?;
            for (name, number) in table {
                dict.set_str(vm, &vm.intern(name), vm.new_int(*number)?)?;
            }
            module.set(vm, attribute, dict.into_value())?;
        }
        let classes = [
            &STAT_RESULT,
            &STATVFS_RESULT,
            &TIMES_RESULT,
            &UNAME_RESULT,
            &WAITID_RESULT,
            &SCHED_PARAM,
            &TERMINAL_SIZE,
        ];
        for class in classes {
            module.set(vm, class.name, structseq::class(vm, class).into_value())?;
        }
        module.set(vm, "error", vm.types.os_error.to_value())?;
        let functions = tables::HAVE
            .iter()
            .map(|name| Ok(vm.new_str(name)?.into_value()))
            .collect::<PyResult<Vec<Value>>>()?;
        module.set(vm, "_have_functions", vm.new_list(functions)?.into_value())?;
        module.set(vm, "environ", system_::environ(vm)?)
    }
}
