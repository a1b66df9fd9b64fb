//! A text cut into words, values and signs.

use sluice_core::quantity::Rate;

use super::ast::{Literal, Slice, Step};
use super::literal;
use crate::{Error, Span};

/// One piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword.
    Word(String),
    /// A value.
    Literal(Literal),
    /// A field of records, with its leading dot.
    Path(Vec<Step>),
    /// `[0:4]`
    Slice(Slice),
    /// `#1`
    Occurrence(i32),
    /// An operator or bracket.
    Sign(&'static str),
    /// Nothing is left.
    End,
}

/// Longer ones first, so that the longest that fits is found.
const SIGNS: [&str; 24] = [
    "===", "!==", "==", "!=", "<=", ">=", "&&", "||", "^^", "..", "<", ">", "!", "&", "~", "(", ")", "{",
    "}", ",", "+", "-", "*", "/",
];

pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes the leading characters for which `takes` says so.
    fn run(&mut self, takes: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !takes(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Takes letters, digits, `_`, `.` and `:`, but not the `..` of a range.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let all = rest.find(|c: char| !c.is_ascii_alphanumeric() && !['_', '.', ':'].contains(&c));
        let all = all.unwrap_or(rest.len());
        let length = rest.get(..all).and_then(|word| word.find("..")).unwrap_or(all);
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// The next token with its place.
    pub(crate) fn next(&mut self) -> Result<(Token, Span), Error> {
        self.run(char::is_whitespace);
        let start = self.at;
        let mut chars = self.rest().chars();
        let token = match (chars.next(), chars.next()) {
            (None, _) => Token::End,
            (Some('"' | '\''), _) => Token::Literal(Literal::Text(self.quoted()?)),
            (Some('r'), Some('"' | '\'')) => {
                self.at += 1;
                Token::Literal(Literal::Text(self.raw()?))
            }
            (Some('.'), Some('"')) => self.path()?,
            (Some('.'), Some(c)) if c.is_alphabetic() || c == '_' => self.path()?,
            (Some('['), _) => self.slice()?,
            (Some('#'), _) => self.occurrence()?,
            (Some(c), _) if c.is_ascii_alphanumeric() || c == '_' => self.name_or_value()?,
            (Some(':'), Some(':')) => self.name_or_value()?,
            (Some('%'), _) => {
                self.at += 1;
                Token::Sign("%")
            }
            (Some(found), _) => match SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Token::Sign(sign)
                }
                None => {
                    self.at += found.len_utf8();
                    let help = match found {
                        '=' => ": `==` compares",
                        '|' => ": `||` or `or` joins conditions",
                        '?' => ": write `if ... then ... else ...`",
                        _ => "",
                    };
                    let message = format!("`{found}` has no meaning here{help}");
                    return Err(Error::new(self.since(start), message));
                }
            },
        };
        Ok((token, self.since(start)))
    }

    fn since(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    fn name_or_value(&mut self) -> Result<Token, Error> {
        let start = self.at;
        if let Some(length) = literal::date_length(self.rest()) {
            self.at += length;
            let text = self.text.get(start..self.at).unwrap_or_default();
            let time = crate::time::parse(text);
            let wrong = || Error::new(self.since(start), format!("`{text}` is not a date or time"));
            return Ok(Token::Literal(Literal::Time(time.ok_or_else(wrong)?)));
        }
        let word = self.word();
        let is_value = word.contains(':') || word.starts_with(|c: char| c.is_ascii_digit());
        if !is_value {
            return Ok(Token::Word(word.to_owned()));
        }
        if let Some(rate) = self.rate(start) {
            return Ok(Token::Literal(rate));
        }
        self.tail(word);
        let text = self.text.get(start..self.at).unwrap_or_default();
        literal::read(text).map(Token::Literal).map_err(|message| Error::new(self.since(start), message))
    }

    /// Takes what belongs to a value besides its word: the prefix of a network, a signed exponent.
    fn tail(&mut self, word: &str) {
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
        let is_address = word.contains(':') || word.matches('.').count() == 3;
        if is_address && let Some(prefix) = self.rest().strip_prefix('/') {
            self.at += 1 + digits(prefix);
        }
        let is_float = word.ends_with(['e', 'E']) && !word.starts_with("0x");
        if is_float && let Some(exponent) = self.rest().strip_prefix(['+', '-']) {
            self.at += 1 + digits(exponent);
        }
    }

    /// `10k/s`, written without spaces; what was taken so far is the count.
    fn rate(&mut self, start: usize) -> Option<Literal> {
        let per = self.rest().strip_prefix('/')?;
        let unit =
            per.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(per.len());
        let text = self.text.get(start..self.at + 1 + unit)?;
        let Rate(rate) = text.parse().ok()?;
        self.at += 1 + unit;
        Some(Literal::Decimal(format!("{rate:?}")))
    }

    /// The character after the quotation mark that ends what begins here, which is not passed over.
    fn quoted(&mut self) -> Result<Vec<u8>, Error> {
        let start = self.at;
        let mut chars = self.rest().char_indices();
        let Some((_, mark)) = chars.next() else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        while let Some((at, found)) = chars.next() {
            if found == mark {
                self.at = start + at + found.len_utf8();
                return Ok(bytes);
            }
            if found != '\\' {
                bytes.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            let escaped = chars.next().map(|(_, escaped)| escaped);
            bytes.push(match escaped {
                Some('n') => b'\n',
                Some('r') => b'\r',
                Some('t') => b'\t',
                Some('0') => 0,
                Some(same @ ('\\' | '"' | '\'')) => same as u8,
                Some('x') => {
                    let digits = self.text.get(start + at + 2..start + at + 4);
                    let byte = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                    let Some(byte) = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                        let span = Span { start: start + at, end: start + at + 2 };
                        return Err(Error::new(span, "`\\x` is followed by two hexadecimal digits"));
                    };
                    chars.nth(1);
                    byte
                }
                Some(other) => {
                    let end = start + at + 1 + other.len_utf8();
                    let message =
                        format!("`\\{other}` has no meaning: write `\\\\{other}`, or r\"...\" around it");
                    return Err(Error::new(Span { start: start + at, end }, message));
                }
                None => break,
            });
        }
        self.at = self.text.len();
        Err(Error::new(Span { start, end: start + 1 }, "the text does not end"))
    }

    /// Text in which a backslash means itself.
    fn raw(&mut self) -> Result<Vec<u8>, Error> {
        let start = self.at;
        let rest = self.rest();
        let mark = rest.chars().next().unwrap_or('"');
        match rest.get(1..).and_then(|inside| Some((inside, inside.find(mark)?))) {
            Some((inside, length)) => {
                self.at += length + 2;
                Ok(inside.as_bytes().get(..length).unwrap_or_default().to_vec())
            }
            None => Err(Error::new(Span { start: start - 1, end: start + 1 }, "the text does not end")),
        }
    }

    fn path(&mut self) -> Result<Token, Error> {
        let mut steps = Vec::new();
        loop {
            let rest = self.rest();
            let mut chars = rest.chars();
            match (chars.next(), chars.next()) {
                (Some('.'), Some('"')) => {
                    self.at += 1;
                    let start = self.at;
                    let key = String::from_utf8(self.quoted()?);
                    let wrong = |_| Error::new(self.since(start), "a key is UTF-8");
                    steps.push(Step::Key(key.map_err(wrong)?));
                }
                (Some('.'), Some(c)) if c.is_alphabetic() || c == '_' => {
                    self.at += 1;
                    steps.push(Step::Key(self.run(|c| c.is_alphanumeric() || c == '_').to_owned()));
                }
                (Some('['), _) => {
                    let inside = rest.get(1..).and_then(|inside| inside.get(..inside.find(']')?));
                    match inside.map(|inside| (inside.len(), digits(inside))) {
                        Some((length, Some(index))) => {
                            self.at += length + 2;
                            steps.push(Step::Index(index));
                        }
                        _ => break,
                    }
                }
                _ => break,
            }
        }
        Ok(Token::Path(steps))
    }

    fn slice(&mut self) -> Result<Token, Error> {
        let start = self.at;
        let inside = self.rest().get(1..).and_then(|inside| inside.get(..inside.find(']')?));
        let Some(inside) = inside else {
            self.at += 1;
            return Err(Error::new(self.since(start), "the bracket is not closed"));
        };
        self.at += inside.len() + 2;
        let wrong =
            "expected bytes such as `[4]`, `[0:3]` (from 0, 3 of them), `[2-5]`, `[2:]`, `[:3]` or `[-2:]`";
        let slice = read_slice(inside.trim()).ok_or_else(|| Error::new(self.since(start), wrong))?;
        Ok(Token::Slice(slice))
    }

    fn occurrence(&mut self) -> Result<Token, Error> {
        let start = self.at;
        self.at += 1;
        let sign = if self.rest().starts_with('-') { -1 } else { 1 };
        self.at += usize::from(sign < 0);
        let number = digits(self.run(|c| c.is_ascii_digit())).and_then(|number| i32::try_from(number).ok());
        match number.filter(|number| *number > 0) {
            Some(number) => Ok(Token::Occurrence(sign * number)),
            None => Err(Error::new(self.since(start), "expected an occurrence such as `#1` or `#-1`")),
        }
    }
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn read_slice(text: &str) -> Option<Slice> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let begin = |text: &str| Some(sign * i32::try_from(digits(text.trim())?).ok()?);
    if let Some((first, length)) = unsigned.split_once(':') {
        let start = if text.starts_with(':') { 0 } else { begin(first)? };
        let length = match length.trim() {
            "" => None,
            length => Some(digits(length)?),
        };
        return Some(Slice { start, length });
    }
    if let Some((first, last)) = unsigned.split_once('-') {
        let (first, last) = (begin(first).filter(|_| sign > 0)?, digits(last.trim())?);
        return Some(Slice { start: first, length: Some(last.checked_sub(first as u32)?.checked_add(1)?) });
    }
    Some(Slice { start: begin(unsigned)?, length: Some(1) })
}
