//! Instances of ordinary classes: what `object.__reduce_ex__` would give is written without making it.
//!
//! A class is ordinary if nothing that pickling asks for is its own: no `__reduce__`, `__getstate__`, `__getnewargs__`,
//! slots, native part, `__getattribute__`. Then the pickle is the class, NEWOBJ, and the attributes as a dict, which
//! are taken from where they lie in the instance. The dict that other ways would make gets a number in the memo as there,
//! but nothing can refer to it; so this is done only where no Python code sees the memo (`dumps`, `dump`).

use super::globals::*;
use super::opcodes::*;
use super::save::{Save, noting};
use naja_heap::{Ref, TypeLayout, Value};
use naja_vm::list::List;
use naja_vm::str_::Str;
use naja_vm::type_::{Type, TypeFlags};
use naja_vm::{PyResult, Vm, exception, instance};

/// The class and the shape seen last.
#[derive(Default)]
pub struct PlainClasses {
    class: (u32, bool),
    shape: u32,
    names: Vec<Ref<Str>>,
    names_fine: bool,
}

/// Whether a class, of this version, is ordinary.
fn is_plain(vm: &Vm, ty: &Type, names: &Names) -> PyResult<bool> {
    let object = &vm.types.object;
    let same = |name: &Ref<Str>| match (ty.lookup(vm, name), object.lookup(vm, name)) {
        (Some(own), Some(plain)) => own.is(&plain),
        (own, plain) => own.is_none() && plain.is_none(),
    };
    let plain = ty.flag(TypeFlags::HEAPTYPE)
        && !ty.flag(TypeFlags::LIST_SUBCLASS)
        && !ty.flag(TypeFlags::DICT_SUBCLASS)
        && ty.layout.payload.size == 0
        && ty.layout.pre.get() & TypeLayout::PRE_ATTRS != 0
        && ty.slots.new.get().is_some()
        && ty.slots.getattro.get() == object.slots.getattro.get()
        && same(&names.__reduce_ex__)
        && same(&names.__reduce__)
        && same(&names.__getstate__)
        && same(&names.__getnewargs__)
        && same(&names.__getnewargs_ex__)
        && same(&names.__class__);
    if !plain {
        return Ok(false);
    }
    // Whether there are slots is known once copyreg was asked, which is left to the other way.
    let known = ty.dict(vm)?.get_str(vm, &names.__slotnames__)?;
    Ok(known.is_some_and(|slots| {
        slots.is_none() || slots.downcast::<List>().is_some_and(|list| list.is_empty())
    }))
}

impl PlainClasses {
    /// Whether the class, and the names of the attributes, are ordinary.
    fn fit(&mut self, vm: &Vm, ty: &Type, shape: u32, names: &Names) -> PyResult<bool> {
        let version = ty.version_tag(vm);
        if version == 0 || self.class.0 != version {
            self.class = (version, is_plain(vm, ty, names)?);
        }
        if !self.class.1 {
            return Ok(false);
        }
        if self.shape != shape || self.names.is_empty() {
            self.shape = shape;
            self.names = vm.interp.shapes.names(shape);
            self.names_fine = !self.names.iter().any(|name| {
                name.as_bytes().starts_with(b"__reduce")
                    || name.as_bytes().starts_with(b"__getstate__")
            });
        }
        Ok(self.names_fine)
    }
}

impl Save<'_> {
    /// Writes an instance of an ordinary class; says whether it is one.
    pub fn save_plain(&mut self, object: &Value) -> PyResult<bool> {
        if self.proto < 2 || self.pickler.fast.get() != 0 {
            return Ok(false);
        }
        let vm = self.vm;
        let Some(shape) = instance::shape_of(object) else {
            return Ok(false);
        };
        let Some(mut plain) = self.plain.take() else {
            return Ok(false);
        };
        let ty = vm.type_of(object);
        let fits = plain.fit(vm, ty, shape, &self.globals.names);
        let attributes: Vec<(Ref<Str>, Value)> = match fits {
            Ok(true) => (0..)
                .zip(&plain.names)
                .filter_map(|(i, name)| {
                    Some((name.clone(), instance::value_at(vm, object, shape, i)?))
                })
                .collect(),
            _ => Vec::new(),
        };
        self.plain = Some(plain);
        if !fits? {
            return Ok(false);
        }
        let done = self.save_instance(object, ty, &attributes);
        noting!(
            self,
            done,
            "when serializing {} object",
            class_text(vm, object)
        )?;
        Ok(true)
    }

    fn save_instance(
        &mut self,
        object: &Value,
        ty: &Type,
        attributes: &[(Ref<Str>, Value)],
    ) -> PyResult<()> {
        let class = ty.to_ref().into_value();
        self.save_class_of(&class, Some(object))?;
        self.out.boundary(self.vm)?;
        self.out.put(&[EMPTY_TUPLE, NEWOBJ]);
        if let Some(number) = self.seen(object) {
            self.out.op(POP);
            self.memo_get(number)?;
        } else {
            self.memo_put(object)?;
        }
        if attributes.is_empty() {
            return Ok(());
        }
        let done = self.save_attributes(object, attributes);
        noting!(
            self,
            done,
            "when serializing {} state",
            class_text(self.vm, object)
        )?;
        self.out.op(BUILD);
        Ok(())
    }

    /// The attributes as a dict of their own.
    fn save_attributes(
        &mut self,
        object: &Value,
        attributes: &[(Ref<Str>, Value)],
    ) -> PyResult<()> {
        self.vm.check_stack()?;
        self.out.boundary(self.vm)?;
        self.out.op(EMPTY_DICT);
        let number = self.pickler.memo.with_mut(|memo| {
            let number = memo.len();
            memo.skip();
            number
        });
        self.put_number(number)?;
        let single = attributes.len() == 1;
        for batch in attributes.chunks(BATCH_SIZE) {
            if !single {
                self.out.op(MARK)
            }
            for (name, value) in batch {
                self.save(name.as_value())?;
                let done = self.save(value);
                noting!(
                    self,
                    done,
                    "when serializing dict item {}",
                    shown(self.vm, name.as_value()).unwrap_or_default()
                )?
            }
            self.out.op(if single { SETITEM } else { SETITEMS });
            if instance::attribute_count(self.vm, object) != attributes.len() {
                let message = "dictionary changed size during iteration";
                return Err(self.vm.runtime_error(message));
            }
        }
        if attributes.len().is_multiple_of(BATCH_SIZE) {
            self.out.put(&[MARK, SETITEMS])
        }
        Ok(())
    }
}
