//! The namespace `sys.monitoring` (PEP 669). What it switches on and off is in `interpreter/monitor.rs`.
//!
//! CPython: the functions at the end of Python/instrumentation.c.

use crate::interpreter::monitor::{self, TOOLS, event};
use crate::objects::code::CodeObject;
use crate::objects::module::Module;
use crate::objects::str_;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;

const C_RETURN_EVENTS: u32 = 1 << event::C_RETURN | 1 << event::C_RAISE;
const C_CALL_EVENTS: u32 = C_RETURN_EVENTS | 1 << event::CALL;

/// A tool's number. Raises ValueError.
fn check_tool(vm: &Vm, tool: i32) -> PyResult<usize> {
    match usize::try_from(tool) {
        Ok(tool) if tool < TOOLS - 2 => Ok(tool),
        _ => Err(vm.value_error(format!("invalid tool {tool} (must be between 0 and 5)"))),
    }
}

/// A tool's number, if the tool is in use. Raises ValueError.
fn tool_in_use(vm: &Vm, tool: i32) -> PyResult<usize> {
    let tool = check_tool(vm, tool)?;
    if vm.interp.state.monitoring.names[tool].with(Option::is_none) {
        return Err(vm.value_error(format!("tool {tool} is not in use")));
    }
    Ok(tool)
}

/// A set of events with the groups taken apart. Raises ValueError.
fn check_events(vm: &Vm, events: i32, limit: usize, what: &str) -> PyResult<u32> {
    let mut set = events as u32;
    if events < 0 || set >= 1 << event::COUNT {
        return Err(vm.value_error(format!("invalid {what} 0x{:x}", set)));
    }
    if set & C_RETURN_EVENTS != 0 && set & C_CALL_EVENTS != C_CALL_EVENTS {
        return Err(vm.value_error("cannot set C_RETURN or C_RAISE events independently"));
    }
    set &= !C_RETURN_EVENTS;
    if set & 1 << event::BRANCH != 0 {
        set &= !(1 << event::BRANCH);
        set |= 1 << event::BRANCH_LEFT | 1 << event::BRANCH_RIGHT;
    }
    if set >= 1 << limit {
        return Err(vm.value_error(format!("invalid {what} 0x{set:x}")));
    }
    Ok(set)
}

fn code_of<'a>(vm: &Vm, code: &'a Value) -> PyResult<&'a Ref<CodeObject>> {
    code.downcast::<CodeObject>()
        .ok_or_else(|| vm.type_error("code must be a code object"))
}

fn clear(vm: &Vm, tool: usize) {
    let state = &vm.interp.state.monitoring;
    monitor::set_events(vm, tool, 0);
    monitor::clear_local(vm, tool);
    for event in 0..event::COUNT {
        state.set_callback(tool, event, None);
    }
}

#[pymodule(name = "sys.monitoring", doc = "")]
pub mod module {
    use super::*;

    #[pyfunction(sig = "(tool_id, name, /)")]
    fn use_tool_id(vm: &Vm, tool_id: i32, name: &Value) -> PyResult<()> {
        let tool = check_tool(vm, tool_id)?;
        if str_::of(name).is_none() {
            return Err(vm.value_error("tool name must be a str"));
        }
        let place = &vm.interp.state.monitoring.names[tool];
        if place.with(Option::is_some) {
            return Err(vm.value_error(format!("tool {tool} is already in use")));
        }
        place.set(Some(name.clone()));
        Ok(())
    }

    #[pyfunction(sig = "(tool_id, /)")]
    fn clear_tool_id(vm: &Vm, tool_id: i32) -> PyResult<()> {
        let tool = check_tool(vm, tool_id)?;
        if vm.interp.state.monitoring.names[tool].with(Option::is_some) {
            clear(vm, tool);
        }
        Ok(())
    }

    #[pyfunction(sig = "(tool_id, /)")]
    fn free_tool_id(vm: &Vm, tool_id: i32) -> PyResult<()> {
        let tool = check_tool(vm, tool_id)?;
        let place = &vm.interp.state.monitoring.names[tool];
        if place.with(Option::is_some) {
            clear(vm, tool);
        }
        drop(place.take());
        Ok(())
    }

    #[pyfunction(sig = "(tool_id, /)")]
    fn get_tool(vm: &Vm, tool_id: i32) -> PyResult<Option<Value>> {
        let tool = check_tool(vm, tool_id)?;
        Ok(vm.interp.state.monitoring.names[tool].get())
    }

    #[pyfunction(sig = "(tool_id, event, func, /)")]
    fn register_callback(
        vm: &Vm,
        tool_id: i32,
        event: i32,
        func: Value,
    ) -> PyResult<Option<Value>> {
        let tool = check_tool(vm, tool_id)?;
        let bits = event as u32;
        if event <= 0 || bits.count_ones() != 1 {
            return Err(vm.value_error("The callback can only be set for one event at a time"));
        }
        let which = bits.trailing_zeros() as usize;
        if which >= event::COUNT {
            return Err(vm.value_error(format!("invalid event {event}")));
        }
        vm.permit(crate::runtime::Access::Event(
            "sys.monitoring.register_callback",
            std::slice::from_ref(&func),
        ))?;
        let func = Some(func).filter(|f| !f.is_none());
        let state = &vm.interp.state.monitoring;
        if which == event::BRANCH {
            state.set_callback(tool, event::BRANCH_LEFT, func.clone());
            state.set_callback(tool, event::BRANCH_RIGHT, func.clone());
        }
        Ok(state.set_callback(tool, which, func))
    }

    #[pyfunction(sig = "(tool_id, /)")]
    fn get_events(vm: &Vm, tool_id: i32) -> PyResult<u32> {
        let tool = check_tool(vm, tool_id)?;
        Ok(vm.interp.state.monitoring.global.get()[tool])
    }

    #[pyfunction(sig = "(tool_id, event_set, /)")]
    fn set_events(vm: &Vm, tool_id: i32, event_set: i32) -> PyResult<()> {
        check_tool(vm, tool_id)?;
        let events = check_events(vm, event_set, event::UNGROUPED, "event set")?;
        let tool = tool_in_use(vm, tool_id)?;
        monitor::set_events(vm, tool, events);
        Ok(())
    }

    #[pyfunction(sig = "(tool_id, code, /)")]
    fn get_local_events(vm: &Vm, tool_id: i32, code: &Value) -> PyResult<u32> {
        let code = code_of(vm, code)?;
        let tool = check_tool(vm, tool_id)?;
        Ok(monitor::local_events(code, tool))
    }

    #[pyfunction(sig = "(tool_id, code, event_set, /)")]
    fn set_local_events(vm: &Vm, tool_id: i32, code: &Value, event_set: i32) -> PyResult<()> {
        let code = code_of(vm, code)?;
        check_tool(vm, tool_id)?;
        let events = check_events(vm, event_set, event::LOCAL, "local event set")?;
        let tool = tool_in_use(vm, tool_id)?;
        monitor::set_local_events(vm, code, tool, events);
        Ok(())
    }

    #[pyfunction(sig = "()")]
    fn restart_events(vm: &Vm) {
        monitor::restart(vm);
    }

    #[pyfunction(sig = "()")]
    fn _all_events(vm: &Vm) -> PyResult {
        let global = vm.interp.state.monitoring.global.get();
        let dict = vm.new_dict()?;
        for event in 0..event::UNGROUPED {
            let tools = (0..TOOLS).fold(0, |all, tool| all | (global[tool] >> event & 1) << tool);
            if tools != 0 {
                dict.set_str(
                    vm,
                    &vm.intern(event::NAMES[event]),
                    vm.new_int(tools.into())?,
                )?;
            }
        }
        Ok(dict.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let state = &vm.interp.state.monitoring;
        let object = || vm.call(vm.types.object.as_value(), &[]);
        let (disable, missing) = (object()?, object()?);
        state.disable.set(Some(disable.clone()));
        state.missing.set(Some(missing.clone()));
        module.set(vm, "DISABLE", disable)?;
        module.set(vm, "MISSING", missing)?;
        for (name, id) in [
            ("DEBUGGER_ID", 0),
            ("COVERAGE_ID", 1),
            ("PROFILER_ID", 2),
            ("OPTIMIZER_ID", 5),
        ] {
            module.set(vm, name, vm.new_int(id)?)?;
        }
        let events = vm.call(vm.types.simple_namespace.as_value(), &[])?;
        let names = event::NAMES
            .iter()
            .enumerate()
            .map(|(i, name)| (*name, 1 << i));
        for (name, bit) in names.chain([("NO_EVENTS", 0)]) {
            let bit = vm.new_int(bit)?;
            crate::protocols::attributes::set(vm, &events, &vm.intern(name), Some(&bit))?;
        }
        module.set(vm, "events", events)
    }
}
