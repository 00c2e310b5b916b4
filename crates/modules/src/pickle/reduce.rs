//! Writing what is no built-in container: classes and functions by name, all other objects by their `__reduce_ex__`.
//!
//! CPython: `save_global`, `save_reduce`, `whichmodule` in Modules/_pickle.c.

use super::globals::*;
use super::opcodes::*;
use super::save::{Save, noting};
use naja_heap::{Ref, Value};
use naja_vm::dict::Dict;
use naja_vm::protocols::{attributes, object};
use naja_vm::str_::codecs::registry::is_callable;
use naja_vm::str_::codecs::{self, Errors};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::type_::{Type, is_subtype};
use naja_vm::{PyResult, Raised, Vm, exception, import, int};

/// `a.b.c` as names.
pub fn dotted(vm: &Vm, name: &Ref<Str>) -> PyResult<Vec<Ref<Str>>> {
    name.as_bytes()
        .split(|&b| b == b'.')
        .map(|part| {
            vm.new_str_wtf8(part)
                .map(|part| vm.interp.interned_name(&part))
        })
        .collect()
}

/// `root.a.b.c`. Raises AttributeError.
pub fn follow(vm: &Vm, root: &Value, path: &[Ref<Str>]) -> PyResult {
    let mut value = root.clone();
    for name in path {
        value = attributes::get(vm, &value, name)?
    }
    Ok(value)
}

/// Imports a module by its full name.
pub fn import_by_name(vm: &Vm, name: &Value) -> PyResult {
    match str_::of(name) {
        Some(text) if text.byte_len() == 0 => Err(vm.value_error("Empty module name")),
        Some(text) => import::import_absolute(vm, &vm.interp.interned_name(text)),
        None => Err(vm.type_error("module name must be a string")),
    }
}

impl Save<'_> {
    /// An object of no built-in type: `reducer_override`, classes and functions, dispatch tables, `__reduce_ex__`.
    pub fn save_by_reduction(&mut self, object: &Value) -> PyResult<()> {
        let vm = self.vm;
        let ty = vm.type_of(object);
        if let Some(reducer) = self.reducer_override.clone() {
            let value = vm.call(&reducer, std::slice::from_ref(object))?;
            if !value.is_not_implemented() {
                return self.save_reduction(&value, object);
            }
        }
        if ty.is(&vm.types.type_) {
            return self.save_type(object);
        }
        if ty.is(&vm.types.function) {
            return self.save_global(object, None);
        }
        let reducer = match self.pickler.dispatch_table.get() {
            Some(table) => object::get_item_opt(vm, &table, ty.to_ref().as_value())?,
            None => self
                .globals
                .dispatch_table
                .get(vm, ty.to_ref().as_value())?,
        };
        let value = match reducer {
            Some(reducer) => vm.call(&reducer, std::slice::from_ref(object))?,
            None if is_subtype(ty, &vm.types.type_) => return self.save_global(object, None),
            None if self.save_plain(object)? => return Ok(()),
            None => self.reduction_of(object)?,
        };
        self.save_reduction(&value, object)
    }

    /// What the object's own `__reduce_ex__` or `__reduce__` gives.
    fn reduction_of(&self, object: &Value) -> PyResult {
        let (vm, names) = (self.vm, &self.globals.names);
        if let Some(reduce) = self.optional(object, &names.__reduce_ex__)? {
            return vm.call(&reduce, &[Value::small_int(self.proto.into())]);
        }
        if let Some(reduce) = self.optional(object, &names.__reduce__)? {
            return vm.call(&reduce, &[]);
        }
        let class = class_text(vm, object);
        Err(pickling_error(vm, format!("Can't pickle {class} object")))
    }

    /// A string is the name of a global; a tuple says how to make the object again.
    fn save_reduction(&mut self, value: &Value, object: &Value) -> PyResult<()> {
        let vm = self.vm;
        if let Some(name) = str_::of(value) {
            return self.save_global(object, Some(name));
        }
        let done = match value.downcast::<Tuple>() {
            Some(parts) => self.save_reduce(parts.items(), Some(object)),
            None => Err(pickling_error(
                vm,
                format!(
                    "__reduce__ must return a string or tuple, not {}",
                    class_text(vm, value)
                ),
            )),
        };
        noting!(
            self,
            done,
            "when serializing {} object",
            class_text(vm, object)
        )
    }

    // ---- classes, functions ----

    fn save_type(&mut self, object: &Value) -> PyResult<()> {
        let types = &self.vm.types;
        let single = if object.is(types.none_type.as_value()) {
            Value::NONE
        } else if object.is(types.ellipsis.as_value()) {
            Value::ELLIPSIS
        } else if object.is(types.not_implemented_type.as_value()) {
            Value::NOT_IMPLEMENTED
        } else {
            return self.save_global(object, None);
        };
        let args = self.vm.new_tuple(vec![single])?.into_value();
        self.save_reduce(&[types.type_.to_value(), args], Some(object))
    }

    fn not_found(
        &self,
        object: &Value,
        module: &Value,
        name: &Value,
        how: &str,
    ) -> PyResult<String> {
        let vm = self.vm;
        let object = shown(vm, object)?;
        let module = object::str(vm, module)?;
        let name = object::str(vm, name)?;
        Ok(format!(
            "Can't pickle {object}: it's not {how} {}.{}",
            module.to_string_lossy(),
            name.to_string_lossy()
        ))
    }

    /// The module that the object is found in, by `__module__` or by looking through them all; it must be there.
    fn which_module(&self, object: &Value, name: &Value, path: &[Ref<Str>]) -> PyResult {
        let (vm, names) = (self.vm, &self.globals.names);
        let own = self.optional(object, &names.__module__)?;
        if path.iter().any(|part| part.as_bytes() == b"<locals>") {
            let shown = shown(vm, object)?;
            return Err(pickling_error(
                vm,
                format!("Can't pickle local object {shown}"),
            ));
        }
        let module_name = match own {
            Some(own) if !own.is_none() => own,
            _ => match self.search_modules(object, path)? {
                Some(found) => return Ok(found),
                None => names.__main__.to_value(),
            },
        };
        let module = match import_by_name(vm, &module_name) {
            Ok(module) => module,
            Err(raised) => {
                let types = &vm.types;
                if !raised_one_of(
                    vm,
                    &[&types.import_error, &types.value_error, &types.key_error],
                ) {
                    return Err(raised);
                }
                let error = vm.take_exception();
                let reason = object::str(vm, error.as_value())?;
                let shown = shown(vm, object)?;
                vm.raise_value(error);
                let reason = reason.to_string_lossy();
                return Err(pickling_error_from(
                    vm,
                    format!("Can't pickle {shown}: {reason}"),
                ));
            }
        };
        match follow(vm, &module, path) {
            Ok(found) if found.is(object) => Ok(module_name),
            Ok(_) => {
                let message = self.not_found(object, &module_name, name, "the same object as")?;
                Err(pickling_error(vm, message))
            }
            Err(raised) if !vm.exception_matches(&vm.types.attribute_error) => Err(raised),
            Err(_) => {
                let error = vm.take_exception();
                let message = self.not_found(object, &module_name, name, "found as")?;
                vm.raise_value(error);
                Err(pickling_error_from(vm, message))
            }
        }
    }

    /// Looks for the object in all modules.
    fn search_modules(&self, object: &Value, path: &[Ref<Str>]) -> PyResult<Option<Value>> {
        let (vm, names) = (self.vm, &self.globals.names);
        for (name, module) in import::modules(vm)?.items_vec() {
            let skipped = str_::of(&name).is_some_and(|n| {
                let n = n.as_bytes();
                n == names.__main__.as_bytes() || n == names.__mp_main__.as_bytes()
            });
            if skipped || module.is_none() {
                continue;
            }
            let mut value = Some(module);
            for part in path {
                value = match value {
                    Some(value) => self.optional(&value, part)?,
                    None => None,
                }
            }
            if value.is_some_and(|value| value.is(object)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Writes a class or function as the name under which it is found.
    pub fn save_global(&mut self, object: &Value, name: Option<&Ref<Str>>) -> PyResult<()> {
        let (vm, names) = (self.vm, &self.globals.names);
        let name = match name {
            Some(name) => name.to_value(),
            None => match self.optional(object, &names.__qualname__)? {
                Some(name) => name,
                None => attributes::get(vm, object, &names.__name__)?,
            },
        };
        let Some(text) = str_::of(&name) else {
            return Err(vm.type_error(format!(
                "descriptor 'split' for 'str' objects doesn't apply to a '{}' object",
                vm.type_of(&name).full_name()
            )));
        };
        let path = dotted(vm, text)?;
        let module = self.which_module(object, &name, &path)?;
        if self.proto >= 2 && self.save_extension(&module, &name)? {
            return Ok(());
        }
        if self.proto >= 4 {
            self.save(&module)?;
            self.save(&name)?;
            self.out.op(STACK_GLOBAL);
            return self.memo_put(object);
        }
        // Older protocols know no dotted names: getattr(getattr(top, a), b).
        let Some((top, attrs)) = path.split_first() else {
            return Err(vm.system_error("a name without parts"));
        };
        let getattr = self.globals.getattr.clone();
        for _ in attrs {
            self.save(&getattr)?;
            if self.proto < 2 {
                self.out.op(MARK)
            }
        }
        self.save_top_level(&module, top.as_value())?;
        for attr in attrs {
            self.save(attr.as_value())?;
            self.out.op(if self.proto < 2 { TUPLE } else { TUPLE2 });
            self.out.op(REDUCE);
        }
        self.memo_put(object)
    }

    /// Writes the number under which `copyreg.add_extension` knows a global.
    fn save_extension(&mut self, module: &Value, name: &Value) -> PyResult<bool> {
        let vm = self.vm;
        if self.globals.extensions.is_empty() {
            return Ok(false);
        }
        let key = Tuple::pair(vm, module.clone(), name.clone())?;
        let Some(code) = self.globals.extensions.get(vm, &key)? else {
            return Ok(false);
        };
        let Some(n) = int::as_i64(&code).filter(|n| (1..=0x7fff_ffff).contains(n)) else {
            let shown = shown(vm, &code)?;
            let message = format!("extension code {shown} is out of range");
            return Err(vm.runtime_error(message));
        };
        let [a, b, c, d, ..] = n.to_le_bytes();
        match n {
            ..0x100 => self.out.put(&[EXT1, a]),
            0x100..0x1_0000 => self.out.put(&[EXT2, a, b]),
            _ => self.out.put(&[EXT4, a, b, c, d]),
        }
        Ok(true)
    }

    /// GLOBAL with the names of a module and of what is in it, which Python 2 may call otherwise.
    fn save_top_level(&mut self, module: &Value, name: &Value) -> PyResult<()> {
        let vm = self.vm;
        let (mut module, mut name) = (module.clone(), name.clone());
        if self.proto < 3 && self.pickler.fix_imports.get() {
            (module, name) = self.old_name(module, name)?
        }
        for (part, what) in [(&module, "module"), (&name, "global")] {
            let text = attributes::name_of(vm, part)?;
            let strict = Errors::new(None);
            let encoded = match self.proto {
                3 => codecs::simple::encode_utf8(vm, text, &strict),
                _ => codecs::simple::encode_ascii(vm, text, &strict),
            };
            let encoded = match encoded {
                Ok(encoded) => encoded,
                Err(raised) if !vm.exception_matches(&vm.types.unicode_encode_error) => {
                    return Err(raised);
                }
                Err(_) => {
                    let error = vm.take_exception();
                    let shown = shown(vm, part)?;
                    vm.raise_value(error);
                    let message = format!(
                        "can't pickle {what} identifier {shown} using pickle protocol {}",
                        self.proto
                    );
                    return Err(pickling_error_from(vm, message));
                }
            };
            if what == "module" {
                self.out.op(GLOBAL)
            }
            self.out.put(&encoded);
            self.out.op(b'\n');
        }
        Ok(())
    }

    /// What Python 2 calls a global.
    fn old_name(&self, module: Value, name: Value) -> PyResult<(Value, Value)> {
        let (vm, globals) = (self.vm, self.globals);
        let class = |value: &Value| vm.type_of(value).full_name();
        let key = Tuple::pair(vm, module.clone(), name.clone())?;
        if let Some(item) = globals.names_3to2.get(vm, &key)? {
            let pair = item.downcast::<Tuple>().map(|t| t.items());
            let Some([new_module, new_name]) = pair else {
                return Err(vm.runtime_error(format!(
                    "_compat_pickle.REVERSE_NAME_MAPPING values should be 2-tuples, not {}",
                    class(&item)
                )));
            };
            if str_::of(new_module).is_none() || str_::of(new_name).is_none() {
                return Err(vm.runtime_error(format!(
                    "_compat_pickle.REVERSE_NAME_MAPPING values should be pairs of str, not ({}, {})",
                    class(new_module),
                    class(new_name)
                )));
            }
            return Ok((new_module.clone(), new_name.clone()));
        }
        match globals.imports_3to2.get(vm, &module)? {
            Some(new) if str_::of(&new).is_none() => Err(vm.runtime_error(format!(
                "_compat_pickle.REVERSE_IMPORT_MAPPING values should be strings, not {}",
                class(&new)
            ))),
            Some(new) => Ok((new, name)),
            None => Ok((module, name)),
        }
    }

    // ---- reductions ----

    #[cold]
    fn wrong(&self, message: &str, value: &Value) -> Raised {
        let class = class_text(self.vm, value);
        pickling_error(self.vm, format!("{message}, not {class}"))
    }

    /// Writes the tuple that a `__reduce__` gave: `(callable, args, state, list items, dict items, state setter)`, the last
    /// four of which can be missing or None. Without an object nothing is put into the memo.
    pub fn save_reduce(&mut self, parts: &[Value], object: Option<&Value>) -> PyResult<()> {
        let vm = self.vm;
        if !(2..=6).contains(&parts.len()) {
            let message = "tuple returned by __reduce__ must contain 2 through 6 elements";
            return Err(pickling_error(vm, message));
        }
        let part = |i: usize| parts.get(i).filter(|part| !part.is_none());
        let (callable, args) = (&parts[0], &parts[1]);
        if !is_callable(vm, callable) {
            let message = "first item of the tuple returned by __reduce__ must be callable";
            return Err(self.wrong(message, callable));
        }
        let Some(args) = args.downcast::<Tuple>() else {
            let message = "second item of the tuple returned by __reduce__ must be a tuple";
            return Err(self.wrong(message, args));
        };
        for (i, which) in [(3, "fourth"), (4, "fifth")] {
            if let Some(items) = part(i)
                && vm.type_of(items).slots.iternext.get().is_none()
            {
                let message =
                    format!("{which} item of the tuple returned by __reduce__ must be an iterator");
                return Err(self.wrong(&message, items));
            }
        }
        if let Some(setter) = part(5)
            && !is_callable(vm, setter)
        {
            let message = "sixth item of the tuple returned by __reduce__ must be callable";
            return Err(self.wrong(message, setter));
        }
        self.save_construction(callable, args, object)?;
        if let Some(object) = object {
            // Making the object has written the object: use that one.
            if let Some(number) = self.seen(object) {
                self.out.op(POP);
                return self.memo_get(number);
            }
            self.memo_put(object)?;
        }
        let none = Value::NONE;
        let owner = object.unwrap_or(&none);
        if let Some(items) = part(3) {
            self.appends(items, owner)?
        }
        if let Some(items) = part(4) {
            self.set_items(items, owner)?
        }
        match part(2) {
            Some(state) => self.save_state(state, part(5), owner),
            None => Ok(()),
        }
    }

    fn save_state(&mut self, state: &Value, setter: Option<&Value>, owner: &Value) -> PyResult<()> {
        let class = |save: &Self| class_text(save.vm, owner);
        let Some(setter) = setter else {
            let done = self.save(state);
            noting!(self, done, "when serializing {} state", class(self))?;
            self.out.op(BUILD);
            return Ok(());
        };
        // setter(object, state), whose result is thrown away.
        let done = self.save(setter);
        noting!(self, done, "when serializing {} state setter", class(self))?;
        self.save(owner)?;
        let done = self.save(state);
        noting!(self, done, "when serializing {} state", class(self))?;
        self.out.put(&[TUPLE2, REDUCE, POP]);
        Ok(())
    }

    /// Writes what makes the bare object.
    fn save_construction(
        &mut self,
        callable: &Value,
        args: &Ref<Tuple>,
        object: Option<&Value>,
    ) -> PyResult<()> {
        if self.proto >= 2
            && let Some(name) = self.optional(callable, &self.globals.names.__name__)?
            && let Some(name) = str_::of(&name)
        {
            match name.as_bytes() {
                b"__newobj__" => return self.save_newobj(args, object),
                b"__newobj_ex__" => return self.save_newobj_ex(args, object),
                _ => {}
            }
        }
        let none = Value::NONE;
        let owner = object.unwrap_or(&none);
        let class = |save: &Self| class_text(save.vm, owner);
        let done = self.save(callable);
        noting!(self, done, "when serializing {} reconstructor", class(self))?;
        let done = self.save(args.as_value());
        noting!(
            self,
            done,
            "when serializing {} reconstructor arguments",
            class(self)
        )?;
        self.out.op(REDUCE);
        Ok(())
    }

    /// The class to be made must be the object's own.
    fn check_class(&self, class: &Value, object: Option<&Value>, function: &str) -> PyResult<()> {
        let vm = self.vm;
        let Some(object) = object else {
            return Ok(());
        };
        let own = match self.optional(object, &self.globals.names.__class__)? {
            Some(own) => own,
            None => vm.type_of(object).to_ref().into_value(),
        };
        if own.is(class) {
            return Ok(());
        }
        let (own, class) = (shown(vm, &own)?, shown(vm, class)?);
        Err(pickling_error(
            vm,
            format!("first argument to {function}() must be {own}, not {class}"),
        ))
    }

    pub fn save_class_of(&mut self, class: &Value, object: Option<&Value>) -> PyResult<()> {
        let none = Value::NONE;
        let owner = object.unwrap_or(&none);
        let done = self.save(class);
        noting!(
            self,
            done,
            "when serializing {} class",
            class_text(self.vm, owner)
        )
    }

    fn save_new_args(&mut self, args: &[&Value], object: Option<&Value>) -> PyResult<()> {
        let none = Value::NONE;
        let owner = object.unwrap_or(&none);
        for value in args {
            let done = self.save(value);
            noting!(
                self,
                done,
                "when serializing {} __new__ arguments",
                class_text(self.vm, owner)
            )?
        }
        Ok(())
    }

    fn save_newobj(&mut self, args: &Ref<Tuple>, object: Option<&Value>) -> PyResult<()> {
        let vm = self.vm;
        let Some((class, rest)) = args.items().split_first() else {
            let message = "__newobj__ expected at least 1 argument, got 0";
            return Err(pickling_error(vm, message));
        };
        if class.downcast::<Type>().is_none() {
            let message = "first argument to __newobj__() must be a class";
            return Err(self.wrong(message, class));
        }
        self.check_class(class, object, "__newobj__")?;
        self.save_class_of(class, object)?;
        let rest = Tuple::from_slice(vm, rest)?.into_value();
        self.save_new_args(&[&rest], object)?;
        self.out.op(NEWOBJ);
        Ok(())
    }

    fn save_newobj_ex(&mut self, args: &Ref<Tuple>, object: Option<&Value>) -> PyResult<()> {
        let vm = self.vm;
        let [class, new_args, kwargs] = args.items() else {
            let n = args.len();
            let message = format!("__newobj_ex__ expected 3 arguments, got {n}");
            return Err(pickling_error(vm, message));
        };
        if class.downcast::<Type>().is_none() {
            let message = "first argument to __newobj_ex__() must be a class";
            return Err(self.wrong(message, class));
        }
        self.check_class(class, object, "__newobj_ex__")?;
        let Some(new_tuple) = new_args.downcast::<Tuple>() else {
            let message = "second argument to __newobj_ex__() must be a tuple";
            return Err(self.wrong(message, new_args));
        };
        let Some(new_kwargs) = kwargs.downcast::<Dict>() else {
            let message = "third argument to __newobj_ex__() must be a dict";
            return Err(self.wrong(message, kwargs));
        };
        if self.proto >= 4 {
            self.save_class_of(class, object)?;
            self.save_new_args(&[new_args, kwargs], object)?;
            self.out.op(NEWOBJ_EX);
            return Ok(());
        }
        // partial(cls.__new__, cls, *args, **kwargs)()
        let mut all = vec![
            attributes::get(vm, class, &self.globals.names.__new__)?,
            class.clone(),
        ];
        all.extend_from_slice(new_tuple.items());
        let partial = vm.call_with(&self.globals.partial, &all, Some(new_kwargs))?;
        let none = Value::NONE;
        let owner = object.unwrap_or(&none);
        let done = self.save(&partial);
        noting!(
            self,
            done,
            "when serializing {} reconstructor",
            class_text(vm, owner)
        )?;
        self.out.put(&[EMPTY_TUPLE, REDUCE]);
        Ok(())
    }
}
