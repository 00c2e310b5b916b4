//! Sorting: a stable merge sort that survives errors and side effects of comparisons.
//!
//! Keys are compared with `<` alone, as CPython does. Where all keys are small ints, floats or strings they are compared
//! without asking their types. The values are out of the list while Python code can run.
//! CPython: Objects/listsort.txt.

use crate::objects::str_;
use crate::protocols::compare;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use std::cmp::Ordering;

struct Item {
    key: Value,
    value: Option<Value>,
}

/// Sorts values, by `key(value)` if there is a key function. On an error the order is unspecified, and nothing is lost.
pub fn sort(
    vm: &Vm,
    values: Vec<Value>,
    key: Option<&Value>,
    reverse: bool,
) -> (Vec<Value>, PyResult<()>) {
    let mut values = values;
    if key.is_none() && sort_numbers(&mut values, reverse) {
        return (values, Ok(()));
    }
    let mut items = Vec::with_capacity(values.len());
    let mut failure = Ok(());
    for value in values {
        match key {
            Some(key) if failure.is_ok() => match vm.call(key, std::slice::from_ref(&value)) {
                Ok(key) => items.push(Item {
                    key,
                    value: Some(value),
                }),
                Err(raised) => {
                    failure = Err(raised);
                    items.push(Item {
                        key: value,
                        value: None,
                    });
                }
            },
            _ => items.push(Item {
                key: value,
                value: None,
            }),
        }
    }
    if failure.is_ok() {
        // Stability under `reverse`: equal items keep their order.
        if reverse {
            items.reverse();
        }
        failure = sort_items(vm, &mut items);
        if reverse {
            items.reverse();
        }
    }
    (
        items
            .into_iter()
            .map(|i| i.value.unwrap_or(i.key))
            .collect(),
        failure,
    )
}

/// Sorts values that are all unboxed ints, or all unboxed floats; says whether they were.
fn sort_numbers(values: &mut [Value], reverse: bool) -> bool {
    if values.iter().all(Value::is_small_int) {
        // Equal ints are the same word: their order does not show.
        values.sort_unstable_by_key(Value::as_small_int);
    } else if values.iter().all(Value::is_small_float) {
        let order = |a: &Value, b: &Value| {
            let (a, b) = (a.as_small_float(), b.as_small_float());
            a.partial_cmp(&b).unwrap_or(Ordering::Equal)
        };
        values.sort_unstable_by(order);
    } else {
        return false;
    }
    if reverse {
        values.reverse();
    }
    true
}

fn sort_items(vm: &Vm, items: &mut Vec<Item>) -> PyResult<()> {
    if items.iter().all(|i| i.key.is_small_int()) {
        items.sort_by_key(|i| i.key.as_small_int());
        return Ok(());
    }
    if items.iter().all(|i| i.key.is_small_float()) {
        items.sort_by(|a, b| {
            a.key
                .as_small_float()
                .partial_cmp(&b.key.as_small_float())
                .unwrap_or(Ordering::Equal)
        });
        return Ok(());
    }
    if items
        .iter()
        .all(|i| crate::objects::dict::exact_str(vm, &i.key).is_some())
    {
        // WTF-8 sorts by code points.
        items.sort_by(|a, b| match (str_::of(&a.key), str_::of(&b.key)) {
            (Some(a), Some(b)) => a.as_bytes().cmp(b.as_bytes()),
            _ => Ordering::Equal,
        });
        return Ok(());
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    merge_sort(vm, items, &mut order)?;
    let mut taken: Vec<Option<Item>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|i| taken[i].take()));
    Ok(())
}

fn less(vm: &Vm, items: &[Item], a: usize, b: usize) -> PyResult<bool> {
    compare::less(vm, &items[a].key, &items[b].key)
}

/// Bottom-up: binary insertion in runs of 32, then merges; runs that are in order already cost one comparison a pair.
fn merge_sort(vm: &Vm, items: &[Item], order: &mut [usize]) -> PyResult<()> {
    const RUN: usize = 32;
    for chunk in order.chunks_mut(RUN) {
        for i in 1..chunk.len() {
            if !less(vm, items, chunk[i], chunk[i - 1])? {
                continue;
            }
            let (mut low, mut high) = (0, i);
            while low < high {
                let middle = (low + high) / 2;
                if less(vm, items, chunk[i], chunk[middle])? {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            chunk[low..=i].rotate_right(1);
        }
    }
    let mut width = RUN;
    let mut merged = Vec::with_capacity(order.len());
    while width < order.len() {
        for pair in order.chunks_mut(width * 2) {
            if pair.len() <= width || !less(vm, items, pair[width], pair[width - 1])? {
                continue;
            }
            merged.clear();
            let (left, right) = pair.split_at(width);
            let (mut i, mut j) = (0, 0);
            while i < left.len() && j < right.len() {
                if less(vm, items, right[j], left[i])? {
                    merged.push(right[j]);
                    j += 1;
                } else {
                    merged.push(left[i]);
                    i += 1;
                }
            }
            merged.extend_from_slice(&left[i..]);
            merged.extend_from_slice(&right[j..]);
            pair.copy_from_slice(&merged);
        }
        width *= 2;
    }
    Ok(())
}
