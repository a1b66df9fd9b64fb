//! Constants as what they are compared with.

use std::net::{IpAddr, Ipv6Addr};

use sluice_wire::addr::Mac;

use super::super::ast::{Expr, Literal};
use super::super::tree::Order;
use crate::fields::Field;
use crate::{Error, Span, Type, time};

/// A constant as one of the wanted type, where it can be meant as one; otherwise as it is.
pub(super) fn coerce(
    literal: &Literal,
    span: Span,
    wanted: Type,
    field: Option<&Field>,
) -> Result<Literal, Error> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let not = |bytes: &[u8]| Error::new(span, format!("`{}` is not {}", text(bytes), wanted.a()));
    Ok(match (wanted, literal) {
        (Type::Bool, Literal::Int(number @ (0 | 1))) => Literal::Bool(*number == 1),
        (Type::Int, Literal::Bool(value)) => Literal::Int((*value).into()),
        (Type::Int, Literal::Text(bytes)) => word(bytes, span, field)?,
        (Type::Bytes | Type::Header, Literal::Int(number)) => match u8::try_from(*number) {
            Ok(byte) => Literal::Bytes(vec![byte]),
            Err(_) => {
                return Err(Error::new(span, format!("`{number}` is not a byte: write bytes as `01:ff`")));
            }
        },
        (Type::Bytes | Type::Header | Type::Text, Literal::Mac(mac)) => Literal::Bytes(mac.0.to_vec()),
        (Type::Mac, Literal::Text(bytes)) => {
            Literal::Mac(text(bytes).parse::<Mac>().map_err(|_| not(bytes))?)
        }
        (Type::Ip, Literal::Text(bytes)) => {
            let text = text(bytes);
            match text.parse::<IpAddr>() {
                Ok(address) => Literal::Ip(address),
                Err(_) => Literal::Net(text.parse().map_err(|error| Error::new(span, format!("{error}")))?),
            }
        }
        (Type::Ip, Literal::Bytes(bytes)) => match <[u8; 8]>::try_from(&bytes[..]) {
            Ok(pairs) => Literal::Ip(Ipv6Addr::from(pairs.map(u16::from)).into()),
            Err(_) => literal.clone(),
        },
        (Type::Time, Literal::Text(bytes)) => {
            let time = time::parse(text(bytes).trim());
            Literal::Time(time.ok_or_else(|| not(bytes))?)
        }
        (Type::Time, Literal::Int(_) | Literal::Decimal(_)) => {
            let number = literal.to_string();
            let time = time::epoch(&number);
            Literal::Time(time.ok_or_else(|| Error::new(span, format!("`{number}` is not a time")))?)
        }
        (Type::Duration, Literal::Int(_) | Literal::Decimal(_)) => {
            let message = format!("`{literal}` lacks a unit: write a duration such as `{literal}s`");
            return Err(Error::new(span, message));
        }
        _ => literal.clone(),
    })
}

/// A word that stands for a number of this field.
fn word(bytes: &[u8], span: Span, field: Option<&Field>) -> Result<Literal, Error> {
    let words = field.map_or(&[][..], |field| field.words);
    let found = words.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(bytes));
    if let Some((_, number)) = found {
        return Ok(Literal::Int((*number).into()));
    }
    let text = String::from_utf8_lossy(bytes);
    let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    Err(Error::new(
        span,
        match known.is_empty() {
            true => format!("`{text}` is text, and a whole number is wanted"),
            false => format!("`{text}` is none of {}", known.join(", ")),
        },
    ))
}

/// Refuses to compare what never can be compared.
pub(super) fn comparable(left: &Expr, a: Type, right: &Expr, b: Type, order: Order) -> Result<(), Error> {
    if !a.compares_with(b) {
        let message = format!("`{left}` is {}, and `{right}` is {}", a.a(), b.a());
        return Err(Error::new(right.span, message));
    }
    let has_order = matches!(order, Order::Equal | Order::NotEqual) || (a != Type::Bool && b != Type::Bool);
    match has_order {
        true => Ok(()),
        false => {
            Err(Error::new(left.span.to(right.span), format!("true and false have no order for `{order}`")))
        }
    }
}
