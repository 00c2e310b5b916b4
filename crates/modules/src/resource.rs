//! `resource`: limits and usage of processes. CPython: Modules/resource.c.
//!
//! Limits are unsigned in the kernel; `RLIM_INFINITY` is -1 in Python.

use crate::system::add_ints;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::module::Module;
use naja_vm::protocols::{number, sequence};
use naja_vm::runtime::Access;
use naja_vm::{IntoPyResult, PyResult, Vm, struct_sequence, structseq};

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("RLIMIT_AS", 9), ("RLIMIT_CORE", 4), ("RLIMIT_CPU", 0), ("RLIMIT_DATA", 2), ("RLIMIT_FSIZE", 1), ("RLIMIT_MEMLOCK", 8), ("RLIMIT_MSGQUEUE", 12), ("RLIMIT_NICE", 13), ("RLIMIT_NOFILE", 7), ("RLIMIT_NPROC", 6), ("RLIMIT_OFILE", 7), ("RLIMIT_RSS", 5), ("RLIMIT_RTPRIO", 14), ("RLIMIT_RTTIME", 15), ("RLIMIT_SIGPENDING", 11), ("RLIMIT_STACK", 3), ("RLIM_INFINITY", -1), ("RUSAGE_CHILDREN", -1), ("RUSAGE_SELF", 0), ("RUSAGE_THREAD", 1),];

struct_sequence! { new pub RUSAGE = "struct_rusage" in "resource", "struct_rusage: Result from getrusage.\n\nThis object may be accessed either as a tuple of\n    (utime,stime,maxrss,ixrss,idrss,isrss,minflt,majflt,\n    nswap,inblock,oublock,msgsnd,msgrcv,nsignals,nvcsw,nivcsw)\nor via the attributes ru_utime, ru_stime, ru_maxrss, and so on.";
    0 "ru_utime" "user time used"; 1 "ru_stime" "system time used"; 2 "ru_maxrss" "max. resident set size";
    3 "ru_ixrss" "shared memory size"; 4 "ru_idrss" "unshared data size"; 5 "ru_isrss" "unshared stack size";
    6 "ru_minflt" "page faults not requiring I/O"; 7 "ru_majflt" "page faults requiring I/O"; 8 "ru_nswap" "number of swap outs";
    9 "ru_inblock" "block input operations"; 10 "ru_oublock" "block output operations"; 11 "ru_msgsnd" "IPC messages sent";
    12 "ru_msgrcv" "IPC messages received"; 13 "ru_nsignals" "signals received";
    14 "ru_nvcsw" "voluntary context switches"; 15 "ru_nivcsw" "involuntary context switches";
}

/// `struct_rusage` of the system's usage.
pub fn usage_value(vm: &Vm, u: &libc::rusage) -> PyResult {
    let seconds = |t: &libc::timeval| vm.new_float(t.tv_sec as f64 + t.tv_usec as f64 * 0.000001);
    let mut items = vec![seconds(&u.ru_utime)?, seconds(&u.ru_stime)?];
    let counts = [
        u.ru_maxrss,
        u.ru_ixrss,
        u.ru_idrss,
        u.ru_isrss,
        u.ru_minflt,
        u.ru_majflt,
        u.ru_nswap,
        u.ru_inblock,
        u.ru_oublock,
        u.ru_msgsnd,
        u.ru_msgrcv,
        u.ru_nsignals,
        u.ru_nvcsw,
        u.ru_nivcsw,
    ];
    for n in counts {
        items.push(vm.new_int(n)?)
    }
    structseq::make(vm, &RUSAGE, items)
}

fn known(vm: &Vm, resource: i32) -> PyResult<()> {
    if !(0..16).contains(&resource) {
        return Err(vm.value_error("invalid resource specified"));
    }
    Ok(())
}

fn limits_value(vm: &Vm, limit: &libc::rlimit) -> PyResult {
    let one = |n: u64| {
        if n == libc::RLIM_INFINITY {
            vm.new_int(-1)
        } else {
            n.into_py_result(vm)
        }
    };
    let items = vec![one(limit.rlim_cur)?, one(limit.rlim_max)?];
    Ok(vm.new_tuple(items)?.into_value())
}

fn limits_of(vm: &Vm, limits: &Value) -> PyResult<libc::rlimit> {
    let items = sequence::collect(vm, limits)?;
    let [soft, hard] = &items[..] else {
        return Err(vm.value_error("expected a tuple of 2 integers"));
    };
    let one = |v: &Value| -> PyResult<u64> {
        let n = number::index_big(vm, v)?;
        if n == (-1).into() {
            return Ok(libc::RLIM_INFINITY);
        }
        if n < dashu_int::IBig::ZERO {
            return Err(vm.value_error("Cannot convert negative int"));
        }
        u64::try_from(n)
            .map_err(|_| vm.overflow_error("Python int too large to convert to C rlim_t"))
    };
    Ok(libc::rlimit {
        rlim_cur: one(soft)?,
        rlim_max: one(hard)?,
    })
}

fn failed(vm: &Vm) -> naja_vm::Raised {
    match crate::system::errno() {
        libc::EINVAL => vm.value_error("current limit exceeds maximum limit"),
        libc::EPERM => vm.value_error("not allowed to raise maximum limit"),
        errno => vm.os_error(errno, None),
    }
}

#[pymodule(name = "resource", doc = "")]
pub mod module {
    use super::*;

    #[pyfunction(sig = "(who, /)")]
    fn getrusage(vm: &Vm, who: i32) -> PyResult {
        // SAFETY: all zero is a valid value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: writes one usage.
        if unsafe { libc::getrusage(who, &mut usage) } == 0 {
            return usage_value(vm, &usage);
        }
        match crate::system::errno() {
            libc::EINVAL => Err(vm.value_error("invalid who parameter")),
            errno => Err(vm.os_error(errno, None)),
        }
    }

    #[pyfunction(sig = "(resource, /)")]
    fn getrlimit(vm: &Vm, resource: i32) -> PyResult {
        known(vm, resource)?;
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: writes one limit.
        if unsafe { libc::getrlimit(resource as _, &mut limit) } != 0 {
            return Err(vm.last_os_error(None));
        }
        limits_value(vm, &limit)
    }

    #[pyfunction(sig = "(resource, limits, /)")]
    fn setrlimit(vm: &Vm, resource: i32, limits: &Value) -> PyResult<()> {
        let event = [vm.new_int(resource as i64)?, limits.clone()];
        vm.permit(Access::Event("resource.setrlimit", &event))?;
        known(vm, resource)?;
        let limit = limits_of(vm, limits)?;
        // SAFETY: reads one limit.
        if unsafe { libc::setrlimit(resource as _, &limit) } != 0 {
            return Err(failed(vm));
        }
        Ok(())
    }

    #[pyfunction(sig = "(pid, resource, limits=None, /)")]
    fn prlimit(vm: &Vm, pid: i32, resource: i32, limits: Option<&Value>) -> PyResult {
        let event = [
            vm.new_int(pid as i64)?,
            vm.new_int(resource as i64)?,
            limits.cloned().unwrap_or(Value::NONE),
        ];
        vm.permit(Access::Event("resource.prlimit", &event))?;
        known(vm, resource)?;
        let new = limits
            .filter(|l| !l.is_none())
            .map(|l| limits_of(vm, l))
            .transpose()?;
        let mut old = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        let new = new.as_ref().map_or(std::ptr::null(), |l| l as *const _);
        // SAFETY: null or one limit to read, one to write.
        if unsafe { libc::prlimit(pid, resource as _, new, &mut old) } != 0 {
            return Err(match crate::system::errno() {
                libc::EINVAL => vm.value_error("current limit exceeds maximum limit"),
                errno => vm.os_error(errno, None),
            });
        }
        limits_value(vm, &old)
    }

    #[pyfunction(sig = "()")]
    fn getpagesize() -> i64 {
        // SAFETY: a plain query.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        add_ints(vm, module, CONSTANTS)?;
        module.set(vm, "error", vm.types.os_error.to_value())?;
        module.set(
            vm,
            "struct_rusage",
            structseq::class(vm, &RUSAGE).into_value(),
        )
    }
}
