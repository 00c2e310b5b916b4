//! `gc`: the interface of the cycle collector.
//!
//! The lists `callbacks` and `garbage` belong to the interpreter; the heap's hooks call [`notify`], [`save`] and [`note`].
//!
//! CPython: Modules/gcmodule.c, Python/gc.c.

use crate::function::Args;
use crate::objects::exception::write_unraisable;
use crate::objects::list::List;
use crate::protocols::number;
use crate::runtime::Access;
use crate::vm::{PyResult, Vm};
use naja_heap::{Collection, Header, MutCell, Note, Phase, Ref, Value};
use naja_macros::pymodule;

#[derive(Default)]
struct State {
    callbacks: MutCell<Option<Ref<List>>>,
    garbage: MutCell<Option<Ref<List>>>,
}

fn list(vm: &Vm, which: fn(&State) -> &MutCell<Option<Ref<List>>>) -> PyResult<Ref<List>> {
    let state = vm.interp.module_state::<State>();
    if let Some(list) = which(&state).get() {
        return Ok(list);
    }
    let new = vm.new_list(Vec::new())?;
    which(&state).set(Some(new.clone()));
    Ok(new)
}

/// Whether anybody is called when a collection runs.
pub(crate) fn has_callbacks(vm: &Vm) -> bool {
    let state = vm.interp.module_state::<State>();
    state
        .callbacks
        .with(|list| list.as_ref().is_some_and(|list| !list.is_empty()))
}

/// For the heap: calls `gc.callbacks` as a collection starts and stops.
pub(crate) fn notify(vm: &Vm, phase: Phase, collection: &Collection) {
    let state = vm.interp.module_state::<State>();
    let Some(callbacks) = state.callbacks.get().filter(|c| !c.is_empty()) else {
        return;
    };
    let pending = vm.has_exception().then(|| vm.take_exception());
    let args = (|| {
        let info = vm.new_dict()?;
        let numbers = [
            ("generation", collection.generation),
            ("collected", collection.collected),
            ("uncollectable", collection.uncollectable),
        ];
        for (name, n) in numbers {
            info.set_str(vm, &vm.intern(name), vm.new_int(n as i64)?)?;
        }
        let phase = match phase {
            Phase::Start => "start",
            Phase::Stop => "stop",
        };
        Ok([vm.intern(phase).into_value(), info.into_value()])
    })();
    match args {
        Ok(args) => {
            for callback in callbacks.to_vec() {
                if vm.call(&callback, &args).is_err() {
                    write_unraisable(vm, Some(&callback));
                }
            }
        }
        Err(crate::vm::Raised) => write_unraisable(vm, None),
    }
    if let Some(pending) = pending {
        vm.raise_value(pending);
    }
}

/// For the heap: keeps an object of a cycle, where DEBUG_SAVEALL is set.
pub(crate) fn save(vm: &Vm, header: &Header) {
    let saved = list(vm, |s| &s.garbage).and_then(|l| l.push(vm, Value::of_header(header)));
    if saved.is_err() {
        vm.clear_exception()
    }
}

/// For the heap: what a debugging collector has to say.
pub(crate) fn note(vm: &Vm, note: Note) {
    let text = match note {
        Note::Text(text) => text.to_string(),
        Note::Collectable(header) => {
            let name = crate::objects::type_::Type::of_header(header).full_name();
            format!("gc: collectable <{name} {header:p}>\n")
        }
    };
    super::display::write_stderr(vm, &text);
}

#[pymodule(
    name = "gc",
    doc = "This module provides access to the garbage collector for reference cycles.\n\nenable() -- Enable automatic garbage collection.\ndisable() -- Disable automatic garbage collection.\nisenabled() -- Returns true if automatic collection is enabled.\ncollect() -- Do a full collection right now.\nget_count() -- Return the current collection counts.\nget_stats() -- Return list of dictionaries containing per-generation stats.\nset_debug() -- Set debugging flags.\nget_debug() -- Get debugging flags.\nset_threshold() -- Set the collection thresholds.\nget_threshold() -- Return the current collection thresholds.\nget_objects() -- Return a list of all objects tracked by the collector.\nis_tracked() -- Returns true if a given object is tracked.\nis_finalized() -- Returns true if a given object has been already finalized.\nget_referrers() -- Return the list of objects that refer to an object.\nget_referents() -- Return the list of objects that an object refers to.\nfreeze() -- Freeze all tracked objects and ignore them for future collections.\nunfreeze() -- Unfreeze all objects in the permanent generation.\nget_freeze_count() -- Return the number of objects in the permanent generation.\n"
)]
pub mod module {
    use super::*;

    #[pyattr(name = "DEBUG_STATS")]
    fn debug_stats(_vm: &Vm) -> i32 {
        1
    }

    #[pyattr(name = "DEBUG_COLLECTABLE")]
    fn debug_collectable(_vm: &Vm) -> i32 {
        2
    }

    #[pyattr(name = "DEBUG_UNCOLLECTABLE")]
    fn debug_uncollectable(_vm: &Vm) -> i32 {
        4
    }

    #[pyattr(name = "DEBUG_SAVEALL")]
    fn debug_saveall(_vm: &Vm) -> i32 {
        32
    }

    #[pyattr(name = "DEBUG_LEAK")]
    fn debug_leak(_vm: &Vm) -> i32 {
        38
    }

    #[pyattr]
    fn callbacks(vm: &Vm) -> PyResult {
        Ok(list(vm, |s| &s.callbacks)?.into_value())
    }

    #[pyattr]
    fn garbage(vm: &Vm) -> PyResult {
        Ok(list(vm, |s| &s.garbage)?.into_value())
    }

    /// Enable automatic garbage collection.
    #[pyfunction]
    fn enable(vm: &Vm) {
        vm.heap().gc().enabled.set(true)
    }

    /// Disable automatic garbage collection.
    #[pyfunction]
    fn disable(vm: &Vm) {
        vm.heap().gc().enabled.set(false)
    }

    /// Returns true if automatic garbage collection is enabled.
    #[pyfunction]
    fn isenabled(vm: &Vm) -> bool {
        vm.heap().gc().enabled.get()
    }

    /// Run the garbage collector.
    ///
    /// With no arguments, run a full collection.  The optional argument
    /// may be an integer specifying which generation to collect.  A ValueError
    /// is raised if the generation number is invalid.
    ///
    /// The number of unreachable objects is returned.
    #[pyfunction(sig = "(generation=2)")]
    fn collect(vm: &Vm, #[default(2)] generation: i32) -> PyResult<usize> {
        if !(0..=2).contains(&generation) {
            return Err(vm.value_error("invalid generation"));
        }
        let done = vm.heap().collect(generation as usize);
        Ok(done.map_or(0, |c| c.collected + c.uncollectable))
    }

    /// Set the garbage collection debugging flags.
    ///
    ///   flags
    ///     An integer that can have the following bits turned on:
    ///       DEBUG_STATS - Print statistics during collection.
    ///       DEBUG_COLLECTABLE - Print collectable objects found.
    ///       DEBUG_UNCOLLECTABLE - Print unreachable but uncollectable objects
    ///         found.
    ///       DEBUG_SAVEALL - Save objects to gc.garbage rather than freeing them.
    ///       DEBUG_LEAK - Debug leaking programs (everything but STATS).
    ///
    /// Debugging information is written to sys.stderr.
    #[pyfunction(sig = "(flags, /)")]
    fn set_debug(vm: &Vm, flags: i32) {
        vm.heap().gc().debug.set(flags as u32)
    }

    /// Get the garbage collection debugging flags.
    #[pyfunction]
    fn get_debug(vm: &Vm) -> i32 {
        vm.heap().gc().debug.get() as i32
    }

    /// set_threshold(threshold0, [threshold1, [threshold2]])
    /// Set the collection thresholds (the collection frequency).
    ///
    /// Setting 'threshold0' to zero disables collection.
    #[pyfunction(raw)]
    fn set_threshold(vm: &Vm, args: Args) -> PyResult<()> {
        let given = args.args.len();
        if args.keyword_count() > 0 {
            return Err(vm.type_error("gc.set_threshold() takes no keyword arguments"));
        }
        if !(1..=3).contains(&given) {
            return Err(vm.type_error("gc.set_threshold requires 1 to 3 arguments"));
        }
        let mut thresholds = Vec::new();
        for value in args.args {
            match number::index_i64(vm, value)?.and_then(|n| i32::try_from(n).ok()) {
                Some(n) => thresholds.push(n),
                None => return Err(vm.overflow_error("Python int too large to convert to C int")),
            }
        }
        let generations = &vm.heap().gc().generations;
        for (generation, threshold) in generations.iter().zip(thresholds) {
            generation.threshold.set(threshold as u32);
        }
        Ok(())
    }

    /// Return the current collection thresholds.
    #[pyfunction]
    fn get_threshold(vm: &Vm) -> PyResult {
        let all = vm.heap().gc().thresholds();
        let all = all.iter().map(|n| Value::small_int((*n as i32).into()));
        Ok(vm.new_tuple(all.collect())?.into_value())
    }

    /// Return a three-tuple of the current collection counts.
    #[pyfunction]
    fn get_count(vm: &Vm) -> PyResult {
        let all = vm.heap().gc().counts();
        let all = all.iter().map(|n| Value::small_int((*n).into()));
        Ok(vm.new_tuple(all.collect())?.into_value())
    }

    /// Return the list of objects that directly refer to any of 'objs'.
    #[pyfunction(raw, sig = "(*objs)")]
    fn get_referrers(vm: &Vm, args: Args) -> PyResult {
        let objects = vm.new_tuple(args.args.to_vec())?.into_value();
        vm.permit(Access::Event(
            "gc.get_referrers",
            std::slice::from_ref(&objects),
        ))?;
        let targets: Vec<&Header> = args.args.iter().filter_map(Value::header).collect();
        let mut found = vm.heap().gc().referrers(&targets);
        found.retain(|v| !v.is(&objects));
        found.extend(crate::objects::generator::running_holders(vm, &targets));
        Ok(vm.new_list(found)?.into_value())
    }

    /// Return the list of objects that are directly referred to by 'objs'.
    #[pyfunction(raw, sig = "(*objs)")]
    fn get_referents(vm: &Vm, args: Args) -> PyResult {
        let objects = vm.new_tuple(args.args.to_vec())?.into_value();
        vm.permit(Access::Event(
            "gc.get_referents",
            std::slice::from_ref(&objects),
        ))?;
        let mut found = Vec::new();
        for object in args.args {
            let Some(header) = object.header() else {
                continue;
            };
            // Small numbers are no objects of the heap: its traversal does not see them.
            if let Some(list) = object.downcast::<crate::objects::list::List>() {
                found.extend(list.to_vec());
            } else if let Some(tuple) = object.downcast::<crate::objects::tuple::Tuple>() {
                found.extend(tuple.items().iter().cloned());
            } else if let Some(dict) = object.downcast::<crate::objects::dict::Dict>() {
                for (key, value) in dict.items_vec() {
                    found.extend([key, value]);
                }
            } else {
                found.extend(vm.heap().referents(header));
            }
        }
        Ok(vm.new_list(found)?.into_value())
    }

    /// Return a list of objects tracked by the collector (excluding the list returned).
    ///
    ///   generation
    ///     Generation to extract the objects from.
    ///
    /// If generation is not None, return only the objects tracked by the
    /// collector that are in that generation.
    #[pyfunction(sig = "(generation=None)")]
    fn get_objects(vm: &Vm, generation: Option<&Value>) -> PyResult {
        let wanted = match generation.filter(|g| !g.is_none()) {
            None => None,
            Some(g) => Some(number::index_isize(vm, g)?),
        };
        let event = [vm.new_int(wanted.unwrap_or(-1) as i64)?];
        vm.permit(Access::Event("gc.get_objects", &event))?;
        let wanted = match wanted {
            None => None,
            Some(n) if n >= 3 => {
                return Err(vm.value_error(
                    "generation parameter must be less than the number of available generations (3)",
                ));
            }
            Some(n) => match usize::try_from(n) {
                Ok(n) => Some(n),
                Err(_) => {
                    return Err(vm.value_error("generation parameter cannot be negative"));
                }
            },
        };
        let found = vm.heap().gc().objects(wanted);
        Ok(vm.new_list(found)?.into_value())
    }

    /// Return a list of dictionaries containing per-generation statistics.
    #[pyfunction]
    fn get_stats(vm: &Vm) -> PyResult {
        let mut all = Vec::new();
        for generation in &vm.heap().gc().generations {
            let stats = vm.new_dict()?;
            let numbers = [
                ("collections", &generation.collections),
                ("collected", &generation.collected),
                ("uncollectable", &generation.uncollectable),
            ];
            for (name, n) in numbers {
                stats.set_str(vm, &vm.intern(name), vm.new_int(n.get() as i64)?)?;
            }
            all.push(stats.into_value());
        }
        Ok(vm.new_list(all)?.into_value())
    }

    /// Returns true if the object is tracked by the garbage collector.
    ///
    /// Simple atomic objects will return false.
    #[pyfunction(sig = "(obj, /)")]
    fn is_tracked(vm: &Vm, obj: &Value) -> bool {
        obj.header().is_some_and(|h| vm.heap().gc().is_tracked(h))
    }

    /// Returns true if the object has been already finalized by the GC.
    #[pyfunction(sig = "(obj, /)")]
    fn is_finalized(vm: &Vm, obj: &Value) -> bool {
        obj.header().is_some_and(|h| vm.heap().gc().is_finalized(h))
    }

    /// Freeze all current tracked objects and ignore them for future collections.
    ///
    /// This can be used before a POSIX fork() call to make the gc copy-on-write
    /// friendly.
    /// Note: collection before a POSIX fork() call may free pages for future
    /// allocation which can cause copy-on-write.
    #[pyfunction]
    fn freeze(vm: &Vm) {
        vm.heap().gc().freeze()
    }

    /// Unfreeze all objects in the permanent generation.
    ///
    /// Put all objects in the permanent generation back into oldest generation.
    #[pyfunction]
    fn unfreeze(vm: &Vm) {
        vm.heap().gc().unfreeze()
    }

    /// Return the number of objects in the permanent generation.
    #[pyfunction]
    fn get_freeze_count(vm: &Vm) -> usize {
        vm.heap().gc().freeze_count()
    }
}
