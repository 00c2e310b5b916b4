//! `traceback` objects. CPython: Python/traceback.c.

use crate::function::Args;
use crate::interpreter::frame::Frame;
use crate::objects::frame::{FrameObject, frame_object};
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Create a new traceback object.
#[pyclass(name = "traceback", module = "builtins", gc)]
#[repr(C)]
pub struct Traceback {
    next: MutCell<Option<Ref<Traceback>>>,
    frame: Ref<FrameObject>,
    lasti: i32,
    /// The line, -1: to be found from `lasti`.
    lineno: Cell<i32>,
}

impl Traverse for Traceback {
    fn traverse(&self, v: &mut Visitor) {
        self.next.with(|x| x.iter().for_each(|x| v.reference(x)));
        v.reference(&self.frame);
    }
    fn clear(&self) {
        drop(self.next.take())
    }
}

impl Traceback {
    /// An entry for `frame` before `next`. Raises MemoryError.
    pub fn make(
        vm: &Vm,
        next: Option<Ref<Traceback>>,
        frame: Ref<FrameObject>,
        lasti: i32,
        line: Option<i32>,
    ) -> PyResult<Ref<Traceback>> {
        vm.new_object(Traceback {
            next: MutCell::new(next),
            frame,
            lasti,
            lineno: Cell::new(line.unwrap_or(-1)),
        })
    }

    /// An entry for a live frame at its current instruction. Raises MemoryError.
    pub fn of_frame(vm: &Vm, frame: &Frame) -> PyResult<Ref<Traceback>> {
        let object = frame_object(vm, std::ptr::from_ref(frame).cast_mut())?;
        Traceback::make(vm, None, object, frame.instruction() as i32 * 2, None)
    }

    pub fn next(&self) -> Option<Ref<Traceback>> {
        self.next.get()
    }

    /// Makes another entry (or none) follow this one.
    pub fn set_next(&self, next: Option<Ref<Traceback>>) {
        self.next.set(next)
    }

    pub fn frame(&self) -> &Ref<FrameObject> {
        &self.frame
    }

    pub fn line(&self) -> Option<i32> {
        match self.lineno.get() {
            -1 => self.frame.code().line_at(self.lasti as usize / 2),
            line => Some(line),
        }
    }
}

#[pymethods]
impl Traceback {
    #[pyslot(sig = "(tb_next, tb_frame, tb_lasti, tb_lineno)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [next, frame, lasti, lineno] = args.args else {
            return Err(vm.type_error(format!(
                "traceback() takes exactly 4 arguments ({} given)",
                args.args.len()
            )));
        };
        let next = if next.is_none() {
            None
        } else {
            match next.downcast::<Traceback>() {
                Some(next) => Some(next.clone()),
                None => {
                    return Err(vm.type_error(format!(
                        "expected traceback object or None, got '{}'",
                        vm.type_of(next).full_name()
                    )));
                }
            }
        };
        let Some(frame) = frame.downcast::<FrameObject>() else {
            return Err(vm.type_error(format!(
                "traceback() argument 'tb_frame' must be frame, not {}",
                vm.type_of(frame).full_name()
            )));
        };
        let number = |v: &Value| crate::protocols::number::index_isize(vm, v).map(|n| n as i32);
        let (lasti, lineno) = (number(lasti)?, number(lineno)?);
        Ok(Traceback::make(vm, next, frame.clone(), lasti, Some(lineno))?.into_value())
    }

    #[pygetter]
    fn tb_next(&self) -> Option<Value> {
        self.next.get().map(Ref::into_value)
    }

    #[pysetter]
    fn set_tb_next(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.type_error("can't delete tb_next attribute"));
        };
        if value.is_none() {
            drop(zelf.next.take());
            return Ok(());
        }
        let kind = vm.type_of(&value).full_name();
        let Ok(new) = value.downcast_into::<Traceback>() else {
            return Err(vm.type_error(format!("expected traceback object, got '{kind}'")));
        };
        let mut at = Some(new.clone());
        while let Some(traceback) = at {
            if traceback.is(zelf) {
                return Err(vm.value_error("traceback loop detected"));
            }
            at = traceback.next();
        }
        zelf.next.set(Some(new));
        Ok(())
    }

    #[pygetter]
    fn tb_frame(&self) -> Value {
        self.frame.to_value()
    }

    #[pygetter]
    fn tb_lasti(&self) -> i32 {
        self.lasti
    }

    #[pygetter]
    fn tb_lineno(&self) -> Option<i32> {
        self.line()
    }

    #[pymethod]
    fn __dir__(&self, vm: &Vm) -> PyResult {
        let names = ["tb_frame", "tb_next", "tb_lasti", "tb_lineno"];
        Ok(vm
            .new_list(names.iter().map(|n| vm.intern(n).into_value()).collect())?
            .into_value())
    }
}
