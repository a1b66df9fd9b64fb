//! Evaluating expressions.
//!
//! Values are handed on one by one to a closure, so several of them need no list and computed texts no owner. The closure
//! says whether it has seen enough.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::arithmetic;
use super::ast::Literal;
use super::functions::{Function, How, MOST};
use super::item::{Item, Subject, values};
use super::tree::{Compare, Contains, In, Matches, Mode, Needle, Node, Order, Place, Test, Within};
use crate::Value;
use crate::fields::numbers;

/// Whether one of the values fits, or all of them, of which there must be one.
#[inline]
fn decide(mode: Mode, mut each: impl FnMut(&mut dyn FnMut(bool) -> bool) -> bool) -> bool {
    match mode {
        Mode::Any => each(&mut |fits| fits),
        Mode::All => {
            let mut seen = false;
            let failed = each(&mut |fits| {
                seen = true;
                !fits
            });
            seen && !failed
        }
    }
}

impl Test {
    pub(crate) fn holds(&self, item: &Item<'_>) -> bool {
        match self {
            Self::Within(within) => within.holds(item),
            Self::Header(kinds) => match &item.subject {
                Subject::Packet(packet) => !packet.layers.select(*kinds).is_empty(),
                Subject::Record(_) => false,
            },
            Self::And(parts) => parts.iter().all(|part| part.holds(item)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(item)),
            Self::Not(part) => !part.holds(item),
            Self::Const(value) => *value,
            Self::Xor(parts) => parts[0].holds(item) != parts[1].holds(item),
            Self::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                if condition.holds(item) { then.holds(item) } else { otherwise.holds(item) }
            }
            Self::Present(node) => node.is_present(item),
            Self::Truth(node) => node.each(item, &mut |value| is_true(&value)),
            Self::Compare(compare) => compare.holds(item),
            Self::In(set) => set.holds(item),
            Self::Contains(contains) => contains.holds(item),
            Self::Matches(matches) => matches.holds(item),
        }
    }
}

fn is_true(value: &Value<'_>) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::Int(number) => *number != 0,
        _ => false,
    }
}

impl Within {
    #[inline(always)]
    fn each(&self, item: &Item<'_>, mut each: impl FnMut(bool) -> bool) -> bool {
        let Subject::Packet(packet) = &item.subject else { return false };
        let mut one = |number: u64| each(self.ranges.contains(number & self.mask));
        match self.place {
            Place::Headers(places) => numbers(packet, places, one),
            Place::Frame(read) => read(packet.frame).is_some_and(&mut one),
        }
    }

    #[inline]
    fn holds(&self, item: &Item<'_>) -> bool {
        match self.mode {
            Mode::Any => self.each(item, |fits| fits),
            Mode::All => {
                let mut seen = false;
                let failed = self.each(item, |fits| {
                    seen = true;
                    !fits
                });
                seen && !failed
            }
        }
    }
}

impl Order {
    fn holds(self, found: Option<Ordering>) -> bool {
        let Some(found) = found else { return false };
        match self {
            Self::Equal => found.is_eq(),
            Self::NotEqual => found.is_ne(),
            Self::Less => found.is_lt(),
            Self::LessEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterEqual => found.is_ge(),
        }
    }
}

impl Compare {
    fn holds(&self, item: &Item<'_>) -> bool {
        decide(self.mode, |fits| {
            self.left.each(item, &mut |left| {
                self.right.each(item, &mut |right| fits(self.order.holds(left.order(&right))))
            })
        })
    }
}

impl In {
    fn holds(&self, item: &Item<'_>) -> bool {
        let contains = |value: &Value<'_>| {
            self.members.iter().any(|(first, last)| match first {
                Literal::Net(_) => value.order(&first.value()).is_some_and(Ordering::is_eq),
                _ => {
                    value.order(&first.value()).is_some_and(Ordering::is_ge)
                        && value.order(&last.value()).is_some_and(Ordering::is_le)
                }
            })
        };
        decide(self.mode, |fits| self.value.each(item, &mut |value| fits(contains(&value))))
    }
}

impl Contains {
    fn holds(&self, item: &Item<'_>) -> bool {
        decide(self.mode, |fits| {
            self.value.each(item, &mut |value| {
                let bytes = value.bytes();
                match &self.needle {
                    Needle::Const(finder) => fits(bytes.is_some_and(|bytes| finder.find(bytes).is_some())),
                    Needle::Value(node) => node.each(item, &mut |needle| {
                        let found = bytes
                            .zip(needle.bytes())
                            .is_some_and(|(bytes, needle)| memchr::memmem::find(bytes, needle).is_some());
                        fits(found)
                    }),
                }
            })
        })
    }
}

impl Matches {
    fn holds(&self, item: &Item<'_>) -> bool {
        decide(self.mode, |fits| {
            self.value
                .each(item, &mut |value| fits(value.bytes().is_some_and(|bytes| self.regex.is_match(bytes))))
        })
    }
}

impl Node {
    fn is_present(&self, item: &Item<'_>) -> bool {
        use sluice_core::tape::{Node as Taped, Value};
        match self {
            // Containers are there although they are no values.
            Self::Path(steps) => item
                .follow(steps)
                .and_then(|(_, nodes)| nodes.first())
                .is_some_and(|Taped { value, .. }| !matches!(value, Value::Null | Value::Bool(false))),
            _ => self.each(item, &mut |_| true),
        }
    }

    /// Calls `each` with every value until it wants no more; whether it did.
    pub(crate) fn each(&self, item: &Item<'_>, each: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self {
            Self::Const(literal) => each(literal.value()),
            Self::Field(field, occurrence) => match (&item.subject, occurrence) {
                (Subject::Packet(packet), None) => field.of_packet(packet, each),
                (Subject::Packet(packet), Some(occurrence)) => field.of_header(packet, *occurrence, each),
                (Subject::Record(line), _) => field.of_record(line).is_some_and(each),
            },
            Self::Path(steps) => {
                item.follow(steps).is_some_and(|(line, nodes)| values(&line, nodes).any(each))
            }
            Self::Test(test) => each(Value::Bool(test.holds(item))),
            Self::If(parts) => {
                let (condition, then, otherwise) = &**parts;
                if condition.holds(item) { then.each(item, each) } else { otherwise.each(item, each) }
            }
            Self::Negative(node) => {
                node.each(item, &mut |value| arithmetic::negative(value).is_some_and(&mut *each))
            }
            Self::Binary(operator, parts) => parts[0].each(item, &mut |left| {
                parts[1].each(item, &mut |right| {
                    arithmetic::combine(*operator, left, right).is_some_and(&mut *each)
                })
            }),
            Self::Slice(node, slice) => node.each(item, &mut |value| {
                let mut buffer = [0; 16];
                let part = arithmetic::bytes(&value, &mut buffer).and_then(|b| arithmetic::part(b, *slice));
                part.is_some_and(|part| {
                    each(match value {
                        Value::Text(_) => Value::Text(part),
                        _ => Value::Bytes(part),
                    })
                })
            }),
            Self::Call(function, arguments) => call(function, arguments, item, each),
        }
    }
}

fn call(
    function: &'static Function,
    arguments: &[Node],
    item: &Item<'_>,
    each: &mut dyn FnMut(Value<'_>) -> bool,
) -> bool {
    match function.how {
        How::Count => {
            let mut count = 0;
            if let Some(argument) = arguments.first() {
                argument.each(item, &mut |_| {
                    count += 1;
                    false
                });
            }
            each(Value::Int(count))
        }
        How::Default => {
            let tried = arguments.iter().try_for_each(|argument| {
                let mut seen = false;
                let enough = argument.each(item, &mut |value| {
                    seen = true;
                    each(value)
                });
                if seen { ControlFlow::Break(enough) } else { ControlFlow::Continue(()) }
            });
            tried.break_value().unwrap_or(false)
        }
        How::Value(compute) => {
            gather(arguments, item, &[], &mut |values| compute(values).is_some_and(&mut *each))
        }
        How::Class(compute) => gather(arguments, item, &[], &mut |values| {
            values.first().and_then(compute).is_some_and(|is_one| each(Value::Bool(is_one)))
        }),
        How::Text(compute) => gather(arguments, item, &[], &mut |values| {
            item.buffers.lend(|buffer| compute(values, buffer).is_some_and(|()| each(Value::Text(buffer))))
        }),
    }
}

/// Calls `each` with one value of every argument, in all combinations.
fn gather(
    arguments: &[Node],
    item: &Item<'_>,
    got: &[Value<'_>],
    each: &mut dyn FnMut(&[Value<'_>]) -> bool,
) -> bool {
    let Some(argument) = arguments.get(got.len()) else { return each(got) };
    argument.each(item, &mut |value| {
        let mut values = [value; MOST];
        let count = got.len();
        for (slot, value) in values.iter_mut().zip(got) {
            *slot = *value;
        }
        if let Some(slot) = values.get_mut(count) {
            *slot = value;
        }
        values.get(..=count).is_some_and(|values| gather(arguments, item, values, each))
    })
}
