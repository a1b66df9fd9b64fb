//! `sluice interfaces`: of interfaces of each kind, and to a user who may not capture.

use serde_json::{Value, json};
use sluice_tests::net::{self, ip};
use sluice_tests::{Folder, Ran, binary};

fn succeeded(ran: Ran) -> String {
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    ran.stdout
}

/// What is told of the interface of this name.
fn told(name: &str) -> Value {
    let all: Value =
        serde_json::from_str(&succeeded(Folder::new().sluice(&["interfaces", name, "--json"]))).unwrap();
    assert_eq!(all["interfaces"].as_array().map(Vec::len), Some(1), "{all}");
    all["interfaces"][0].clone()
}

fn of_each_kind() {
    net::veth("near", "far");
    ip("link add name bri address 02:00:00:00:00:07 mtu 9000 type bridge");
    ip("tuntap add dev tun mode tun");
    ip("link set far mtu 1400");
    ip("address add 10.1.2.3/24 dev near");
    ip("address add 10.1.2.4/32 dev near");
    let names: Value =
        serde_json::from_str(&succeeded(Folder::new().sluice(&["interfaces", "--json"]))).unwrap();
    let names: Vec<_> =
        names["interfaces"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in ["lo", "near", "far", "bri", "tun"] {
        assert!(names.contains(&name), "{names:?}");
    }

    let near = told("near");
    assert_eq!(
        (&near["up"], &near["running"], &near["loopback"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!((&near["link_type"], &near["mtu"]), (&json!("ETHERNET"), &json!(1500)));
    assert_eq!(near["addresses"], json!(["10.1.2.3/24", "10.1.2.4/32"]));
    assert_eq!(near["driver"]["name"], "veth");
    assert_eq!((&near["queues"]["rx"], &near["queues"]["tx"]), (&json!(1), &json!(1)));
    for offload in ["gro", "tso", "gso", "rx_vlan", "tx_checksum"] {
        assert!(near["offloads"][offload].is_boolean(), "{offload}: {near}");
    }
    assert_eq!((&near["offloads"]["lro"], &near["rings"]), (&json!(false), &Value::Null));

    let bridge = told("bri");
    assert_eq!((&bridge["mac"], &bridge["up"]), (&json!("02:00:00:00:00:07"), &json!(false)));
    assert_eq!((&bridge["mtu"], &bridge["driver"]["name"]), (&json!(9000), &json!("bridge")));
    assert_eq!((&bridge["hardware_times"], &bridge["addresses"]), (&json!("none"), &json!([])));
    let tunnel = told("tun");
    assert_eq!(
        (&tunnel["link_type"], &tunnel["mac"], &tunnel["xdp"]),
        (&json!("RAW"), &Value::Null, &Value::Null)
    );
    assert_eq!((&tunnel["driver"]["name"], &tunnel["driver"]["bus"]), (&json!("tun"), &json!("tun")));
    // Not every kernel has these.
    if net::try_ip("link add link near name near.7 type vlan id 7") {
        assert_eq!(told("near.7")["driver"]["name"], "802.1Q VLAN Support");
    }
    if net::try_ip("link add name dum type dummy") {
        assert_eq!(told("dum")["driver"]["name"], "dummy");
    }
    assert_eq!((&told("lo")["loopback"], &told("lo")["mac"]), (&json!(true), &Value::Null));

    // A pair of which one end is down has no carrier.
    ip("link set far down");
    let table = succeeded(Folder::new().sluice(&["interfaces"]));
    let row =
        |name: &str| table.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned();
    assert!(row("near").contains("  no carrier  ETHERNET  "), "{table}");
    assert!(row("far").contains("  down ") && row("far").contains("  1400  veth  "), "{table}");
    assert!(table.contains("\nmay capture            yes\n"), "{table}");
    let page = succeeded(Folder::new().sluice(&["interfaces", "near"]));
    assert!(page.contains("\naddress        10.1.2.3/24\naddress        10.1.2.4/32\n"), "{page}");
    assert!(page.contains("\nqueues         1 rx, 1 tx\n") && page.contains("\noffloads on    "), "{page}");
}

#[test]
fn facts_are_told_of_each_kind_of_interface() {
    net::in_namespace("facts_are_told_of_each_kind_of_interface", of_each_kind);
}

#[test]
fn one_that_is_not_there_is_a_wrong_command_line() {
    let ran = Folder::new().sluice(&["interfaces", "loo"]);
    let told = "error: there is no interface `loo`: did you mean `lo`?\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (2, "", told));
}

#[test]
fn who_may_not_capture_is_told_how_to_allow_it() {
    let folder = Folder::new();
    let Some(command) = folder.as_nobody(&["interfaces"]) else { return };
    let text = succeeded(folder.run(command));
    let path = binary().canonicalize().unwrap();
    for line in [
        "may capture            no, without CAP_NET_RAW",
        "may use hardware time  no, without CAP_NET_RAW and CAP_NET_ADMIN",
        "may use xdp            no, without CAP_NET_RAW and CAP_NET_ADMIN and CAP_BPF",
        &format!("to allow it            sudo setcap cap_net_raw+ep {}", path.display()),
        &format!(
            "to allow all           sudo setcap cap_net_raw,cap_net_admin,cap_bpf+ep {}",
            path.display()
        ),
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    let Some(command) = folder.as_nobody(&["interfaces", "--json"]) else { return };
    let rights = serde_json::from_str::<Value>(&succeeded(folder.run(command))).unwrap()["rights"].clone();
    assert_eq!(
        (&rights["capture"]["may"], &rights["capture"]["missing"]),
        (&json!(false), &json!(["cap_net_raw"]))
    );
    let grant = format!("sudo setcap cap_net_raw+ep {}", path.display());
    assert_eq!(rights["capture"]["grant"], grant);
}
