//! `_symtable`: the compiler's symbol table as objects, for `symtable.py`.
//!
//! CPython: Modules/symtablemodule.c, Python/symtable.c.

use naja_compiler::symtable::{BlockId, SymbolTable, flag, scope};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::{PyResult, Traverse, Visitor, Vm};

/// What the symbol table knows of one block.
#[pyclass(
    name = "symtable entry",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct Entry {
    id: Value,
    name: Value,
    symbols: Value,
    varnames: Value,
    children: Value,
    nested: bool,
    kind: i32,
    lineno: i32,
}

impl Traverse for Entry {
    fn traverse(&self, v: &mut Visitor) {
        for value in [
            &self.id,
            &self.name,
            &self.symbols,
            &self.varnames,
            &self.children,
        ] {
            v.value(value)
        }
    }
    fn clear(&self) {}
}

#[pymethods]
impl Entry {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = naja_vm::protocols::object::str(vm, &zelf.name)?;
        let id = naja_vm::protocols::object::str(vm, &zelf.id)?;
        let text = format!(
            "<symtable entry {}({}), line {}>",
            name.to_string_lossy(),
            id.to_string_lossy(),
            zelf.lineno
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pymember]
    fn id(&self) -> Value {
        self.id.clone()
    }

    #[pymember]
    fn name(&self) -> Value {
        self.name.clone()
    }

    #[pymember]
    fn symbols(&self) -> Value {
        self.symbols.clone()
    }

    #[pymember]
    fn varnames(&self) -> Value {
        self.varnames.clone()
    }

    #[pymember]
    fn children(&self) -> Value {
        self.children.clone()
    }

    #[pymember]
    fn nested(&self) -> i32 {
        self.nested.into()
    }

    #[pymember(name = "type")]
    fn kind(&self) -> i32 {
        self.kind
    }

    #[pymember]
    fn lineno(&self) -> i32 {
        self.lineno
    }
}

/// The object of a block, with those of the blocks inside. `base` makes the numbers of different tables differ.
fn entry(vm: &Vm, table: &SymbolTable, id: BlockId, base: i64) -> PyResult<Ref<Entry>> {
    vm.check_stack()?;
    let block = table.block(id);
    let text = |name| vm.intern(table.names.text(name));
    let symbols = vm.new_dict()?;
    for (name, flags) in &block.symbols {
        symbols.set_str(vm, &text(*name), vm.new_int((*flags).into())?)?;
    }
    let varnames = block
        .varnames
        .iter()
        .map(|name| text(*name).into_value())
        .collect();
    let children = block
        .children
        .iter()
        .map(|child| Ok(entry(vm, table, *child, base)?.into_value()));
    let children = children.collect::<PyResult<Vec<Value>>>()?;
    vm.new_object(Entry {
        id: vm.new_int(base + 16 * i64::from(id.0))?,
        name: text(block.name).into_value(),
        symbols: symbols.into_value(),
        varnames: vm.new_list(varnames)?.into_value(),
        children: vm.new_list(children)?.into_value(),
        nested: block.nested,
        kind: block.kind as i32,
        lineno: block.range.lineno,
    })
}

#[pymodule(name = "_symtable", doc = "")]
pub mod module {
    use super::*;
    use naja_parser::Mode;
    use naja_parser::ast::Arena;
    use naja_vm::builtins::compile::{Options, path_text, raise_syntax_error, source_and_tree};

    /// Return symbol and scope dictionaries used internally by compiler.
    #[pyfunction(sig = "($module, source, filename, startstr, /)")]
    fn symtable(vm: &Vm, source: &Value, filename: &Value, startstr: &str) -> PyResult {
        let filename = path_text(vm, filename)?;
        let mode = match startstr {
            "exec" => Mode::Exec,
            "eval" => Mode::Eval,
            "single" => Mode::Single,
            _ => {
                return Err(vm.value_error("symtable() arg 3 must be 'exec' or 'eval' or 'single'"));
            }
        };
        let arena = Arena::default();
        let mut options = Options::new(mode);
        let wanted = ("symtable", "string or bytes object");
        let mut text = String::new();
        let tree = source_and_tree(
            vm,
            source,
            wanted,
            &filename,
            &mut options,
            &mut text,
            &arena,
        )?;
        let future = naja_compiler::future::from_module(tree)
            .map_err(|error| raise_syntax_error(vm, &error, &filename))?;
        let table = naja_compiler::symtable::build(tree, &future, future.features | options.flags)
            .map_err(|error| raise_syntax_error(vm, &error, &filename))?;
        let base = std::ptr::from_ref(tree) as i64;
        Ok(entry(vm, &table, table.top(), base)?.into_value())
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<naja_vm::module::Module>) -> PyResult<()> {
        for (name, value) in [
            ("USE", flag::USE),
            ("DEF_GLOBAL", flag::DEF_GLOBAL),
            ("DEF_NONLOCAL", flag::DEF_NONLOCAL),
            ("DEF_LOCAL", flag::DEF_LOCAL),
            ("DEF_PARAM", flag::DEF_PARAM),
            ("DEF_TYPE_PARAM", flag::DEF_TYPE_PARAM),
            ("DEF_FREE_CLASS", flag::DEF_FREE_CLASS),
            ("DEF_IMPORT", flag::DEF_IMPORT),
            (
                "DEF_BOUND",
                flag::DEF_LOCAL | flag::DEF_PARAM | flag::DEF_IMPORT,
            ),
            ("DEF_ANNOT", flag::DEF_ANNOT),
            ("DEF_COMP_ITER", flag::DEF_COMP_ITER),
            ("DEF_COMP_CELL", flag::DEF_COMP_CELL),
            ("SCOPE_OFF", flag::SCOPE_OFFSET),
            ("SCOPE_MASK", flag::SCOPE_MASK),
            ("LOCAL", scope::LOCAL),
            ("GLOBAL_EXPLICIT", scope::GLOBAL_EXPLICIT),
            ("GLOBAL_IMPLICIT", scope::GLOBAL_IMPLICIT),
            ("FREE", scope::FREE),
            ("CELL", scope::CELL),
            ("TYPE_FUNCTION", 0),
            ("TYPE_CLASS", 1),
            ("TYPE_MODULE", 2),
            ("TYPE_ANNOTATION", 3),
            ("TYPE_TYPE_ALIAS", 4),
            ("TYPE_TYPE_PARAMETERS", 5),
            ("TYPE_TYPE_VARIABLE", 6),
        ] {
            module.set(vm, name, vm.new_int(value.into())?)?;
        }
        Ok(())
    }
}
