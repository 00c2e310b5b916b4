//! Struct sequences: tuples whose items also have names (`sys.version_info`, `os.stat_result`, ...).
//!
//! [`struct_sequence!`] makes the static definition of one: a native subclass of tuple with a getter per field. The
//! getter of field N is one function per N, so that definitions need no code of their own. The first items are the
//! tuple's own; fields behind them, which only have names, stand in the payload. Invariant: tuple and hidden items
//! together are as many as the definition has fields. CPython: Objects/structseq.c.

use crate::function::{Args, TypeDef};
use crate::objects::dict::Dict;
use crate::objects::tuple::Tuple;
use crate::objects::type_::class_new::make_native;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::{object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::pyclass;

/// A tuple with further items that only have names.
#[pyclass(name = "structseq", module = "builtins", extends = "Tuple", gc)]
#[repr(C)]
pub struct StructSeq {
    tuple: Tuple,
    hidden: Vec<Value>,
}

impl Traverse for StructSeq {
    fn traverse(&self, v: &mut Visitor) {
        self.tuple.traverse(v);
        self.hidden.iter().for_each(|x| v.value(x))
    }
    fn clear(&self) {}
}

/// What a definition says of its fields.
pub struct Fields {
    /// Name and place of the fields that have names, in order.
    pub names: &'static [(usize, &'static str)],
    /// Items that the tuple has.
    pub visible: usize,
    /// Items of the tuple without a name.
    pub unnamed: usize,
}

impl Fields {
    pub const fn count(&self) -> usize {
        self.names.len() + self.unnamed
    }
}

/// Item `index`, hidden ones included.
fn item(value: &Value, index: usize) -> Option<Value> {
    let all = value.downcast::<StructSeq>()?;
    match all.tuple.get(index) {
        Some(item) => Some(item.clone()),
        None => all.hidden.get(index - all.tuple.len()).cloned(),
    }
}

/// Reads item `N`.
pub fn get<const N: usize>(vm: &Vm, value: &Value) -> PyResult {
    item(value, N).ok_or_else(|| vm.type_error("not a struct sequence"))
}

/// `repr()`: the tuple's items, by name.
pub fn repr(vm: &Vm, value: &Value, fields: &Fields) -> PyResult {
    let ty = vm.type_of(value);
    let Some(tuple) = value.downcast::<Tuple>() else {
        return Err(vm.type_error("not a struct sequence"));
    };
    vm.check_stack()?;
    let mut text = Vec::from(format!("{}(", ty.full_name()));
    for (i, ((_, name), item)) in fields.names.iter().zip(tuple.items()).enumerate() {
        if i > 0 {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(object::repr(vm, item)?.as_bytes());
    }
    text.push(b')');
    Ok(vm.new_str_wtf8(&text)?.into_value())
}

/// `cls(sequence, dict={})`.
pub fn new(vm: &Vm, cls: &Ref<Type>, args: Args, fields: &Fields) -> PyResult {
    let name = cls.full_name();
    if matches!(&*name, "sys.flags" | "sys.version_info") {
        return Err(vm.type_error(format!("cannot create '{name}' instances")));
    }
    let mut given = [None, None];
    let positional = args.positional();
    if positional.len() > 2 {
        return Err(vm.type_error(format!(
            "{}() takes at most 2 arguments ({} given)",
            cls.name(),
            positional.len()
        )));
    }
    for (place, value) in given.iter_mut().zip(positional) {
        *place = Some(value.clone());
    }
    for (name, value) in args.keywords() {
        let place = match name.as_bytes() {
            b"sequence" => 0,
            b"dict" => 1,
            _ => {
                return Err(vm.type_error(format!(
                    "{}() got an unexpected keyword argument '{}'",
                    cls.name(),
                    name.to_string_lossy()
                )));
            }
        };
        given[place] = Some(value.clone());
    }
    let [Some(items), dict] = given else {
        return Err(vm.type_error(format!(
            "{}() missing required argument 'sequence' (pos 1)",
            cls.name()
        )));
    };
    let mut items = sequence::collect_or(vm, &items, "constructor requires a sequence")?;
    let dict = match &dict {
        None => None,
        Some(d) => Some(d.downcast::<Dict>().cloned().ok_or_else(|| {
            vm.type_error(format!("{name}() takes a dict as second arg, if any"))
        })?),
    };
    let (len, min, max) = (items.len(), fields.visible, fields.count());
    let wrong = if min == max && len != min {
        Some(format!("a {min}"))
    } else if len < min {
        Some(format!("an at least {min}"))
    } else if len > max {
        Some(format!("an at most {max}"))
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Err(vm.type_error(format!(
            "{name}() takes {wrong}-sequence ({len}-sequence given)"
        )));
    }
    let mut found = 0;
    for i in len..max {
        let name = fields.names.iter().find(|(at, _)| *at == i);
        let value = match (&dict, name) {
            (Some(dict), Some((_, name))) => dict.get_str(vm, &vm.intern(name))?,
            _ => None,
        };
        found += value.is_some() as usize;
        items.push(value.unwrap_or(Value::NONE));
    }
    if dict.is_some_and(|d| d.len() > found) {
        return Err(vm.type_error(format!(
            "{name}() got duplicate or unexpected field name(s)"
        )));
    }
    build(vm, cls, items, fields.visible)
}

/// `__reduce__`: the class, the tuple's items, and a dictionary of the hidden ones.
pub fn reduce(vm: &Vm, args: Args, fields: &Fields) -> PyResult {
    let Some(zelf) = args.args.first() else {
        return Err(vm.type_error("__reduce__() needs an argument"));
    };
    let mut visible = Vec::new();
    let dict = vm.new_dict()?;
    for i in 0..fields.count() {
        let value = item(zelf, i).ok_or_else(|| vm.type_error("not a struct sequence"))?;
        if i < fields.visible {
            visible.push(value)
        } else if let Some((_, name)) = fields.names.iter().find(|(at, _)| *at == i) {
            dict.set_str(vm, &vm.intern(name), value)?;
        }
    }
    let class = vm.type_of(zelf).to_ref().into_value();
    let args = vm.new_tuple(vec![vm.new_tuple(visible)?.into_value(), dict.into_value()])?;
    Ok(vm.new_tuple(vec![class, args.into_value()])?.into_value())
}

/// `__replace__(**changes)`.
pub fn replace(vm: &Vm, args: Args, fields: &Fields) -> PyResult {
    let Some(zelf) = args.args.first() else {
        return Err(vm.type_error("__replace__() needs an argument"));
    };
    if args.positional().len() > 1 {
        return Err(vm.type_error("__replace__() takes no positional arguments"));
    }
    let ty = vm.type_of(zelf);
    if fields.unnamed > 0 {
        return Err(vm.type_error(format!(
            "__replace__() is not supported for {} because it has unnamed field(s)",
            ty.full_name()
        )));
    }
    let mut items = Vec::with_capacity(fields.count());
    for i in 0..fields.count() {
        items.push(item(zelf, i).ok_or_else(|| vm.type_error("not a struct sequence"))?);
    }
    let mut unexpected = Vec::new();
    for (name, value) in args.keywords() {
        match fields
            .names
            .iter()
            .find(|(_, n)| n.as_bytes() == name.as_bytes())
        {
            Some((at, _)) => items[*at] = value.clone(),
            None => unexpected.push(name.to_value()),
        }
    }
    if !unexpected.is_empty() {
        let names = object::repr(vm, vm.new_list(unexpected)?.as_value())?;
        return Err(vm.type_error(format!(
            "Got unexpected field name(s): {}",
            names.to_string_lossy()
        )));
    }
    build(vm, ty, items, fields.visible)
}

/// The class of a definition, made on first use.
pub fn class(vm: &Vm, def: &'static TypeDef) -> Ref<Type> {
    match vm.interp.native_type(def.id) {
        Some(ty) => ty.clone(),
        None => {
            let class = make_native(vm, def).clone();
            // Only those of `sys` are static types in CPython, which nobody may change.
            class.set_flag(TypeFlags::IMMUTABLE, def.module == "sys");
            class
        }
    }
}

fn build(vm: &Vm, ty: &Type, mut items: Vec<Value>, visible: usize) -> PyResult {
    let hidden = items.split_off(visible.min(items.len()));
    let payload = StructSeq {
        tuple: Tuple::empty(),
        hidden,
    };
    Ok(Tuple::of_type_with(vm, ty, payload, items)?.into_value())
}

/// An object with these items. Raises SystemError if their number is wrong, MemoryError.
pub fn make(vm: &Vm, def: &'static TypeDef, items: Vec<Value>) -> PyResult {
    let class = class(vm, def);
    let count = |i: usize| -> PyResult<usize> {
        // Tables of methods alone may stand before the one that counts the fields.
        let counts = def.tables.iter().find(|table| !table.attrs.is_empty());
        let value = match counts.and_then(|table| table.attrs.get(i)) {
            Some(attr) => (attr.value)(vm)?,
            None => Value::NONE,
        };
        Ok(value.as_small_int().unwrap_or(0) as usize)
    };
    if items.len() != count(1)? {
        return Err(vm.system_error(format!("{} made with {} items", def.name, items.len())));
    }
    let visible = count(0)?;
    build(vm, &class, items, visible)
}

/// Defines a struct sequence: `struct_sequence! { pub FLAGS = "flags" in "sys", "doc"; 0 "debug" "-d"; ... }`.
/// With `new` in front, `visible N, unnamed M;` after the docstring tells how many items the tuple has and
/// how many of these have no name.
#[macro_export]
macro_rules! struct_sequence {
    (new $vis:vis $static:ident = $name:literal in $module:literal, $doc:expr; $($index:literal $field:literal $field_doc:literal;)*) => {
        $crate::struct_sequence! { @make ($vis $static, $name, $module, $doc, [$($index),*].len(), 0) $($index $field $field_doc;)* }
    };
    (new $vis:vis $static:ident = $name:literal in $module:literal, $doc:expr; visible $visible:literal, unnamed $unnamed:literal; $($index:literal $field:literal $field_doc:literal;)*) => {
        $crate::struct_sequence! { @make ($vis $static, $name, $module, $doc, $visible, $unnamed) $($index $field $field_doc;)* }
    };
    (@make ($vis:vis $static:ident, $name:literal, $module:literal, $doc:expr, $visible:expr, $unnamed:expr) $($index:literal $field:literal $field_doc:literal;)*) => {
        $vis static $static: $crate::function::TypeDef = {
            static ID: $crate::function::DefId = $crate::function::DefId::new();
            static FIELDS: $crate::objects::structseq::Fields = $crate::objects::structseq::Fields {
                names: &[$(($index, $field)),*], visible: $visible, unnamed: $unnamed,
            };
            static TABLE: $crate::function::MethodTable = $crate::function::MethodTable {
                methods: &[
                    $crate::function::MethodDef {
                        name: "__reduce__", doc: "", text_signature: None, kind: $crate::function::MethodKind::Method,
                        call: |vm, args| $crate::objects::structseq::reduce(vm, args, &FIELDS),
                    },
                    $crate::function::MethodDef {
                        name: "__replace__",
                        doc: "Return a copy of the structure with new values for the specified fields.",
                        text_signature: Some("($self, /, **changes)"), kind: $crate::function::MethodKind::Method,
                        call: |vm, args| $crate::objects::structseq::replace(vm, args, &FIELDS),
                    },
                ],
                getset: &[$($crate::function::GetSetDef {
                    name: $field, doc: $field_doc, member: true, get: Some($crate::objects::structseq::get::<$index>), set: None,
                }),*],
                attrs: &[
                    $crate::function::AttrDef { name: "n_sequence_fields", value: |vm| vm.new_int(FIELDS.visible as i64) },
                    $crate::function::AttrDef { name: "n_fields", value: |vm| vm.new_int(FIELDS.count() as i64) },
                    $crate::function::AttrDef { name: "n_unnamed_fields", value: |vm| vm.new_int(FIELDS.unnamed as i64) },
                    $crate::function::AttrDef {
                        name: "__match_args__",
                        value: |vm| {
                            let names = FIELDS.names.iter().filter(|(at, _)| *at < FIELDS.visible);
                            Ok(vm.new_tuple(names.map(|(_, name)| vm.intern(name).into_value()).collect())?.into_value())
                        },
                    },
                ],
                slots: |slots| {
                    slots.repr.set(Some(|vm, value| $crate::objects::structseq::repr(vm, value, &FIELDS)));
                    slots.new.set(Some(|vm, cls, args| $crate::objects::structseq::new(vm, cls, args, &FIELDS)));
                },
            };
            $crate::function::TypeDef {
                name: $name,
                module: $module,
                doc: $doc,
                text_signature: None,
                base: Some(|vm| vm.types.tuple.clone()),
                flags: $crate::objects::type_::TypeFlags::IMMUTABLE,
                payload: <$crate::objects::structseq::StructSeq as $crate::Payload>::INFO,
                tables: &[&TABLE],
                id: &ID,
            }
        };
    };
    ($vis:vis $static:ident = $name:literal in $module:literal, $doc:literal; $($index:literal $field:literal $field_doc:literal;)*) => {
        $crate::struct_sequence! { @make ($vis $static, $name, $module, $doc, [$($index),*].len(), 0) $($index $field $field_doc;)* }
    };
}
