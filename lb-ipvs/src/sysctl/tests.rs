// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings in a directory of plain files, and their names. The real ones: `tests/kernel.rs`.
#![allow(clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use super::*;

/// A directory as the kernel shows it, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("lb-sysctl-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn read_all() {
    let directory = Directory::new(
        "read",
        &[
            ("conntrack", "1\n"),
            ("snat_reroute", "7\n"),
            ("sync_threshold", "3\t50\n"),
            ("lblc_expiration", "86400\n"),
            ("conn_lfactor", "-4\n"),
            ("est_cpulist", "0-3\n"),
            ("of_a_later_kernel", "some words\n"),
        ],
    );
    let sysctls = Sysctls::read_below(&directory.0).unwrap();
    let value = |name: &str| sysctls.get(&name.parse().unwrap()).cloned();
    assert_eq!(value("conntrack"), Some(SysctlValue::Flag(true)));
    // A number where a flag was expected is returned as a number.
    assert_eq!(value("snat_reroute"), Some(SysctlValue::Number(7)));
    let pair = SyncThreshold {
        threshold: 3,
        period: 50,
    };
    assert_eq!(
        value("sync_threshold"),
        Some(SysctlValue::SyncThreshold(pair))
    );
    let day = Duration::from_secs(86_400);
    assert_eq!(value("lblc_expiration"), Some(SysctlValue::Seconds(day)));
    assert_eq!(value("conn_lfactor"), Some(SysctlValue::Number(-4)));
    assert_eq!(
        value("of_a_later_kernel"),
        Some(SysctlValue::Text("some words".to_owned()))
    );
    assert_eq!(value("backup_only"), None);
    let changed: Vec<&str> = sysctls.changed().map(|(sysctl, _)| sysctl.name()).collect();
    assert_eq!(changed, ["conntrack", "snat_reroute"]);
    let last = sysctls.iter().last().unwrap().0;
    assert_eq!(last.name(), "of_a_later_kernel");
}

#[test]
fn write_one() {
    let directory = Directory::new("write", &[("conntrack", "0\n"), ("sync_threshold", "")]);
    let path = directory.0.as_path();
    Sysctl::Conntrack
        .write_below(path, &SysctlValue::Flag(true))
        .unwrap();
    assert_eq!(fs::read_to_string(path.join("conntrack")).unwrap(), "1\n");
    let error = Sysctl::Conntrack
        .write_below(path, &SysctlValue::Seconds(Duration::ZERO))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "0 is no value of net.ipv4.vs.conntrack, which is 0 or 1"
    );
    let error = Sysctl::BackupOnly
        .write_below(path, &SysctlValue::Flag(true))
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot set net.ipv4.vs.backup_only to 1");
    assert_eq!(error.errno(), Some(2));
    // Nothing is created where nothing was.
    assert!(!path.join("backup_only").exists());
    let error = Sysctl::BackupOnly.read_below(path).unwrap_err();
    assert_eq!(error.to_string(), "cannot read net.ipv4.vs.backup_only");
    let error = Sysctls::read_below(&path.join("nowhere")).unwrap_err();
    assert!(matches!(error, SysctlError::Directory { .. }), "{error:?}");
}

#[test]
fn names() {
    for sysctl in Sysctl::known() {
        assert_eq!(sysctl.name().parse::<Sysctl>().as_ref(), Ok(sysctl));
        assert_eq!(sysctl.full_name().parse::<Sysctl>().as_ref(), Ok(sysctl));
        assert!(sysctl.description().ends_with('.'), "{sysctl}");
        if let Some(default) = sysctl.default_value() {
            assert!(default.suits(sysctl.kind()), "{sysctl}");
            let text = default.to_string();
            assert_eq!(SysctlValue::parse(sysctl.kind(), &text), Ok(default));
        }
    }
    for name in ["", ".", "..", "../conntrack", "a/b", "net.ipv4.vs.", "a b"] {
        assert!(name.parse::<Sysctl>().is_err(), "{name:?}");
    }
}
