//! `_sre`: the objects around the regular-expression engine `naja-sre`.
//!
//! `pattern.rs` has `re.Pattern` and its scanners, `match_.rs` `re.Match`, `subject.rs` what is searched, `template.rs` the
//! replacement templates. Positions inside are byte offsets; Python's indices are made of them when asked for.
//! CPython: Modules/_sre/sre.c.

mod match_;
mod pattern;
mod subject;
mod template;

use match_::Match;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::list::List;
use naja_vm::protocols::number;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm};
use pattern::{Pattern, Scanner};
use template::Template;

/// The code words in a list of ints. Raises OverflowError.
fn code_words(vm: &Vm, code: &Ref<List>) -> PyResult<Vec<u32>> {
    let small = |word: &Value| word.as_small_int().and_then(|n| u32::try_from(n).ok());
    let all = code.look(|items| {
        let mut words = Vec::with_capacity(items.len());
        for word in items {
            words.push(small(word)?);
        }
        Some(words)
    });
    if let Some(words) = all {
        return Ok(words);
    }
    let too_large = || vm.overflow_error("regular expression code size limit exceeded");
    code.to_vec()
        .iter()
        .map(|word| {
            let number = match word.as_small_int() {
                Some(number) => Some(number),
                None => number::index_i64(vm, word)?,
            };
            number
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(too_large)
        })
        .collect()
}

#[pymodule(name = "_sre", doc = "", classes(Pattern, Match, Scanner, Template))]
pub mod module {
    use super::*;

    #[pyattr(name = "MAGIC")]
    fn magic(vm: &Vm) -> PyResult {
        vm.new_int(naja_sre::MAGIC.into())
    }

    #[pyattr(name = "CODESIZE")]
    fn code_size(vm: &Vm) -> PyResult {
        vm.new_int(naja_sre::CODE_SIZE as i64)
    }

    #[pyattr(name = "MAXREPEAT")]
    fn max_repeat(vm: &Vm) -> PyResult {
        vm.new_int(naja_sre::MAX_REPEAT.into())
    }

    #[pyattr(name = "MAXGROUPS")]
    fn max_groups(vm: &Vm) -> PyResult {
        vm.new_int(naja_sre::MAX_GROUPS as i64)
    }

    #[pyattr]
    fn copyright(vm: &Vm) -> PyResult {
        Ok(vm
            .new_str(" SRE 2.2.2 Copyright (c) 1997-2002 by Secret Labs AB ")?
            .into_value())
    }

    #[pyfunction(sig = "($module, /)")]
    fn getcodesize() -> usize {
        naja_sre::CODE_SIZE
    }

    #[pyfunction(sig = "($module, character, /)")]
    fn ascii_iscased(character: i32) -> bool {
        naja_sre::ascii_is_cased(character as u32)
    }

    #[pyfunction(sig = "($module, character, /)")]
    fn unicode_iscased(character: i32) -> bool {
        naja_sre::unicode_is_cased(character as u32)
    }

    #[pyfunction(sig = "($module, character, /)")]
    fn ascii_tolower(character: i32) -> u32 {
        naja_sre::ascii_to_lower(character as u32)
    }

    #[pyfunction(sig = "($module, character, /)")]
    fn unicode_tolower(character: i32) -> u32 {
        naja_sre::unicode_to_lower(character as u32)
    }

    #[pyfunction(sig = "($module, /, pattern, flags, code, groups, groupindex, indexgroup)")]
    fn compile(
        vm: &Vm,
        pattern: Value,
        flags: i32,
        code: &Ref<List>,
        groups: isize,
        groupindex: Ref<Dict>,
        indexgroup: Ref<Tuple>,
    ) -> PyResult {
        let words = code_words(vm, code)?;
        Pattern::make(vm, pattern, flags, words, groups, groupindex, indexgroup)
    }

    #[pyfunction(sig = "($module, pattern, template, /)")]
    fn template(vm: &Vm, pattern: &Ref<Pattern>, template: &Ref<List>) -> PyResult {
        Template::make(vm, pattern, &template.to_vec())
    }
}
