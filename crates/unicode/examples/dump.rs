//! Prints what the crate says, for tools/unicode/check.py to compare with CPython.
//!
//! `dump properties`: one line per code point. `dump normalize`, `dump lookup`: answers for the lines of standard input.

use std::io::{BufRead, BufWriter, Write, stdin, stdout};

use naja_unicode as u;

fn hex(codes: &[u32]) -> String {
    let parts: Vec<String> = codes.iter().map(|code| format!("{code:x}")).collect();
    parts.join(" ")
}

fn bits(code: u32) -> String {
    let tests = [
        u::is_alpha,
        u::is_decimal,
        u::is_digit,
        u::is_numeric,
        u::is_alnum,
        u::is_space,
        u::is_printable,
        u::is_lower,
        u::is_upper,
        u::is_linebreak,
        u::is_xid_continue,
        u::has_case_mapping,
        u::is_cased,
        u::mirrored,
        u::old_mirrored,
    ];
    tests
        .iter()
        .map(|test| if test(code) { '1' } else { '0' })
        .collect()
}

fn properties(out: &mut impl Write) -> std::io::Result<()> {
    for code in 0..0x110000 {
        let number = |value: Option<u8>| value.map_or(-1, i32::from);
        writeln!(
            out,
            "{}|{}|{}|{}|{}|{:x}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            bits(code),
            hex(u::to_lower(code).as_slice()),
            hex(u::to_upper(code).as_slice()),
            hex(u::to_title(code).as_slice()),
            hex(u::to_casefold(code).as_slice()),
            u::to_lower_simple(code),
            number(u::decimal_value(code)),
            number(u::digit_value(code)),
            u::numeric_value(code).unwrap_or(-7.0),
            u::category(code),
            u::bidirectional(code),
            u::combining(code),
            u::east_asian_width(code),
            u::decomposition(code),
            u::name(code).unwrap_or_default(),
            number(u::old_decimal_value(code)),
            number(u::old_digit_value(code)),
            u::old_numeric_value(code).unwrap_or(-7.0),
            u::old_category(code),
            u::old_bidirectional(code),
            u::old_combining(code),
            u::old_east_asian_width(code),
            u::old_decomposition(code),
            u::old_name(code).unwrap_or_default(),
        )?;
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    let task = std::env::args().nth(1).unwrap_or_default();
    if task == "properties" {
        return properties(&mut out);
    }
    for line in stdin().lock().lines() {
        let line = line?;
        if task == "lookup" {
            let answer = match u::lookup_name(&line) {
                None => String::new(),
                Some(u::Named::Character(code)) => hex(&[code]),
                Some(u::Named::Sequence(codes)) => hex(codes),
            };
            writeln!(out, "{answer}")?;
            continue;
        }
        let codes: Vec<u32> = line
            .split_whitespace()
            .filter_map(|part| u32::from_str_radix(part, 16).ok())
            .collect();
        for version in [u::Version::Current, u::Version::Old] {
            for form in [u::Form::Nfd, u::Form::Nfkd, u::Form::Nfc, u::Form::Nfkc] {
                let normal = u::normalize(form, codes.iter().copied(), version);
                let already = u::is_normalized(form, codes.iter().copied(), version);
                write!(out, "{} {already}|", hex(&normal))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
