//! What holds for every expression.

use proptest::prelude::*;
use sluice_core::{Batch, PacketBatch};
use sluice_testkit::{Packets, traffic};
use sluice_wire::addr::{Cidr, Mac};

use super::super::*;

fn name() -> impl Strategy<Value = String> {
    let keywords = [
        "or", "xor", "and", "not", "in", "eq", "ne", "lt", "le", "gt", "ge", "if", "then", "else", "any",
        "all", "true", "false", "bitand", "contains", "matches",
    ];
    "[a-z]{1,4}(\\.[a-z0-9_]{1,3})?".prop_filter("a keyword", move |name| !keywords.contains(&name.as_str()))
}

fn literal() -> impl Strategy<Value = Literal> {
    let most = i128::from(u64::MAX);
    prop_oneof![
        any::<bool>().prop_map(Literal::Bool),
        (-most..=most).prop_map(Literal::Int),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| Literal::Decimal(format!("{number:?}"))),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(Literal::Text),
        "\\PC{0,4}".prop_map(|text| Literal::Text(text.into_bytes())),
        prop::collection::vec(any::<u8>(), 2..6).prop_map(Literal::Bytes),
        any::<[u8; 6]>().prop_map(|mac| Literal::Mac(Mac(mac))),
        any::<std::net::IpAddr>().prop_map(Literal::Ip),
        (any::<std::net::IpAddr>(), 0..=128u8)
            .prop_map(|(ip, bits)| Literal::Net(Cidr::containing(ip, bits))),
        any::<i64>().prop_map(Literal::Time),
        (-(1i64 << 52)..1 << 52).prop_map(Literal::Duration),
    ]
}

fn member() -> impl Strategy<Value = Member> {
    let span = crate::Span::default();
    prop_oneof![
        literal().prop_map(move |one| Member::One(span, one)),
        (literal(), literal()).prop_map(move |(first, last)| Member::Range(span, first, last)),
    ]
}

fn make(kind: Kind) -> Expr {
    Expr::new(crate::Span::default(), kind).unwrap()
}

fn leaf() -> impl Strategy<Value = Expr> {
    let step = prop_oneof![
        "\\PC{0,4}".prop_map(Step::Key),
        "[a-z_][a-z0-9_]{0,4}".prop_map(Step::Key),
        any::<u32>().prop_map(Step::Index),
    ];
    let path = ("[a-z]{1,3}".prop_map(Step::Key), prop::collection::vec(step, 0..3))
        .prop_map(|(first, rest)| Kind::Path([vec![first], rest].concat()));
    let occurrence = prop::option::of(prop_oneof![1..9, -9..0]);
    prop_oneof![
        literal().prop_map(Kind::Literal),
        (name(), occurrence).prop_map(|(name, nth)| Kind::Field(name, nth)),
        path,
    ]
    .prop_map(make)
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::*;
    prop::sample::select(vec![BitAnd, Add, Subtract, Multiply, Divide, Remainder])
}

fn relation() -> impl Strategy<Value = Relation> {
    use Relation::*;
    prop::sample::select(vec![
        Equal,
        NotEqual,
        AllEqual,
        AnyNotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Contains,
        Matches,
    ])
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |part| {
        let several = || prop::collection::vec(part.clone(), 2..4);
        let two = || (part.clone(), part.clone()).prop_map(|(a, b)| Box::new([a, b]));
        let of = || prop::option::of(prop::sample::select(vec![Quantifier::Any, Quantifier::All]));
        prop_oneof![
            several().prop_map(Kind::Or),
            several().prop_map(Kind::And),
            two().prop_map(Kind::Xor),
            part.clone().prop_map(|part| Kind::Not(Box::new(part))),
            (part.clone(), two()).prop_map(|(a, two)| {
                let [b, c] = *two;
                Kind::If(Box::new([a, b, c]))
            }),
            (of(), relation(), two()).prop_map(|(of, relation, two)| Kind::Compare(of, relation, two)),
            (of(), part.clone(), prop::collection::vec(member(), 1..3)).prop_map(|(of, part, set)| Kind::In(
                of,
                Box::new(part),
                set
            )),
            (operator(), two()).prop_map(|(operator, two)| Kind::Binary(operator, two)),
            part.clone().prop_map(|part| Kind::Negative(Box::new(part))),
            (part.clone(), -9..9, prop::option::of(0..9u32))
                .prop_map(|(part, start, length)| Kind::Slice(Box::new(part), Slice { start, length })),
            (name(), prop::collection::vec(part.clone(), 0..3))
                .prop_filter("a prefix of raw text", |(name, _)| name != "r")
                .prop_map(|(name, args)| Kind::Call(name, args)),
        ]
        .prop_map(make)
    })
}

/// Pieces from which most texts are expressions, and some make sense.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = vec![
        "tcp.port",
        "ip.addr",
        "ip.src",
        "eth.src",
        "tcp",
        "frame.len",
        "payload",
        "tcp.flags",
        "vlan.id",
        "udp.payload",
        "ip.ttl",
        "frame.time",
        "len",
        "lower",
        "is_private",
        "count",
        "hash",
        "(",
        ")",
        "{",
        "}",
        ",",
        "==",
        "!=",
        "===",
        "<",
        ">=",
        "and",
        "or",
        "not",
        "in",
        "contains",
        "matches",
        "if",
        "then",
        "else",
        "any",
        "all",
        "80",
        "1..99",
        "443, 80",
        "10.0.0.0/8",
        "02:00:00:00:00:01",
        "'a'",
        "\"(\"",
        "&",
        "0x10",
        "+",
        "-",
        "/",
        "%",
        "5s",
        "64KiB",
        "10k/s",
        "[0:2]",
        "#2",
        ".status",
        ".a.b[0]",
        "record.line",
        "2024-05-01T00:00:00Z",
        "fe80::1",
        "true",
    ];
    prop::collection::vec(prop::sample::select(pieces), 1..9).prop_map(|pieces| pieces.join(" "))
}

fn batch(seed: u64) -> PacketBatch {
    let frames = traffic::mixture(30, seed).into_iter().chain(traffic::malformed(30, seed));
    Packets::new().frames(frames).build()
}

fn held(expr: &Expr, seed: u64) -> Option<Vec<bool>> {
    let mut predicate = Predicate::of(expr).ok()?;
    let mut held = Vec::new();
    predicate.batch(&mut Batch::from(batch(seed)), &mut held);
    Some(held)
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same_tree(expr in expr()) {
        let text = expr.to_string();
        prop_assert_eq!(parse(&text).map_err(|error| error.render(&text)), Ok(expr));
    }

    #[test]
    fn what_is_read_is_printed_as_the_same_tree(text in pieces()) {
        if let Ok(expr) = parse(&text) {
            prop_assert_eq!(parse(&expr.to_string()).ok(), Some(expr));
        }
    }

    #[test]
    fn an_expression_and_its_negation_part_the_input(text in pieces(), seed: u64) {
        if let Ok(expr) = parse(&text) {
            let not = make(Kind::Not(Box::new(expr.clone())));
            if let (Some(these), Some(others)) = (held(&expr, seed), held(&not, seed)) {
                prop_assert_eq!(these.len(), 60);
                prop_assert!(these.iter().zip(&others).all(|(a, b)| a != b), "{}", text);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in "\\PC{0,40}") {
        if let Err(error) = parse(&text).and_then(|expr| Predicate::of(&expr)) {
            prop_assert!(error.span().start <= error.span().end && error.span().end <= text.len());
            error.render(&text);
        }
    }

    #[test]
    fn every_value_that_can_be_computed_is(text in pieces(), seed: u64) {
        if let Ok(mut computation) = Computation::new(&text) {
            computation.batch(&mut Batch::from(batch(seed)), |_, value| drop(value.to_string()));
        }
    }
}

#[test]
fn every_field_is_read_from_every_packet() {
    for field in crate::fields::all().filter(|field| !field.is_of_records()) {
        let mut computation = Computation::new(field.name).unwrap();
        for seed in 0..20 {
            computation.batch(&mut Batch::from(batch(seed)), |_, value| {
                let kind = match field.kind {
                    crate::Type::Header => crate::Type::Bytes,
                    kind => kind,
                };
                assert_eq!(value.kind(), kind, "{}", field.name);
            });
        }
    }
}

#[test]
fn the_fast_way_agrees_with_the_slow_one() {
    // With an occurrence or a computed side there is no test of ranges.
    for (fast, slow) in [
        ("tcp.port == 80", "tcp.port == 80 + 0"),
        ("tcp.port != 80", "tcp.port != 80 + 0"),
        ("tcp.port === 80", "tcp.port === 80 + 0"),
        ("any tcp.port != 80", "any tcp.port != 80 + 0"),
        ("all tcp.port > 1000", "all tcp.port > 1000 + 0"),
        ("ip.ttl >= 64", "ip.ttl >= 64 + 0"),
        ("frame.len <= 100", "frame.len <= 100 + 0"),
        ("tcp.flags & 2", "tcp.flags & (2 + 0)"),
        ("tcp.flags & 0x12 == 0x10", "tcp.flags & 0x12 == 0x10 + 0"),
        (
            "ip.addr in {10.0.0.0/9, 192.168.0.0..192.168.9.9}",
            "default(ip.addr, ip.addr) in {10.0.0.0/9, 192.168.0.0..192.168.9.9}",
        ),
        ("ip.addr != 10.0.0.0/9", "default(ip.addr, ip.addr) != 10.0.0.0/9"),
        ("tcp.port in {80, 1000..9999}", "default(tcp.port, 0) in {80, 1000..9999} and tcp"),
    ] {
        for seed in 0..20 {
            let both = [fast, slow].map(|text| held(&parse(text).unwrap(), seed).unwrap());
            assert_eq!(both[0], both[1], "{fast}");
        }
    }
}

#[test]
fn a_hundred_thousand_parentheses_are_refused() {
    for (open, close) in [
        ("(", ")"),
        ("not ", ""),
        ("!", ""),
        ("-", ""),
        ("- ", ""),
        ("if a then b else ", ""),
        ("len(", ")"),
        ("!(", ")"),
    ] {
        let text = format!("{}a{}", open.repeat(100_000), close.repeat(100_000));
        let error = parse(&text).unwrap_err();
        assert_eq!(error.to_string(), "the expression is nested deeper than 100 levels");
        let crate::Span { start, end } = error.span();
        assert!(100 <= start && start < end && end <= text.len(), "{open}: {start} to {end}");
    }
    let sum = format!("a{} == 1", " + 1".repeat(100_000));
    assert_eq!(parse(&sum).unwrap_err().to_string(), "the expression is nested deeper than 100 levels");
    // What is only long is no trouble.
    let long = vec!["tcp.port == 1"; 100_000].join(" or ");
    assert!(Predicate::new(&long).is_ok());
    let many: Vec<_> = (0..100_000).map(|number| format!(".a{number} == 1")).collect();
    assert!(Predicate::new(&many.join(" or ")).is_ok());
    assert!(Predicate::new(&"a".repeat(1_000_000)).is_err());
    let deep = format!("{}tcp{}", "(".repeat(100), ")".repeat(100));
    assert!(Predicate::new(&deep).is_ok());
}
