// SPDX-License-Identifier: MIT OR Apache-2.0
//! The test of `config_files_netns` in the guest, where root owns the programs that are scripts: in the
//! namespace of an ordinary user on the host it leaves out the files with scripts.

#[path = "config_files_netns.rs"]
mod files;
