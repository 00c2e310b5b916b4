//! Expected values are CPython 3.14's.

use super::*;

enum Input {
    I(i64),
    F(f64),
    C(f64, f64),
    S(&'static str),
}
use Input::*;

fn run(input: &Input, spec: &str) -> String {
    let (spec, locale) = (spec.as_bytes(), &Locale::C);
    let result = match input {
        I(v) => format_i64(*v, spec, &|| "int".into(), 4300, locale),
        F(v) => format_float(*v, spec, &|| "float".into(), locale),
        C(re, im) => format_complex(*re, *im, spec, &|| "complex".into(), locale),
        S(v) => format_str(v.as_bytes(), spec, &|| "str".into()),
    };
    match result {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(error) => error
            .to_string()
            .trim_start_matches("ValueError: ")
            .to_string(),
    }
}

#[test]
fn results() {
    let cases = [
        (I(-255), "#_x", "-0xff"),
        (I(255), "#010X", "0X000000FF"),
        (I(123), "08_x", "000_007b"),
        (I(123), "020,", "0,000,000,000,000,123"),
        (I(1234567), "+,", "+1,234,567"),
        (I(65), "*^5c", "**A**"),
        (I(123), "z.1f", "123.0"),
        (I(1), "\u{e9}>3", "\u{e9}\u{e9}1"),
        (I(12345), "\u{663}0d", "                         12345"),
        (
            F(1234567.1234567),
            "030,.7_f",
            "0,000,000,001,234,567.123_456_7",
        ),
        (F(1234567.1234567), ".7_e", "1.234_567_1e+06"),
        (F(1234567.1234567), ".9,", "1234567.12"),
        (F(-1e-9), "+z.1f", "+0.0"),
        (F(f64::NEG_INFINITY), "020,", "-0000000000000000inf"),
        (F(1e16), "020", "0000000000000001e+16"),
        (F(1.5), ".1", "2e+00"),
        (F(0.5), ".0%", "50%"),
        (F(1.5), "<010", "1.50000000"),
        (C(1.0, 2.0), "^20", "       (1+2j)       "),
        (C(1.0, 2.0), "#", "(1.+2.j)"),
        (C(0.0, -0.0), "z", "0j"),
        (C(1.0, 2.0), ".7_f", "1.000_000_0+2.000_000_0j"),
        (S("abc"), "010", "abc0000000"),
        (S("a\u{e9}c"), "5.2", "a\u{e9}   "),
        (S("abc"), ".,", "abc"),
    ];
    for (input, spec, expected) in cases {
        assert_eq!(run(&input, spec), expected, "{spec}");
    }
}

#[test]
fn errors() {
    let cases = [
        (F(1.0), ".10,_f", "Cannot specify both ',' and '_'."),
        (F(1.0), ".10_n", "Cannot specify '_' with 'n'."),
        (
            F(1.0),
            ".,,f",
            "Invalid format specifier '.,,f' for object of type 'float'",
        ),
        (F(1.0), ".", "Format specifier missing precision"),
        (F(1.0), ".2147483648f", "precision too big"),
        (
            F(1.0),
            "d",
            "Unknown format code 'd' for object of type 'float'",
        ),
        (
            I(1),
            "\u{e9}",
            "Unknown format code '\\xe9' for object of type 'int'",
        ),
        (I(1), ",x", "Cannot specify ',' with 'x'."),
        (I(1), "_\u{1}", "Cannot specify '_' with '\\x1'."),
        (
            I(1),
            ".3d",
            "Precision not allowed in integer format specifier",
        ),
        (
            I(1),
            "zc",
            "Negative zero coercion (z) not allowed in integer format specifier",
        ),
        (
            I(1),
            "+c",
            "Sign not allowed with integer format specifier 'c'",
        ),
        (
            I(1),
            "99999999999999999999",
            "Too many decimal digits in format string",
        ),
        (I(-1), "c", "OverflowError: %c arg not in range(0x110000)"),
        (
            C(1.0, 2.0),
            "010",
            "Zero padding is not allowed in complex format specifier",
        ),
        (
            C(1.0, 2.0),
            "=10",
            "'=' alignment flag is not allowed in complex format specifier",
        ),
        (S("a"), ",", "Cannot specify ',' with 's'."),
        (S("a"), " ", "Space not allowed in string format specifier"),
        (
            S("a"),
            "=5",
            "'=' alignment not allowed in string format specifier",
        ),
        (
            S("a"),
            "d",
            "Unknown format code 'd' for object of type 'str'",
        ),
        (
            S("a"),
            "#z",
            "Unknown format code 'z' for object of type 'str'",
        ),
    ];
    for (input, spec, expected) in cases {
        assert_eq!(run(&input, spec), expected, "{spec}");
    }
    assert!(matches!(
        format_i64(1, b"9223372036854775807", &|| "int".into(), 0, &Locale::C),
        Err(NumError::Memory)
    ));
}

#[test]
fn locales_and_surrogates() {
    let locale = Locale {
        decimal_point: ",",
        thousands_sep: "\u{202f}",
        grouping: &[3, 2],
    };
    let text = |r: Result<Vec<u8>>| String::from_utf8(r.unwrap()).unwrap();
    assert_eq!(
        text(format_float(12345.5, b"+n", &|| "float".into(), &locale)),
        "+12\u{202f}345,5"
    );
    assert_eq!(
        text(format_i64(-1234567, b"15n", &|| "int".into(), 0, &locale)),
        "     -12\u{202f}34\u{202f}567"
    );
    assert_eq!(
        format_i64(0xd800, b"c", &|| "int".into(), 0, &locale),
        Ok(vec![0xed, 0xa0, 0x80])
    );
    assert_eq!(
        format_str(b"a", b"\xed\xa0\x80>2", &|| "str".into()),
        Ok(vec![0xed, 0xa0, 0x80, b'a'])
    );
}
