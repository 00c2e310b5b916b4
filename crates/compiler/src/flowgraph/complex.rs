//! Complex arithmetic as Python does it, for folding constants.
//!
//! Mixed operations keep a real operand real (C99 Annex G), products and quotients recover infinities that plain
//! formulas turn into NaN. `None` stands for what raises (division by zero, overflow). CPython:
//! `Objects/complexobject.c`.

use super::const_eval::Operand;

/// A complex number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

const fn complex(re: f64, im: f64) -> Complex {
    Complex { re, im }
}

impl Complex {
    /// `a + b`
    pub fn add(a: Operand, b: Operand) -> Option<Complex> {
        Some(match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => complex(a.re + b.re, a.im + b.im),
            (Operand::Complex(c), Operand::Real(r)) | (Operand::Real(r), Operand::Complex(c)) => {
                complex(c.re + r, c.im)
            }
            (Operand::Real(a), Operand::Real(b)) => complex(a + b, 0.0),
        })
    }

    /// `a - b`
    pub fn sub(a: Operand, b: Operand) -> Option<Complex> {
        Some(match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => complex(a.re - b.re, a.im - b.im),
            (Operand::Complex(c), Operand::Real(r)) => complex(c.re - r, c.im),
            (Operand::Real(r), Operand::Complex(c)) => complex(r - c.re, -c.im),
            (Operand::Real(a), Operand::Real(b)) => complex(a - b, 0.0),
        })
    }

    /// `a * b`
    pub fn mul(a: Operand, b: Operand) -> Option<Complex> {
        Some(match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => a.product(b),
            (Operand::Complex(c), Operand::Real(r)) | (Operand::Real(r), Operand::Complex(c)) => {
                complex(c.re * r, c.im * r)
            }
            (Operand::Real(a), Operand::Real(b)) => complex(a * b, 0.0),
        })
    }

    /// `a / b`
    pub fn div(a: Operand, b: Operand) -> Option<Complex> {
        match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => a.quotient(b),
            (Operand::Complex(c), Operand::Real(r)) => {
                (r != 0.0).then(|| complex(c.re / r, c.im / r))
            }
            (Operand::Real(r), Operand::Complex(c)) => real_quotient(r, c),
            (Operand::Real(a), Operand::Real(b)) => (b != 0.0).then(|| complex(a / b, 0.0)),
        }
    }

    fn product(self, other: Complex) -> Complex {
        let (mut a, mut b, mut c, mut d) = (self.re, self.im, other.re, other.im);
        let (ac, bd, ad, bc) = (a * c, b * d, a * d, b * c);
        let plain = complex(ac - bd, ad + bc);
        if !(plain.re.is_nan() && plain.im.is_nan()) {
            return plain;
        }
        let unit = |x: f64| {
            if x.is_infinite() {
                1f64.copysign(x)
            } else {
                0f64.copysign(x)
            }
        };
        let zero = |x: f64| if x.is_nan() { 0f64.copysign(x) } else { x };
        let mut recalculate = false;
        if a.is_infinite() || b.is_infinite() {
            (a, b, c, d) = (unit(a), unit(b), zero(c), zero(d));
            recalculate = true;
        }
        if c.is_infinite() || d.is_infinite() {
            (c, d, a, b) = (unit(c), unit(d), zero(a), zero(b));
            recalculate = true;
        }
        if !recalculate && [ac, bd, ad, bc].iter().any(|x| x.is_infinite()) {
            (a, b, c, d) = (zero(a), zero(b), zero(c), zero(d));
            recalculate = true;
        }
        if !recalculate {
            return plain;
        }
        complex(
            f64::INFINITY * (a * c - b * d),
            f64::INFINITY * (a * d + b * c),
        )
    }

    fn quotient(self, other: Complex) -> Option<Complex> {
        let (a, b) = (self, other);
        let mut result;
        if b.re.abs() >= b.im.abs() {
            if b.re == 0.0 {
                return None;
            }
            let ratio = b.im / b.re;
            let denominator = b.re + b.im * ratio;
            result = complex(
                (a.re + a.im * ratio) / denominator,
                (a.im - a.re * ratio) / denominator,
            );
        } else if b.im.abs() >= b.re.abs() {
            let ratio = b.re / b.im;
            let denominator = b.re * ratio + b.im;
            result = complex(
                (a.re * ratio + a.im) / denominator,
                (a.im * ratio - a.re) / denominator,
            );
        } else {
            result = complex(f64::NAN, f64::NAN);
        }
        if result.re.is_nan() && result.im.is_nan() {
            if (a.re.is_infinite() || a.im.is_infinite()) && b.re.is_finite() && b.im.is_finite() {
                let unit = |x: f64| (if x.is_infinite() { 1f64 } else { 0f64 }).copysign(x);
                let (x, y) = (unit(a.re), unit(a.im));
                result = complex(
                    f64::INFINITY * (x * b.re + y * b.im),
                    f64::INFINITY * (y * b.re - x * b.im),
                );
            } else if (b.re.is_infinite() || b.im.is_infinite())
                && a.re.is_finite()
                && a.im.is_finite()
            {
                let unit = |x: f64| (if x.is_infinite() { 1f64 } else { 0f64 }).copysign(x);
                let (x, y) = (unit(b.re), unit(b.im));
                result = complex(0.0 * (a.re * x + a.im * y), 0.0 * (a.im * x - a.re * y));
            }
        }
        Some(result)
    }

    /// `self ** exponent`; small whole exponents by multiplication.
    pub fn pow(self, exponent: Complex) -> Option<Complex> {
        let whole =
            exponent.im == 0.0 && exponent.re == exponent.re.floor() && exponent.re.abs() <= 100.0;
        let result = if whole {
            self.whole_power(exponent.re as i64)?
        } else {
            self.general_power(exponent)?
        };
        let overflow = result.re.is_infinite() || result.im.is_infinite();
        (!overflow).then_some(result)
    }

    fn whole_power(self, n: i64) -> Option<Complex> {
        if n > 0 {
            return Some(self.positive_power(n as u64));
        }
        complex(1.0, 0.0).quotient(self.positive_power(n.unsigned_abs()))
    }

    fn positive_power(self, n: u64) -> Complex {
        let (mut result, mut square, mut mask) = (complex(1.0, 0.0), self, 1);
        while mask > 0 && n >= mask {
            if n & mask != 0 {
                result = result.product(square);
            }
            mask <<= 1;
            square = square.product(square);
        }
        result
    }

    fn general_power(self, b: Complex) -> Option<Complex> {
        if b.re == 0.0 && b.im == 0.0 {
            return Some(complex(1.0, 0.0));
        }
        if self.re == 0.0 && self.im == 0.0 {
            return (b.im == 0.0 && b.re >= 0.0).then_some(complex(0.0, 0.0));
        }
        let magnitude = self.re.hypot(self.im);
        let angle = self.im.atan2(self.re);
        let mut length = magnitude.powf(b.re);
        let mut phase = angle * b.re;
        if b.im != 0.0 {
            length *= (-angle * b.im).exp();
            phase += b.im * magnitude.ln();
        }
        Some(complex(length * phase.cos(), length * phase.sin()))
    }
}

fn real_quotient(a: f64, b: Complex) -> Option<Complex> {
    let mut result;
    if b.re.abs() >= b.im.abs() {
        if b.re == 0.0 {
            return None;
        }
        let ratio = b.im / b.re;
        let denominator = b.re + b.im * ratio;
        result = complex(a / denominator, (-a * ratio) / denominator);
    } else if b.im.abs() >= b.re.abs() {
        let ratio = b.re / b.im;
        let denominator = b.re * ratio + b.im;
        result = complex((a * ratio) / denominator, (-a) / denominator);
    } else {
        result = complex(f64::NAN, f64::NAN);
    }
    if result.re.is_nan()
        && result.im.is_nan()
        && a.is_finite()
        && (b.re.is_infinite() || b.im.is_infinite())
    {
        let unit = |x: f64| (if x.is_infinite() { 1f64 } else { 0f64 }).copysign(x);
        let (x, y) = (unit(b.re), unit(b.im));
        result = complex(0.0 * (a * x), 0.0 * (-a * y));
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_operands_keep_signs() {
        let c = Complex::sub(Operand::Real(0.0), Operand::Complex(complex(0.0, 0.0)));
        assert!(c.is_some_and(|c| c.im.is_sign_negative()));
        assert_eq!(
            complex(0.0, 1.0).pow(complex(2.0, 0.0)),
            Some(complex(-1.0, 0.0))
        );
        assert_eq!(complex(0.0, 0.0).pow(complex(-1.0, 0.0)), None);
    }
}
