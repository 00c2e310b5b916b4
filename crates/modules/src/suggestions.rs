//! `_suggestions`: "Did you mean", natively. CPython: Modules/_suggestions.c, Python/suggestions.c.

use naja_macros::pymodule;

#[pymodule(name = "_suggestions", doc = "")]
pub mod module {
    use naja_heap::Value;
    use naja_vm::list::List;
    use naja_vm::protocols::suggestions::closest;
    use naja_vm::str_;
    use naja_vm::{PyResult, Vm};

    /// Returns the candidate in candidates that's closest to item
    #[pyfunction(sig = "($module, candidates, item, /)")]
    fn _generate_suggestions(vm: &Vm, candidates: &Value, item: &Value) -> PyResult<Option<Value>> {
        let Some(item) = str_::of(item) else {
            return Err(vm.type_error(format!(
                "_generate_suggestions() argument 2 must be str, not {}",
                if item.is_none() {
                    "None".into()
                } else {
                    vm.type_of(item).full_name()
                }
            )));
        };
        let Some(list) = candidates.downcast::<List>() else {
            return Err(vm.type_error("candidates must be a list"));
        };
        let candidates = list.to_vec();
        if candidates.iter().any(|c| str_::of(c).is_none()) {
            return Err(vm.type_error("all elements in 'candidates' must be strings"));
        }
        let texts: Vec<_> = candidates
            .iter()
            .filter_map(str_::of)
            .map(|text| text.to_string_lossy())
            .collect();
        let item = item.to_string_lossy();
        let found = closest(&item, texts.iter().map(AsRef::as_ref));
        let found = found.and_then(|found| texts.iter().position(|t| t == found));
        Ok(found.and_then(|i| candidates.get(i).cloned()))
    }
}
