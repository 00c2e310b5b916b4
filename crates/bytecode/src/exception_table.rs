//! The exception table: which handler covers which instructions.
//!
//! Each entry is four numbers in groups of six bits, most significant first, bit 6 meaning "more follows"; bit 7 marks the
//! first byte of an entry, so that a reader can start anywhere. Numbers count 16-bit units. CPython:
//! `InternalDocs/exception_handling.md`, `Python/assemble.c`.

/// One entry; offsets in units, `end` exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// First covered unit.
    pub start: u32,
    /// First unit no longer covered.
    pub end: u32,
    /// Where the handler starts.
    pub target: u32,
    /// Stack depth to cut back to.
    pub depth: u32,
    /// Whether the offset of the raising instruction is pushed before the exception.
    pub lasti: bool,
}

const MORE: u8 = 0x40;
const START: u8 = 0x80;

fn write_number(out: &mut Vec<u8>, value: u32, mut mark: u8) {
    for shift in [24, 18, 12, 6] {
        if value >> shift != 0 {
            out.push((value >> shift) as u8 & 0x3f | MORE | mark);
            mark = 0;
        }
    }
    out.push(value as u8 & 0x3f | mark);
}

/// Appends an entry.
pub fn write(out: &mut Vec<u8>, entry: &Entry) {
    write_number(out, entry.start, START);
    write_number(out, entry.end.saturating_sub(entry.start), 0);
    write_number(out, entry.target, 0);
    write_number(out, entry.depth << 1 | u32::from(entry.lasti), 0);
}

/// Reads the entries in order; stops at the end or at damage.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    table: &'a [u8],
}

impl Entries<'_> {
    fn number(&mut self) -> Option<u32> {
        let mut value = 0u32;
        loop {
            let (byte, rest) = self.table.split_first()?;
            self.table = rest;
            value = value.checked_mul(64)? | u32::from(byte & 0x3f);
            if byte & MORE == 0 {
                return Some(value);
            }
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let start = self.number()?;
        let length = self.number()?;
        let target = self.number()?;
        let depth = self.number()?;
        Some(Entry {
            start,
            end: start.checked_add(length)?,
            target,
            depth: depth >> 1,
            lasti: depth & 1 != 0,
        })
    }
}

/// The entries of a table.
pub fn entries(table: &[u8]) -> Entries<'_> {
    Entries { table }
}

/// The number at `at`, which is moved behind it. Damage (numbers too large) gives some number.
#[inline(always)]
fn number(table: &[u8], at: &mut usize) -> Option<u32> {
    let mut byte = *table.get(*at)?;
    let mut value = u32::from(byte & 0x3f);
    *at += 1;
    while byte & MORE != 0 {
        byte = *table.get(*at)?;
        value = value << 6 | u32::from(byte & 0x3f);
        *at += 1;
    }
    Some(value)
}

/// Tables longer than this are bisected first.
const LINEAR: usize = 40;

/// The entry that covers a unit, found by bisection over entry starts.
pub fn lookup(table: &[u8], unit: u32) -> Option<Entry> {
    let mut at = 0;
    if table.len() > LINEAR {
        let mut high = table.len();
        while high - at > LINEAR {
            let mut middle = (at + high) / 2;
            while middle > at && table[middle] & START == 0 {
                middle -= 1;
            }
            if middle == at {
                break;
            }
            if number(table, &mut { middle })? > unit {
                high = middle;
            } else {
                at = middle;
            }
        }
    }
    // The candidates: of an entry that does not cover the unit only the first two numbers are read.
    loop {
        let start = number(table, &mut at)?;
        if start > unit {
            return None;
        }
        let length = number(table, &mut at)?;
        if unit - start < length {
            let (target, depth) = (number(table, &mut at)?, number(table, &mut at)?);
            return Some(Entry {
                start,
                end: start.saturating_add(length),
                target,
                depth: depth >> 1,
                lasti: depth & 1 != 0,
            });
        }
        at += 2;
        while table.get(at).is_some_and(|byte| byte & START == 0) {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_lookup() {
        let all: Vec<Entry> = (0..200)
            .map(|i| Entry {
                start: i * 50,
                end: i * 50 + 40,
                target: 1 << (i % 30),
                depth: i % 7,
                lasti: i % 2 == 0,
            })
            .collect();
        let mut table = Vec::new();
        all.iter().for_each(|e| write(&mut table, e));
        assert_eq!(entries(&table).collect::<Vec<_>>(), all);
        for e in &all {
            assert_eq!(lookup(&table, e.start), Some(*e));
            assert_eq!(lookup(&table, e.end - 1), Some(*e));
            assert_eq!(lookup(&table, e.end), None);
        }
    }

    #[test]
    fn damage_ends_the_iteration() {
        assert_eq!(entries(&[0xff; 40]).count(), 0);
        assert_eq!(lookup(&[0x80, 0x41], 0), None);
        assert_eq!(lookup(&[0; 100], 7), None);
    }
}
