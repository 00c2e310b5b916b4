//! Sorting: a stable merge sort that survives errors and side effects of comparisons.
//!
//! Keys are compared with `<` alone, as CPython does. Each key gets a word that sorts as the key does, as far as it goes: an
//! int's or a float's value, the first bytes of a string, the same of a tuple's first item; only where two words are equal is
//! anything else looked at. The values are out of the list while Python code can run.
//! CPython: Objects/listsort.txt.

use crate::objects::dict::exact_str;
use crate::objects::float;
use crate::objects::tuple::Tuple;
use crate::protocols::compare;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;

/// A key's word, and its place.
type Entry = (u64, u32);

/// What the keys' words are made of.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Float,
    Str,
    /// Anything: all words are 0.
    Any,
}

/// Sorts values, by `key(value)` if there is a key function. On an error the order is unspecified, and nothing is lost.
pub fn sort(
    vm: &Vm,
    values: Vec<Value>,
    key: Option<&Value>,
    reverse: bool,
) -> (Vec<Value>, PyResult<()>) {
    let mut values = values;
    if u32::try_from(values.len()).is_err() {
        return (values, Err(vm.memory_error("")));
    }
    let Some(key) = key else {
        if sort_ints(&mut values, reverse) {
            return (values, Ok(()));
        }
        return match sorted_places(vm, &values, reverse) {
            Ok(places) => (permute(values, &places), Ok(())),
            Err(raised) => (values, Err(raised)),
        };
    };
    let mut keys = Vec::with_capacity(values.len());
    for value in &values {
        match vm.call(key, std::slice::from_ref(value)) {
            Ok(key) => keys.push(key),
            Err(raised) => return (values, Err(raised)),
        }
    }
    let result = match sorted_places(vm, &keys, reverse) {
        Ok(places) => (permute(values, &places), Ok(())),
        Err(raised) => (values, Err(raised)),
    };
    naja_heap::drop_values(keys);
    result
}

/// Sorts values that are all unboxed ints; says whether they were.
fn sort_ints(values: &mut [Value], reverse: bool) -> bool {
    if !values.iter().all(Value::is_small_int) {
        return false;
    }
    // Equal ints are the same word: their order does not show.
    values.sort_unstable_by_key(Value::as_small_int);
    if reverse {
        values.reverse();
    }
    true
}

/// The values at these places, each of which is named once.
fn permute(mut values: Vec<Value>, places: &[Entry]) -> Vec<Value> {
    let mut sorted = Vec::with_capacity(values.len());
    for (_, place) in places {
        if let Some(value) = values.get_mut(*place as usize) {
            sorted.push(std::mem::replace(value, Value::NONE));
        }
    }
    naja_heap::drop_values(values);
    sorted
}

/// The places of keys in their order.
fn sorted_places(vm: &Vm, keys: &[Value], reverse: bool) -> PyResult<Vec<Entry>> {
    let (kind, inner) = kind_of(vm, keys);
    let word = |(place, key): (usize, &Value)| {
        let key = if inner {
            first(vm, key).unwrap_or(key)
        } else {
            key
        };
        (word(vm, key, kind), place as u32)
    };
    let mut entries: Vec<Entry> = keys.iter().enumerate().map(word).collect();
    if reverse {
        // Equal items keep their order.
        entries.reverse();
    }
    match kind {
        Kind::Int | Kind::Float if !inner => entries.sort_by_key(|entry| entry.0),
        Kind::Str if !inner => {
            let text = |place: u32| keys.get(place as usize).and_then(|key| exact_str(vm, key));
            entries.sort_by(|a, b| {
                a.0.cmp(&b.0).then_with(|| {
                    text(a.1)
                        .map(|t| t.as_bytes())
                        .cmp(&text(b.1).map(|t| t.as_bytes()))
                })
            });
        }
        _ => merge_sort(&mut entries, |a, b| match a.0 == b.0 {
            false => Ok(a.0 < b.0),
            true => compare::less(vm, &keys[a.1 as usize], &keys[b.1 as usize]),
        })?,
    }
    if reverse {
        entries.reverse();
    }
    Ok(entries)
}

/// The first item of an exact tuple.
#[inline]
fn first<'a>(vm: &Vm, key: &'a Value) -> Option<&'a Value> {
    let tuple = key.downcast::<Tuple>()?;
    if vm.type_of(key).is(&vm.types.tuple) {
        tuple.get(0)
    } else {
        None
    }
}

/// What all keys are, or all first items of keys that are all tuples.
fn kind_of(vm: &Vm, keys: &[Value]) -> (Kind, bool) {
    let Some(one) = keys.first() else {
        return (Kind::Any, false);
    };
    let inner = first(vm, one);
    let kind = simple_kind(vm, inner.unwrap_or(one));
    let same = |key: &Value| {
        let key = match inner {
            Some(_) => first(vm, key),
            None => Some(key),
        };
        key.is_some_and(|key| simple_kind(vm, key) == kind)
    };
    match kind != Kind::Any && keys.iter().all(same) {
        true => (kind, inner.is_some()),
        false => (Kind::Any, false),
    }
}

#[inline]
fn simple_kind(vm: &Vm, value: &Value) -> Kind {
    if value.is_small_int() || value.is_bool() {
        Kind::Int
    } else if float::exact(vm, value).is_some_and(|f| !f.is_nan()) {
        Kind::Float
    } else if exact_str(vm, value).is_some() {
        Kind::Str
    } else {
        Kind::Any
    }
}

/// The word of a value of that kind.
#[inline]
fn word(vm: &Vm, value: &Value, kind: Kind) -> u64 {
    match kind {
        Kind::Int => {
            let n = value.as_small_int().unwrap_or(value.is_true() as i64);
            n as u64 ^ 1 << 63
        }
        Kind::Float => {
            // -0.0 is as great as 0.0.
            let bits = (float::exact(vm, value).unwrap_or(0.0) + 0.0).to_bits();
            if bits >> 63 == 0 {
                bits | 1 << 63
            } else {
                !bits
            }
        }
        Kind::Str => {
            // WTF-8 sorts by code points.
            let bytes = exact_str(vm, value).map_or(&[][..], |text| text.as_bytes());
            match bytes.first_chunk() {
                Some(bytes) => u64::from_be_bytes(*bytes),
                None => {
                    bytes.iter().fold(0, |word, byte| word << 8 | *byte as u64)
                        << (64 - 8 * bytes.len().max(1))
                }
            }
        }
        Kind::Any => 0,
    }
}

/// Runs that are in order already are found and, where they are short, made longer by insertion; then neighbours are merged.
fn merge_sort(
    entries: &mut [Entry],
    less: impl Fn(Entry, Entry) -> PyResult<bool>,
) -> PyResult<()> {
    const RUN: usize = 32;
    let len = entries.len();
    let mut ends = Vec::new();
    let mut start = 0;
    while start < len {
        let run = &mut entries[start..];
        let mut sorted = 1;
        if run.len() > 1 {
            sorted = 2;
            if less(run[1], run[0])? {
                while sorted < run.len() && less(run[sorted], run[sorted - 1])? {
                    sorted += 1;
                }
                run[..sorted].reverse();
            } else {
                while sorted < run.len() && !less(run[sorted], run[sorted - 1])? {
                    sorted += 1;
                }
            }
        }
        let whole = sorted.max(RUN.min(run.len()));
        for i in sorted..whole {
            let entry = run[i];
            let (mut low, mut high) = (0, i);
            while low < high {
                let middle = (low + high) / 2;
                if less(entry, run[middle])? {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            run.copy_within(low..i, low + 1);
            run[low] = entry;
        }
        start += whole;
        ends.push(start);
    }
    let mut spare = Vec::with_capacity(len / 2 + 1);
    while ends.len() > 1 {
        let mut start = 0;
        for pair in ends.chunks(2) {
            if let [middle, end] = *pair {
                merge(&mut entries[start..end], middle - start, &mut spare, &less)?;
                start = end;
            }
        }
        let last = ends.len() - 1;
        let mut number = 0;
        ends.retain(|_| {
            number += 1;
            number % 2 == 0 || number == last + 1
        });
    }
    Ok(())
}

/// Merges the two sorted parts `..middle` and `middle..`.
fn merge(
    part: &mut [Entry],
    middle: usize,
    spare: &mut Vec<Entry>,
    less: &impl Fn(Entry, Entry) -> PyResult<bool>,
) -> PyResult<()> {
    if !less(part[middle], part[middle - 1])? {
        return Ok(());
    }
    spare.clear();
    spare.extend_from_slice(&part[..middle]);
    let (mut left, mut right, mut to) = (0, middle, 0);
    while let (Some(a), true) = (spare.get(left), right < part.len()) {
        if less(part[right], *a)? {
            part[to] = part[right];
            right += 1;
        } else {
            part[to] = *a;
            left += 1;
        }
        to += 1;
    }
    let rest = &spare[left..];
    part[to..to + rest.len()].copy_from_slice(rest);
    Ok(())
}
