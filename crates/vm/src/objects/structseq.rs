//! Struct sequences: tuples whose items also have names (`sys.version_info`, `os.stat_result`, ...).
//!
//! [`struct_sequence!`] makes the static definition of one: a native subclass of tuple with a getter per field. The
//! getter of field N is one function per N, so that definitions need no code of their own. Invariant: an object made by
//! [`make`] has as many items as its definition has fields. CPython: Objects/structseq.c.

use crate::function::{GetSetDef, TypeDef};
use crate::objects::tuple::Tuple;
use crate::objects::type_::class_new::make_native;
use crate::objects::type_::{Slots, Type};
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

/// Reads item `N`.
pub fn get<const N: usize>(vm: &Vm, value: &Value) -> PyResult {
    match value.downcast::<Tuple>().and_then(|t| t.get(N)) {
        Some(item) => Ok(item.clone()),
        None => Err(vm.type_error("not a struct sequence")),
    }
}

/// The fields of a struct sequence's class.
fn fields(ty: &Type) -> &'static [GetSetDef] {
    ty.def
        .and_then(|def| def.tables.first())
        .map_or(&[], |table| table.getset)
}

fn repr(vm: &Vm, value: &Value) -> PyResult {
    let ty = vm.type_of(value);
    let Some(tuple) = value.downcast::<Tuple>() else {
        return Err(vm.type_error("not a struct sequence"));
    };
    let mut text = format!("{}(", ty.full_name());
    for (i, (field, item)) in fields(ty).iter().zip(tuple.items()).enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        text.push_str(&format!(
            "{}={}",
            field.name,
            object::repr(vm, item)?.to_string_lossy()
        ));
    }
    text.push(')');
    Ok(vm.new_str(text)?.into_value())
}

/// `T(sequence)`: as many items as there are fields. Raises TypeError.
fn new(vm: &Vm, ty: &Ref<Type>, args: crate::function::Args) -> PyResult {
    let name = ty.full_name();
    if matches!(&*name, "sys.flags" | "sys.version_info") {
        return Err(vm.type_error(format!("cannot create '{name}' instances")));
    }
    let Some(sequence) = args.args.first() else {
        return Err(vm.type_error(format!(
            "{}() missing required argument 'sequence' (pos 1)",
            ty.name()
        )));
    };
    let items =
        crate::protocols::sequence::collect_or(vm, sequence, "constructor requires a sequence")?;
    let wanted = fields(ty).len();
    if items.len() != wanted {
        return Err(vm.type_error(format!(
            "{name}() takes a {wanted}-sequence ({}-sequence given)",
            items.len()
        )));
    }
    Ok(Tuple::of_type(vm, ty, items)?.into_value())
}

/// The slots of every struct sequence.
pub fn fill_slots(slots: &Slots) {
    slots.new.set(Some(new));
    slots.repr.set(Some(repr));
}

/// The class of a definition, made on first use.
pub fn class(vm: &Vm, def: &'static TypeDef) -> Ref<Type> {
    match vm.interp.native_type(def.id) {
        Some(ty) => ty.clone(),
        None => make_native(vm, def).clone(),
    }
}

/// An object with these items. Raises SystemError if their number is wrong, MemoryError.
pub fn make(vm: &Vm, def: &'static TypeDef, items: Vec<Value>) -> PyResult {
    let class = class(vm, def);
    if items.len() != fields(&class).len() {
        return Err(vm.system_error(format!("{} made with {} items", def.name, items.len())));
    }
    Ok(Tuple::of_type(vm, &class, items)?.into_value())
}

/// Defines a struct sequence: `struct_sequence! { pub FLAGS = "sys.flags" in "sys", "doc"; 0 "debug" "-d"; ... }`.
#[macro_export]
macro_rules! struct_sequence {
    ($vis:vis $static:ident = $name:literal in $module:literal, $doc:literal; $($index:literal $field:literal $field_doc:literal;)*) => {
        $vis static $static: $crate::function::TypeDef = {
            static ID: $crate::function::DefId = $crate::function::DefId::new();
            static TABLE: $crate::function::MethodTable = $crate::function::MethodTable {
                methods: &[],
                getset: &[$($crate::function::GetSetDef {
                    name: $field, doc: $field_doc, member: true, get: Some($crate::objects::structseq::get::<$index>), set: None,
                }),*],
                attrs: &[
                    $crate::function::AttrDef { name: "n_sequence_fields", value: |vm| vm.new_int([$($index),*].len() as i64) },
                    $crate::function::AttrDef { name: "n_fields", value: |vm| vm.new_int([$($index),*].len() as i64) },
                    $crate::function::AttrDef { name: "n_unnamed_fields", value: |vm| vm.new_int(0) },
                    $crate::function::AttrDef {
                        name: "__match_args__",
                        value: |vm| Ok(vm.new_tuple(vec![$(vm.intern($field).into_value()),*])?.into_value()),
                    },
                ],
                slots: $crate::objects::structseq::fill_slots,
            };
            $crate::function::TypeDef {
                name: $name,
                module: $module,
                doc: $doc,
                text_signature: None,
                base: Some(|vm| vm.types.tuple.clone()),
                flags: $crate::objects::type_::TypeFlags::IMMUTABLE,
                payload: <$crate::objects::tuple::Tuple as $crate::Payload>::INFO,
                tables: &[&TABLE],
                id: &ID,
            }
        };
    };
}
