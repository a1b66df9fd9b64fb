//! Network interfaces that a test makes for itself, in a namespace that ends with it.

use std::fs;
use std::process::Command;

use pnet_datalink::{Channel, Config, DataLinkSender};

use crate::{skip, until};

/// Says that the test already runs in its own namespace.
const INSIDE: &str = "SLUICE_TEST_NAMESPACE";

/// Runs the body of the test of this name in a network namespace of its own, in which nothing is but a loopback interface
/// that is down: the test's program runs that one test in there once more. Skipped where that is not permitted.
///
/// The name is the path that the test has in its program.
pub fn in_namespace(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        // No packets but those of the test.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").ok();
        fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").ok();
        return body();
    }
    if Command::new("ip").arg("-V").output().is_err() {
        return skip("there is no `ip`");
    }
    if Command::new("unshare").args(["-n", "true"]).status().map_or(true, |status| !status.success()) {
        return skip("this needs the right to make a network namespace");
    }
    let mut again = Command::new("unshare");
    again.arg("-n").arg(std::env::current_exe().expect("the test knows its own path")).env(INSIDE, test);
    again.args(["--exact", test, "--nocapture"]);
    let status = again.status().expect("`unshare` was there a moment ago");
    assert!(status.success(), "{status}");
}

/// Runs `ip` with these words.
pub fn ip(words: &str) {
    assert!(try_ip(words), "ip {words}");
}

/// Runs `ip` with these words; whether that succeeded.
pub fn try_ip(words: &str) -> bool {
    let status = Command::new("ip").args(words.split_whitespace()).status();
    status.expect("there is an `ip`").success()
}

/// Makes two interfaces, each of which receives what the other sends, and that send nothing by themselves.
pub fn veth(near: &str, far: &str) {
    veth_with(near, far, "");
}

/// The same with these words about both.
pub fn veth_with(near: &str, far: &str, words: &str) {
    ip(&format!("link add {near} {words} type veth peer name {far} {words}"));
    ip(&format!("link set {near} up arp off"));
    ip(&format!("link set {far} up arp off"));
    // The kernel learns of a carrier a little later, and drops until then what is sent.
    for name in [near, far] {
        let is_up = || {
            let told = Command::new("ip").args(["link", "show", name]).output();
            String::from_utf8_lossy(&told.expect("there is an `ip`").stdout).contains(" state UP ")
        };
        until(&format!("`{name}` is up"), is_up);
    }
}

/// Sends frames of any length through the interface of this name.
pub fn sender(name: &str) -> Box<dyn DataLinkSender> {
    let interface = pnet_datalink::interfaces().into_iter().find(|found| found.name == name);
    let interface = interface.unwrap_or_else(|| panic!("there is no interface `{name}`"));
    let config = Config { write_buffer_size: 1 << 17, ..Config::default() };
    match pnet_datalink::channel(&interface, config) {
        Ok(Channel::Ethernet(sender, _)) => sender,
        Ok(_) => panic!("`{name}` is no Ethernet"),
        Err(e) => panic!("{name}: {e}"),
    }
}
