//! `syslog`: messages to the system's log. CPython: Modules/syslogmodule.c.
//!
//! The system keeps a pointer to the name given to `openlog`, which therefore is kept until the next one or `closelog`.

use crate::system::{add_ints, c_string};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::list::List;
use naja_vm::module::Module;
use naja_vm::runtime::Access;
use naja_vm::str_::{self, Str};
use naja_vm::{Args, PyResult, Vm, int};
use std::cell::Cell;
use std::ffi::CString;

#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[("LOG_ALERT", 1), ("LOG_AUTH", 32), ("LOG_AUTHPRIV", 80), ("LOG_CONS", 2), ("LOG_CRIT", 2), ("LOG_CRON", 72), ("LOG_DAEMON", 24), ("LOG_DEBUG", 7), ("LOG_EMERG", 0), ("LOG_ERR", 3), ("LOG_FTP", 88), ("LOG_INFO", 6), ("LOG_KERN", 0), ("LOG_LOCAL0", 128), ("LOG_LOCAL1", 136), ("LOG_LOCAL2", 144), ("LOG_LOCAL3", 152), ("LOG_LOCAL4", 160), ("LOG_LOCAL5", 168), ("LOG_LOCAL6", 176), ("LOG_LOCAL7", 184), ("LOG_LPR", 48), ("LOG_MAIL", 16), ("LOG_NDELAY", 8), ("LOG_NEWS", 56), ("LOG_NOTICE", 5), ("LOG_NOWAIT", 16), ("LOG_ODELAY", 4), ("LOG_PERROR", 32), ("LOG_PID", 1), ("LOG_SYSLOG", 40), ("LOG_USER", 8), ("LOG_UUCP", 64), ("LOG_WARNING", 4)];

/// What the system was told.
#[derive(Default)]
struct State {
    open: Cell<bool>,
    ident: MutCell<Option<Box<CString>>>,
}

impl Drop for State {
    fn drop(&mut self) {
        if self.ident.with(|i| i.is_some()) {
            // SAFETY: the log lets go of the name before it is freed.
            unsafe { libc::closelog() }
        }
    }
}

fn c_text(vm: &Vm, text: &Ref<Str>) -> PyResult<CString> {
    let Some(text) = text.as_str() else {
        return Err(naja_vm::exception::surrogates_not_allowed(vm, text));
    };
    if text.contains('\0') {
        return Err(vm.value_error("embedded null character"));
    }
    c_string(vm, text.as_bytes().to_vec())
}

/// The program's name: the last part of `sys.argv[0]`.
fn program(vm: &Vm) -> PyResult<Option<Ref<Str>>> {
    let Some(argv) = vm.sys_attr("argv")? else {
        return Ok(None);
    };
    let first = argv.downcast::<List>().and_then(|l| l.get(0));
    let Some(name) = first.as_ref().and_then(str_::of) else {
        return Ok(None);
    };
    let bytes = name.as_bytes();
    let start = memchr::memrchr(b'/', bytes).map_or(0, |i| i + 1);
    match bytes.get(start..) {
        Some(last) if !last.is_empty() => Ok(Some(vm.new_str_wtf8(last)?)),
        _ => Ok(None),
    }
}

fn open(vm: &Vm, ident: Option<Ref<Str>>, option: i32, facility: i32) -> PyResult<()> {
    let ident = match ident {
        Some(ident) => Some(ident),
        None => program(vm)?,
    };
    let c_ident = match &ident {
        Some(ident) => Some(Box::new(c_text(vm, ident)?)),
        None => None,
    };
    let event = [
        ident.map_or(Value::NONE, Ref::into_value),
        vm.new_int(option as i64)?,
        vm.new_int(facility as i64)?,
    ];
    vm.permit(Access::Event("syslog.openlog", &event))?;
    let pointer = c_ident.as_ref().map_or(std::ptr::null(), |i| i.as_ptr());
    // SAFETY: the state keeps the text as long as the log has its pointer.
    unsafe { libc::openlog(pointer, option, facility) };
    let state = vm.interp.module_state::<State>();
    state.open.set(true);
    drop(state.ident.replace(c_ident));
    Ok(())
}

#[pymodule(name = "syslog")]
pub mod module {
    use super::*;

    /// Set logging options of subsequent syslog() calls.
    #[pyfunction(sig = "($module, /, ident=<unrepresentable>, logoption=0, facility=LOG_USER)")]
    fn openlog(
        vm: &Vm,
        ident: Option<Ref<Str>>,
        #[default(0)] logoption: i32,
        #[default(libc::LOG_USER)] facility: i32,
    ) -> PyResult<()> {
        open(vm, ident, logoption, facility)
    }

    /// syslog([priority=LOG_INFO,] message)
    /// Send the string message to the system logger.
    #[pyfunction(raw)]
    fn syslog(vm: &Vm, args: Args) -> PyResult {
        let (priority, message) = match args.positional() {
            _ if args.keyword_count() > 0 => {
                return Err(vm.type_error("syslog.syslog() takes no keyword arguments"));
            }
            [message] => (libc::LOG_INFO, message),
            [priority, message] => {
                let n = naja_vm::protocols::number::index(vm, priority)?;
                let n = int::as_i64(&n).and_then(|n| i32::try_from(n).ok());
                let n =
                    n.ok_or_else(|| vm.overflow_error("Python int too large to convert to C int"))?;
                (n, message)
            }
            _ => return Err(vm.type_error("syslog.syslog requires 1 to 2 arguments")),
        };
        let Some(text) = str_::of(message) else {
            return Err(vm.type_error(format!(
                "syslog() argument {} must be str, not {}",
                args.args.len(),
                vm.type_of(message).full_name()
            )));
        };
        let c_message = c_text(vm, text)?;
        let event = [vm.new_int(priority as i64)?, message.clone()];
        vm.permit(Access::Event("syslog.syslog", &event))?;
        if !vm.interp.module_state::<State>().open.get() {
            open(vm, None, 0, libc::LOG_USER)?;
        }
        // SAFETY: the format takes one text.
        vm.without_gil(|| unsafe { libc::syslog(priority, c"%s".as_ptr(), c_message.as_ptr()) });
        Ok(Value::NONE)
    }

    /// Reset the syslog module values and call the system library closelog().
    #[pyfunction(sig = "($module, /)")]
    fn closelog(vm: &Vm) -> PyResult<()> {
        vm.permit(Access::Event("syslog.closelog", &[]))?;
        let state = vm.interp.module_state::<State>();
        if state.open.replace(false) {
            // SAFETY: a plain call.
            unsafe { libc::closelog() };
            drop(state.ident.take());
        }
        Ok(())
    }

    /// Set the priority mask to maskpri and return the previous mask value.
    #[pyfunction(sig = "($module, maskpri, /)")]
    fn setlogmask(vm: &Vm, maskpri: i64) -> PyResult<i64> {
        vm.permit(Access::Event("syslog.setlogmask", &[vm.new_int(maskpri)?]))?;
        // SAFETY: a plain call.
        Ok(unsafe { libc::setlogmask(maskpri as i32) } as i64)
    }

    /// Calculates the mask for the individual priority pri.
    #[pyfunction(name = "LOG_MASK", sig = "($module, pri, /)")]
    fn log_mask(pri: i64) -> i64 {
        1i32.wrapping_shl(pri as u32) as i64
    }

    /// Calculates the mask for all priorities up to and including pri.
    #[pyfunction(name = "LOG_UPTO", sig = "($module, pri, /)")]
    fn log_upto(pri: i64) -> i64 {
        1i32.wrapping_shl((pri as u32).wrapping_add(1))
            .wrapping_sub(1) as i64
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        add_ints(vm, module, CONSTANTS)
    }
}
