use serde_json::{Value, json};
use sluice_core::{Key, Kind, Registry};

use crate::testing::refused;

fn wrong(options: Value) -> String {
    refused(Kind::Source, "capture", options).to_string()
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_opened() {
    for (options, message) in [
        (json!({}), "it does not say where to capture"),
        (json!({"interface": ""}), "interface: the name is empty"),
        (json!({"interfaces": []}), "interfaces: there is no interface in the list"),
        (json!({"interfaces": ["a", "b", "a"]}), "interfaces[2]: `a` is there twice"),
        (json!({"interfaces": ["a", "any"]}), "interfaces[1]: `any` means all the others, too"),
        (
            json!({"interface": "a", "interfaces": ["b"]}),
            "interfaces: `interface` and `interfaces` exclude each other",
        ),
        (json!({"interface": "a", "snaplen": 0}), "snaplen: `0` is not between 1 and 262144"),
        (json!({"interface": "a", "blocks": 1}), "blocks: `1` is not between 2 and 65536"),
        (
            json!({"interface": "a", "block_size": "5000"}),
            "block_size: a block has whole pages of 4 KiB, and at most 256 MiB",
        ),
        (
            json!({"interface": "a", "block_size": "1MiB", "blocks": 4000}),
            "blocks: all blocks together have more than 2 GiB",
        ),
        (
            json!({"interface": "a", "retire": "100us"}),
            "retire: it is no whole number of milliseconds from `1ms` to `1m`",
        ),
        (
            json!({"interface": "a", "count": 5, "fanout": {"mode": "hash"}}),
            "count: sockets that divide packets do not count them together",
        ),
        (json!({"interface": "a", "xdp": {}}), "xdp: it is for `method: xdp` alone"),
        (
            json!({"interface": "a", "method": "xdp", "direction": "both"}),
            "direction: `method: xdp` sees received packets alone: `in`",
        ),
        (
            json!({"interface": "any", "method": "xdp"}),
            "interface: `method: xdp` needs the names of interfaces; `any` is none",
        ),
        (
            json!({"interface": "a", "method": "xdp", "timestamps": "hardware"}),
            "timestamps: `method: xdp` tells no times of the hardware",
        ),
        (
            json!({"interface": "a", "method": "portable", "timestamps": "hardware"}),
            "timestamps: `method: portable` tells no times of the hardware",
        ),
        (
            json!({"interface": "a", "method": "portable", "fanout": {"mode": "hash"}}),
            "fanout: `method: portable` has one socket for each interface",
        ),
        (
            json!({"interface": "a", "method": "xdp", "fanout": {"mode": "hash"}}),
            "fanout: `method: xdp` has sockets for queues, and divides by `mode: queue` alone",
        ),
        (
            json!({"interface": "a", "method": "xdp", "fanout": {"mode": "queue", "group": 7}}),
            "fanout: `method: xdp` shares queues with no other program, and has no `group`",
        ),
    ] {
        assert_eq!(wrong(options.clone()), message, "{options}");
    }
}

#[test]
fn a_filter_is_refused_at_its_place() {
    let error = refused(Kind::Source, "capture", json!({"interface": "a", "bpf": "tcp port"}));
    assert_eq!((error.to_string().starts_with("bpf: "), error.offset), (true, Some(8)));
    // What frames begin with is known of `any` alone.
    let error = refused(Kind::Source, "capture", json!({"interface": "any", "bpf": "wlan type mgt"}));
    assert!(error.to_string().starts_with("bpf: ") && error.offset.is_some());
}

#[test]
fn it_is_divided_only_by_what_keeps_together_what_has_to_meet() {
    let component = Registry::collect().unwrap().get(Kind::Source, "capture").unwrap();
    let splits = |fanout: Value, key: &Key| {
        let options = json!({"interface": "a", "fanout": {"mode": fanout}});
        (component.prepare)(options).unwrap().split(key, 2)
    };
    assert!(splits("hash".into(), &Key::Flow) && splits("hash_defrag".into(), &Key::Flow));
    assert!(splits("host_pair".into(), &Key::Host) && splits("host_pair".into(), &Key::Datagram));
    assert!(!splits("hash".into(), &Key::Host) && !splits("hash".into(), &Key::Source));
    assert!(!splits("load_balance".into(), &Key::Flow));
    assert!(!(component.prepare)(json!({"interface": "a"})).unwrap().split(&Key::Flow, 2));
}

#[test]
fn an_interface_that_is_not_there_is_told_with_those_that_are() {
    let error = crate::testing::source("capture", json!({"interface": "no-such"})).err().unwrap();
    assert!(error.starts_with("there is no interface `no-such`; there are `"), "{error}");
}
