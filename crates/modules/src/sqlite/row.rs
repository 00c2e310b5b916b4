//! `sqlite3.Row`: a row whose columns can be asked for by name.
//!
//! Invariant: `description` is what the cursor's `description` was when the row was made, a tuple or None.
//! CPython: Modules/_sqlite/row.c.

use super::cursor::Cursor;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::{CompareOp, compare_bool, rich_compare};
use naja_vm::protocols::{hash, iterator, number, object};
use naja_vm::slice::Slice;
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};

#[pyclass(name = "Row", module = "sqlite3", gc, flags(BASETYPE, IMMUTABLE))]
pub struct Row {
    data: Ref<Tuple>,
    description: Value,
}

impl Traverse for Row {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.data);
        visitor.value(&self.description);
    }

    /// Nothing: the tuples break the cycle.
    fn clear(&self) {}
}

impl Row {
    /// The names of the columns.
    fn names(&self) -> Vec<Value> {
        let Some(columns) = self.description.downcast::<Tuple>() else {
            return Vec::new();
        };
        let name = |column: &Value| column.downcast::<Tuple>()?.get(0).cloned();
        columns.items().iter().filter_map(name).collect()
    }

    /// The place of a column: the first of that name, the case of ASCII letters aside.
    fn place(&self, wanted: &Str) -> Option<usize> {
        self.names().iter().position(|name| {
            str_::of(name)
                .is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
        })
    }
}

#[pymethods]
impl Row {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 && cls.is(vm.class::<Row>()) {
            return Err(vm.type_error("Row() takes no keyword arguments"));
        }
        let [cursor, data] = args.positional() else {
            let given = args.positional().len();
            return Err(vm.type_error(format!("Row expected 2 arguments, got {given}")));
        };
        let Some(cursor) = cursor.downcast::<Cursor>() else {
            let kind = vm.type_of(cursor).full_name();
            return Err(vm.type_error(format!(
                "Row() argument 1 must be sqlite3.Cursor, not {kind}"
            )));
        };
        let Some(data) = data.downcast::<Tuple>() else {
            let kind = if data.is_none() {
                "None".to_string()
            } else {
                vm.type_of(data).full_name()
            };
            return Err(vm.type_error(format!("Row() argument 2 must be tuple, not {kind}")));
        };
        let row = Row {
            data: data.clone(),
            description: cursor.description.get(),
        };
        Ok(vm.new_object_of(cls, row)?.into_value())
    }

    /// Returns the keys of the row.
    #[pymethod(sig = "($self, /)")]
    fn keys(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_list(self.names())?.into_value())
    }

    #[pyslot]
    fn mp_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.data.len())
    }

    #[pyslot]
    fn sq_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.data.len())
    }

    #[pyslot]
    fn item(&self, vm: &Vm, index: isize) -> PyResult {
        let item = usize::try_from(index).ok().and_then(|i| self.data.get(i));
        item.cloned()
            .ok_or_else(|| vm.index_error("tuple index out of range"))
    }

    #[pyslot]
    fn subscript(&self, vm: &Vm, key: &Value) -> PyResult {
        if number::is_int(vm, key) {
            let mut index = number::index_for(vm, key, &vm.types.index_error)?;
            if index < 0 {
                index += self.data.len() as isize;
            }
            let item = usize::try_from(index).ok().and_then(|i| self.data.get(i));
            return item
                .cloned()
                .ok_or_else(|| vm.index_error("tuple index out of range"));
        }
        if let Some(name) = str_::of(key) {
            let item = self.place(name).and_then(|i| self.data.get(i));
            return match item {
                Some(item) => Ok(item.clone()),
                None if self.description.is_none() => {
                    let shown = object::repr(vm, key)?;
                    let text = format!("No item with key {}", shown.to_string_lossy());
                    Err(vm.index_error(text))
                }
                None => Err(vm.index_error("No item with that key")),
            };
        }
        if key.downcast::<Slice>().is_some() {
            return object::get_item(vm, self.data.as_value(), key);
        }
        Err(vm.index_error("Index must be int or string"))
    }

    #[pyslot]
    fn iter(&self, vm: &Vm) -> PyResult {
        iterator::iter(vm, self.data.as_value())
    }

    #[pyslot]
    fn hash(&self, vm: &Vm) -> PyResult<i64> {
        Ok(hash::hash(vm, &self.description)? ^ hash::hash(vm, self.data.as_value())?)
    }

    #[pyslot]
    fn richcompare(&self, vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<Row>(), op) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if compare_bool(vm, &self.description, &other.description, CompareOp::Eq)? {
            return rich_compare(vm, self.data.as_value(), other.data.as_value(), op);
        }
        Ok(Value::from_bool(op != CompareOp::Eq))
    }
}
