//! JSON (RFC 8259) from a line straight onto the tape of its batch.
//!
//! Accepted is exactly what the grammar says, in UTF-8, up to [`MAX_DEPTH`] containers inside each other; as elsewhere,
//! half a surrogate pair and a number beyond the range of `f64` are refused. Nothing is allocated per line: a string
//! without escapes is a range of the line, one with escapes goes to the text buffer of the batch.

use sluice_core::Line;
use sluice_core::tape::{Key, Value};

/// How many containers may be inside each other.
pub(crate) const MAX_DEPTH: usize = 127;

/// The line is not JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// Sets the fields of a record to the value that its line spells. An invalid line is left as it was.
///
/// `scratch` is room for unescaping, given to be reused.
pub(crate) fn parse(line: &mut Line<'_, '_>, scratch: &mut String) -> Result<(), Invalid> {
    let text = std::str::from_utf8(line.text()).map_err(|_| Invalid)?;
    let mark = line.fields.mark();
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, line, scratch };
    let result = parser.document();
    match result {
        Ok(()) => line.set_root(mark),
        Err(Invalid) => line.fields.rewind(mark),
    }
    result
}

struct Parser<'t, 'p, 'l, 'f> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    line: &'p mut Line<'l, 'f>,
    scratch: &'p mut String,
}

/// Where a string is.
enum Found {
    /// In the line, from here to there.
    Range(usize, usize),
    /// In the scratch buffer, unescaped.
    Scratch,
}

impl Parser<'_, '_, '_, '_> {
    fn document(&mut self) -> Result<(), Invalid> {
        self.space();
        self.value(Key::NONE, 0)?;
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Invalid) }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Goes past `byte` if it comes next.
    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.eat(byte) { Ok(()) } else { Err(Invalid) }
    }

    fn value(&mut self, key: Key, depth: usize) -> Result<(), Invalid> {
        let value = match self.peek().ok_or(Invalid)? {
            b'"' => self.text_value()?,
            b'{' => return self.object(key, depth),
            b'[' => return self.array(key, depth),
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(Invalid),
        };
        self.line.fields.push(key, value);
        Ok(())
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Invalid> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += word.len();
        if rest.starts_with(word.as_bytes()) { Ok(value) } else { Err(Invalid) }
    }

    fn object(&mut self, key: Key, depth: usize) -> Result<(), Invalid> {
        let place = self.open(key, Value::Object(0), depth)?;
        if !self.eat(b'}') {
            loop {
                let key = self.key()?;
                self.space();
                self.expect(b':')?;
                self.space();
                self.value(key, depth + 1)?;
                self.space();
                if self.eat(b'}') {
                    break;
                }
                self.expect(b',')?;
                self.space();
            }
        }
        self.line.fields.close(place);
        Ok(())
    }

    fn array(&mut self, key: Key, depth: usize) -> Result<(), Invalid> {
        let place = self.open(key, Value::Array(0), depth)?;
        if !self.eat(b']') {
            loop {
                self.value(Key::NONE, depth + 1)?;
                self.space();
                if self.eat(b']') {
                    break;
                }
                self.expect(b',')?;
                self.space();
            }
        }
        self.line.fields.close(place);
        Ok(())
    }

    fn open(&mut self, key: Key, container: Value, depth: usize) -> Result<usize, Invalid> {
        if depth >= MAX_DEPTH {
            return Err(Invalid);
        }
        self.at += 1;
        self.space();
        Ok(self.line.fields.push(key, container))
    }

    fn key(&mut self) -> Result<Key, Invalid> {
        let name = match self.string()? {
            Found::Range(start, end) => self.text.get(start..end).ok_or(Invalid)?,
            Found::Scratch => self.scratch.as_str(),
        };
        Ok(self.line.fields.key(name))
    }

    fn text_value(&mut self) -> Result<Value, Invalid> {
        Ok(Value::Str(match self.string()? {
            Found::Range(start, end) => self.line.slice(start, end),
            Found::Scratch => {
                let scratch = self.scratch.as_bytes();
                self.line.fields.compute(|text| text.extend_from_slice(scratch)).0
            }
        }))
    }

    #[inline]
    fn string(&mut self) -> Result<Found, Invalid> {
        self.expect(b'"')?;
        let start = self.at;
        self.plain();
        if self.eat(b'"') { Ok(Found::Range(start, self.at - 1)) } else { self.escaped(start) }
    }

    /// The string that began at `start` and has come to its first escape, if it is one.
    #[cold]
    fn escaped(&mut self, mut start: usize) -> Result<Found, Invalid> {
        self.scratch.clear();
        loop {
            self.scratch.push_str(self.text.get(start..self.at).ok_or(Invalid)?);
            if self.eat(b'"') {
                return Ok(Found::Scratch);
            }
            self.expect(b'\\')?;
            self.escape()?;
            start = self.at;
            self.plain();
        }
    }

    /// Goes on to the next quote, backslash or control character, or to the end.
    #[inline]
    fn plain(&mut self) {
        const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
        const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
        const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
        const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
        // Eight bytes at a time. A borrow can mark a byte wrongly, but only above one that is marked rightly.
        let zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_le_bytes(*word);
            let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
            let found = zero(word ^ QUOTES) | zero(word ^ BACKSLASHES) | control;
            if found != 0 {
                self.at += found.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
            self.at += 1;
        }
    }

    /// Unescapes one character; its backslash has been passed.
    fn escape(&mut self) -> Result<(), Invalid> {
        let kind = self.peek().ok_or(Invalid)?;
        self.at += 1;
        let unescaped = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_point()?,
            _ => return Err(Invalid),
        };
        self.scratch.push(unescaped);
        Ok(())
    }

    fn code_point(&mut self) -> Result<char, Invalid> {
        let first = self.four_digits()?;
        let code = if (0xD800..0xDC00).contains(&first) {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            let second = self.four_digits()?.checked_sub(0xDC00).filter(|low| *low < 0x400).ok_or(Invalid)?;
            0x10000 + ((first - 0xD800) << 10) + second
        } else {
            first
        };
        char::from_u32(code).ok_or(Invalid)
    }

    fn four_digits(&mut self) -> Result<u32, Invalid> {
        let digits: &[u8; 4] =
            self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or(Invalid)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
            .ok_or(Invalid)
    }

    fn number(&mut self) -> Result<Value, Invalid> {
        let start = self.at;
        let negative = self.eat(b'-');
        let (digits, first) = (self.at, self.peek());
        let whole = self.digits()?;
        if first == Some(b'0') && self.at > digits + 1 {
            return Err(Invalid);
        }
        let mut is_whole = true;
        if self.eat(b'.') {
            is_whole = false;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_whole = false;
            self.at += 1;
            let _sign = self.eat(b'-') || self.eat(b'+');
            self.digits()?;
        }
        let value = match whole.filter(|_| is_whole) {
            Some(whole) if !negative => i64::try_from(whole).map_or(Value::Uint(whole), Value::Int),
            // Minus zero is no whole number.
            Some(1..) if let Some(value) = whole.and_then(|w| 0i64.checked_sub_unsigned(w)) => {
                Value::Int(value)
            }
            _ => {
                let value: f64 =
                    self.text.get(start..self.at).and_then(|text| text.parse().ok()).ok_or(Invalid)?;
                if !value.is_finite() {
                    return Err(Invalid);
                }
                Value::Float(value)
            }
        };
        Ok(value)
    }

    /// Goes past one or more digits; their value unless it is too large.
    #[inline]
    fn digits(&mut self) -> Result<Option<u64>, Invalid> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        }
        match self.at - start {
            0 => Err(Invalid),
            // What has 19 digits fits.
            1..=19 => Ok(Some(value)),
            _ => Ok(self.text.get(start..self.at).and_then(|digits| digits.parse().ok())),
        }
    }
}

#[cfg(test)]
mod tests;
