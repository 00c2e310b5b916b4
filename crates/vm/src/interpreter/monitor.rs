//! `sys.monitoring` (PEP 669): instrumented code, tools and their events.
//!
//! Code is instrumented in place: an instruction that somebody wants to hear of gets an `INSTRUMENTED_*` opcode, and
//! [`CodeMonitoring`] remembers the plain one with the tools to call. While any tool has events for all code, a bit of the
//! eval breaker makes `RESUME` instrument what it meets; when the last event is switched off, everything instrumented
//! is restored and nothing remains to be paid. `sys.settrace` and `sys.setprofile` are tools 7 and 6 (trace.rs).
//!
//! A line event is due where the line differs from that of the instruction run before. That instruction is not known
//! here, so the few that can reach a line's start from the same line are marked: they leave their line in the frame.
//! CPython: Python/instrumentation.c.

use super::frame::Frame;
use super::ops::{self, Fp, Pc, Sp};
use super::trace;
use crate::objects::code::CodeObject;
use crate::objects::exception::BaseException;
use crate::objects::generator::Generator;
use crate::objects::tuple::Tuple;
use crate::vm::{Breaker, PyResult, Raised, Vm};
use naja_bytecode::opcode::{self, op};
use naja_bytecode::{exception_table, location};
use naja_heap::{MutCell, Ref, Value};
use std::cell::Cell;
use std::sync::atomic::Ordering;

/// Numbers of the events; a set of events has bit `1 << event`.
pub mod event {
    pub const PY_START: usize = 0;
    pub const PY_RESUME: usize = 1;
    pub const PY_RETURN: usize = 2;
    pub const PY_YIELD: usize = 3;
    pub const CALL: usize = 4;
    pub const LINE: usize = 5;
    pub const INSTRUCTION: usize = 6;
    pub const JUMP: usize = 7;
    pub const BRANCH_LEFT: usize = 8;
    pub const BRANCH_RIGHT: usize = 9;
    pub const STOP_ITERATION: usize = 10;
    pub const RAISE: usize = 11;
    pub const EXCEPTION_HANDLED: usize = 12;
    pub const PY_UNWIND: usize = 13;
    pub const PY_THROW: usize = 14;
    pub const RERAISE: usize = 15;
    pub const C_RETURN: usize = 16;
    pub const C_RAISE: usize = 17;
    pub const BRANCH: usize = 18;

    /// Events below this one belong to an instruction and can be switched on for single code objects.
    pub const LOCAL: usize = 11;
    pub const UNGROUPED: usize = 16;
    pub const COUNT: usize = 19;

    pub const NAMES: [&str; COUNT] = [
        "PY_START",
        "PY_RESUME",
        "PY_RETURN",
        "PY_YIELD",
        "CALL",
        "LINE",
        "INSTRUCTION",
        "JUMP",
        "BRANCH_LEFT",
        "BRANCH_RIGHT",
        "STOP_ITERATION",
        "RAISE",
        "EXCEPTION_HANDLED",
        "PY_UNWIND",
        "PY_THROW",
        "RERAISE",
        "C_RETURN",
        "C_RAISE",
        "BRANCH",
    ];
}

pub const TOOLS: usize = 8;
/// The tools that belong to `sys.setprofile` and `sys.settrace`.
pub const PROFILE_TOOL: usize = 6;
pub const TRACE_TOOL: usize = 7;
/// The lowest opcode of an instrumented instruction.
const FIRST_INSTRUMENTED: u8 = 234;

/// What the interpreter knows of tools.
#[derive(Default)]
pub struct Monitoring {
    pub names: [MutCell<Option<Value>>; TOOLS],
    pub callbacks: MutCell<Vec<Option<Value>>>,
    /// The events for all code, by tool.
    pub global: Cell<[u32; TOOLS]>,
    /// All events that some tool has for all code.
    any: Cell<u32>,
    version: Cell<u32>,
    restarts: Cell<u32>,
    /// Code that is instrumented at present.
    codes: MutCell<Vec<Ref<CodeObject>>>,
    /// The objects `sys.monitoring.DISABLE` and `MISSING`.
    pub disable: MutCell<Option<Value>>,
    pub missing: MutCell<Option<Value>>,
}

impl Monitoring {
    /// Whether some tool, a tracer or a profiler may be told of calls.
    pub fn is_active(&self) -> bool {
        self.any.get() != 0 || !self.codes.with(Vec::is_empty)
    }
}

/// What monitoring knows of one code object.
#[derive(Default)]
pub struct CodeMonitoring {
    /// The events for this code alone, by tool.
    pub local: [u32; TOOLS],
    version: u32,
    restarts: u32,
    units: Vec<Unit>,
    lines_known: bool,
}

/// What monitoring knows of one instruction, by its first unit. Tools are bits.
#[derive(Clone, Copy, Default)]
struct Unit {
    /// The plain opcode under an instrumented one, or 0.
    original: u8,
    event: u8,
    line: u8,
    instruction: u8,
    event_off: u8,
    line_off: u8,
    instruction_off: u8,
    flags: u8,
    /// The branch that ends here, for events that name it.
    source: u32,
}

/// A new line starts here.
const LINE_START: u8 = 1;
/// It may be reached from the same line.
const CHECK: u8 = 2;
/// From here a line's start can be reached without a change of line.
const MARK: u8 = 4;

fn monitoring(vm: &Vm) -> &Monitoring {
    &vm.interp.state.monitoring
}

impl Monitoring {
    /// Whether some tool wants an event that belongs to no instruction.
    #[inline(always)]
    pub fn wants(&self, event: usize) -> bool {
        self.any.get() >> event & 1 != 0
    }

    pub fn callback(&self, tool: usize, event: usize) -> Option<Value> {
        self.callbacks
            .with(|c| c.get(tool * event::COUNT + event).cloned().flatten())
    }

    pub fn set_callback(
        &self,
        tool: usize,
        event: usize,
        callback: Option<Value>,
    ) -> Option<Value> {
        self.callbacks.with_mut(|c| {
            if c.is_empty() {
                c.resize(TOOLS * event::COUNT, None);
            }
            match c.get_mut(tool * event::COUNT + event) {
                Some(place) => std::mem::replace(place, callback),
                None => None,
            }
        })
    }
}

/// Sets the events that a tool has for all code.
pub fn set_events(vm: &Vm, tool: usize, events: u32) {
    let state = monitoring(vm);
    let mut global = state.global.get();
    if global[tool] == events {
        return;
    }
    global[tool] = events;
    state.global.set(global);
    update(vm);
}

/// Sets the events that a tool has for one code object.
pub fn set_local_events(vm: &Vm, code: &Ref<CodeObject>, tool: usize, events: u32) {
    code.monitoring
        .with_mut(|m| m.get_or_insert_default().local[tool] = events);
    let state = monitoring(vm);
    state.version.set(state.version.get() + 1);
    instrument(vm, code);
}

/// The events that a tool has for one code object.
pub fn local_events(code: &CodeObject, tool: usize) -> u32 {
    code.monitoring
        .with(|m| m.as_ref().map_or(0, |m| m.local[tool]))
}

/// All that was disabled is reported again.
pub fn restart(vm: &Vm) {
    let state = monitoring(vm);
    state.restarts.set(state.restarts.get() + 1);
    update(vm);
}

/// Takes a tool's local events away everywhere.
pub fn clear_local(vm: &Vm, tool: usize) {
    for code in monitoring(vm).codes.get() {
        set_local_events(vm, &code, tool, 0);
    }
}

/// The events have changed: brings all code that runs or is instrumented up to date.
fn update(vm: &Vm) {
    let state = monitoring(vm);
    let any = state
        .global
        .get()
        .iter()
        .fold(0, |all, events| all | events);
    state.any.set(any);
    state.version.set(state.version.get() + 1);
    if any != 0 {
        vm.breaker.fetch_or(Breaker::TRACE, Ordering::Relaxed);
    } else {
        vm.breaker.fetch_and(!Breaker::TRACE, Ordering::Relaxed);
    }
    for code in state.codes.get() {
        instrument(vm, &code);
    }
    if any == 0 {
        return;
    }
    for thread in vm.interp.state.threads.get() {
        // SAFETY: states of threads leave the list before they end; frames of threads that wait for the lock stand still.
        unsafe {
            let mut frame = (*thread).stack.current.get();
            while let Some(f) = frame.as_ref() {
                instrument(vm, &f.code_ref());
                frame = f.prev;
            }
        }
    }
}

/// Instruments the code of the running frame if it is not up to date. For the checks of the eval breaker.
pub(super) fn check_current(vm: &Vm) {
    // SAFETY: the current frame, if there is one, is live.
    if let Some(frame) = unsafe { vm.stack.current.get().as_ref() } {
        let current = monitoring(vm).version.get();
        let known = frame
            .code()
            .monitoring
            .with(|m| m.as_ref().map_or(0, |m| m.version));
        if known != current {
            instrument(vm, &frame.code_ref());
        }
    }
}

/// The plain instruction at unit `at`.
#[inline(always)]
pub fn uninstrumented(code: &CodeObject, at: usize, opcode: u8) -> u8 {
    if opcode < FIRST_INSTRUMENTED {
        return opcode;
    }
    code.monitoring
        .with(|m| match m.as_ref().and_then(|m| m.units.get(at)) {
            Some(unit) if unit.original != 0 => unit.original,
            _ => opcode,
        })
}

/// As [`uninstrumented`], in its general form.
pub fn base_at(code: &CodeObject, at: usize) -> u8 {
    opcode::deopt(uninstrumented(code, at, code.unit(at) as u8))
}

/// The event that an instruction reports.
fn event_of(opcode: u8, oparg: u32) -> Option<usize> {
    Some(match opcode {
        op::RESUME if oparg & 3 == 0 => event::PY_START,
        op::RESUME => event::PY_RESUME,
        op::RETURN_VALUE => event::PY_RETURN,
        op::YIELD_VALUE => event::PY_YIELD,
        op::CALL | op::CALL_KW | op::CALL_FUNCTION_EX | op::LOAD_SUPER_ATTR => event::CALL,
        op::JUMP_FORWARD | op::JUMP_BACKWARD => event::JUMP,
        op::FOR_ITER | op::NOT_TAKEN => event::BRANCH_LEFT,
        op::POP_ITER | op::END_ASYNC_FOR => event::BRANCH_RIGHT,
        op::POP_JUMP_IF_FALSE
        | op::POP_JUMP_IF_TRUE
        | op::POP_JUMP_IF_NONE
        | op::POP_JUMP_IF_NOT_NONE => event::BRANCH_RIGHT,
        op::END_FOR | op::END_SEND => event::STOP_ITERATION,
        _ => return None,
    })
}

/// One instruction of the code as compiled: its unit (with EXTENDED_ARG as instructions of their own), opcode, whole
/// argument, and the unit behind it.
pub(crate) struct Instr {
    pub at: usize,
    pub opcode: u8,
    pub oparg: usize,
    pub next: usize,
}

pub(crate) use instructions as jump_instructions;
pub(crate) use line_table as jump_lines;
pub(crate) use target_of as jump_target;

pub(crate) fn instructions(code: &CodeObject) -> Vec<Instr> {
    let mut out = Vec::new();
    let (mut at, mut prefix) = (0, 0);
    while at < code.units().len() {
        let opcode = base_at(code, at);
        let oparg = prefix << 8 | usize::from(code.unit(at) >> 8);
        let next = at + 1 + opcode::cache_entries(opcode.into()) as usize;
        prefix = if opcode == op::EXTENDED_ARG { oparg } else { 0 };
        out.push(Instr {
            at,
            opcode,
            oparg,
            next,
        });
        at = next;
    }
    out
}

/// Where an instruction can jump to.
pub(crate) fn target_of(instr: &Instr) -> Option<usize> {
    Some(match instr.opcode {
        op::POP_JUMP_IF_FALSE
        | op::POP_JUMP_IF_TRUE
        | op::POP_JUMP_IF_NONE
        | op::POP_JUMP_IF_NOT_NONE
        | op::JUMP_FORWARD
        | op::SEND => instr.next + instr.oparg,
        op::FOR_ITER => instr.next + instr.oparg + 1,
        op::JUMP_BACKWARD | op::JUMP_BACKWARD_NO_INTERRUPT => {
            instr.next.checked_sub(instr.oparg)?
        }
        _ => return None,
    })
}

/// The line of every unit, -1 where there is none.
pub(crate) fn line_table(code: &CodeObject) -> Vec<i32> {
    let mut lines = Vec::with_capacity(code.units().len());
    for (position, units) in location::locations(code.linetable(), code.firstlineno) {
        lines.extend(std::iter::repeat_n(position.lineno, units));
    }
    lines.resize(code.units().len(), -1);
    lines
}

/// Finds where lines start, and from where a start can be reached without a change of line.
fn find_lines(code: &CodeObject, instrs: &[Instr], units: &mut [Unit]) {
    let lines = line_table(code);
    let line = |at: usize| lines.get(at).copied().unwrap_or(-1);
    let can_start = |opcode: u8| {
        !matches!(
            opcode,
            op::END_ASYNC_FOR | op::END_FOR | op::END_SEND | op::RESUME | op::POP_ITER
        )
    };
    let mut current = -1;
    let first = code.first_traceable as usize;
    let seen = || instrs.iter().filter(|i| i.at >= first);
    for instr in seen() {
        let here = line(instr.at);
        if can_start(instr.opcode) && here >= 0 && here != current {
            units[instr.at].flags |= LINE_START;
        }
        current = here;
        if instr.opcode == op::RESUME && instr.oparg & 3 == 0 {
            current = -1; // what follows is reported even on the function's own line
        }
    }
    let opcode_at = |at: usize| base_at(code, at);
    for instr in seen() {
        if let Some(target) = target_of(instr)
            && target < units.len()
            && line(target) >= 0
            && line(target) != line(instr.at)
            && can_start(opcode_at(target))
        {
            units[target].flags |= LINE_START;
        }
    }
    for entry in exception_table::entries(code.exceptiontable()) {
        let handler = entry.target as usize;
        if handler < units.len() && line(handler) >= 0 && can_start(opcode_at(handler)) {
            units[handler].flags |= LINE_START;
        }
    }
    // Predecessors on the same line.
    let mut previous: Option<&Instr> = None;
    for instr in seen() {
        if let Some(before) = previous {
            let falls = !matches!(
                before.opcode,
                op::RETURN_VALUE
                    | op::RAISE_VARARGS
                    | op::RERAISE
                    | op::JUMP_FORWARD
                    | op::JUMP_BACKWARD
                    | op::JUMP_BACKWARD_NO_INTERRUPT
                    | op::RESUME
            );
            if falls && units[instr.at].flags & LINE_START != 0 && line(before.at) == line(instr.at)
            {
                units[instr.at].flags |= CHECK;
                units[before.at].flags |= MARK;
            }
        }
        if let Some(target) = target_of(instr)
            && target < units.len()
            && units[target].flags & LINE_START != 0
            && line(target) == line(instr.at)
        {
            units[target].flags |= CHECK;
            units[instr.at].flags |= MARK;
        }
        previous = Some(instr);
    }
}

/// Brings a code object's instrumentation up to date.
fn instrument(vm: &Vm, code: &Ref<CodeObject>) {
    let state = monitoring(vm);
    let (version, restarts) = (state.version.get(), state.restarts.get());
    let mut m = code.monitoring.take().unwrap_or_default();
    m.version = version;
    let global = state.global.get();
    let mut active = [0u8; event::LOCAL];
    for (tool, (all, local)) in global.iter().zip(m.local).enumerate() {
        for (event, tools) in active.iter_mut().enumerate() {
            *tools |= (((all | local) >> event & 1) as u8) << tool;
        }
    }
    // While the table is out, what reads opcodes would see instrumented ones: work on a plain list first.
    code.monitoring.set(Some(m));
    let instrs = instructions(code);
    let mut m = code.monitoring.take().unwrap_or_default();
    if active.iter().all(|tools| *tools == 0) {
        for instr in &instrs {
            if let Some(unit) = m.units.get(instr.at)
                && unit.original != 0
            {
                write_opcode(code, instr.at, unit.original);
            }
        }
        m.units = Vec::new();
        m.lines_known = false;
        let keep = m.local != [0; TOOLS];
        m.restarts = restarts;
        code.monitoring.set(Some(m));
        if !keep {
            state.codes.with_mut(|codes| codes.retain(|c| !c.is(code)));
        }
        return;
    }
    let new = m.units.is_empty();
    if new {
        m.units = vec![Unit::default(); code.units().len()];
        for instr in &instrs {
            let source = match instr.opcode {
                op::FOR_ITER => Some((instr.next + instr.oparg + 1, instr.at)),
                op::END_ASYNC_FOR => instr.next.checked_sub(instr.oparg).map(|s| (instr.at, s)),
                op::NOT_TAKEN => {
                    let send = instr
                        .at
                        .checked_sub(1)
                        .filter(|&b| base_at_units(&instrs, b) == Some(op::END_SEND));
                    Some((instr.at, send.unwrap_or(instr.at.saturating_sub(2))))
                }
                _ => None,
            };
            if let Some((at, source)) = source
                && let Some(unit) = m.units.get_mut(at)
            {
                unit.source = source as u32;
            }
        }
    }
    if m.restarts != restarts {
        m.restarts = restarts;
        for unit in &mut m.units {
            (unit.event_off, unit.line_off, unit.instruction_off) = (0, 0, 0);
        }
    }
    let mut units = std::mem::take(&mut m.units);
    let lines_known = m.lines_known;
    code.monitoring.set(Some(m));
    if active[event::LINE] != 0 && !lines_known {
        // `base_at` needs the originals: they are in `instrs`.
        let mut flags = vec![Unit::default(); units.len()];
        with_units(code, &units, || find_lines(code, &instrs, &mut flags));
        for (unit, found) in units.iter_mut().zip(&flags) {
            unit.flags = found.flags;
        }
    }
    for instr in instrs
        .iter()
        .filter(|i| i.at >= code.first_traceable as usize)
    {
        let Some(unit) = units.get_mut(instr.at) else {
            continue;
        };
        let tools = event_of(instr.opcode, instr.oparg as u32).map_or(0, |event| active[event]);
        unit.event_off &= tools;
        unit.event = tools & !unit.event_off;
        unit.line_off &= active[event::LINE];
        let lines = if unit.flags & LINE_START != 0 {
            active[event::LINE]
        } else {
            0
        };
        unit.line = lines & !unit.line_off;
        unit.instruction_off &= active[event::INSTRUCTION];
        unit.instruction = match instr.opcode {
            op::RESUME | op::END_FOR => 0,
            _ => active[event::INSTRUCTION] & !unit.instruction_off,
        };
        apply(code, instr.at, instr.opcode, unit, active[event::LINE] != 0);
    }
    code.monitoring.with_mut(|m| {
        if let Some(m) = m {
            m.units = units;
            m.lines_known |= active[event::LINE] != 0;
        }
    });
    if new {
        state.codes.with_mut(|codes| {
            if !codes.iter().any(|c| c.is(code)) {
                codes.push(code.clone());
            }
        });
    }
}

fn base_at_units(instrs: &[Instr], at: usize) -> Option<u8> {
    let found = instrs.binary_search_by_key(&at, |i| i.at).ok()?;
    instrs.get(found).map(|i| i.opcode)
}

/// Runs `f` while the code's table has these units.
fn with_units(code: &CodeObject, units: &[Unit], f: impl FnOnce()) {
    code.monitoring.with_mut(|m| {
        if let Some(m) = m {
            m.units = units.to_vec()
        }
    });
    f();
    code.monitoring.with_mut(|m| {
        if let Some(m) = m {
            m.units = Vec::new()
        }
    });
}

/// Writes the opcode that an instruction must have for its tools.
fn apply(code: &CodeObject, at: usize, base: u8, unit: &mut Unit, lines: bool) {
    let wanted = if unit.line != 0 {
        op::INSTRUMENTED_LINE
    } else if unit.instruction != 0 || (lines && unit.flags & MARK != 0) {
        op::INSTRUMENTED_INSTRUCTION
    } else if unit.event != 0 {
        opcode::instrumented(base.into()).unwrap_or(op::INSTRUMENTED_INSTRUCTION)
    } else {
        if unit.original != 0 {
            write_opcode(code, at, unit.original);
            unit.original = 0;
        }
        return;
    };
    unit.original = base;
    write_opcode(code, at, wanted);
}

fn write_opcode(code: &CodeObject, at: usize, opcode: u8) {
    if let Some(cell) = code.units().get(at) {
        // SAFETY: units are plain words, changed only by the thread that holds the interpreter's lock.
        unsafe { *cell.get() = *cell.get() & 0xff00 | u16::from(opcode) }
    }
}

fn unit_of(code: &CodeObject, at: usize) -> Option<Unit> {
    code.monitoring
        .with(|m| m.as_ref().and_then(|m| m.units.get(at)).copied())
}

/// A tool has said DISABLE.
fn switch_off(code: &CodeObject, at: usize, event: usize, tool: usize) {
    let bit = 1u8 << tool;
    let mut updated = None;
    code.monitoring.with_mut(|m| {
        let Some(m) = m else { return };
        let lines = m.lines_known;
        if let Some(unit) = m.units.get_mut(at) {
            match event {
                event::LINE => {
                    unit.line &= !bit;
                    unit.line_off |= bit;
                }
                event::INSTRUCTION => {
                    unit.instruction &= !bit;
                    unit.instruction_off |= bit;
                }
                _ => {
                    unit.event &= !bit;
                    unit.event_off |= bit;
                }
            }
            updated = Some((*unit, lines));
        }
    });
    if let Some((mut unit, lines)) = updated
        && unit.original != 0
    {
        let base = unit.original;
        apply(code, at, base, &mut unit, lines);
        code.monitoring.with_mut(|m| {
            if let Some(place) = m.as_mut().and_then(|m| m.units.get_mut(at)) {
                place.original = unit.original
            }
        });
    }
}

/// The event BRANCH means both ways of a branch: those that start at unit `source`.
fn switch_off_branch(code: &CodeObject, source: usize, tool: usize) {
    let places: Vec<usize> = code.monitoring.with(|m| {
        let units = m.as_ref().map_or(&[][..], |m| &m.units[..]);
        let from = |(at, unit): &(usize, &Unit)| {
            *at == source || (unit.source != 0 && unit.source as usize == source)
        };
        units
            .iter()
            .enumerate()
            .filter(from)
            .map(|(at, _)| at)
            .collect()
    });
    for place in places {
        switch_off(code, place, event::BRANCH, tool);
    }
}

/// Calls one tool's function. Says whether it answered DISABLE.
fn call_tool(vm: &Vm, tool: usize, event: usize, args: &[Value]) -> PyResult<bool> {
    let state = monitoring(vm);
    let Some(callback) = state.callback(tool, event) else {
        return Ok(false);
    };
    let result = vm.trace.quietly(Some(event), || vm.call(&callback, args))?;
    Ok(state
        .disable
        .with(|d| d.as_ref().is_some_and(|d| result.is(d))))
}

/// Reports an event to `tools`. `place` is the unit whose instrumentation answers it, `shown` the offset that is told.
unsafe fn fire(
    vm: &Vm,
    fp: Fp,
    event: usize,
    tools: u8,
    place: usize,
    shown: usize,
    extra: &[Value],
) -> PyResult<()> {
    if tools == 0 || vm.trace.is_tracing() {
        return Ok(());
    }
    // SAFETY: `fp` is the running frame.
    let code = unsafe { (*fp).code_ref() };
    let mut left = tools;
    while left != 0 {
        let tool = 7 - left.leading_zeros() as usize;
        left &= !(1 << tool);
        let disable = match tool {
            // SAFETY: as above.
            TRACE_TOOL => unsafe { trace::trace_event(vm, fp, event, shown, extra)? },
            // SAFETY: as above.
            PROFILE_TOOL => unsafe { trace::profile_event(vm, fp, event, extra)? },
            _ => {
                let mut args = vec![code.to_value()];
                if event == event::LINE {
                    args.extend(extra.iter().cloned());
                } else {
                    args.push(vm.new_int(shown as i64 * 2)?);
                    args.extend(extra.iter().cloned());
                }
                call_tool(vm, tool, event, &args)?
            }
        };
        if !disable {
            continue;
        }
        if event < event::LOCAL {
            switch_off(&code, place, event, tool);
            if matches!(event, event::BRANCH_LEFT | event::BRANCH_RIGHT)
                && monitoring(vm).callback(tool, event::BRANCH).is_some()
            {
                switch_off_branch(&code, shown, tool);
            }
        } else {
            monitoring(vm).set_callback(tool, event, None);
            return Err(vm.value_error(format!(
                "Cannot disable {} events. Callback removed.",
                event::NAMES[event]
            )));
        }
    }
    Ok(())
}

/// The tools that want an event that belongs to no instruction.
fn tools_for(vm: &Vm, event: usize) -> u8 {
    let global = monitoring(vm).global.get();
    (0..TOOLS).fold(0, |tools, tool| {
        tools | ((global[tool] >> event & 1) as u8) << tool
    })
}

/// Reports an event of the whole frame, with an exception. The pending exception is put aside meanwhile.
///
/// # Safety
/// `fp` is the current frame.
#[cold]
#[inline(never)]
pub(crate) unsafe fn exception_event(
    vm: &Vm,
    fp: *mut Frame,
    event: usize,
    exception: &Ref<BaseException>,
) -> PyResult<()> {
    // SAFETY: by contract.
    unsafe {
        let at = (*fp).instruction();
        fire(
            vm,
            fp,
            event,
            tools_for(vm, event),
            at,
            at,
            &[exception.to_value()],
        )
    }
}

/// What the loop goes on with: instruction pointer, stack pointer, and the instruction's word.
pub(super) type Next = (Pc, Sp, u32);

/// Reports an instrumented instruction, and either runs it or gives the plain one to run.
///
/// # Safety
/// Called by the loop with its state; `pc` is at an instrumented instruction.
#[inline(never)]
pub(super) unsafe fn instrumented(vm: &Vm, fp: Fp, pc: Pc, sp: Sp, w: u32) -> PyResult<Next> {
    // SAFETY: by contract.
    unsafe {
        (*fp).pc = pc;
        (*fp).sp = sp;
        let code = &*(*fp).code;
        let at = code.offset_of(pc);
        let Some(unit) = unit_of(code, at).filter(|u| u.original != 0) else {
            return Err(vm.system_error("instrumented instruction without instrumentation"));
        };
        let base = unit.original;
        let plain = (pc, sp, w & !0xff | u32::from(base));
        if vm.trace.is_tracing() {
            return Ok(plain);
        }
        if unit.line != 0 {
            let line = code.line_at(at).unwrap_or(-1);
            let same = unit.flags & CHECK != 0 && (*fp).last_line == line;
            (*fp).last_line = -1;
            if !same {
                fire(
                    vm,
                    fp,
                    event::LINE,
                    unit.line,
                    at,
                    at,
                    &[vm.new_int(line.into())?],
                )?;
                if (*fp).pc != pc {
                    return Ok(moved(fp));
                }
            }
        } else if unit.flags & LINE_START != 0 {
            (*fp).last_line = -1;
        }
        if unit.instruction != 0 {
            fire(vm, fp, event::INSTRUCTION, unit.instruction, at, at, &[])?;
            if (*fp).pc != pc {
                return Ok(moved(fp));
            }
        }
        if unit.flags & MARK != 0 {
            (*fp).last_line = code.line_at(at).unwrap_or(-1);
        }
        if unit.event == 0 {
            return Ok(plain);
        }
        run_event(vm, fp, pc, (*fp).sp, w, unit, at)
    }
}

/// A debugger has set the frame's line.
unsafe fn moved(fp: Fp) -> Next {
    // SAFETY: the running frame; its new instruction pointer is in its code.
    unsafe { ((*fp).pc, (*fp).sp, u32::from(*(*fp).pc)) }
}

unsafe fn run_event(
    vm: &Vm,
    fp: Fp,
    pc: Pc,
    sp: Sp,
    w: u32,
    unit: Unit,
    at: usize,
) -> PyResult<Next> {
    // SAFETY: as for `instrumented`; operands lie below `sp` as the compiler computed.
    unsafe {
        let arg = (w >> 8) as usize;
        let base = unit.original;
        let plain = Ok((pc, sp, w & !0xff | u32::from(base)));
        let Some(event) = event_of(base, arg as u32) else {
            return plain;
        };
        let tools = unit.event;
        let offset = |unit: usize| vm.new_int(unit as i64 * 2);
        let next = at + 1 + opcode::cache_entries(base.into()) as usize;
        match base {
            op::RESUME => {
                fire(vm, fp, event, tools, at, at, &[])?;
                if (*fp).pc != pc {
                    return Ok(moved(fp));
                }
            }
            op::RETURN_VALUE | op::YIELD_VALUE => {
                let value = (*sp.sub(1)).to_value();
                fire(vm, fp, event, tools, at, at, &[value])?;
            }
            op::JUMP_FORWARD => fire(vm, fp, event, tools, at, at, &[offset(next + arg)?])?,
            op::JUMP_BACKWARD => {
                fire(
                    vm,
                    fp,
                    event,
                    tools,
                    at,
                    at,
                    &[offset(next.saturating_sub(arg))?],
                )?;
                if (*fp).pc != pc {
                    return Ok(moved(fp));
                }
            }
            op::POP_JUMP_IF_FALSE
            | op::POP_JUMP_IF_TRUE
            | op::POP_JUMP_IF_NONE
            | op::POP_JUMP_IF_NOT_NONE => {
                let top = (*sp.sub(1)).view();
                let jumps = match base {
                    op::POP_JUMP_IF_FALSE => top.is(&Value::FALSE),
                    op::POP_JUMP_IF_TRUE => top.is(&Value::TRUE),
                    op::POP_JUMP_IF_NONE => top.is_none(),
                    _ => !top.is_none(),
                };
                if jumps {
                    fire(vm, fp, event, tools, at, at, &[offset(next + arg)?])?;
                }
            }
            op::NOT_TAKEN | op::POP_ITER => fire(
                vm,
                fp,
                event,
                tools,
                at,
                unit.source as usize,
                &[offset(at + 1)?],
            )?,
            op::END_ASYNC_FOR => {
                let exception = (*sp.sub(1)).view();
                let stop = vm.types.stop_async_iteration.as_value();
                if crate::protocols::object::is_instance(vm, &exception, stop)? {
                    fire(
                        vm,
                        fp,
                        event,
                        tools,
                        at,
                        unit.source as usize,
                        &[offset(at + 1)?],
                    )?
                }
            }
            op::END_FOR | op::END_SEND => {
                let (receiver, value) = ((*sp.sub(2)).view(), (*sp.sub(1)).to_value());
                if receiver.downcast::<Generator>().is_some() {
                    let args = if value.is_none() {
                        Vec::new()
                    } else {
                        vec![value]
                    };
                    let class = &vm.types.stop_iteration;
                    let stop = crate::objects::exception::instantiate(vm, class, &args)?;
                    fire(vm, fp, event, tools, at, at, &[stop.into_value()])?
                }
            }
            op::FOR_ITER => {
                let (p, s) = ops::iter::for_iter(pc, sp, fp, vm, arg as u32);
                if p.is_null() {
                    return Err(Raised);
                }
                if vm.stack.current.get() == fp && p == pc.add(2) {
                    (*fp).sp = s;
                    fire(vm, fp, event, tools, at, at, &[offset(next)?])?;
                }
                return Ok((p, s, u32::from(*p)));
            }
            op::LOAD_SUPER_ATTR => return super_attr(vm, fp, pc, sp, w, unit, at),
            _ => return call_event(vm, fp, pc, sp, w, unit, at),
        }
        plain
    }
}

/// A call: reported before, and after it when the callable is not Python's.
unsafe fn call_event(
    vm: &Vm,
    fp: Fp,
    pc: Pc,
    sp: Sp,
    w: u32,
    unit: Unit,
    at: usize,
) -> PyResult<Next> {
    // SAFETY: as for `instrumented`.
    unsafe {
        let arg = w >> 8;
        let n = arg as usize;
        let (callable, first) = match unit.original {
            op::CALL_FUNCTION_EX => {
                let (callable, receiver) = (sp.sub(4), sp.sub(3));
                let first = if (*receiver).is_empty() {
                    let args = (*sp.sub(2)).view();
                    args.downcast::<Tuple>().and_then(|t| t.get(0).cloned())
                } else {
                    Some((*receiver).to_value())
                };
                ((*callable).to_value(), first)
            }
            which => {
                let top = if which == op::CALL_KW { sp.sub(1) } else { sp };
                let (callable, receiver) = (top.sub(n + 2), top.sub(n + 1));
                ops::call::unpack_method(vm, callable, receiver);
                let first = if !(*receiver).is_empty() {
                    Some((*receiver).to_value())
                } else if n > 0 {
                    Some((*top.sub(n)).to_value())
                } else {
                    None
                };
                ((*callable).to_value(), first)
            }
        };
        let first = match first {
            Some(first) => first,
            None => missing(vm)?,
        };
        let extra = [callable, first];
        fire(vm, fp, event::CALL, unit.event, at, at, &extra)?;
        (*fp).pc = pc;
        let native = !vm.type_of(&extra[0]).is(&vm.types.function);
        let (p, s) = match unit.original {
            op::CALL => ops::call::call(pc, sp, fp, vm, arg),
            op::CALL_KW => ops::call::call_kw(pc, sp, fp, vm, arg),
            _ => ops::call::call_function_ex(pc, sp, fp, vm, arg),
        };
        if p.is_null() {
            if native && vm.stack.current.get() == fp {
                report_raise(vm, fp, unit.event, at, &extra)?;
            }
            return Err(Raised);
        }
        if native && vm.stack.current.get() == fp {
            (*fp).sp = s;
            fire(vm, fp, event::C_RETURN, tools_now(fp, at), at, at, &extra)?;
        }
        Ok((p, s, u32::from(*p)))
    }
}

/// The tools that want the event of an instruction, after the call that may have changed them.
unsafe fn tools_now(fp: Fp, at: usize) -> u8 {
    // SAFETY: `fp` is the running frame.
    unit_of(unsafe { (*fp).code() }, at).map_or(0, |unit| unit.event)
}

/// C_RAISE: the exception stays set, unless the report raises another one.
unsafe fn report_raise(vm: &Vm, fp: Fp, tools: u8, at: usize, extra: &[Value]) -> PyResult<()> {
    let exception = vm.take_exception();
    // SAFETY: `fp` is the running frame.
    unsafe { fire(vm, fp, event::C_RAISE, tools, at, at, extra)? };
    vm.raise_value(exception);
    Ok(())
}

fn missing(vm: &Vm) -> PyResult {
    monitoring(vm)
        .missing
        .get()
        .map_or_else(|| vm.new_int(0).map(|_| Value::NONE), Ok)
}

/// `super().name`: a call of `super`, then the attribute.
unsafe fn super_attr(
    vm: &Vm,
    fp: Fp,
    pc: Pc,
    sp: Sp,
    w: u32,
    unit: Unit,
    at: usize,
) -> PyResult<Next> {
    // SAFETY: as for `instrumented`.
    unsafe {
        let arg = w >> 8;
        let first = if arg & 2 != 0 {
            (*sp.sub(2)).to_value()
        } else {
            missing(vm)?
        };
        let extra = [(*sp.sub(3)).to_value(), first];
        fire(vm, fp, event::CALL, unit.event, at, at, &extra)?;
        (*fp).pc = pc;
        // The attribute comes bound, as that of a `super` object that was made.
        let (p, mut s) = ops::attr::load_super_attr(pc, sp, fp, vm, arg & !1);
        if p.is_null() {
            if !vm.exception_matches(&vm.types.attribute_error) {
                report_raise(vm, fp, unit.event, at, &extra)?;
            }
            return Err(Raised);
        }
        if arg & 1 != 0 {
            *s = naja_heap::slot::Slot::EMPTY;
            s = s.add(1);
        }
        (*fp).sp = s;
        fire(vm, fp, event::C_RETURN, unit.event, at, at, &extra)?;
        Ok((p, s, u32::from(*p)))
    }
}
