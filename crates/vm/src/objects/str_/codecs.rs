//! Encoding and decoding of text: the codecs that the machine itself has. CPython: Objects/unicodeobject.c.

use super::{Str, push_code_point};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

/// The name of an encoding in its usual form: lower case, `_` for other signs.
fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        out.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    out.trim_matches('_').to_string()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Codec {
    Utf8,
    Ascii,
    Latin1,
}

fn find(vm: &Vm, encoding: Option<&Ref<Str>>) -> PyResult<Codec> {
    let Some(encoding) = encoding else {
        return Ok(Codec::Utf8);
    };
    let name = encoding.to_string_lossy();
    match normalize(&name).as_str() {
        "utf_8" | "utf8" | "u8" | "utf" | "cp65001" => Ok(Codec::Utf8),
        "ascii" | "us_ascii" | "646" => Ok(Codec::Ascii),
        "latin_1" | "latin1" | "latin" | "iso_8859_1" | "iso8859_1" | "8859" | "cp819" | "l1" => {
            Ok(Codec::Latin1)
        }
        _ => Err(vm.raise(&vm.types.lookup_error, format!("unknown encoding: {name}"))),
    }
}

/// `text.encode(encoding, errors)`. Raises UnicodeEncodeError, LookupError.
pub fn encode(
    vm: &Vm,
    text: &Ref<Str>,
    encoding: &Ref<Str>,
    errors: Option<&Ref<Str>>,
) -> PyResult<Vec<u8>> {
    let codec = find(vm, Some(encoding))?;
    if text.is_ascii() || codec == Codec::Utf8 && text.as_str().is_some() {
        return Ok(text.as_bytes().to_vec());
    }
    let (name, limit, reason) = match codec {
        Codec::Utf8 => ("utf-8", 0x110000, "surrogates not allowed"),
        Codec::Ascii => ("ascii", 0x80, "ordinal not in range(128)"),
        Codec::Latin1 => ("latin-1", 0x100, "ordinal not in range(256)"),
    };
    let bad = |c: u32| c >= limit || codec == Codec::Utf8 && (0xd800..0xe000).contains(&c);
    let errors = errors.map_or("strict".to_string(), |e| e.to_string_lossy().into_owned());
    let points: Vec<u32> = text.code_points().collect();
    let mut out = Vec::with_capacity(points.len());
    let mut at = 0;
    while at < points.len() {
        let c = points[at];
        if !bad(c) {
            if codec == Codec::Utf8 {
                push_code_point(&mut out, c)
            } else {
                out.push(c as u8)
            }
            at += 1;
            continue;
        }
        let end = at + points[at..].iter().take_while(|&&c| bad(c)).count();
        for &c in &points[at..end] {
            match errors.as_str() {
                "ignore" => {}
                "replace" => out.push(b'?'),
                "surrogateescape" if (0xdc80..0xdd00).contains(&c) => out.push((c - 0xdc00) as u8),
                "surrogatepass" if codec == Codec::Utf8 => push_code_point(&mut out, c),
                "xmlcharrefreplace" => out.extend(format!("&#{c};").bytes()),
                "backslashreplace" => out.extend(escape(c).bytes()),
                "namereplace" => match naja_unicode::name(c) {
                    Some(name) => out.extend(format!("\\N{{{name}}}").bytes()),
                    None => out.extend(escape(c).bytes()),
                },
                "strict" | "surrogateescape" | "surrogatepass" => {
                    return Err(encode_error(vm, name, text, at, end, reason));
                }
                _ => {
                    return Err(vm.raise(
                        &vm.types.lookup_error,
                        format!("unknown error handler name '{errors}'"),
                    ));
                }
            }
        }
        at = end;
    }
    Ok(out)
}

fn escape(c: u32) -> String {
    match c {
        0..=0xff => format!("\\x{c:02x}"),
        0x100..=0xffff => format!("\\u{c:04x}"),
        _ => format!("\\U{c:08x}"),
    }
}

#[cold]
fn encode_error(
    vm: &Vm,
    codec: &str,
    text: &Ref<Str>,
    start: usize,
    end: usize,
    reason: &str,
) -> Raised {
    let args = (|| -> PyResult<[Value; 5]> {
        Ok([
            vm.new_str(codec)?.into_value(),
            text.to_value(),
            vm.new_int(start as i64)?,
            vm.new_int(end as i64)?,
            vm.new_str(reason)?.into_value(),
        ])
    })();
    match args {
        Ok(args) => vm.raise_with(&vm.types.unicode_encode_error, &args),
        Err(raised) => raised,
    }
}

#[cold]
fn decode_error(
    vm: &Vm,
    codec: &str,
    data: &[u8],
    start: usize,
    end: usize,
    reason: &str,
) -> Raised {
    let args = (|| -> PyResult<[Value; 5]> {
        Ok([
            vm.new_str(codec)?.into_value(),
            vm.new_bytes(data)?.into_value(),
            vm.new_int(start as i64)?,
            vm.new_int(end as i64)?,
            vm.new_str(reason)?.into_value(),
        ])
    })();
    match args {
        Ok(args) => vm.raise_with(&vm.types.unicode_decode_error, &args),
        Err(raised) => raised,
    }
}

/// `bytes.decode(encoding, errors)`. Raises UnicodeDecodeError, LookupError.
pub fn decode(
    vm: &Vm,
    data: &[u8],
    encoding: Option<&Ref<Str>>,
    errors: Option<&Ref<Str>>,
) -> PyResult {
    let codec = find(vm, encoding)?;
    if codec == Codec::Latin1 {
        let mut out = Vec::with_capacity(data.len());
        data.iter()
            .for_each(|&b| push_code_point(&mut out, b as u32));
        return Ok(vm.new_str_wtf8(&out)?.into_value());
    }
    let errors = errors.map_or("strict".to_string(), |e| e.to_string_lossy().into_owned());
    let mut out = Vec::with_capacity(data.len());
    let mut at = 0;
    while at < data.len() {
        let (valid, bad, reason) = match codec {
            Codec::Ascii => {
                let n = data[at..].iter().take_while(|b| b.is_ascii()).count();
                (
                    n,
                    (at + n < data.len()) as usize,
                    "ordinal not in range(128)",
                )
            }
            _ => match std::str::from_utf8(&data[at..]) {
                Ok(_) => (data.len() - at, 0, ""),
                Err(error) => {
                    let n = error.valid_up_to();
                    match error.error_len() {
                        Some(len) => {
                            let first = data[at + n];
                            let start = (0xc2..=0xf4).contains(&first);
                            (
                                n,
                                len,
                                if start {
                                    "invalid continuation byte"
                                } else {
                                    "invalid start byte"
                                },
                            )
                        }
                        None => (n, data.len() - at - n, "unexpected end of data"),
                    }
                }
            },
        };
        out.extend_from_slice(&data[at..at + valid]);
        at += valid;
        if bad == 0 {
            continue;
        }
        match errors.as_str() {
            "ignore" => {}
            "replace" => push_code_point(&mut out, 0xfffd),
            "surrogateescape" => data[at..at + bad]
                .iter()
                .for_each(|&b| push_code_point(&mut out, 0xdc00 + b as u32)),
            "backslashreplace" => data[at..at + bad]
                .iter()
                .for_each(|b| out.extend(format!("\\x{b:02x}").bytes())),
            "strict" => {
                let name = if codec == Codec::Ascii {
                    "ascii"
                } else {
                    "utf-8"
                };
                return Err(decode_error(vm, name, data, at, at + bad, reason));
            }
            _ => {
                return Err(vm.raise(
                    &vm.types.lookup_error,
                    format!("unknown error handler name '{errors}'"),
                ));
            }
        }
        at += bad;
    }
    Ok(vm.new_str_wtf8(&out)?.into_value())
}
