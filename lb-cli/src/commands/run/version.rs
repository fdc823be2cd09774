// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived --version`.

/// What `--version` prints: the lines that programs look for which drive or watch keepalived.
pub(super) fn version() -> String {
    let system = nix::sys::utsname::uname().map_or_else(
        |errno| format!("unknown system: {errno}"),
        |system| {
            [system.sysname(), system.release(), system.version()]
                .map(|part| part.to_string_lossy().into_owned())
                .join(" ")
        },
    );
    format!(
        "Keepalived v{COMPATIBLE} (lbctl {})\n\n\
         Running on {system}\n\n\
         configure options: --enable-json\n\n\
         Config options:  LVS VRRP VRRP_AUTH VRRP_VMAC JSON OLD_CHKSUM_COMPAT\n\n\
         System options:  IPV4_DEVCONF IFA_PROTO SO_MARK",
        env!("CARGO_PKG_VERSION")
    )
}

/// The version of keepalived whose options, signals and files are provided.
const COMPATIBLE: &str = "2.4.3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_has_the_lines_of_the_original() {
        let text = version();
        assert!(text.starts_with("Keepalived v2.4.3 ("), "{text}");
        for line in [
            "Running on Linux ",
            "configure options: ",
            "Config options: ",
        ] {
            assert!(text.contains(&format!("\n{line}")), "{text}");
        }
        let options = text
            .lines()
            .find(|line| line.starts_with("Config options:"));
        assert!(options.unwrap().split(' ').any(|option| option == "JSON"));
        let configure = text
            .lines()
            .find(|line| line.starts_with("configure options:"));
        assert!(configure.unwrap().contains("--enable-json"));
    }
}
