use super::*;

fn tree(text: &str) -> Node {
    let mut problems = Problems::default();
    let node = parse(text, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    node.unwrap()
}

fn source<'a>(text: &'a str, node: &Node) -> &'a str {
    &text[node.span.clone()]
}

#[test]
fn values_are_those_that_serde_yaml_reads() {
    for text in [
        "a: 1\nb: [x, 'y', \"z\\n\", 1.5, -3, 0x10, true, ~, null, 007, 1e3, yes]\n",
        "a: |\n  two\n  lines\nb: >\n  folded\n  text\nc: plain\n  over lines\n",
        "a: &x {k: v}\nb: *x\nc:\n- - 1\n  - 2\n-\n  k:\n",
        "\"a b\": ''\n? c\n: d\né: ü\n",
        "a: b\r\nc:\r\n  - d\r\n",
    ] {
        let expected: serde_json::Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(tree(text).to_json(), expected, "{text}");
    }
}

#[test]
fn every_value_knows_its_place() {
    let text =
        "é: ü\nlist: [a, 'b c']\nblock:\n  - k: v  # why\nanchored: &name value\nagain: *name\nempty:\n";
    let root = tree(text);
    let at = |key: &str| source(text, root.get(key).unwrap());
    assert_eq!(at("é"), "ü");
    assert_eq!(at("list"), "[a, 'b c']");
    assert_eq!(source(text, &root.get("list").unwrap().items().unwrap()[1]), "'b c'");
    assert_eq!(source(text, root.get("block").unwrap().items().unwrap()[0].get("k").unwrap()), "v");
    assert_eq!(at("anchored"), "value");
    assert_eq!(at("again"), "*name");
    // What has no line of its own is shown at its key.
    assert_eq!(at("empty"), "empty");
    assert_eq!(at("block"), "block");
}

#[test]
fn places_inside_scalars() {
    let text = "a: tcp port 80\nb: 'it is ü'\nc: 'don''t'\nd: |\n  block\n";
    let root = tree(text);
    let place = |key: &str, offset| &text[root.get(key).unwrap().place(text, offset)];
    assert_eq!(place("a", 4), "p");
    assert_eq!(place("b", 6), "ü");
    assert_eq!(place("a", 11), "");
    assert_eq!(place("a", 99), "");
    assert_eq!(place("c", 4), "'don''t'");
    assert!(text[root.get("d").unwrap().place(text, 2)].starts_with("block"));
}

#[test]
fn what_is_too_much_is_refused() {
    let refused = |text: &str| {
        let mut problems = Problems::default();
        parse(text, &mut problems);
        let document = crate::Document { name: String::new(), text: text.to_owned() };
        problems.into_diagnostics(&document).iter().map(|d| d.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(refused(&" ".repeat(MAX_BYTES + 1)), ["the file is larger than 8 MiB"]);
    assert_eq!(refused(&"[".repeat(MAX_DEPTH + 1)), ["the file is nested deeper than 64 levels"]);
    assert_eq!(refused(&"- a\n".repeat(MAX_NODES)), ["the file holds more than 100000 values"]);
    assert_eq!(refused("a: &a [*a]"), ["an alias stands inside of what it repeats"]);
    let deep = format!("a: &a {}{}\nb: {}*a", "[".repeat(50), "]".repeat(50), "[".repeat(20));
    assert_eq!(refused(&deep), ["the file is nested deeper than 64 levels"]);
}
