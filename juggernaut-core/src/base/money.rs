//! Money as whole micro-dollars: no rounding, no floats in a decision.

use serde::{Deserialize, Serialize};
use std::{fmt, iter::Sum, ops::Add, str::FromStr};

/// An amount in micro-dollars (1,000,000 is one US dollar).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount for a provider's dollar figure, rounded up, so that a cost is never understated.
    #[must_use]
    pub fn from_dollars_ceil(dollars: f64) -> Self {
        // Multiplication leaves dust such as 0.1 * 1e6 = 100000.00000000001; below a millionth of a micro it is noise.
        let micros = dollars * 1e6;
        let ceiled = if (micros - micros.round()).abs() < 1e-6 { micros.round() } else { micros.ceil() };
        Self(ceiled as i64)
    }

    /// The sum, held at the largest amount instead of overflowing.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let abs = self.0.unsigned_abs();
        let (dollars, rest) = (abs / 1_000_000, abs % 1_000_000);
        let digits = format!("{rest:06}");
        let cents = digits.trim_end_matches('0');
        write!(f, "{sign}${dollars}.{cents:0<2}")
    }
}

impl FromStr for Micros {
    type Err = crate::Error;

    /// Reads dollars such as `5`, `5.00` or `$0.000125`.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let wrong = || crate::Error::invalid(format!("{s:?} is not an amount in dollars such as 5.00"));
        let text = s.trim().trim_start_matches('$');
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(wrong());
        }
        let dollars: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        let micros: i64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
        dollars.checked_mul(1_000_000).and_then(|d| d.checked_add(micros)).map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_and_reads_dollars() {
        assert_eq!(Micros(5_000_000).to_string(), "$5.00");
        assert_eq!(Micros(125).to_string(), "$0.000125");
        assert_eq!(Micros(-1_500_000).to_string(), "-$1.50");
        for bad in ["", ".", "5.0000001", "-1", "five", "1e3", "99999999999999999"] {
            assert!(bad.parse::<Micros>().is_err(), "{bad}");
        }
        assert_eq!(Micros::from_dollars_ceil(0.1), Micros(100_000));
        assert_eq!(Micros::from_dollars_ceil(0.000_000_1), Micros(1));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(micros in 0i64..i64::MAX / 2) {
            prop_assert_eq!(Micros(micros).to_string().parse::<Micros>().unwrap(), Micros(micros));
        }
    }
}
