//! The gate: every native function that touches the world asks here first.
//!
//! An access is named by CPython's audit event (PEP 578) with its arguments; the gate raises that event for
//! `sys.addaudithook`'s hooks and asks the interpreter's policy, which can refuse with PermissionError.

use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{MutCell, Value};

/// One wish to touch the world.
pub enum Access<'a> {
    /// Any audit event, by name, with its arguments.
    Event(&'static str, &'a [Value]),
    /// Opening a file: path, mode, flags.
    Open(&'a Value, &'a Value, i64),
    /// Reading a path without an audit event of CPython's (stat and the like).
    Stat(&'a Value),
    Clock,
    Randomness,
    Environment,
}

/// Which accesses an interpreter allows.
#[derive(Default)]
pub struct Policy {
    /// Asked about every access with the event's name; true allows. None: all is allowed.
    pub allow: MutCell<Option<fn(&str) -> bool>>,
}

pub(super) fn permit(vm: &Vm, access: Access<'_>) -> PyResult<()> {
    let no_hooks = vm.interp.state.audit_hooks.with(Vec::is_empty);
    let allow = vm.interp.policy.allow.with(|a| *a);
    if no_hooks && allow.is_none() {
        return Ok(());
    }
    let name = match &access {
        Access::Event(name, _) => name,
        Access::Open(..) => "open",
        Access::Stat(_) => "naja.stat",
        Access::Clock => "naja.clock",
        Access::Randomness => "naja.random",
        Access::Environment => "naja.environ",
    };
    if allow.is_some_and(|allow| !allow(name)) {
        return Err(vm.permission_error(format!("not permitted: {name}")));
    }
    if no_hooks || name.starts_with("naja.") {
        return Ok(());
    }
    match access {
        Access::Event(name, args) => vm.audit(name, args),
        Access::Open(path, mode, flags) => {
            vm.audit("open", &[path.clone(), mode.clone(), vm.new_int(flags)?])
        }
        _ => Ok(()),
    }
}

impl Vm {
    /// Raises the audit event `name`: calls every hook. Raises what a hook raises.
    pub fn audit(&self, name: &str, args: &[Value]) -> PyResult<()> {
        let hooks = self.interp.state.audit_hooks.get();
        if hooks.is_empty() {
            return Ok(());
        }
        let name = self.new_str(name)?.into_value();
        let args = self.new_tuple(args.to_vec())?.into_value();
        // Hooks are not traced, unless one asks for it.
        self.trace.quietly(self.trace.what(), || {
            for hook in hooks {
                let args = [name.clone(), args.clone()];
                let traced =
                    match attributes::get_optional(self, &hook, &self.intern("__cantrace__"))? {
                        Some(flag) => object::is_true(self, &flag)?,
                        None => false,
                    };
                match traced {
                    true => self.trace.loudly(|| self.call(&hook, &args))?,
                    false => self.call(&hook, &args)?,
                };
            }
            Ok(())
        })
    }
}
