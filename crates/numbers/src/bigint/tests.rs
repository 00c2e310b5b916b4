//! Expected values are CPython 3.14's.

use super::*;

fn int(text: &str) -> IBig {
    parse(text.as_bytes(), 0, 0).unwrap()
}

fn big_pow(a: i64, b: i64) -> IBig {
    pow(
        &IBig::from(a),
        &IBig::from(b),
        HARD_LIMIT_BITS,
        &mut crate::never,
    )
    .unwrap()
}

#[test]
fn division_floors() {
    for (a, b, q, r) in [
        (7, 2, 3, 1),
        (-7, 2, -4, 1),
        (7, -2, -4, -1),
        (-7, -2, 3, -1),
        (6, -3, -2, 0),
        (0, -3, 0, 0),
    ] {
        assert_eq!(
            divmod(&IBig::from(a), &IBig::from(b)),
            Ok((IBig::from(q), IBig::from(r)))
        );
        assert_eq!(
            (floor_div_i64(a, b), floor_mod_i64(a, b)),
            (Some(q), Some(r))
        );
    }
    assert_eq!(
        floor_div(&IBig::ONE, &IBig::ZERO),
        Err(NumError::ZeroDivision("division by zero"))
    );
    assert_eq!(
        (floor_div_i64(i64::MIN, -1), floor_mod_i64(i64::MIN, -1)),
        (None, Some(0))
    );
}

#[test]
fn powers() {
    assert_eq!(
        to_decimal(&big_pow(-10, 21)),
        format!("-1{}", "0".repeat(21))
    );
    assert_eq!(big_pow(-1, 1 << 40), IBig::ONE);
    let mut never = crate::never;
    let ten = IBig::from(10);
    assert_eq!(
        pow(&ten, &int("100000000000"), 1 << 30, &mut never),
        Err(NumError::Memory)
    );
    assert_eq!(
        pow(&ten, &int("10000000"), HARD_LIMIT_BITS, &mut || true),
        Err(NumError::Cancelled)
    );
    for (a, b, m, expected) in [
        (2, 3, -5, -2),
        (3, -1, -5, -3),
        (3, -1, 1, 0),
        (0, 0, 1, 0),
        (7, 100, 13, 9),
        (-3, 3, 7, 1),
    ] {
        assert_eq!(
            pow_mod(&IBig::from(a), &IBig::from(b), &IBig::from(m), &mut never),
            Ok(IBig::from(expected))
        );
    }
    assert!(pow_mod(&IBig::from(2), &IBig::NEG_ONE, &IBig::from(4), &mut never).is_err());
    let (m, e) = (big_pow(3, 2000), big_pow(7, 1500));
    let slow = pow_mod(&int("0x123456789abcdef"), &e, &m, &mut never).unwrap();
    let ring = ConstDivisor::new(m.unsigned_abs());
    assert_eq!(
        slow,
        IBig::from(
            ring.reduce(UBig::from(0x123456789abcdefu64))
                .pow(&e.unsigned_abs())
                .residue()
        )
    );
}

#[test]
fn shifts() {
    assert_eq!(shl(&IBig::ZERO, &big_pow(10, 30), 64), Ok(IBig::ZERO));
    assert_eq!(
        shl(&IBig::ONE, &big_pow(10, 30), 64),
        Err(NumError::overflow("too many digits in integer"))
    );
    assert_eq!(
        shl(&IBig::ONE, &big_pow(2, 62), HARD_LIMIT_BITS),
        Err(NumError::Memory)
    );
    assert_eq!(shr(&IBig::from(-5), &big_pow(10, 30)), Ok(IBig::NEG_ONE));
    assert_eq!(shr(&IBig::from(-5), &IBig::ONE), Ok(IBig::from(-3)));
    assert_eq!(
        (shl_i64(1, 62), shl_i64(1, 63), shl_i64(-1, 63)),
        (Some(1 << 62), None, Some(i64::MIN))
    );
}

#[test]
fn hashes() {
    assert_eq!(hash(&int("0x1fffffffffffffff")), 0);
    assert_eq!((hash_i64(-1), hash(&IBig::NEG_ONE)), (-2, -2));
    assert_eq!(hash(&big_pow(10, 50)), 619_332_571_178_673_746);
    assert_eq!(hash(&-big_pow(10, 50)), -619_332_571_178_673_746);
    assert_eq!(hash_i64(i64::MIN), hash(&IBig::from(i64::MIN)));
}

#[test]
fn floats() {
    assert_eq!(to_f64(&int("9007199254740993")), Ok(9007199254740992.0));
    assert_eq!(to_f64(&int("9007199254740995")), Ok(9007199254740996.0));
    assert_eq!(
        to_f64(&(big_pow(2, 1024) - big_pow(2, 970))),
        Err(NumError::overflow("int too large to convert to float"))
    );
    assert_eq!(
        to_f64(&(big_pow(2, 1024) - big_pow(2, 970) - IBig::ONE)),
        Ok(f64::MAX)
    );
    assert_eq!(true_div(&big_pow(10, 400), &big_pow(10, 399)), Ok(10.0));
    assert_eq!(true_div(&IBig::ONE, &big_pow(2, 1074)), Ok(5e-324));
    assert_eq!(true_div(&IBig::ONE, &big_pow(2, 1075)), Ok(0.0));
    assert_eq!(true_div(&IBig::from(3), &big_pow(2, 1076)), Ok(5e-324));
    assert_eq!(true_div_i64(1, 3), Ok(1.0 / 3.0));
    assert_eq!(true_div_i64(i64::MAX, 3), Ok(3.074_457_345_618_258_6e18));
    use std::cmp::Ordering::*;
    assert_eq!(cmp_f64(&IBig::from(3), 3.5), Some(Less));
    assert_eq!(cmp_f64(&IBig::from(-3), -3.5), Some(Greater));
    assert_eq!(
        cmp_f64(&int("9007199254740993"), 9007199254740992.0),
        Some(Greater)
    );
    assert_eq!(cmp_f64(&IBig::ZERO, -0.0), Some(Equal));
    assert_eq!(
        from_f64(-1e300).map(|v| hash(&v)),
        Ok(hash(&-from_f64(1e300).unwrap()))
    );
    assert_eq!(from_f64_round(2.5), Ok(IBig::from(2)));
}

#[test]
fn bytes() {
    use ByteOrder::*;
    for (v, n, signed, expected) in [
        (-129, 2, true, vec![0x7f, 0xff]),
        (127, 1, true, vec![127]),
        (-128, 1, true, vec![0x80]),
        (0, 0, true, vec![]),
    ] {
        assert_eq!(
            to_bytes(&IBig::from(v), n, Little, signed),
            Ok(expected.clone())
        );
        assert_eq!(from_bytes(&expected, Little, signed), IBig::from(v));
    }
    for (v, n, signed) in [
        (-129, 1, true),
        (128, 1, true),
        (256, 1, false),
        (-1, 1, false),
        (-1, 0, true),
    ] {
        assert!(to_bytes(&IBig::from(v), n, Big, signed).is_err());
    }
    assert_eq!(from_bytes(&[1, 0, 255], Big, false), IBig::from(65791));
    assert_eq!(
        to_bytes_wrapping(&IBig::from(-2), 2, Big),
        Ok(vec![0xff, 0xfe])
    );
}

#[test]
fn text() {
    let bad = Err(ParseIntError::Invalid);
    for literal in [
        "", "_1", "1_", "1__0", "0_x", "010", "0b12", "+ 1", "0x", "0x_", "1 2", "--1", "0x-1",
        "\u{663}",
    ] {
        assert_eq!(parse(literal.as_bytes(), 0, 0), bad, "{literal}");
    }
    assert_eq!(parse(b" \t-0X_fF\n", 0, 0), Ok(IBig::from(-255)));
    assert_eq!(parse(b"0b1", 16, 0), Ok(IBig::from(177)));
    assert_eq!(parse(b"zz", 36, 0), Ok(IBig::from(1295)));
    assert_eq!(
        parse("0".repeat(5000).as_bytes(), 10, 4300),
        Err(ParseIntError::TooManyDigits(5000))
    );
    assert!(parse("1".repeat(5000).as_bytes(), 16, 4300).is_ok());
    let long: String = (0..423_457u64)
        .map(|i| char::from(b'1' + (i * i % 7) as u8))
        .collect();
    let value = parse(long.as_bytes(), 10, 0).unwrap();
    assert_eq!(value, IBig::from_str_radix(&long, 10).unwrap());
    assert_eq!(to_decimal(&value), long);
    let zeros = format!("-1{}", "0".repeat(400_000));
    assert_eq!(to_decimal(&parse(zeros.as_bytes(), 10, 0).unwrap()), zeros);
    assert!(to_decimal_checked(&big_pow(10, 4300), 4300, &mut crate::never).is_err());
    assert!(to_decimal_checked(&(big_pow(10, 4300) - IBig::ONE), 4300, &mut crate::never).is_ok());
}

#[test]
fn combinatorics() {
    let mut never = crate::never;
    let int = |v: i64| IBig::from(v);
    for n in 0..60 {
        let expected: IBig = (1..=n).map(int).product();
        assert_eq!(
            factorial(&int(n), HARD_LIMIT_BITS, &mut never),
            Ok(expected)
        );
    }
    assert_eq!(
        comb(&int(100), &int(50), 1 << 20, &mut never),
        Ok(parse(b"100891344545564193334812497256", 10, 0).unwrap())
    );
    assert_eq!(perm(&int(10), &int(3), 1 << 20, &mut never), Ok(int(720)));
    assert_eq!(comb(&int(3), &int(5), 1 << 20, &mut never), Ok(int(0)));
    assert_eq!(
        (
            gcd(&int(-12), &int(18)),
            lcm(&int(4), &int(-6)),
            gcd(&int(0), &int(0))
        ),
        (int(6), int(12), int(0))
    );
    assert_eq!(isqrt(&int(99)), Ok(int(9)));
    assert_eq!(
        round_to_power_of_ten(&int(-25), 1, 1 << 20, &mut never),
        Ok(int(-20))
    );
    assert_eq!(
        round_to_power_of_ten(&int(35), 1, 1 << 20, &mut never),
        Ok(int(40))
    );
    assert_eq!(
        round_to_power_of_ten(&int(51), 2, 1 << 20, &mut never),
        Ok(int(100))
    );
    assert_eq!(
        round_to_power_of_ten(&int(50), 2, 1 << 20, &mut never),
        Ok(int(0))
    );
}
