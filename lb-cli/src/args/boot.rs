// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/etc/default/ipvsadm`, as Debian's package has it: lines of `KEY=VALUE`. It is no shell script
//! to us.

use lb_ipvs::{SyncDaemon, SyncId, SyncState};

/// The settings of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    /// `AUTO`: whether the rules are loaded at boot.
    pub(crate) auto: bool,
    /// `DAEMON`: which sync daemons run.
    pub(crate) daemons: Vec<SyncState>,
    /// `IFACE`: where they send and listen.
    pub(crate) interface: String,
    /// `SYNCID`
    pub(crate) sync_id: u8,
}

impl Default for Defaults {
    /// The settings of the original without the file.
    fn default() -> Self {
        Self {
            auto: false,
            daemons: Vec::new(),
            interface: "eth0".to_owned(),
            sync_id: 0,
        }
    }
}

/// An invalid line, from 1, or an invalid variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DefaultsError {
    #[error("line {line}: this is not KEY=VALUE")]
    Line { line: usize },
    #[error("{place}: {key} is {value:?}, not {expected}")]
    Value {
        place: String,
        key: &'static str,
        value: String,
        expected: &'static str,
    },
}

/// The known keys. Others are ignored: the file may have variables of other scripts.
pub(crate) const KEYS: [&str; 4] = ["AUTO", "DAEMON", "IFACE", "SYNCID"];

impl Defaults {
    /// Reads the file; of a key given twice the later counts.
    pub(crate) fn read(text: &str) -> Result<Self, DefaultsError> {
        let mut defaults = Self::default();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = assignment(line).ok_or(DefaultsError::Line { line: number })?;
            defaults.set(key, value, &format!("line {number}"))?;
        }
        Ok(defaults)
    }

    /// Sets one key; `place` is its line or variable, for the error.
    pub(crate) fn set(&mut self, key: &str, value: &str, place: &str) -> Result<(), DefaultsError> {
        let wrong = |key, expected| DefaultsError::Value {
            place: place.to_owned(),
            key,
            value: value.to_owned(),
            expected,
        };
        match key {
            "AUTO" => {
                self.auto = match value {
                    "true" => true,
                    "false" | "" => false,
                    _ => return Err(wrong("AUTO", "true or false")),
                };
            }
            "DAEMON" => {
                self.daemons = match value {
                    "none" | "" => Vec::new(),
                    "master" => vec![SyncState::Master],
                    "backup" => vec![SyncState::Backup],
                    "both" => vec![SyncState::Master, SyncState::Backup],
                    _ => return Err(wrong("DAEMON", "none, master, backup or both")),
                };
            }
            "IFACE" if (1..=15).contains(&value.len()) => self.interface = value.to_owned(),
            "IFACE" => return Err(wrong("IFACE", "the name of an interface")),
            "SYNCID" => {
                self.sync_id = value.parse().map_err(|_| wrong("SYNCID", "0 to 255"))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The sync daemons to start.
    pub(crate) fn sync_daemons(&self) -> impl Iterator<Item = SyncDaemon> {
        self.daemons.iter().map(|state| {
            SyncDaemon::new(*state, self.interface.as_str(), SyncId::new(self.sync_id))
        })
    }
}

/// `KEY=VALUE`, the value bare or in quotes, a comment behind it.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once('=')?;
    let named = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let quote = rest
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''));
    let (value, behind) = match quote {
        Some(quote) => rest.strip_prefix(quote)?.split_once(quote)?,
        None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
    };
    let behind = behind.trim_start();
    // Only a shell could expand this.
    let plain =
        !value.contains(['$', '`', '\\']) && (quote.is_some() || !value.contains(['"', '\'']));
    (named && plain && (behind.is_empty() || behind.starts_with('#'))).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_debian_ships_it() {
        let text = "\
# ipvsadm

# if you want to start ipvsadm on boot set this to true
AUTO=\"false\"

# daemon method (none|master|backup|both)
DAEMON=\"none\"		# none|master|backup|both

# use interface (eth0,eth1...)
IFACE='eth1'
SYNCID=1
OTHER=x
";
        assert_eq!(
            Defaults::read(text),
            Ok(Defaults {
                interface: "eth1".to_owned(),
                sync_id: 1,
                ..Defaults::default()
            })
        );
        let both = Defaults::read("DAEMON=both\nAUTO=true\nIFACE=d0\nSYNCID=7\n").unwrap();
        assert!(both.auto);
        let daemons: Vec<SyncDaemon> = both.sync_daemons().collect();
        assert_eq!(
            daemons,
            [
                SyncDaemon::new(SyncState::Master, "d0", SyncId::new(7)),
                SyncDaemon::new(SyncState::Backup, "d0", SyncId::new(7)),
            ]
        );
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let error = |text: &str| Defaults::read(text).unwrap_err().to_string();
        assert_eq!(
            error("AUTO=true\n\nDAEMON"),
            "line 3: this is not KEY=VALUE"
        );
        assert_eq!(error("if true; then"), "line 1: this is not KEY=VALUE");
        assert_eq!(error("AUTO=$(cat x)"), "line 1: this is not KEY=VALUE");
        assert_eq!(error("AUTO=\"true"), "line 1: this is not KEY=VALUE");
        assert_eq!(error("AUTO=true false"), "line 1: this is not KEY=VALUE");
        assert_eq!(
            error("AUTO=yes"),
            "line 1: AUTO is \"yes\", not true or false"
        );
        assert_eq!(
            error("#\nDAEMON='all'"),
            "line 2: DAEMON is \"all\", not none, master, backup or both"
        );
        assert_eq!(
            error("SYNCID=256"),
            "line 1: SYNCID is \"256\", not 0 to 255"
        );
        assert_eq!(
            error("IFACE=a-name-that-is-too-long"),
            "line 1: IFACE is \"a-name-that-is-too-long\", not the name of an interface"
        );
    }
}
