//! Appending numbers and addresses to a buffer.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::time::{Civil, civil};

/// A buffer that text is appended to.
pub struct Text<'a>(pub &'a mut Vec<u8>);

impl Text<'_> {
    /// Text as it is.
    pub fn str(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    /// A number without leading zeros.
    pub fn num(&mut self, number: impl Into<u64>) -> &mut Self {
        self.padded(number.into(), 1)
    }

    /// A length without leading zeros.
    pub fn len(&mut self, number: usize) -> &mut Self {
        self.num(number as u64)
    }

    /// A number with at least `width` digits, of at most 20.
    pub fn padded(&mut self, mut number: u64, width: usize) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            if number == 0 && used >= width {
                break;
            }
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            used += 1;
        }
        let start = digits.len() - used;
        self.0.extend_from_slice(digits.get(start..).unwrap_or_default());
        self
    }

    /// A number in hexadecimal with at least `width` digits.
    pub fn hex(&mut self, number: u64, width: u32) -> &mut Self {
        let width = width.max(u64::BITS.div_ceil(4) - number.leading_zeros() / 4);
        for place in (0..width).rev() {
            let nibble = (number >> (4 * place)) as u8 & 0x0F;
            self.byte(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        }
        self
    }

    /// An address.
    pub fn ip(&mut self, address: IpAddr) -> &mut Self {
        match address {
            IpAddr::V4(address) => self.v4(address),
            IpAddr::V6(address) => self.v6(address),
        }
    }

    /// An IPv4 address.
    pub fn v4(&mut self, address: Ipv4Addr) -> &mut Self {
        let [a, b, c, d] = address.octets();
        self.num(a).byte(b'.').num(b).byte(b'.').num(c).byte(b'.').num(d)
    }

    /// An IPv6 address as RFC 5952 writes it.
    pub fn v6(&mut self, address: Ipv6Addr) -> &mut Self {
        // Writing to a vector cannot fail.
        let _ = write!(self.0, "{address}");
        self
    }

    /// Bytes in hexadecimal, a colon between any two: a MAC address.
    pub fn mac(&mut self, bytes: &[u8]) -> &mut Self {
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 {
                self.byte(b':');
            }
            self.hex(u64::from(*byte), 2);
        }
        self
    }

    /// A moment in UTC as RFC 3339 writes it, with a fraction of `digits` digits.
    pub fn moment(&mut self, time_ns: i64, digits: usize) -> &mut Self {
        self.time(civil(time_ns), b'T', digits).byte(b'Z')
    }

    /// A span of time in seconds, with the decimals that it has.
    pub fn seconds(&mut self, nanoseconds: u64) -> &mut Self {
        self.num(nanoseconds / 1_000_000_000);
        let fraction = nanoseconds % 1_000_000_000;
        if fraction > 0 {
            self.byte(b'.').padded(fraction, 9);
            let zeros = self.0.iter().rev().take_while(|digit| **digit == b'0').count();
            self.0.truncate(self.0.len() - zeros);
        }
        self
    }

    /// Date, separator, time of day, and a fraction of `digits` digits, if that is any.
    pub fn time(&mut self, time: Civil, separator: u8, digits: usize) -> &mut Self {
        self.padded(time.year.unsigned_abs(), 4).byte(b'-').padded(time.month.into(), 2).byte(b'-');
        self.padded(time.day.into(), 2).byte(separator).clock(time, digits)
    }

    /// Time of day, and a fraction of `digits` digits, if that is any.
    pub fn clock(&mut self, time: Civil, digits: usize) -> &mut Self {
        self.padded(time.hour.into(), 2).byte(b':');
        self.padded(time.minute.into(), 2).byte(b':').padded(time.second.into(), 2);
        if digits == 0 { self } else { self.byte(b'.').fraction(time.nanosecond, digits) }
    }

    /// The first `digits` of the nine digits of a number of nanoseconds.
    pub fn fraction(&mut self, nanoseconds: u32, digits: usize) -> &mut Self {
        self.padded(nanoseconds.into(), 9);
        self.0.truncate(self.0.len() - 9usize.saturating_sub(digits));
        self
    }
}
