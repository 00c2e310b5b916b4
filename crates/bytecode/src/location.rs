//! The location table: source positions of instructions.
//!
//! An entry starts with a byte 0x80 | form << 3 | (units - 1) and covers up to eight units; forms 0-9 are short columns
//! on the same line, 10-12 one line with byte columns, 13 a line without columns, 14 everything in full, 15 nothing.
//! Numbers are little-endian groups of six bits with bit 6 for "more follows", signed ones with the sign in bit 0.
//! CPython: `InternalDocs/code_objects.md`, `Python/assemble.c`.

/// A source position; -1 stands for "unknown".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// First line.
    pub lineno: i32,
    /// Last line.
    pub end_lineno: i32,
    /// First column, in bytes.
    pub col_offset: i32,
    /// Column after the last.
    pub end_col_offset: i32,
}

impl Position {
    /// No position.
    pub const NONE: Position = Position {
        lineno: -1,
        end_lineno: -1,
        col_offset: -1,
        end_col_offset: -1,
    };
}

/// A location table being written.
#[derive(Clone, Debug)]
pub struct LocationWriter {
    table: Vec<u8>,
    lineno: i32,
}

impl LocationWriter {
    /// An empty table for code that starts on a line.
    pub fn new(firstlineno: i32) -> LocationWriter {
        LocationWriter {
            table: Vec::new(),
            lineno: firstlineno,
        }
    }

    /// Appends a position for a number of units.
    pub fn write(&mut self, position: Position, mut units: usize) {
        while units > 0 {
            let covered = units.min(8);
            self.entry(&position, covered);
            units -= covered;
        }
    }

    /// The table.
    pub fn finish(self) -> Vec<u8> {
        self.table
    }

    fn head(&mut self, form: u8, units: usize) {
        self.table.push(0x80 | form << 3 | (units - 1) as u8);
    }

    fn number(&mut self, mut value: u32) {
        while value >= 64 {
            self.table.push(0x40 | (value & 0x3f) as u8);
            value >>= 6;
        }
        self.table.push(value as u8);
    }

    fn signed(&mut self, value: i32) {
        let sign = u32::from(value < 0);
        self.number(value.unsigned_abs() << 1 | sign);
    }

    fn entry(&mut self, p: &Position, units: usize) {
        if p.lineno < 0 {
            return self.head(15, units);
        }
        let delta = p.lineno.wrapping_sub(self.lineno);
        self.lineno = p.lineno;
        let (column, end) = (p.col_offset, p.end_col_offset);
        if column < 0 || end < 0 {
            if p.end_lineno == p.lineno || p.end_lineno == -1 {
                self.head(13, units);
                return self.signed(delta);
            }
        } else if p.end_lineno == p.lineno {
            if delta == 0 && column < 80 && (0..16).contains(&(end - column)) {
                self.head((column >> 3) as u8, units);
                return self.table.push(((column & 7) << 4 | (end - column)) as u8);
            }
            if (0..3).contains(&delta) && column < 128 && end < 128 {
                self.head(10 + delta as u8, units);
                self.table.push(column as u8);
                return self.table.push(end as u8);
            }
        }
        self.head(14, units);
        self.signed(delta);
        self.number(p.end_lineno.wrapping_sub(p.lineno) as u32);
        self.number(column.wrapping_add(1) as u32);
        self.number(end.wrapping_add(1) as u32);
    }
}

/// Reads a table: for each entry the position and how many units it covers. Stops at the end or at damage.
#[derive(Clone, Debug)]
pub struct Locations<'a> {
    table: &'a [u8],
    lineno: i32,
}

/// The entries of a table that belongs to code starting on a line.
pub fn locations(table: &[u8], firstlineno: i32) -> Locations<'_> {
    Locations {
        table,
        lineno: firstlineno,
    }
}

impl Locations<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.table.split_first()?;
        self.table = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u32> {
        let (mut value, mut shift) = (0u32, 0);
        loop {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x3f).checked_shl(shift)?;
            shift += 6;
            if byte & 0x40 == 0 {
                return Some(value);
            }
        }
    }

    fn signed(&mut self) -> Option<i32> {
        let value = self.number()?;
        let magnitude = (value >> 1) as i32;
        Some(if value & 1 != 0 {
            -magnitude
        } else {
            magnitude
        })
    }
}

impl Iterator for Locations<'_> {
    type Item = (Position, usize);

    fn next(&mut self) -> Option<(Position, usize)> {
        let head = self.byte()?;
        let units = usize::from(head & 7) + 1;
        let form = head >> 3 & 15;
        if form == 15 {
            return Some((Position::NONE, units));
        }
        let (mut end_delta, mut column, mut end) = (0, -1, -1);
        match form {
            0..10 => {
                let low = i32::from(self.byte()?);
                column = i32::from(form) << 3 | (low >> 4 & 7);
                end = column + (low & 15);
            }
            10..13 => {
                self.lineno = self.lineno.wrapping_add(i32::from(form) - 10);
                column = i32::from(self.byte()?);
                end = i32::from(self.byte()?);
            }
            13 => self.lineno = self.lineno.wrapping_add(self.signed()?),
            _ => {
                self.lineno = self.lineno.wrapping_add(self.signed()?);
                end_delta = self.number()? as i32;
                column = (self.number()? as i32).wrapping_sub(1);
                end = (self.number()? as i32).wrapping_sub(1);
            }
        }
        let end_lineno = self.lineno.wrapping_add(end_delta);
        Some((
            Position {
                lineno: self.lineno,
                end_lineno,
                col_offset: column,
                end_col_offset: end,
            },
            units,
        ))
    }
}

/// The position of a unit.
pub fn position_of(table: &[u8], firstlineno: i32, unit: usize) -> Position {
    let mut end = 0;
    for (position, units) in locations(table, firstlineno) {
        end += units;
        if unit < end {
            return position;
        }
    }
    Position::NONE
}

/// The line of a unit, -1 for none.
pub fn line_of(table: &[u8], firstlineno: i32, unit: usize) -> i32 {
    position_of(table, firstlineno, unit).lineno
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let at = |lineno, end_lineno, col_offset, end_col_offset| Position {
            lineno,
            end_lineno,
            col_offset,
            end_col_offset,
        };
        let all = [
            (at(1, 1, 0, 5), 1),
            (at(1, 1, 79, 94), 8),
            (at(3, 3, 100, 127), 2),
            (at(2, 2, 4, 200), 3),
            (Position::NONE, 1),
            (at(500, 502, 70000, 1), 4),
            (at(500, 500, -1, -1), 1),
            (at(500, 501, -1, -1), 1),
        ];
        let mut writer = LocationWriter::new(1);
        all.iter().for_each(|(p, units)| writer.write(*p, *units));
        let table = writer.finish();
        assert_eq!(locations(&table, 1).collect::<Vec<_>>(), all);
        assert_eq!(line_of(&table, 1, 9), 3);
        assert_eq!(position_of(&table, 1, 1000), Position::NONE);
    }

    #[test]
    fn damage_is_survived() {
        for length in 0..20 {
            assert!(locations(&vec![0xff; length], 1).count() <= length);
            assert!(locations(&vec![0xf0; length], i32::MAX).count() <= length);
        }
    }
}
