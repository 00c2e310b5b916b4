//! Template strings (PEP 750): `t"..."`, their `Template` and `Interpolation` objects.
//!
//! Invariant: a template has one more string than interpolations; between two of them stands an empty string where the
//! source has nothing. CPython: Objects/templateobject.c, Objects/interpolationobject.c.

use crate::function::Args;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Template object
#[pyclass(name = "Template", module = "string.templatelib", gc)]
pub struct Template {
    strings: Ref<Tuple>,
    interpolations: Ref<Tuple>,
}

impl Traverse for Template {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.strings);
        v.reference(&self.interpolations);
    }
    fn clear(&self) {}
}

impl Vm {
    /// `BUILD_TEMPLATE`.
    pub(crate) fn build_template(&self, strings: Value, interpolations: Value) -> PyResult {
        match (
            strings.downcast_into::<Tuple>(),
            interpolations.downcast_into::<Tuple>(),
        ) {
            (Ok(strings), Ok(interpolations)) => Ok(self
                .new_object(Template {
                    strings,
                    interpolations,
                })?
                .into_value()),
            _ => Err(self.system_error("BUILD_TEMPLATE of something else than tuples")),
        }
    }

    /// `BUILD_INTERPOLATION`. `conversion` counts from 1: str, repr, ascii.
    pub(crate) fn build_interpolation(
        &self,
        value: Value,
        text: Value,
        conversion: u32,
        spec: Option<Value>,
    ) -> PyResult {
        let conversion = match conversion {
            1 => self.latin1(b's'),
            2 => self.latin1(b'r'),
            3 => self.latin1(b'a'),
            _ => Value::NONE,
        };
        let format_spec = spec.unwrap_or_else(|| self.interp.empty_str().into_value());
        Ok(self
            .new_object(Interpolation {
                value,
                expression: text,
                conversion,
                format_spec,
            })?
            .into_value())
    }

    fn latin1(&self, c: u8) -> Value {
        self.interp.latin1_char(c).into_value()
    }
}

/// Strings and interpolations in order, while a template is put together.
#[derive(Default)]
struct Parts {
    strings: Vec<Value>,
    interpolations: Vec<Value>,
    /// Whether the last part is a string, which further text is appended to.
    open: bool,
}

impl Parts {
    fn text(&mut self, vm: &Vm, text: &Value) -> PyResult<()> {
        match self.strings.last_mut() {
            Some(last) if self.open => {
                *last = crate::protocols::number::add(vm, last, text)?;
            }
            _ => self.strings.push(text.clone()),
        }
        self.open = true;
        Ok(())
    }

    fn interpolation(&mut self, vm: &Vm, interpolation: Value) {
        if !self.open {
            self.strings.push(vm.interp.empty_str().into_value())
        }
        self.interpolations.push(interpolation);
        self.open = false;
    }

    fn finish(mut self, vm: &Vm) -> PyResult<Template> {
        if !self.open {
            self.strings.push(vm.interp.empty_str().into_value())
        }
        Ok(Template {
            strings: vm.new_tuple(self.strings)?,
            interpolations: vm.new_tuple(self.interpolations)?,
        })
    }
}

#[pymethods]
impl Template {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("Template.__new__ only accepts *args arguments"));
        }
        let mut parts = Parts::default();
        for arg in args.args {
            if arg.downcast::<Str>().is_some() {
                parts.text(vm, arg)?
            } else if arg.downcast::<Interpolation>().is_some() {
                parts.interpolation(vm, arg.clone())
            } else {
                return Err(vm.type_error(format!(
                    "Template.__new__ *args need to be of type 'str' or 'Interpolation', got {}",
                    vm.type_of(arg).full_name()
                )));
            }
        }
        let template = parts.finish(vm)?;
        Ok(vm.new_object_of(cls, template)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let strings = object::repr(vm, zelf.strings.as_value())?;
        let interpolations = object::repr(vm, zelf.interpolations.as_value())?;
        Ok(vm
            .new_str(format!(
                "{}(strings={}, interpolations={})",
                vm.type_of(zelf.as_value()).name(),
                strings.to_string_lossy(),
                interpolations.to_string_lossy()
            ))?
            .into_value())
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_object(TemplateIter {
                template: zelf.clone(),
                next: Cell::new(0),
            })?
            .into_value())
    }

    #[pyslot]
    fn concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Template>(), b.downcast::<Template>()) else {
            return Err(vm.type_error(format!(
                "can only concatenate string.templatelib.Template (not \"{}\") to string.templatelib.Template",
                vm.type_of(b).full_name()
            )));
        };
        let mut strings = x.strings.items().to_vec();
        let mut rest = y.strings.items().iter();
        if let (Some(last), Some(first)) = (strings.last_mut(), rest.next()) {
            *last = crate::protocols::number::add(vm, last, first)?;
        }
        strings.extend(rest.cloned());
        let mut interpolations = x.interpolations.items().to_vec();
        interpolations.extend_from_slice(y.interpolations.items());
        Ok(vm
            .new_object(Template {
                strings: vm.new_tuple(strings)?,
                interpolations: vm.new_tuple(interpolations)?,
            })?
            .into_value())
    }

    /// Strings
    #[pymember]
    fn strings(&self) -> Ref<Tuple> {
        self.strings.clone()
    }

    /// Interpolations
    #[pymember]
    fn interpolations(&self) -> Ref<Tuple> {
        self.interpolations.clone()
    }

    /// Values of interpolations
    #[pygetter]
    fn values(&self, vm: &Vm) -> PyResult<Ref<Tuple>> {
        let values = self
            .interpolations
            .items()
            .iter()
            .filter_map(|i| i.downcast::<Interpolation>().map(|i| i.value.clone()));
        vm.new_tuple(values.collect())
    }

    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let module = crate::import::import_simple(vm, "string.templatelib")?;
        let unpickle = crate::protocols::attributes::get_by(vm, &module, "_template_unpickle")?;
        let parts = vec![self.strings.to_value(), self.interpolations.to_value()];
        let parts = vm.new_tuple(parts)?.into_value();
        Ok(vm.new_tuple(vec![unpickle, parts])?.into_value())
    }

    /// Template supports [] for generic usage
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

/// Interpolation object
#[pyclass(name = "Interpolation", module = "string.templatelib", gc)]
pub struct Interpolation {
    value: Value,
    expression: Value,
    conversion: Value,
    format_spec: Value,
}

impl Traverse for Interpolation {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.value)
    }
    fn clear(&self) {}
}

#[pymethods]
impl Interpolation {
    #[pyslot(sig = "(value, expression='', conversion=None, format_spec='')")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        value: Value,
        expression: Option<Ref<Str>>,
        conversion: Option<&Value>,
        format_spec: Option<Ref<Str>>,
    ) -> PyResult {
        let conversion = match conversion {
            Some(given) if !given.is_none() => match given.downcast::<Str>() {
                Some(text) if matches!(text.as_bytes(), b"s" | b"r" | b"a") => given.clone(),
                Some(_) => {
                    return Err(vm.value_error(
                        "Interpolation() argument 'conversion' must be one of 's', 'a' or 'r'",
                    ));
                }
                None => {
                    return Err(vm.type_error(format!(
                        "Interpolation() argument 'conversion' must be str, not {}",
                        vm.type_of(given).full_name()
                    )));
                }
            },
            _ => Value::NONE,
        };
        let empty = || vm.interp.empty_str();
        let new = Interpolation {
            value,
            expression: expression.unwrap_or_else(empty).into_value(),
            conversion,
            format_spec: format_spec.unwrap_or_else(empty).into_value(),
        };
        Ok(vm.new_object_of(cls, new)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        vm.check_stack()?;
        let mut parts = Vec::new();
        for part in [
            &zelf.value,
            &zelf.expression,
            &zelf.conversion,
            &zelf.format_spec,
        ] {
            parts.push(object::repr(vm, part)?.to_string_lossy().into_owned());
        }
        Ok(vm
            .new_str(format!(
                "{}({})",
                vm.type_of(zelf.as_value()).name(),
                parts.join(", ")
            ))?
            .into_value())
    }

    /// Value
    #[pymember]
    fn value(&self) -> Value {
        self.value.clone()
    }

    /// Expression
    #[pymember]
    fn expression(&self) -> Value {
        self.expression.clone()
    }

    /// Conversion
    #[pymember]
    fn conversion(&self) -> Value {
        self.conversion.clone()
    }

    /// Format specifier
    #[pymember]
    fn format_spec(&self) -> Value {
        self.format_spec.clone()
    }

    #[pyattr]
    fn __match_args__(vm: &Vm) -> PyResult {
        let names = ["value", "expression", "conversion", "format_spec"];
        let names = names.iter().map(|n| vm.intern(n).into_value()).collect();
        Ok(vm.new_tuple(names)?.into_value())
    }

    /// __reduce__() -> (cls, state)
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let state = vec![
            zelf.value.clone(),
            zelf.expression.clone(),
            zelf.conversion.clone(),
            zelf.format_spec.clone(),
        ];
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let state = vm.new_tuple(state)?.into_value();
        Ok(vm.new_tuple(vec![class, state])?.into_value())
    }

    /// Interpolations are generic over the types of their values
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

/// Template iterator object
#[pyclass(
    name = "TemplateIter",
    module = "string.templatelib",
    gc,
    flags(NO_NEW)
)]
pub struct TemplateIter {
    template: Ref<Template>,
    /// Twice the index of the next string, plus 1 when its interpolation is next.
    next: Cell<usize>,
}

impl Traverse for TemplateIter {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.template)
    }
    fn clear(&self) {}
}

#[pymethods]
impl TemplateIter {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        loop {
            let at = zelf.next.get();
            let part = if at.is_multiple_of(2) {
                zelf.template.strings.items().get(at / 2)
            } else {
                zelf.template.interpolations.items().get(at / 2)
            };
            let Some(part) = part else { return Ok(None) };
            zelf.next.set(at + 1);
            // Empty strings are left out.
            if at % 2 == 1
                || part
                    .downcast::<Str>()
                    .is_some_and(|s| !s.as_bytes().is_empty())
            {
                return Ok(Some(part.clone()));
            }
        }
    }
}
