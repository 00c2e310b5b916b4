//! Arithmetic against values that CPython 3.14 answers.

use super::*;

fn dec(text: &str) -> Decimal {
    parse(text.as_bytes()).unwrap_or_default()
}

const BASIC: Context = Context {
    prec: 28,
    emax: 999_999,
    emin: -999_999,
    round: Round::HalfEven,
    clamp: false,
};

type Binary = fn(&Decimal, &Decimal, &Context, &mut u32) -> Decimal;

fn check(op: Binary, a: &str, b: &str, expected: &str) {
    let mut status = 0;
    let result = op(&dec(a), &dec(b), &BASIC, &mut status);
    assert_eq!(to_sci(&result, true), expected, "{a} {b}");
}

#[test]
fn arithmetic_rounds_to_the_precision() {
    check(
        add,
        "1E+40",
        "-1E-999999",
        "1.000000000000000000000000000E+40",
    );
    check(sub, "1.10", "1.1", "0.00");
    check(
        mul,
        "1234567890123456789012345678",
        "9876543210987654321098765432",
        "1.219326311370217952261850326E+55",
    );
    check(div, "1", "3", "0.3333333333333333333333333333");
    check(div, "2400", "2", "1200");
    check(
        div,
        "1",
        "0.00123456789012345678901234567890123",
        "810.0000072900000663390006037",
    );
    check(rem, "-7", "3", "-1");
    check(rem_near, "10", "6", "-2");
    check(div_int, "1E+27", "3", "333333333333333333333333333");
    check(power, "2", "-3", "0.125");
    check(power, "4", "0.5", "2.000000000000000000000000000");
    check(power, "10", "100", "1.000000000000000000000000000E+100");
}

#[test]
fn functions_are_correctly_rounded() {
    let mut status = 0;
    let one = |f: fn(&Decimal, &Context, &mut u32) -> Decimal, a: &str| {
        to_sci(&f(&dec(a), &BASIC, &mut 0), true)
    };
    assert_eq!(one(exp, "1"), "2.718281828459045235360287471");
    assert_eq!(one(exp, "-1000"), "5.075958897549456765291809480E-435");
    assert_eq!(one(ln, "2"), "0.6931471805599453094172321215");
    assert_eq!(one(ln, "1E+100"), "230.2585092994045684017991455");
    assert_eq!(
        one(ln, "1.0000000000000001"),
        "9.999999999999999500000000000E-17"
    );
    assert_eq!(one(log10, "2"), "0.3010299956639811952137388947");
    assert_eq!(one(log10, "1E-7"), "-7");
    assert_eq!(one(sqrt, "2"), "1.414213562373095048801688724");
    assert_eq!(one(sqrt, "1.4400"), "1.20");
    assert!(exp(&dec("1E+9"), &BASIC, &mut status).is_infinite());
    assert_eq!(status, OVERFLOW | INEXACT | ROUNDED);
}

#[test]
fn bounds_of_the_exponent() {
    let mut status = 0;
    let d = finalize(dec("123E-1000027"), &BASIC, &mut status);
    assert_eq!(to_sci(&d, true), "1.2E-1000025");
    assert_eq!(status, SUBNORMAL | UNDERFLOW | INEXACT | ROUNDED);
    let mut status = 0;
    let zero = finalize(dec("0E+9999999"), &BASIC, &mut status);
    assert_eq!((zero.exp, status), (999_999, CLAMPED));
}

#[test]
fn text_and_format() {
    for text in ["0E-7", "1.5E+3", "-0.00001", "sNaN12", "-Infinity", "1E-7"] {
        assert_eq!(to_sci(&dec(text), true), text);
    }
    assert_eq!(to_eng(&dec("0E+1"), true), "0.00E+3");
    assert_eq!(to_eng(&dec("12345E+2"), true), "1.2345E+6");
    let f = |d: &str, spec: &str| format(&dec(d), spec, Round::HalfEven, true, None);
    assert_eq!(
        f("12345678", "020,").as_deref(),
        Ok("0,000,000,012,345,678")
    );
    assert_eq!(f("-0.4", "z.0f").as_deref(), Ok("0"));
    assert_eq!(f("12345.67891", ".6_f").as_deref(), Ok("12345.678_910"));
    assert_eq!(f("1", "x"), Err(FormatError::Invalid));
}

#[test]
fn digit_counts_agree_with_the_text() {
    for n in [1u64, 19, 37, 38, 39, 76, 77, 100, 1000] {
        let power = Coeff::ONE.shl(n).unwrap_or_default();
        assert_eq!(power.digits(), n + 1);
        assert_eq!(power.sub(&Coeff::ONE).digits(), n);
        assert_eq!(power.strip_zeros(u64::MAX), (Coeff::ONE, n));
        assert_eq!(power.to_text().len() as u64, n + 1);
    }
}
