//! What is refused, where, and in which words.

use super::super::*;

#[test]
fn errors_point_at_what_is_wrong() {
    for (text, part, message) in [
        ("", "", "the expression is empty"),
        ("tcp.prot == 80", "tcp.prot", "there is no field `tcp.prot`: did you mean `tcp.port`?"),
        (
            "tcp.seq > 5",
            "tcp.seq",
            "there is no field `tcp.seq`, which would count from the first packet of a connection: did you mean `tcp.seq_raw`?",
        ),
        (
            "xyzzyplugh == 5",
            "xyzzyplugh",
            "there is no field `xyzzyplugh`: a field of records is written `.xyzzyplugh`",
        ),
        ("entrpy(payload) > 7", "entrpy", "there is no function `entrpy`: did you mean `entropy`?"),
        ("len() > 7", "len()", "`len` is written `len(bytes)`, not with 0 arguments"),
        ("tcp.port == \"http\"", "\"http\"", "`http` is text, and a whole number is wanted"),
        ("arp.opcode == \"answer\"", "\"answer\"", "`answer` is none of `request`, `reply`"),
        ("tcp.port == 10.0.0.1", "10.0.0.1", "`tcp.port` is a whole number, and `10.0.0.1` is an IP address"),
        ("ip.src == 5", "5", "`ip.src` is an IP address, and `5` is a whole number"),
        (
            "ip.src == 10.0.0.1/8",
            "10.0.0.1/8",
            "`10.0.0.1/8` has bits set after its prefix; the network is `10.0.0.0/8`",
        ),
        ("ip.src < 10.0.0.0/8", "10.0.0.0/8", "a network has no order: use `==`, `!=` or `in`"),
        ("ip.src == 10.0.0.256", "10.0.0.256", "`10.0.0.256` is not an IP address"),
        ("eth.src == 00:11:22", "00:11:22", "`eth.src` is a MAC address, and `00:11:22` is bytes"),
        ("eth.src == \"zz\"", "\"zz\"", "`zz` is not a MAC address"),
        ("frame.time > \"yesterday\"", "\"yesterday\"", "`yesterday` is not a time"),
        (
            "frame.time - record.time > 5s",
            "record.time",
            "`frame.time` is a field of packets and `record.time` one of records",
        ),
        (".a == 1 and tcp", "tcp", "`tcp` is a field of packets and `.a` one of records"),
        ("frame.time - frame.time > 5", "5", "`5` lacks a unit: write a duration such as `5s`"),
        ("tcp.port = 80", "=", "`=` has no meaning here: `==` compares"),
        ("tcp.port == 80 | 1", "|", "`|` has no meaning here: `||` or `or` joins conditions"),
        ("tcp.len", "", ""),
        ("tcp.len + 1", "tcp.len + 1", "`tcp.len + 1` is a whole number, not a condition: compare it"),
        ("len(payload)", "len(payload)", "`len(payload)` is a whole number, not a condition: compare it"),
        ("tcp.port == ", "", "expected a field, a value or `(` here"),
        ("(tcp.port == 80", "", "expected `)` or an operator here"),
        ("tcp.port == 80 udp", "udp", "expected an operator or the end, found `udp`"),
        ("1 < tcp.port < 9", "<", "comparisons do not go on: join two of them with `and`"),
        ("tcp.port in 80", "80", "expected a set such as `{80, 443, 8000..8999}`, found `80`"),
        ("tcp.port in {}", "}", "the set is empty"),
        ("tcp.port in {9..8}", "9..8", "the range is empty: it ends before it begins"),
        (
            "ip.src in {10.0.0.0/8..11.0.0.0}",
            "10.0.0.0/8..11.0.0.0",
            "a range goes from one address to another, not to a network",
        ),
        ("tcp.port in {http}", "http", "expected a value, found `http`: text stands in quotes"),
        ("payload matches 5", "5", "expected a regular expression in quotation marks"),
        ("payload matches \"(\"", "\"(\"", "the regular expression is wrong: unclosed group"),
        (
            "tcp.port matches \"8\"",
            "tcp.port",
            "`matches` looks into text and bytes, and `tcp.port` is a whole number",
        ),
        (
            "tcp.port contains \"8\"",
            "tcp.port",
            "`contains` looks into text and bytes, and `tcp.port` is a whole number",
        ),
        ("payload contains 300", "300", "`300` is not a byte: write bytes as `01:ff`"),
        ("payload == \"a", "\"", "the text does not end"),
        ("payload matches \"\\d\"", "\\d", "`\\d` has no meaning: write `\\\\d`, or r\"...\" around it"),
        (
            "payload[a]",
            "[a]",
            "expected bytes such as `[4]`, `[0:3]` (from 0, 3 of them), `[2-5]`, `[2:]`, `[:3]` or `[-2:]`",
        ),
        ("tcp.port[0] == 1", "tcp.port[0]", "`tcp.port` is a whole number and has no bytes to take some of"),
        ("frame.len#2 == 1", "frame.len#2", "`frame.len` is not a field of a header: it occurs once"),
        ("ip.src#0 == 1.1.1.1", "#0", "expected an occurrence such as `#1` or `#-1`"),
        ("tcp.flags.syn > 0", "tcp.flags.syn > 0", "true and false have no order for `>`"),
        ("tcp.len + ip.src > 1", "tcp.len + ip.src", "`+` cannot combine a whole number and an IP address"),
        ("-ip.src == 1.1.1.1", "ip.src", "`ip.src` is an IP address and has no sign"),
        ("tcp.port == 010", "010", "`010` begins with 0: write `0o10` for an octal number"),
        ("tcp.port == 0xg", "0xg", "`0xg` is not a number of base 16"),
        (
            "tcp.port == 99999999999999999999",
            "99999999999999999999",
            "`99999999999999999999` does not fit into 64 bits",
        ),
        (
            "frame.len > 5parsecs",
            "5parsecs",
            "`5parsecs` is not a number, nor one with a unit such as `5s`, `250ms`, `64KiB`, `10k/s`",
        ),
        ("frame.time > 2024-13-01", "2024-13-01", "`2024-13-01` is not a date or time"),
        ("if tcp then 1", "", "expected `else` here"),
        ("(if tcp then 1 else \"a\") == 1", "\"a\"", "`a` is text, and a whole number is wanted"),
        (
            "is_private(tcp.port)",
            "tcp.port",
            "`is_private` takes an address, and `tcp.port` is a whole number",
        ),
        ("default(tcp.port, \"none\") == 1", "\"none\"", "`none` is text, and a whole number is wanted"),
        ("all tcp", "", "expected a comparison after `any` or `all` here"),
    ] {
        let result = Predicate::new(text).map(drop);
        let Err(error) = result else {
            assert_eq!(message, "", "{text}");
            continue;
        };
        let span = error.span();
        assert_eq!((error.message(), &text[span.start..span.end]), (message, part), "{text}");
    }
}
