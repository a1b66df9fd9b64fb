use sluice_core::Registry;
use sluice_testkit::{Harness, Packets, records, traffic};

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: route\n{options}"))
}

const WEB_AND_NAMES: &str = "  routes:
    - {port: web, where: 'tcp.port in {80, 443}'}
    - {port: names, bpf: port 53}
    - {port: any_tcp, where: tcp}
";

fn packets() -> Packets {
    let [a, b, c] = ["10.0.0.1:40000", "10.0.0.2:80", "10.0.0.3:53"].map(|text| text.parse().unwrap());
    Packets::new()
        .frame(traffic::tcp(a, b, 2, b""))
        .frame(traffic::udp(c, a, b""))
        .frame(traffic::arp([1; 4], [2; 4]))
        .frame(traffic::tcp(a, c, 2, b""))
        .frame(traffic::tcp(b, a, 16, b"x"))
}

fn routed(options: &str) -> Vec<Vec<u64>> {
    let mut router = harness(options).unwrap();
    let outcome = router.give(packets().build()).unwrap();
    ["web", "names", "any_tcp", "unmatched"].map(|port| outcome.ordinals(port)).to_vec()
}

#[test]
fn an_item_goes_to_the_first_route_or_to_all() {
    assert_eq!(routed(WEB_AND_NAMES), [vec![0, 4], vec![1, 3], vec![], vec![2]]);
    let all = format!("{WEB_AND_NAMES}  match: all\n");
    assert_eq!(routed(&all), [vec![0, 4], vec![1, 3], vec![0, 3, 4], vec![2]]);
    let mut router = harness(&all).unwrap();
    router.give(packets().build()).unwrap();
    let tally = router.tally();
    assert_eq!((tally.taken, tally.created, tally.passed), (5, 3, 8));
}

#[test]
fn records_keep_their_order_and_a_batch_of_one_route_stays_whole() {
    let options =
        "  routes:\n    - {port: short, where: record.len < 4}\n    - {port: long, where: record.len > 4}";
    let mut router = harness(options).unwrap();
    let outcome = router.give(records(["one", "three", "two", "four"])).unwrap();
    assert_eq!(outcome.items("short"), [b"one", b"two"]);
    assert_eq!(outcome.items("long"), [b"three"]);
    assert_eq!(outcome.items("unmatched"), [b"four"]);
    assert_eq!(router.give(records(["six", "ten"])).unwrap().items("short"), [b"six", b"ten"]);
}

#[test]
fn wrong_routes_are_refused_where_they_stand() {
    for (options, message) in [
        ("  routes: []", "routes: expected at least one route"),
        ("  routes: [{port: a}]", "routes[0]: expected one of `where` and `bpf`"),
        (
            "  routes: [{port: Web, where: tcp}]",
            "routes[0].port: `Web` is not a name of small letters, digits and `_`",
        ),
        (
            "  routes: [{port: unmatched, where: tcp}]",
            "routes[0].port: `unmatched` is the name of another port",
        ),
        (
            "  routes: [{port: a, where: tcp}, {port: a, where: udp}]",
            "routes[1].port: there is a port `a` already",
        ),
        (
            "  routes: [{port: a, where: tcp}, {port: b, where: record.len > 1}]",
            "routes[1].where: this asks about records, the routes before about packets with layers",
        ),
        (
            "  routes: [{port: a, where: tpc}]",
            "routes[0].where: there is no field `tpc`: did you mean `tcp`?",
        ),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}
