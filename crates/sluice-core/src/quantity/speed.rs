//! How fast packets are brought out.

use super::*;

/// How fast packets are brought out: `1x`, `10k/s`, `100Mbit/s`, `flat_out`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as they were captured.
    Times(f64),
    /// So many packets in a second.
    Packets(f64),
    /// So many bits in a second.
    Bits(f64),
    /// As fast as it goes.
    FlatOut,
}

const BIT_UNITS: &[(&str, f64)] =
    &[("bit", 1.0), ("kbit", 1e3), ("Mbit", 1e6), ("Gbit", 1e9), ("Tbit", 1e12)];

/// More than any of these is a slip of the pen, and would be no more than flat out; less would take for ever.
const SENSIBLE: std::ops::RangeInclusive<f64> = 1e-9..=1e15;

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let text = text.trim();
            if text == "flat_out" {
                return Some(Speed::FlatOut);
            }
            if let Ok(Rate(packets)) = text.parse() {
                return Some(Speed::Packets(packets));
            }
            let (value, rest) = number_and_unit(text, &[("x", 1.0)]).or_else(|| {
                let (value, rest) = number_and_unit(text, BIT_UNITS)?;
                let (_, seconds) =
                    TIME_UNITS.iter().find(|(unit, _)| Some(*unit) == rest.strip_prefix('/'))?;
                Some((value * 1e9 / seconds, "bits"))
            })?;
            match rest {
                "" => Some(Speed::Times(value)),
                "bits" => Some(Speed::Bits(value)),
                _ => None,
            }
        };
        parse().filter(Self::is_sensible).ok_or_else(|| {
            format!(
                "`{text}` is not a speed: write times the speed of the capture, such as `1x`, a rate, such as `10k/s` \
                 packets or `100Mbit/s`, or `flat_out`"
            )
        })
    }
}

impl Speed {
    fn is_sensible(&self) -> bool {
        match self {
            Speed::Times(value) | Speed::Packets(value) | Speed::Bits(value) => SENSIBLE.contains(value),
            Speed::FlatOut => true,
        }
    }
}

quantity!(Speed, "speed", "a speed such as `1x`", |_| None, "string");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, speed) in [
            ("1x", Speed::Times(1.0)),
            (" 0.5 x", Speed::Times(0.5)),
            ("10k/s", Speed::Packets(10e3)),
            ("600/m", Speed::Packets(10.0)),
            ("100Mbit/s", Speed::Bits(100e6)),
            ("1.5 Gbit/s", Speed::Bits(1.5e9)),
            ("flat_out", Speed::FlatOut),
        ] {
            assert_eq!(text.parse(), Ok(speed), "{text}");
        }
    }

    #[test]
    fn refuses_what_has_no_one_meaning() {
        for text in
            ["", "1", "x", "0x", "-1x", "1xx", "0/s", "10k", "100Mb/s", "100Mbit", "0bit/s", "flat", "1e999x"]
        {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
