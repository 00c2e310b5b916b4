//! `ast.AST` and its subclasses, made from the table (nodes.rs) when first needed.
//!
//! The classes are ordinary heap types whose metaclass is `type`; what they share is in [`Node`], their base.
//! CPython: `ast_type_*` and `init_types` in Parser/asdl_c.py's output (Python/Python-ast.c).

use super::nodes::{Place, RULES, Rule};
use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::instance;
use crate::objects::list::List;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags};
use crate::objects::union_::UnionType;
use crate::protocols::{attributes, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A node: all it has is in its attributes.
#[pyclass(name = "AST", module = "ast", doc = "", gc, flags(BASETYPE, HAS_DICT))]
#[repr(C)]
pub struct Node;

impl Traverse for Node {
    fn traverse(&self, _: &mut Visitor) {}
    fn clear(&self) {}
}

/// A class that nodes are made of.
#[derive(Clone)]
pub struct NodeClass {
    pub ty: Ref<Type>,
    pub fields: Rc<[Ref<Str>]>,
}

/// All classes of one interpreter.
#[derive(Default)]
pub struct AstState {
    classes: MutCell<Vec<NodeClass>>,
    numbers: MutCell<FxHashMap<usize, usize>>,
    singletons: MutCell<FxHashMap<usize, Value>>,
    /// Classes of rules by name; those of products are among `classes`, too.
    rules: MutCell<Vec<(&'static str, Ref<Type>)>>,
}

/// The interpreter's classes; makes them on first use. Raises MemoryError.
pub fn state(vm: &Vm) -> PyResult<Rc<AstState>> {
    let state = vm.interp.module_state::<AstState>();
    if state.classes.with(Vec::is_empty) {
        make_classes(vm, &state)?;
    }
    Ok(state)
}

impl AstState {
    /// A constructor's or product's class, by its number in the table.
    pub fn class(&self, vm: &Vm, number: usize) -> PyResult<NodeClass> {
        self.classes
            .with(|classes| classes.get(number).cloned())
            .ok_or_else(|| vm.system_error("no such class of nodes"))
    }

    /// The number of a class, if it is one of the table's own.
    pub fn class_number(&self, ty: &Type) -> Option<usize> {
        let address = ty as *const Type as usize;
        self.numbers.with(|numbers| numbers.get(&address).copied())
    }

    /// The one object that stands for a node without fields and place in trees from the parser.
    pub fn singleton(&self, vm: &Vm, number: usize) -> PyResult {
        if let Some(object) = self.singletons.with(|s| s.get(&number).cloned()) {
            return Ok(object);
        }
        let object = vm
            .new_object_of(&self.class(vm, number)?.ty, Node)?
            .into_value();
        self.singletons
            .with_mut(|s| s.insert(number, object.clone()));
        Ok(object)
    }

    /// All classes, for the module's namespace.
    pub fn all(&self) -> Vec<(String, Ref<Type>)> {
        let rules = self.rules.get();
        let classes = self
            .classes
            .with(|classes| classes.iter().map(|c| c.ty.clone()).collect::<Vec<_>>());
        let rules = rules.into_iter().map(|(_, ty)| ty);
        rules.chain(classes).map(|ty| (ty.name(), ty)).collect()
    }

    fn rule(&self, name: &str) -> Option<Ref<Type>> {
        self.rules.with(|rules| {
            rules
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, ty)| ty.clone())
        })
    }
}

fn names(vm: &Vm, names: &[&str]) -> PyResult<Value> {
    let names = names
        .iter()
        .map(|name| vm.intern(name).into_value())
        .collect();
    Ok(vm.new_tuple(names)?.into_value())
}

/// A class `name` below `base`, with its documentation and fields.
fn make_class(
    vm: &Vm,
    name: &str,
    base: &Ref<Type>,
    fields: &[&str],
    doc: &str,
) -> PyResult<(Ref<Type>, Ref<Dict>)> {
    let dict = vm.new_dict()?;
    let put = |key: &str, value: Value| dict.set_str(vm, &vm.intern(key), value);
    put("_fields", names(vm, fields)?)?;
    put("__match_args__", names(vm, fields)?)?;
    put("__module__", vm.intern("ast").into_value())?;
    put("__doc__", vm.new_str(doc)?.into_value())?;
    let args = [
        vm.intern(name).into_value(),
        vm.new_tuple(vec![base.to_value()])?.into_value(),
        dict.into_value(),
    ];
    let made = vm.call(vm.types.type_.as_value(), &args)?;
    let ty = made
        .downcast_into::<Type>()
        .map_err(|_| vm.system_error("not a class"))?;
    let dict = ty.dict(vm)?;
    Ok((ty, dict))
}

const PLACE: [&str; 4] = ["lineno", "col_offset", "end_lineno", "end_col_offset"];

fn set_place(vm: &Vm, dict: &Ref<Dict>, rule: &Rule) -> PyResult<()> {
    let attributes = if rule.place == Place::None {
        &[][..]
    } else {
        &PLACE[..]
    };
    dict.set_str(vm, &vm.intern("_attributes"), names(vm, attributes)?)?;
    if rule.place == Place::OptionalEnd {
        for name in &PLACE[2..] {
            dict.set_str(vm, &vm.intern(name), Value::NONE)?;
        }
    }
    Ok(())
}

fn make_classes(vm: &Vm, state: &Rc<AstState>) -> PyResult<()> {
    let base = vm.class::<Node>();
    base.set_flag(TypeFlags::IMMUTABLE, false);
    let root = base.dict(vm)?;
    for name in ["_fields", "__match_args__", "_attributes"] {
        root.set_str(vm, &vm.intern(name), vm.new_tuple(Vec::new())?.into_value())?;
    }
    root.set_str(vm, &vm.intern("__module__"), vm.intern("ast").into_value())?;
    base.modified();
    let (mut rules, mut classes) = (Vec::new(), Vec::new());
    for rule in RULES {
        let product = rule.constructors.first().filter(|_| !rule.sum);
        let fields: Vec<&str> =
            product.map_or(Vec::new(), |p| p.fields.iter().map(|f| f.0).collect());
        let (ty, dict) = make_class(vm, rule.name, base, &fields, &rule.doc())?;
        set_place(vm, &dict, rule)?;
        rules.push((rule.name, ty.clone()));
        for constructor in rule.constructors {
            let fields: Vec<&str> = constructor.fields.iter().map(|f| f.0).collect();
            let ty = if rule.sum {
                make_class(vm, constructor.name, &ty, &fields, &constructor.doc())?.0
            } else {
                ty.clone()
            };
            for (name, spec) in constructor.fields {
                if spec.ends_with('?') {
                    ty.dict(vm)?.set_str(vm, &vm.intern(name), Value::NONE)?;
                }
            }
            classes.push(NodeClass {
                ty,
                fields: fields.iter().map(|name| vm.intern(name)).collect(),
            });
        }
    }
    state.rules.set(rules);
    let constructors = RULES.iter().flat_map(|rule| rule.constructors);
    for (class, constructor) in classes.iter().zip(constructors) {
        let types = vm.new_dict()?;
        for (name, spec) in constructor.fields {
            types.set_str(vm, &vm.intern(name), field_type(vm, state, spec)?)?;
        }
        let dict = class.ty.dict(vm)?;
        dict.set_str(vm, &vm.intern("_field_types"), types.to_value())?;
        dict.set_str(vm, &vm.intern("__annotations_cache__"), types.into_value())?;
        class.ty.modified();
    }
    state.numbers.set(
        classes
            .iter()
            .enumerate()
            .map(|(i, class)| (&*class.ty as *const Type as usize, i))
            .collect(),
    );
    state.classes.set(classes);
    Ok(())
}

/// What `_field_types` says of a field.
fn field_type(vm: &Vm, state: &AstState, spec: &str) -> PyResult {
    let name = spec.trim_end_matches(['?', '*']);
    let ty = match name {
        "identifier" | "string" => vm.types.str.to_value(),
        "int" => vm.types.int.to_value(),
        "constant" => vm.types.object.to_value(),
        _ => match state.rule(name) {
            Some(ty) => ty.into_value(),
            None => return Err(vm.system_error("no such rule of the grammar")),
        },
    };
    if spec.ends_with('*') {
        vm.generic_alias(vm.types.list.as_value(), &ty)
    } else if spec.ends_with('?') {
        crate::objects::union_::type_or(vm, &ty, &Value::NONE)
    } else {
        Ok(ty)
    }
}

/// An attribute of the node's class that is a sequence of names. Raises AttributeError where it is required.
fn class_names(vm: &Vm, zelf: &Value, name: &str) -> PyResult<Vec<Value>> {
    let ty = vm.type_of(zelf).to_ref();
    let value = attributes::get(vm, ty.as_value(), &vm.intern(name))?;
    sequence::collect(vm, &value)
}

fn contains(vm: &Vm, names: &[Value], name: &Value) -> PyResult<bool> {
    for known in names {
        if known.is(name) || crate::protocols::compare::eq(vm, known, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn repr_of(vm: &Vm, value: &Value) -> PyResult<String> {
    Ok(object::repr(vm, value)?.to_string_lossy().into_owned())
}

fn warn(vm: &Vm, message: String) -> PyResult<()> {
    vm.warn(&vm.types.deprecation_warning, message, 1)
}

/// The fields that were not given: lists become empty ones, contexts `Load()`.
fn fill_defaults(vm: &Vm, zelf: &Value, missing: &[Value]) -> PyResult<()> {
    let ty = vm.type_of(zelf).to_ref();
    let types = attributes::get_optional(vm, ty.as_value(), &vm.intern("_field_types"))?;
    let Some(types) = types.as_ref().and_then(|t| t.downcast::<Dict>()) else {
        return Ok(()); // a class of the user's that says nothing of its fields
    };
    let state = state(vm)?;
    let context = state.rule("expr_context");
    for name in missing {
        let Some(field) = types.get(vm, name)? else {
            let text = format!(
                "Field {} is missing from {}._field_types. This will become an error in Python 3.15.",
                repr_of(vm, name)?,
                ty.full_name()
            );
            warn(vm, text)?;
            continue;
        };
        if field.downcast::<UnionType>().is_some() {
            continue; // the class has None for it
        }
        let value = if field
            .downcast::<crate::objects::generic_alias::GenericAlias>()
            .is_some()
        {
            vm.new_list(Vec::new())?.into_value()
        } else if context.as_ref().is_some_and(|c| field.is(c.as_value())) {
            state.singleton(
                vm,
                <naja_parser::ast::ExprContext as super::nodes::HasRule>::INDEX,
            )?
        } else {
            let text = format!(
                "{}.__init__ missing 1 required positional argument: {}. This will become an error in Python 3.15.",
                ty.full_name(),
                repr_of(vm, name)?
            );
            warn(vm, text)?;
            continue;
        };
        attributes::set(vm, zelf, attributes::name_of(vm, name)?, Some(&value))?;
    }
    Ok(())
}

/// A node to a certain depth, for `repr`.
fn repr_node(vm: &Vm, zelf: &Value, depth: usize) -> PyResult<String> {
    vm.check_stack()?;
    let name = vm.type_of(zelf).full_name();
    if depth == 0 || object::repr_enter(vm, zelf) {
        return Ok(format!("{name}(...)"));
    }
    let result = (|| {
        let mut parts = Vec::new();
        for field in class_names(vm, zelf, "_fields")? {
            let field = attributes::name_of(vm, &field)?;
            let value = attributes::get(vm, zelf, field)?;
            parts.push(format!(
                "{}={}",
                field.to_string_lossy(),
                repr_field(vm, &value, depth - 1)?
            ));
        }
        Ok(format!("{name}({})", parts.join(", ")))
    })();
    object::repr_leave(vm, zelf);
    result
}

fn repr_field(vm: &Vm, value: &Value, depth: usize) -> PyResult<String> {
    let (items, open, close) = if let Some(list) = value.downcast::<List>() {
        (list.to_vec(), '[', ']')
    } else if let Some(tuple) = value.downcast::<Tuple>() {
        (tuple.items().to_vec(), '(', ')')
    } else if value.downcast::<Node>().is_some() {
        return repr_node(vm, value, depth);
    } else {
        return repr_of(vm, value);
    };
    let one = |item: &Value| match item.downcast::<Node>() {
        Some(_) => repr_node(vm, item, depth),
        None => repr_of(vm, item),
    };
    let inside = match &items[..] {
        [] => String::new(),
        [only] => one(only)?,
        [first, last] => format!("{}, {}", one(first)?, one(last)?),
        [first, .., last] => format!("{}, ..., {}", one(first)?, one(last)?),
    };
    Ok(format!("{open}{inside}{close}"))
}

/// Checks the arguments of `__replace__`: all known, and nothing left that only the constructor could miss.
fn check_replace(
    vm: &Vm,
    zelf: &Value,
    own: Option<&Ref<Dict>>,
    changes: &[(&Ref<Str>, &Value)],
) -> PyResult<()> {
    let ty = vm.type_of(zelf).to_ref();
    let optional = |name| attributes::get_optional(vm, ty.as_value(), &vm.intern(name));
    let collect =
        |value: Option<Value>| value.map_or(Ok(Vec::new()), |v| sequence::collect(vm, &v));
    let fields = collect(optional("_fields")?)?;
    let places = collect(optional("_attributes")?)?;
    let mut expected = Vec::new();
    for field in &fields {
        let given = changes
            .iter()
            .any(|(name, _)| str_::of(field).is_some_and(|f| str_::eq(f, name)));
        let kept = match own {
            Some(dict) => dict.contains(vm, field)?,
            None => false,
        };
        if !given && !kept {
            expected.push(field.clone());
        }
    }
    for (name, _) in changes {
        if !contains(vm, &fields, name.as_value())? && !contains(vm, &places, name.as_value())? {
            return Err(vm.type_error(format!(
                "{}.__replace__ got an unexpected keyword argument {}.",
                ty.full_name(),
                repr_of(vm, name.as_value())?
            )));
        }
    }
    if let Some(types) = optional("_field_types")?
        .as_ref()
        .and_then(|t| t.downcast::<Dict>())
    {
        let mut required = Vec::new();
        for name in expected {
            let union = types
                .get(vm, &name)?
                .is_some_and(|t| t.downcast::<UnionType>().is_some());
            if !union {
                required.push(name);
            }
        }
        expected = required;
    }
    if expected.is_empty() {
        return Ok(());
    }
    let mut names = expected
        .iter()
        .map(|name| repr_of(vm, name))
        .collect::<PyResult<Vec<_>>>()?;
    names.sort();
    Err(vm.type_error(format!(
        "{}.__replace__ missing {} keyword argument{}: {}.",
        ty.full_name(),
        names.len(),
        if names.len() == 1 { "" } else { "s" },
        names.join(", ")
    )))
}

#[pymethods]
impl Node {
    #[pyslot(sig = "(*args, **kwargs)")]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        state(vm)?;
        Ok(vm.new_object_of(cls, Node)?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Value, vm: &Vm, args: Args) -> PyResult<()> {
        let fields = class_names(vm, zelf, "_fields")?;
        let positional = args.positional();
        if fields.len() < positional.len() {
            return Err(vm.type_error(format!(
                "{} constructor takes at most {} positional argument{}",
                vm.type_of(zelf).name(),
                fields.len(),
                if fields.len() == 1 { "" } else { "s" }
            )));
        }
        let mut missing = fields.clone();
        for (field, value) in fields.iter().zip(positional) {
            attributes::set(vm, zelf, attributes::name_of(vm, field)?, Some(value))?;
            missing.retain(|name| !name.is(field));
        }
        let mut places = None;
        for (name, value) in args.keywords() {
            let name_value = name.as_value();
            if contains(vm, &fields, name_value)? {
                let before = missing.len();
                missing.retain(|field| !str_::of(field).is_some_and(|f| str_::eq(f, name)));
                if missing.len() == before {
                    return Err(vm.type_error(format!(
                        "{} got multiple values for argument {}",
                        vm.type_of(zelf).full_name(),
                        repr_of(vm, name_value)?
                    )));
                }
            } else {
                let known = match &places {
                    Some(known) => known,
                    None => places.insert(class_names(vm, zelf, "_attributes")?),
                };
                if !contains(vm, known, name_value)? {
                    let text = format!(
                        "{}.__init__ got an unexpected keyword argument {}. Support for arbitrary keyword arguments is deprecated and will be removed in Python 3.15.",
                        vm.type_of(zelf).full_name(),
                        repr_of(vm, name_value)?
                    );
                    warn(vm, text)?;
                }
            }
            attributes::set(vm, zelf, name, Some(value))?;
        }
        fill_defaults(vm, zelf, &missing)
    }

    /// dictionary for instance variables
    #[pygetter(name = "__dict__")]
    fn get_dict(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(instance::materialize(vm, zelf)?.into_value())
    }

    #[pysetter(name = "__dict__")]
    fn set_dict(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value.map(Value::downcast_into::<Dict>) {
            Some(Ok(dict)) => instance::set_dict(vm, zelf, Some(dict)),
            Some(Err(other)) => {
                return Err(vm.type_error(format!(
                    "__dict__ must be set to a dictionary, not a '{}'",
                    vm.type_of(&other).full_name()
                )));
            }
            None => instance::set_dict(vm, zelf, None),
        }
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.new_str(repr_node(vm, zelf, 3)?)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn __reduce__(zelf: &Value, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf).to_ref();
        let dict = instance::materialize(vm, zelf)?;
        let fields = attributes::get_optional(vm, ty.as_value(), &vm.intern("_fields"))?;
        let fields = fields.map_or(Ok(Vec::new()), |f| sequence::collect(vm, &f))?;
        // The state sets the fields; as many Nones keep the constructor from warning of their absence.
        let mut args = Vec::new();
        for field in &fields {
            if !dict.contains(vm, field)? {
                break;
            }
            args.push(Value::NONE);
        }
        let parts = vec![
            ty.into_value(),
            vm.new_tuple(args)?.into_value(),
            dict.copy(vm)?.into_value(),
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Return a copy of the AST node with new values for the specified fields.
    #[pymethod(raw, sig = "($self, /, **fields)")]
    fn __replace__(vm: &Vm, args: Args) -> PyResult {
        let [zelf, rest @ ..] = args.positional() else {
            return Err(vm.type_error("unbound method AST.__replace__() needs an argument"));
        };
        if !rest.is_empty() {
            return Err(vm.type_error("__replace__() takes no positional arguments"));
        }
        let changes: Vec<_> = args.keywords().collect();
        let dict = instance::materialize(vm, zelf)?;
        check_replace(vm, zelf, Some(&dict), &changes)?;
        // What else the node has in its dictionary is not passed on.
        let merged = Dict::new(vm)?;
        for kind in ["_fields", "_attributes"] {
            for name in class_names(vm, zelf, kind)? {
                if let Some(value) = dict.get(vm, &name)? {
                    merged.set(vm, &name, value)?;
                }
            }
        }
        for (name, value) in &changes {
            merged.set_str(vm, name, (*value).clone())?;
        }
        let items = merged.items_vec();
        let names = vm.new_tuple(items.iter().map(|(name, _)| name.clone()).collect())?;
        let values: Vec<Value> = items.into_iter().map(|(_, value)| value).collect();
        let made = Args {
            args: &values,
            kwnames: Some(&names),
        };
        vm.call_args(vm.type_of(zelf).to_ref().as_value(), made)
    }
}

/// Whether a value is a node. (What is no node can be source text.)
pub fn is_node(value: &Value) -> bool {
    value.downcast::<Node>().is_some()
}

/// Checks that a tree is of the kind that a mode of `compile()` wants. Raises TypeError.
pub fn check_mode(vm: &Vm, tree: &Value, wanted: usize) -> PyResult<()> {
    let class = state(vm)?.class(vm, wanted)?;
    if object::is_instance(vm, tree, class.ty.as_value())? {
        return Ok(());
    }
    Err(vm.type_error(format!(
        "expected {} node, got {}",
        class.ty.name(),
        vm.type_of(tree).name()
    )))
}

#[cfg(test)]
mod tests {
    #[test]
    fn grammar_texts() {
        let rule = super::RULES[0];
        assert!(
            rule.doc().starts_with(
                "mod = Module(stmt* body, type_ignore* type_ignores)\n    | Interactive"
            )
        );
        let operators = super::RULES.iter().find(|r| r.name == "boolop");
        assert_eq!(
            operators.map(|r| r.doc()).as_deref(),
            Some("boolop = And | Or")
        );
    }
}
