//! Expected values are CPython 3.14's.

use super::*;

#[test]
fn reprs() {
    for (x, expected) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (1e15, "1000000000000000.0"),
        (9999999999999998.0, "9999999999999998.0"),
        (123456789012345680.0, "1.2345678901234568e+17"),
        (1e-4, "0.0001"),
        (1.5e-5, "1.5e-05"),
        (-0.00012345, "-0.00012345"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NEG_INFINITY, "-inf"),
        (-f64::NAN, "nan"),
        (100.0, "100.0"),
        (0.1, "0.1"),
    ] {
        assert_eq!(repr(x), expected);
    }
}

#[test]
fn formats() {
    let alternate = Layout {
        alternate: true,
        ..Layout::default()
    };
    let plain = Layout::default();
    for (x, kind, precision, layout, expected) in [
        (0.1, b'f', 3, plain, "0.100"),
        (2.5, b'f', 0, plain, "2"),
        (2.5, b'f', 0, alternate, "2."),
        (0.5, b'f', 0, plain, "0"),
        (1.5, b'e', 0, alternate, "2.e+00"),
        (123456.0, b'g', 6, plain, "123456"),
        (1234567.0, b'G', 6, plain, "1.23457E+06"),
        (0.1, b'g', 3, alternate, "0.100"),
        (0.0, b'g', 3, alternate, "0.00"),
        (0.0, b'e', 2, plain, "0.00e+00"),
        (1e-5, b'g', 0, plain, "1e-05"),
        (
            1e100,
            b'f',
            1,
            plain,
            "10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104.0",
        ),
        (-f64::INFINITY, b'E', 2, plain, "-INF"),
        (
            -0.01,
            b'f',
            1,
            Layout {
                no_negative_zero: true,
                ..plain
            },
            "0.0",
        ),
        (1e16, b'r', 0, alternate, "1.e+16"),
        (
            100.0,
            b'g',
            3,
            Layout {
                add_dot_0: true,
                ..plain
            },
            "1e+02",
        ),
        (
            100.0,
            b'g',
            4,
            Layout {
                add_dot_0: true,
                ..plain
            },
            "100.0",
        ),
    ] {
        assert_eq!(
            format(x, kind, precision, layout).as_deref(),
            Ok(expected),
            "{x} {}",
            kind as char
        );
    }
    let long = format(0.1, b'f', 5000, plain).unwrap();
    assert_eq!((long.len(), long.trim_end_matches('0').len()), (5002, 57));
}

#[test]
fn parses() {
    for (text, expected) in [
        ("1_0.5e1_0", Some(1.05e11)),
        (" +.5\n", Some(0.5)),
        ("1.", Some(1.0)),
        ("-iNf", Some(f64::NEG_INFINITY)),
        ("infinity", Some(f64::INFINITY)),
        ("1e99999999999999999999", Some(f64::INFINITY)),
        ("1e-99999999999999999999", Some(0.0)),
        ("0e99999999999999999999", Some(0.0)),
        ("", None),
        (".", None),
        ("1e", None),
        ("_1", None),
        ("1_", None),
        ("1_.5", None),
        ("1._5", None),
        ("1e_5", None),
        ("0x1", None),
        ("1 2", None),
        ("infinit", None),
        ("e5", None),
    ] {
        assert_eq!(parse(text.as_bytes()), expected, "{text}");
    }
    assert!(parse(b"-nan").is_some_and(f64::is_nan));
}

#[test]
fn rounding() {
    for (x, n, expected) in [
        (2.675, 2, 2.67),
        (0.5, 0, 0.0),
        (2.5, 0, 2.0),
        (1234.5, -2, 1200.0),
        (1250.0, -2, 1200.0),
        (1350.0, -2, 1400.0),
        (50.0, -2, 0.0),
        (50.1, -2, 100.0),
        (-60.0, -2, -100.0),
        (1e308, -308, 1e308),
        (1e22, 400, 1e22),
        (9.99, 1, 10.0),
    ] {
        assert_eq!(round(x, n), Ok(expected), "{x} {n}");
    }
    assert!(round(1.7e308, -308).is_err());
    assert!(round(-4.0, -1).is_ok_and(|r| r == 0.0 && r.is_sign_negative()));
}

#[test]
fn hexadecimal() {
    for (x, text) in [
        (-0.1, "-0x1.999999999999ap-4"),
        (5e-324, "0x0.0000000000001p-1022"),
        (f64::MAX, "0x1.fffffffffffffp+1023"),
        (-0.0, "-0x0.0p+0"),
    ] {
        assert_eq!(
            (to_hex(x).as_str(), from_hex(text.as_bytes())),
            (text, Ok(x))
        );
    }
    for (text, expected) in [
        ("0x1.fffffffffffff7p1023", f64::MAX),
        ("1e400", 123904.0),
        (" .8p0 ", 0.5),
        ("0x1p-1075", 0.0),
        ("0x1.0000000000001p-1075", 5e-324),
        ("0x0p99999999999999999999999", 0.0),
        ("0x10000000000000000000000001p-99999999999999999999999", 0.0),
        ("0x1.00000000000008p0", 1.0),
        (
            "0x1.000000000000080000000000000000001p0",
            1.0000000000000002,
        ),
        ("0x1.00000000000018p0", 1.0000000000000004),
    ] {
        assert_eq!(from_hex(text.as_bytes()), Ok(expected), "{text}");
    }
    for bad in [
        "",
        "0x",
        "0x1p",
        ".",
        "0x1..",
        "0x1.fffffffffffff8p1023",
        "0x1p1024",
        "1g",
        "- 1",
    ] {
        assert!(from_hex(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn arithmetic() {
    assert_eq!(divmod(-7.0, 2.0), Ok((-4.0, 1.0)));
    assert_eq!(floor_mod(7.0, -2.0), Ok(-1.0));
    assert_eq!(floor_mod(5.0, f64::NEG_INFINITY), Ok(f64::NEG_INFINITY));
    assert_eq!(pow(-8.0, 1.0 / 3.0), Ok(Power::Complex));
    assert_eq!(pow(-2.0, 3.0), Ok(Power::Float(-8.0)));
    assert_eq!(pow(10.0, 400.0), Err(NumError::Range));
    assert_eq!(
        pow(0.0, -1.0),
        Err(NumError::ZeroDivision("zero to a negative power"))
    );
    assert_eq!(pow(-1.0, f64::INFINITY), Ok(Power::Float(1.0)));
    assert_eq!(
        (hash(0.5), hash(-1.0), hash(1e300), hash(5e-324)),
        (
            Some(1 << 60),
            Some(-2),
            Some(1_224_995_262_755_759_164),
            Some(16_777_216)
        )
    );
    assert_eq!(as_integer_ratio(-0.75), Ok((IBig::from(-3), IBig::from(4))));
}
