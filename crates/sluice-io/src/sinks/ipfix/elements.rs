//! Information elements: what a field of a record is called, and what it is in a message.

mod registry;

use registry::REGISTRY;

/// An information element of the registry.
#[derive(Debug)]
pub(super) struct Element {
    pub id: u16,
    pub name: &'static str,
    pub kind: Type,
}

impl Element {
    const fn new(id: u16, name: &'static str, kind: Type) -> Self {
        Self { id, name, kind }
    }
}

/// The abstract data types of RFC 7012, section 3.1, of which values can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    Unsigned8,
    Unsigned16,
    Unsigned32,
    Unsigned64,
    /// An unsigned64 that counts something of one direction.
    Counter,
    Float64,
    Boolean,
    Mac,
    Ipv4,
    Ipv6,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    Text,
    Octets,
}

/// The length that a template has for values that tell their own.
pub(super) const VARIABLE: u16 = 65_535;

impl Type {
    /// How many bytes a value takes.
    pub fn length(self) -> u16 {
        match self {
            Type::Unsigned8 | Type::Boolean => 1,
            Type::Unsigned16 => 2,
            Type::Unsigned32 | Type::Ipv4 | Type::Seconds => 4,
            Type::Mac => 6,
            Type::Unsigned64 | Type::Counter | Type::Float64 => 8,
            Type::Milliseconds | Type::Microseconds | Type::Nanoseconds => 8,
            Type::Ipv6 => 16,
            Type::Text | Type::Octets => VARIABLE,
        }
    }
}

/// The element of this name, and whether it is meant for the other direction: then its name has `reverse` before it.
pub(super) fn find(name: &str) -> Option<(&'static Element, bool)> {
    if let Some(element) = named(name.bytes()) {
        return Some((element, false));
    }
    let rest = name.strip_prefix("reverse")?;
    let first = rest.bytes().next().filter(u8::is_ascii_uppercase)?;
    let lower = std::iter::once(first.to_ascii_lowercase()).chain(rest.bytes().skip(1));
    // A few names begin with a capital letter.
    let element = named(lower).or_else(|| named(rest.bytes()))?;
    is_reversible(element.id).then_some((element, true))
}

fn named(name: impl Iterator<Item = u8> + Clone) -> Option<&'static Element> {
    let at = REGISTRY.binary_search_by(|element| element.name.bytes().cmp(name.clone())).ok()?;
    REGISTRY.get(at)
}

/// The name of the element of this number.
pub(super) fn name(id: u16) -> &'static str {
    REGISTRY.iter().find(|element| element.id == id).map_or("", |element| element.name)
}

/// Whether an element means something for one direction: what identifies or configures things, counts for the exporter, or speaks
/// of both directions does not (RFC 5103, section 6.1).
fn is_reversible(id: u16) -> bool {
    !matches!(id, 40..=42 | 130 | 131 | 137 | 138 | 141..=145 | 148 | 149 | 163..=168 | 173 | 211..=217 | 239)
}

/// Elements that say the same of one end or interface and of the other.
const MIRRORED: [(u16, u16); 22] = [
    (7, 11),
    (8, 12),
    (9, 13),
    (10, 14),
    (16, 17),
    (27, 28),
    (29, 30),
    (44, 45),
    (56, 80),
    (57, 81),
    (92, 93),
    (128, 129),
    (169, 170),
    (180, 181),
    (182, 183),
    (225, 226),
    (227, 228),
    (234, 235),
    (252, 253),
    (281, 282),
    (368, 369),
    (414, 415),
];

/// The element that has this value when the flow is seen from its other end.
pub(super) fn mirrored(id: u16) -> u16 {
    let pair = MIRRORED.iter().find(|(a, b)| [*a, *b].contains(&id));
    pair.map_or(id, |(a, b)| if *a == id { *b } else { *a })
}

/// The number and type of what an element is in NetFlow v9, which has no values of variable length, and TCP flags and VLANs in
/// the fields that it had before there was IPFIX.
pub(super) fn in_v9(id: u16, kind: Type) -> Option<(u16, Type)> {
    match (id, kind) {
        (6, _) => Some((6, Type::Unsigned8)),
        (243, kind) => Some((58, kind)),
        (_, Type::Text | Type::Octets) => None,
        other => Some(other),
    }
}

/// The number and type of the element that tells the same time in milliseconds, where there is one.
pub(super) fn in_milliseconds(id: u16, kind: Type) -> (u16, Type) {
    match id {
        150 | 154 | 156 => (152, Type::Milliseconds),
        151 | 155 | 157 => (153, Type::Milliseconds),
        _ => (id, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_sorted_and_has_each_number_once() {
        assert!(REGISTRY.is_sorted_by(|a, b| a.name < b.name));
        let mut ids: Vec<u16> = REGISTRY.iter().map(|element| element.id).collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| (1..0x8000).contains(id)));
    }

    #[test]
    fn names_are_found_and_so_are_those_of_the_other_direction() {
        let found = |name| find(name).map(|(element, reverse)| (element.id, reverse));
        assert_eq!(found("octetDeltaCount"), Some((1, false)));
        assert_eq!(found("reverseOctetDeltaCount"), Some((1, true)));
        assert_eq!(found("VRFname"), Some((236, false)));
        assert_eq!(found("reverseVRFname"), Some((236, true)));
        for name in ["", "octets", "OctetDeltaCount", "reverse", "reverseoctetDeltaCount", "reverseFlowId"] {
            assert_eq!(found(name), None, "{name}");
        }
    }

    #[test]
    fn a_mirror_image_of_one_is_what_it_was() {
        for element in REGISTRY {
            assert_eq!(mirrored(mirrored(element.id)), element.id);
        }
        let pairs: Vec<_> = MIRRORED.iter().flat_map(|(a, b)| [a, b]).collect();
        assert!(pairs.iter().all(|id| REGISTRY.iter().any(|element| element.id == **id)));
        assert_eq!((mirrored(7), mirrored(28), mirrored(4)), (11, 27, 4));
    }
}
