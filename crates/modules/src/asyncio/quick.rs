//! What the methods of `asyncio`'s own event loops do for futures and tasks, without calling them.
//!
//! Each step of a task makes a `Handle` and puts it into the loop's queue, by four Python functions that are a few
//! instructions each. Where the loop has those very functions, is open and not in debug mode, and nobody watches calls,
//! the same is done here. So is what `create_task` does, where the factory is none or the library's eager one. A [`Plan`] tells for one class and shape of loops where everything is; it holds as long as the
//! versions of both classes do, and nothing is remembered of what is not guarded by them or looked at again.
//!
//! CPython calls the functions (Lib/asyncio/base_events.py, Lib/asyncio/events.py).

use super::state::{self, imported};
use super::task::Task;
use crate::collections::deque::Deque;
use naja_heap::{Ref, Value};
use naja_vm::cell::CellVariable;
use naja_vm::dict::Dict;
use naja_vm::function::descriptor::{Member, MemberDescriptor};
use naja_vm::instance;
use naja_vm::module::Module;
use naja_vm::object::Object;
use naja_vm::objects::function::Function;
use naja_vm::protocols::attributes;
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Vm};
use std::rc::Rc;

/// Where a loop of one class and shape, and the handles made for it, keep their parts.
pub struct Plan {
    loop_version: u32,
    shape: u32,
    /// Indices of `_closed`, `_debug`, `_ready` and `_thread_id` in the shape; None: loops of this kind are not ours to serve.
    parts: Option<[u32; 4]>,
    handle: Option<HandlePlan>,
    task: Option<TaskPlan>,
}

/// How `event_loop.create_task(coro)` makes its task.
struct TaskPlan {
    /// Index of `_task_factory` in the shape.
    factory: u32,
    /// The namespaces of `asyncio.base_events` and `asyncio.tasks`, in which the class is looked up by name.
    base_events: Ref<Dict>,
    tasks: Ref<Dict>,
    tasks_name: Ref<Str>,
    task_name: Ref<Str>,
    tasks_module: Value,
}

/// How `events.Handle(callback, args, loop, context)` makes its object.
struct HandlePlan {
    class: Ref<Type>,
    version: u32,
    /// Offsets of the slots, in the order of [`SLOTS`].
    offsets: [usize; 7],
    /// The namespaces of `asyncio.base_events` and `asyncio.events`, in which the class is looked up by name.
    base_events: Ref<Dict>,
    events: Ref<Dict>,
    events_name: Ref<Str>,
    handle_name: Ref<Str>,
    events_module: Value,
    no_args: Value,
}

const SLOTS: [&str; 7] = [
    "_context",
    "_loop",
    "_callback",
    "_args",
    "_cancelled",
    "_repr",
    "_source_traceback",
];

const METHODS: [&str; 5] = [
    "call_soon",
    "_call_soon",
    "_check_closed",
    "get_debug",
    "is_running",
];

/// Whether a value is the function that the library defines by this name.
fn is_own(value: Option<Value>, name: &str, file: &str) -> bool {
    value
        .as_ref()
        .and_then(|v| v.downcast::<Function>())
        .is_some_and(|function| {
            let code = function.code();
            code.qualname.as_bytes() == name.as_bytes()
                && code.filename().as_bytes().ends_with(file.as_bytes())
        })
}

fn handle_plan(vm: &Vm) -> PyResult<Option<HandlePlan>> {
    let class = imported(vm, "asyncio.events", "Handle")?;
    let base_events = naja_vm::import::import_simple(vm, "asyncio.base_events")?;
    let events = naja_vm::import::import_simple(vm, "asyncio.events")?;
    let (Ok(class), Some(base_events), Some(events_module)) = (
        class.downcast_into::<Type>(),
        base_events.downcast::<Module>(),
        events.downcast::<Module>(),
    ) else {
        return Ok(None);
    };
    let init = class.lookup(vm, &vm.intern("__init__"));
    let plain = is_own(init, "Handle.__init__", "asyncio/events.py")
        && class.slots.new.get() == vm.types.object.slots.new.get()
        && vm.type_of(class.as_value()).is(&vm.types.type_);
    if !plain {
        return Ok(None);
    }
    let mut offsets = [0; 7];
    for (offset, name) in offsets.iter_mut().zip(SLOTS) {
        let found = class.lookup(vm, &vm.intern(name));
        match found
            .as_ref()
            .and_then(|v| v.downcast::<MemberDescriptor>())
        {
            Some(descriptor) if descriptor.objclass.is(&class) => match descriptor.member {
                Member::Slot(at) => *offset = at,
                Member::Native(_) => return Ok(None),
            },
            _ => return Ok(None),
        }
    }
    Ok(Some(HandlePlan {
        version: class.version_tag(vm),
        class,
        offsets,
        base_events: base_events.dict(),
        events: events_module.dict(),
        events_name: vm.intern("events"),
        handle_name: vm.intern("Handle"),
        events_module: events,
        no_args: Tuple::from_slice(vm, &[])?.into_value(),
    }))
}

fn task_plan(vm: &Vm, factory: u32) -> PyResult<Option<TaskPlan>> {
    let base_events = naja_vm::import::import_simple(vm, "asyncio.base_events")?;
    let tasks_module = naja_vm::import::import_simple(vm, "asyncio.tasks")?;
    let (Some(base_events), Some(tasks)) = (
        base_events.downcast::<Module>(),
        tasks_module.downcast::<Module>(),
    ) else {
        return Ok(None);
    };
    Ok(Some(TaskPlan {
        factory,
        base_events: base_events.dict(),
        tasks: tasks.dict(),
        tasks_name: vm.intern("tasks"),
        task_name: vm.intern("Task"),
        tasks_module,
    }))
}

fn make_plan(vm: &Vm, event_loop: &Value, loop_version: u32, shape: u32) -> PyResult<Plan> {
    let class = vm.type_of(event_loop);
    let shapes = &vm.interp.shapes;
    let has_own = |method: &str| {
        let name = vm.intern(method);
        let found = class.lookup(vm, &name);
        is_own(
            found,
            &format!("BaseEventLoop.{method}"),
            "asyncio/base_events.py",
        ) && shapes.index_of(shape, &name).is_none()
    };
    let own = METHODS.iter().all(|method| has_own(method));
    let generic = class.slots.getattro.get() == vm.types.object.slots.getattro.get();
    let (mut parts, mut factory) = (None, None);
    if own && generic {
        let index = |name: &str| {
            let name = vm.intern(name);
            // What a class attribute of that name would mean is not for us to say.
            class
                .lookup(vm, &name)
                .is_none()
                .then(|| shapes.index_of(shape, &name))?
        };
        if let (Some(closed), Some(debug), Some(ready), Some(thread)) = (
            index("_closed"),
            index("_debug"),
            index("_ready"),
            index("_thread_id"),
        ) {
            parts = Some([closed, debug, ready, thread]);
            factory = index("_task_factory").filter(|_| has_own("create_task"));
        }
    }
    let handle = match parts {
        Some(_) => handle_plan(vm)?,
        None => None,
    };
    let task = match factory {
        Some(factory) => task_plan(vm, factory)?,
        None => None,
    };
    Ok(Plan {
        loop_version,
        shape,
        parts,
        handle,
        task,
    })
}

/// The plan for a loop as it is now. None where its attributes are in a dict, or its class changes all the time.
fn plan_for(vm: &Vm, event_loop: &Value) -> PyResult<Option<Rc<Plan>>> {
    let state = state::state(vm);
    let (Some(shape), version) = (
        instance::shape_of(event_loop),
        vm.type_of(event_loop).version_tag(vm),
    ) else {
        return Ok(None);
    };
    if let Some(known) = state.plan.get()
        && known.loop_version == version
        && known.shape == shape
    {
        let current = |handle: &HandlePlan| handle.version == handle.class.version_tag(vm);
        if known.handle.as_ref().is_none_or(current) {
            return Ok(Some(known));
        }
    }
    if version == 0 || state.plans_made.get() > 1000 {
        return Ok(None);
    }
    state.plans_made.set(state.plans_made.get() + 1);
    let plan = Rc::new(make_plan(vm, event_loop, version, shape)?);
    state.plan.set(Some(plan.clone()));
    Ok(Some(plan))
}

/// Whether `event_loop.get_debug()` is False, as far as that can be seen without calling it.
pub fn is_not_debugging(vm: &Vm, event_loop: &Value) -> PyResult<bool> {
    let Some(plan) = plan_for(vm, event_loop)? else {
        return Ok(false);
    };
    Ok(plan.parts.is_some_and(|[_, debug, ..]| {
        instance::value_at(vm, event_loop, plan.shape, debug).is_some_and(|d| d.is(&Value::FALSE))
            && !vm.interp.state.monitoring.is_active()
    }))
}

/// Whether `event_loop.is_running()` is true, as far as that can be seen without calling it.
pub fn is_running(vm: &Vm, event_loop: &Value) -> PyResult<bool> {
    let Some(plan) = plan_for(vm, event_loop)? else {
        return Ok(false);
    };
    Ok(plan.parts.is_some_and(|[.., thread]| {
        instance::value_at(vm, event_loop, plan.shape, thread).is_some_and(|id| !id.is_none())
            && !vm.interp.state.monitoring.is_active()
    }))
}

impl HandlePlan {
    /// Whether the names by which the library asks for its class still stand for it.
    fn is_current(&self, vm: &Vm) -> PyResult<bool> {
        let events = self.base_events.get_str(vm, &self.events_name)?;
        if !events.is_some_and(|found| found.is(&self.events_module)) {
            return Ok(false);
        }
        let class = self.events.get_str(vm, &self.handle_name)?;
        Ok(class.is_some_and(|found| found.is(self.class.as_value())))
    }
}

/// Does `event_loop.call_soon(function, *args, context=context)`; false where the method has to be called.
pub fn call_soon(
    vm: &Vm,
    event_loop: &Value,
    function: &Value,
    arg: Option<&Value>,
    context: &Value,
) -> PyResult<bool> {
    let Some(plan) = plan_for(vm, event_loop)? else {
        return Ok(false);
    };
    let (Some([closed, debug, ready, _]), Some(handle)) = (plan.parts, &plan.handle) else {
        return Ok(false);
    };
    let part = |index| instance::value_at(vm, event_loop, plan.shape, index);
    let is_false = |index| part(index).is_some_and(|v| v.is(&Value::FALSE));
    if context.is_none()
        || !is_false(closed)
        || !is_false(debug)
        || vm.interp.state.monitoring.is_active()
        || !handle.is_current(vm)?
    {
        return Ok(false);
    }
    let Some(ready) = part(ready).filter(|ready| vm.type_of(ready).is(vm.class::<Deque>())) else {
        return Ok(false);
    };
    let Some(queue) = ready.downcast::<Deque>() else {
        return Ok(false);
    };
    let args = match arg {
        Some(arg) => Tuple::from_slice(vm, std::slice::from_ref(arg))?.into_value(),
        None => handle.no_args.clone(),
    };
    let made = vm.new_object_of(&handle.class, Object)?;
    let values = [
        context.clone(),
        event_loop.clone(),
        function.clone(),
        args,
        Value::FALSE,
        Value::NONE,
        Value::NONE,
    ];
    for (offset, value) in handle.offsets.iter().zip(values) {
        if let Some(slot) = naja_heap::object_slot(made.header(), *offset) {
            slot.set(Some(value))
        }
    }
    queue.push(vm, made.into_value(), false)?;
    Ok(true)
}

impl TaskPlan {
    /// Whether the names by which the library asks for its class stand for the native one.
    fn is_current(&self, vm: &Vm) -> PyResult<bool> {
        let tasks = self.base_events.get_str(vm, &self.tasks_name)?;
        if !tasks.is_some_and(|found| found.is(&self.tasks_module)) {
            return Ok(false);
        }
        let class = self.tasks.get_str(vm, &self.task_name)?;
        Ok(class.is_some_and(|found| found.is(vm.class::<Task>().as_value())))
    }
}

/// Whether a task factory is `asyncio.eager_task_factory`, or another one of that maker for the native class.
fn starts_eagerly(vm: &Vm, factory: &Value) -> PyResult<bool> {
    let state = state::state(vm);
    let known = |known: &Option<Value>| known.as_ref().is_some_and(|known| known.is(factory));
    if state.eager_factory.with(known) {
        return Ok(true);
    }
    let own = is_own(
        Some(factory.clone()),
        "create_eager_task_factory.<locals>.factory",
        "asyncio/tasks.py",
    );
    if !own {
        return Ok(false);
    }
    let closure = attributes::get_by(vm, factory, "__closure__")?;
    let Some([class]) = closure.downcast::<Tuple>().map(|cells| cells.items()) else {
        return Ok(false);
    };
    let native = class.downcast::<CellVariable>().is_some_and(|cell| {
        let is_native = |v: &Option<Value>| {
            v.as_ref()
                .is_some_and(|v| v.is(vm.class::<Task>().as_value()))
        };
        cell.value.with(is_native)
    });
    if native {
        state.eager_factory.set(Some(factory.clone()))
    }
    Ok(native)
}

/// Does `event_loop.create_task(coro)`; None where the method has to be called. A quiet task's end is not logged.
pub fn create_task(
    vm: &Vm,
    event_loop: &Value,
    coro: &Value,
    quiet: bool,
) -> PyResult<Option<Value>> {
    if !vm.type_of(coro).is(&vm.types.coroutine) {
        return Ok(None);
    }
    let Some(plan) = plan_for(vm, event_loop)? else {
        return Ok(None);
    };
    let (Some([closed, debug, _, thread]), Some(task)) = (plan.parts, &plan.task) else {
        return Ok(None);
    };
    let part = |index| instance::value_at(vm, event_loop, plan.shape, index);
    let is_false = |index| part(index).is_some_and(|v| v.is(&Value::FALSE));
    if !is_false(closed)
        || !is_false(debug)
        || vm.interp.state.monitoring.is_active()
        || !task.is_current(vm)?
    {
        return Ok(None);
    }
    let eager = match part(task.factory) {
        Some(factory) if factory.is_none() => false,
        Some(factory) if starts_eagerly(vm, &factory)? => {
            part(thread).is_some_and(|id| !id.is_none())
        }
        _ => return Ok(None),
    };
    Task::make(vm, event_loop, coro, eager, quiet).map(Some)
}
