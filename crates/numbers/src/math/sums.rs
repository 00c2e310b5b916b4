//! Sums without the usual loss: `fsum`, the float path of `sumprod`, Euclidean norms.
//!
//! All rest on error-free transformations: the rounding error of a sum or product of two floats is a float itself.
//! `fsum` keeps partial sums that do not overlap (Shewchuk 1996); `sumprod` three terms (Ogita, Rump, Oishi 2005).
//! CPython: `math_fsum`, `math_sumprod_impl`, `vector_norm` in Modules/mathmodule.c.

use crate::error::{NumError, Result};
use crate::libm;

/// `math.fsum`, item by item.
#[derive(Debug, Clone, Default)]
pub struct Fsum {
    /// Non-overlapping, increasing in magnitude; their exact sum is the sum so far.
    partials: Vec<f64>,
    special: f64,
    infinities: f64,
}

impl Fsum {
    /// Adds an item; `OverflowError` if a partial sum of finite items overflows.
    pub fn add(&mut self, item: f64) -> Result<()> {
        let mut x = item;
        let mut kept = 0;
        for j in 0..self.partials.len() {
            let mut y = self.partials[j];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                self.partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.partials.truncate(kept);
        if x == 0.0 {
            return Ok(());
        }
        if x.is_finite() {
            self.partials.push(x);
            return Ok(());
        }
        if item.is_finite() {
            return Err(NumError::overflow("intermediate overflow in fsum"));
        }
        if item.is_infinite() {
            self.infinities += item;
        }
        self.special += item;
        self.partials.clear();
        Ok(())
    }

    /// The sum, rounded once.
    pub fn finish(mut self) -> Result<f64> {
        if self.special != 0.0 {
            if self.infinities.is_nan() {
                return Err(NumError::value("-inf + inf in fsum"));
            }
            return Ok(self.special);
        }
        let Some(mut high) = self.partials.pop() else {
            return Ok(0.0);
        };
        let mut low = 0.0;
        while let Some(y) = self.partials.pop() {
            let x = high;
            high = x + y;
            low = y - (high - x);
            if low != 0.0 {
                break;
            }
        }
        // On an exact half, the next partial tells on which side of it the sum lies.
        if let Some(next) = self.partials.last()
            && ((low < 0.0 && *next < 0.0) || (low > 0.0 && *next > 0.0))
        {
            let y = low * 2.0;
            let x = high + y;
            if y == x - high {
                high = x;
            }
        }
        Ok(high)
    }
}

/// High and low part of an exact result.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let x = a + b;
    let z = x - a;
    (x, (a - (x - z)) + (b - z))
}

/// As [`two_sum`] where `a` is not smaller than `b`.
fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let x = a + b;
    (x, (a - x) + b)
}

fn two_product(x: f64, y: f64) -> (f64, f64) {
    let z = x * y;
    (z, libm::fma(x, y, -z))
}

/// A sum of products in triple precision: the float path of `math.sumprod`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TripleSum {
    high: f64,
    low: f64,
    tiny: f64,
}

impl TripleSum {
    /// Adds `x * y`; `false`, and nothing changed, if the sum is then not finite (the caller goes on without it).
    pub fn add_product(&mut self, x: f64, y: f64) -> bool {
        let (product, product_low) = two_product(x, y);
        let (high, sum_low) = two_sum(self.high, product);
        let (r1, r1_low) = two_sum(self.low, product_low);
        let (low, low_low) = two_sum(r1, sum_low);
        if !high.is_finite() {
            return false;
        }
        *self = TripleSum {
            high,
            low,
            tiny: self.tiny + r1_low + low_low,
        };
        true
    }

    /// The sum, rounded once.
    pub fn value(self) -> f64 {
        let (last, last_low) = two_sum(self.low, self.high);
        self.tiny + last_low + last
    }
}

/// A float sum that carries its rounding error along (Neumaier): what the built-in `sum` does with floats and with
/// the parts of complex numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompensatedSum {
    high: f64,
    low: f64,
}

impl CompensatedSum {
    pub fn new(start: f64) -> CompensatedSum {
        CompensatedSum {
            high: start,
            low: 0.0,
        }
    }

    pub fn add(&mut self, x: f64) {
        let sum = self.high + x;
        self.low += if self.high.abs() >= x.abs() {
            (self.high - sum) + x
        } else {
            (x - sum) + self.high
        };
        self.high = sum;
    }

    /// The sum; an error term that is not finite is dropped with the overflow that made it.
    pub fn value(self) -> f64 {
        if self.low != 0.0 && self.low.is_finite() {
            self.high + self.low
        } else {
            self.high
        }
    }
}

/// `math.hypot`
pub fn hypot(coordinates: &[f64]) -> f64 {
    with_vector(coordinates.len(), |i| coordinates[i].abs())
}

/// The norm of a vector, which for the usual sizes needs no memory of its own.
fn with_vector(count: usize, item: impl Fn(usize) -> f64) -> f64 {
    let mut few = [0.0; 8];
    match few.get_mut(..count) {
        Some(few) => {
            few.iter_mut().enumerate().for_each(|(i, x)| *x = item(i));
            norm(few)
        }
        None => norm(&mut (0..count).map(item).collect::<Vec<_>>()),
    }
}

/// `math.dist`; `ValueError` unless both points have as many coordinates.
pub fn dist(p: &[f64], q: &[f64]) -> Result<f64> {
    if p.len() != q.len() {
        return Err(NumError::value(
            "both points must have the same number of dimensions",
        ));
    }
    Ok(with_vector(p.len(), |i| (p[i] - q[i]).abs()))
}

/// The root of the sum of squares, within an ulp: scaled by a power of two, squared exactly, corrected once.
fn norm(vector: &mut [f64]) -> f64 {
    let max = vector
        .iter()
        .copied()
        .fold(0.0, |max: f64, x| if x > max { x } else { max });
    if max.is_infinite() {
        return max;
    }
    if vector.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    if max == 0.0 || vector.len() <= 1 {
        return max;
    }
    let (_, exponent) = libm::frexp(max);
    if exponent < -1023 {
        // Subnormal: the scale would overflow.
        vector.iter_mut().for_each(|x| *x /= f64::MIN_POSITIVE);
        return f64::MIN_POSITIVE * norm(vector);
    }
    let scale = libm::ldexp(1.0, -exponent);
    let (mut sum, mut fraction1, mut fraction2) = (1.0, 0.0, 0.0);
    let mut add = |square: f64, low: f64| {
        let (high, rest) = fast_two_sum(sum, square);
        sum = high;
        fraction1 += low;
        fraction2 += rest;
        sum - 1.0 + (fraction1 + fraction2)
    };
    let mut total = 0.0;
    for x in vector {
        let x = *x * scale;
        let (square, low) = two_product(x, x);
        total = add(square, low);
    }
    let root = total.sqrt();
    let (square, low) = two_product(-root, root);
    let error = add(square, low);
    (root + error / (2.0 * root)) / scale
}
