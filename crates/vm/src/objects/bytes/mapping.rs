//! Bytes for bytes: translation tables, and the case of ASCII letters. CPython: Objects/bytes_methods.c.

use super::parts::{BytesLike, Part};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

pub(super) fn translate<T: BytesLike>(
    vm: &Vm,
    zelf: &Ref<T>,
    table: &Value,
    delete: Option<&Value>,
) -> PyResult {
    let table = match table.is_none() {
        true => None,
        false => {
            let table = Part::of(vm, table)?;
            if table.len() != 256 {
                return Err(vm.value_error("translation table must be 256 characters long"));
            }
            Some(table)
        }
    };
    if let (Some(table), None) = (&table, delete) {
        let new = zelf.view(|data| {
            let mut new = data.to_vec();
            table.with(|table| {
                if let Ok(table) = <&[u8; 256]>::try_from(table) {
                    new.iter_mut().for_each(|b| *b = table[*b as usize]);
                }
            });
            (new != data).then_some(new)
        });
        return match new {
            Some(new) => T::make(vm, new),
            None => T::unchanged(zelf, vm),
        };
    }
    let mut keep = [true; 256];
    if let Some(delete) = delete {
        Part::of(vm, delete)?.with(|d| d.iter().for_each(|&b| keep[b as usize] = false))
    }
    let mut map: [u8; 256] = std::array::from_fn(|i| i as u8);
    if let Some(table) = table {
        table.with(|t| {
            if let Ok(t) = <[u8; 256]>::try_from(t) {
                map = t
            }
        })
    }
    let new = zelf.view(|data| {
        let mut new = vec![0; data.len()];
        let mut kept = 0;
        for &byte in data {
            // What is not kept is written over by the next, without a branch.
            new[kept] = map[byte as usize];
            kept += usize::from(keep[byte as usize]);
        }
        new.truncate(kept);
        (new != data).then_some(new)
    });
    match new {
        Some(new) => T::make(vm, new),
        None => T::unchanged(zelf, vm),
    }
}

pub(super) fn title(data: &mut [u8]) {
    let mut inside = false;
    for byte in data {
        *byte = if inside {
            byte.to_ascii_lowercase()
        } else {
            byte.to_ascii_uppercase()
        };
        inside = byte.is_ascii_alphabetic();
    }
}

pub(super) fn swap_case(data: &mut [u8]) {
    for byte in data {
        if byte.is_ascii_alphabetic() {
            *byte ^= 0x20
        }
    }
}

pub(super) fn capitalize(data: &mut [u8]) {
    data.make_ascii_lowercase();
    if let Some(first) = data.first_mut() {
        first.make_ascii_uppercase()
    }
}

/// Title case: capitals only after uncased bytes, small letters only after cased ones, at least one letter.
pub(super) fn is_title(data: &[u8]) -> bool {
    let (mut found, mut inside) = (false, false);
    for byte in data {
        match (byte.is_ascii_uppercase(), byte.is_ascii_lowercase(), inside) {
            (true, _, true) | (_, true, false) => return false,
            (true, _, _) | (_, true, _) => (found, inside) = (true, true),
            _ => inside = false,
        }
    }
    found
}

pub(super) fn all<T: BytesLike>(zelf: &T, f: fn(&u8) -> bool) -> bool {
    zelf.view(|data| !data.is_empty() && data.iter().all(f))
}

pub(super) fn mapped<T: BytesLike>(vm: &Vm, zelf: &T, f: fn(&mut [u8])) -> PyResult {
    let mut new = zelf.view(<[u8]>::to_vec);
    f(&mut new);
    T::make(vm, new)
}

/// `bytes.maketrans`.
pub(super) fn make_trans(vm: &Vm, frm: &Value, to: &Value) -> PyResult {
    let (frm, to) = (Part::of(vm, frm)?, Part::of(vm, to)?);
    if frm.len() != to.len() {
        return Err(vm.value_error("maketrans arguments must have same length"));
    }
    let mut map: [u8; 256] = std::array::from_fn(|i| i as u8);
    frm.with(|frm| {
        to.with(|to| {
            for (&a, &b) in frm.iter().zip(to) {
                map[a as usize] = b
            }
        })
    });
    Ok(vm.new_bytes(&map)?.into_value())
}
