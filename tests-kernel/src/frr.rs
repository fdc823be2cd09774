// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's FRR as a VRRP router: `zebra` and `vrrpd` from the unpacked package, on a host of the
//! lab, without root and without an account.
//!
//! FRR makes no macvlan of its own: it takes the one whose hardware address is the virtual
//! router's, and has its addresses beside it. As a backup it holds that macvlan down by
//! `protodown`, which macvlans know since Linux 5.1.

use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::lab::{Suite, Tree};
use crate::net::{NetError, Netns};

/// FRR insists on a user and on two groups by name; in a user namespace there is but one number.
const ACCOUNTS: [(&str, &str); 2] = [
    ("passwd", "root:x:0:0::/:/bin/sh\nfrr:x:0:0::/:/bin/false\n"),
    ("group", "root:x:0:\nfrr:x:0:\nfrrvty:x:0:\n"),
];

/// Runs `zebra` beside `vrrpd`; `$0` is the director's directory, `$1` the file, `$2` the directory
/// of the programs; what follows are the words that start a program of that directory. A private
/// `/var/tmp` takes what they leave there.
const SCRIPT: &str = "
mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group || exit
mount -t tmpfs tmpfs /var/tmp && rm -rf /run/frr && mkdir /run/frr || exit
file=$1 programs=$2 share=${2%/lib/frr}/share
shift 2
# FRR 10 does not start without its YANG modules.
[ -d /usr/share/yang ] ||
    mount -t overlay -o \"lowerdir=$share:/usr/share\" overlay /usr/share || exit
\"$@\" \"$programs/zebra\" --config_file /dev/null --log stdout &
until [ -S /run/frr/zserv.api ]; do kill -0 $! || exit; sleep 0.05; done
exec \"$@\" \"$programs/vrrpd\" --config_file \"$file\" --log stdout --log-level debugging
";

/// The words that start FRR on a director with this directory and file.
///
/// # Errors
///
/// When its accounts cannot be written.
pub(crate) fn words(directory: &Path, file: &Path) -> Result<Vec<OsString>, NetError> {
    for (name, text) in ACCOUNTS {
        let path = directory.join(name);
        fs::write(&path, text).map_err(NetError::system(path.display().to_string()))?;
    }
    let programs = programs();
    let mut words: Vec<OsString> = vec!["sh".into(), "-c".into(), SCRIPT.into()];
    words.extend([directory.into(), file.into(), programs.into()]);
    words.extend(loader_words());
    Ok(words)
}

/// The words that start one of FRR's programs.
pub(crate) fn program(name: &str) -> Vec<OsString> {
    let mut words = loader_words();
    words.push(programs().join(name).into());
    words
}

/// The directory of its programs.
fn programs() -> PathBuf {
    let tree = Tree::of_peers(Suite::of_peers());
    tree.path().join("usr/lib/frr")
}

/// The words before a program of that directory.
fn loader_words() -> Vec<OsString> {
    let tree = Tree::of_peers(Suite::of_peers());
    tree.loader_words(&[tree.libraries().join("frr")])
}

/// Replaces the macvlan of a virtual router of one family, with its addresses.
///
/// # Errors
///
/// When `ip` fails.
pub fn make_macvlan(netns: &Netns, vrid: u8, addresses: &[IpAddr]) -> Result<(), NetError> {
    let v6 = addresses.iter().any(IpAddr::is_ipv6);
    let family = if v6 { 2 } else { 1 };
    if netns.ip("link show dev vrrp0").is_ok() {
        netns.ip("link del vrrp0")?;
    }
    netns.ip("link add vrrp0 link eth0 type macvlan mode bridge")?;
    // Never a link-local address from the virtual hardware address, RFC 9568 §7.4.
    netns.ip("link set vrrp0 addrgenmode random")?;
    netns.ip(&format!(
        "link set vrrp0 address 00:00:5e:00:{family:02x}:{vrid:02x}"
    ))?;
    for address in addresses {
        let (length, nodad) = if v6 { (64, "nodad") } else { (24, "") };
        netns.ip(&format!("addr add {address}/{length} dev vrrp0 {nodad}"))?;
    }
    netns.ip("link set vrrp0 up").map(drop)
}
