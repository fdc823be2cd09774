// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the kernels ready to start, boots each once, and records which boots how.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tests_kernel::guest::{Guest, GuestError};
use tests_kernel::lab::{Kernel, Lab, Mode, Suite, Tree};
use tests_kernel::process;

use super::FetchError;
use super::files::{file, write, write_executable};
use super::suites_with_kernel;

const DEADLINE: Duration = Duration::from_secs(60);
const WRAPPER: &str = include_str!("../../../tests-kernel/src/lab/ptrace_xstate.c");

/// Boots each unpacked kernel in the first mode that works here, records them, and prints a line
/// about each.
pub(super) fn boot_all() -> Result<(), FetchError> {
    prepare_newest()?;
    let mut found = Vec::new();
    let mut tried = Vec::new();
    for suite in suites_with_kernel() {
        match boot(suite)? {
            Ok(kernel) => found.push(kernel),
            Err(failures) => tried.extend(failures),
        }
    }
    for failure in &tried {
        println!("lab: {failure}");
    }
    let Some(default) = found.first() else {
        return Err(FetchError::NoKernel { tried });
    };
    let why = match default.suite {
        Suite::Newest => "the newest that apt has",
        _ if tried.is_empty() => "Debian sid's is not to be had",
        _ => "Debian sid's does not boot here",
    };
    println!(
        "lab: default kernel {default}, boots in {:.1?}: {why}",
        default.boot
    );
    for second in found.iter().skip(1) {
        println!("lab: second kernel {second}, boots in {:.1?}", second.boot);
    }
    let text = serde_json::to_string_pretty(&found).map_err(FetchError::Record)?;
    write(&Lab::record_path(), text)
}

/// Tries the modes one after the other; the inner error has a sentence for each that failed.
fn boot(suite: Suite) -> Result<Result<Kernel, Vec<String>>, FetchError> {
    let program = Kernel::program_of(suite);
    let mut probe = Kernel::new(suite, String::new(), Mode::Ptrace);
    let version = ask(&probe, &program, "--version");
    probe.release = version.trim().to_owned();
    let mut modes = Vec::new();
    if ask(&probe, &program, "--help").contains("seccomp=") {
        modes.push(Mode::Seccomp);
    }
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if needs_wrapper(&probe.release, &processor) {
        build_wrapper(&Kernel::preload())?;
        modes.push(Mode::PtraceFilled);
    } else {
        modes.push(Mode::Ptrace);
    }
    let mut failures = Vec::new();
    for mode in modes {
        let mut kernel = probe.clone();
        kernel.mode = mode;
        let guest = Guest::new(&kernel)
            .with_name(format!("probe-{}", suite.name()))
            .with_deadline(DEADLINE);
        match guest.run(["true"], |_| ()) {
            Ok(outcome) if outcome.exit_code == 0 => {
                kernel.boot = outcome.boot;
                return Ok(Ok(kernel));
            }
            Ok(outcome) => failures.push(format!(
                "kernel {kernel} booted, but `true` ended with {}",
                outcome.exit_code
            )),
            Err(GuestError::Boot {
                after,
                reason,
                console,
                ..
            }) => failures.push(format!(
                "kernel {kernel} does not boot here: {} after {after:.1?}; its console is in {}",
                reason.as_deref().unwrap_or("it was not ready"),
                console.display()
            )),
            Err(error) => failures.push(crate::chain(&error)),
        }
    }
    Ok(Err(failures))
}

/// What the kernel's program prints for an option; nothing when it cannot be run.
fn ask(kernel: &Kernel, program: &Path, option: &str) -> String {
    let mut command = Command::new(program);
    command.arg(option).envs(kernel.environment());
    process::output(&mut command, DEADLINE)
        .map(|output| {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            text
        })
        .unwrap_or_default()
}

/// Whether `PTRACE_SETREGSET` of this kernel is too short for this processor, whose
/// `/proc/cpuinfo` this is.
fn needs_wrapper(release: &str, processor: &str) -> bool {
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|word| word.parse().ok());
    let version: (u32, u32) = (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    );
    let amx = processor.split_whitespace().any(|flag| flag == "amx_tile");
    amx && version < (6, 13)
}

/// Compiles the wrapper to this shared library, its source beside it.
fn build_wrapper(library: &Path) -> Result<(), FetchError> {
    let source = library.with_extension("c");
    write(&source, WRAPPER)?;
    let mut command = Command::new("cc");
    command
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([library, &source])
        .arg("-ldl");
    process::run(&mut command, DEADLINE)
        .map(drop)
        .map_err(FetchError::Wrapper)
}

/// Copies the newest kernel with the ELF interpreter of its own tree: it needs a newer C library
/// than the host may have, and started through the loader it finds its address range taken.
fn prepare_newest() -> Result<(), FetchError> {
    let tree = Tree::NewestKernel;
    let original = tree.path().join("usr/bin/linux.uml");
    let Some(loader) = tree.loader().filter(|_| original.is_file()) else {
        return Ok(());
    };
    let mut program = fs::read(&original).map_err(file(&original))?;
    set_interpreter(&mut program, &loader).ok_or_else(|| FetchError::NotElf {
        path: PathBuf::from(&original),
    })?;
    write_executable(&Kernel::program_of(Suite::Newest), program)
}

/// Appends the path and points the program header `PT_INTERP` to it: the kernel reads the path
/// from the file, wherever it is; the old one stays where the C library looks for it in memory.
/// `None` when the bytes are no 64-bit little-endian ELF program with an interpreter.
fn set_interpreter(program: &mut Vec<u8>, interpreter: &Path) -> Option<()> {
    use std::os::unix::ffi::OsStrExt;
    const PT_INTERP: u32 = 3;
    if program.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let number = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let half = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(bytes)))
    };
    let table = number(program, 32)?;
    let (size, count) = (half(program, 54)?, half(program, 56)?);
    let header = (0..count)
        .map(|index| table + index * size)
        .find(|&at| program.get(at..at + 4) == Some(&PT_INTERP.to_le_bytes()[..]))?;
    let mut path = interpreter.as_os_str().as_bytes().to_vec();
    path.push(0);
    let fields = [(8, program.len()), (32, path.len())];
    for (offset, value) in fields {
        let at = header + offset;
        let value = u64::try_from(value).ok()?.to_le_bytes();
        program.get_mut(at..at + 8)?.copy_from_slice(&value);
    }
    program.extend(path);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreter_is_replaced_in_a_program() {
        let mut program = fs::read("/bin/sh").unwrap();
        let length = program.len();
        set_interpreter(&mut program, Path::new("/nowhere/ld.so")).unwrap();
        assert_eq!(&program[length..], b"/nowhere/ld.so\0");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sh");
        write_executable(&path, &program).unwrap();
        // The kernel does not find the interpreter: that is ENOENT for a file that exists.
        let error = Command::new(&path).spawn().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn only_old_kernels_on_processors_with_amx_need_the_wrapper() {
        let with = "flags\t\t: fpu avx512f amx_bf16 avx512_fp16 amx_tile amx_int8";
        let without = "flags\t\t: fpu avx512f";
        assert!(needs_wrapper("6.1.176", with));
        assert!(needs_wrapper("6.12.9-um", with));
        assert!(!needs_wrapper("6.13.0", with));
        assert!(!needs_wrapper("7.2.7", with));
        assert!(!needs_wrapper("6.1.176", without));
    }

    /// Sets a register of a stopped child from a buffer that holds only the legacy region and the
    /// header of the extended state, as a kernel before 6.13 does in the eyes of AMX.
    const SHORT_BUFFER: &str = r#"
        #include <errno.h>
        #include <signal.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/ptrace.h>
        #include <sys/uio.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(void)
        {
            static unsigned char state[576], after[64 * 1024];
            struct iovec vector = { state, sizeof state }, whole = { after, sizeof after };
            pid_t child = fork();
            if (child == 0) {
                ptrace(PTRACE_TRACEME, 0, 0, 0);
                raise(SIGSTOP);
                _exit(0);
            }
            waitpid(child, 0, 0);
            if (ptrace(PTRACE_GETREGSET, child, 0x202, &vector) != 0)
                return 2;
            state[160] = 0x5a; /* the first byte of xmm0 */
            state[512] |= 2;   /* and that it is in use */
            vector.iov_len = sizeof state;
            if (ptrace(PTRACE_SETREGSET, child, 0x202, &vector) != 0) {
                puts(strerror(errno));
            } else {
                ptrace(PTRACE_GETREGSET, child, 0x202, &whole);
                printf("%x\n", after[160]);
            }
            kill(child, SIGKILL);
            return 0;
        }
    "#;

    #[test]
    fn wrapper_completes_a_short_buffer() {
        let directory = tempfile::tempdir().unwrap();
        let (library, program) = (
            directory.path().join("wrapper.so"),
            directory.path().join("short"),
        );
        build_wrapper(&library).unwrap();
        let source = directory.path().join("short.c");
        fs::write(&source, SHORT_BUFFER).unwrap();
        let mut compile = Command::new("cc");
        compile.arg("-o").args([&program, &source]);
        process::run(&mut compile, DEADLINE).unwrap();
        let mut with = Command::new(&program);
        with.env("LD_PRELOAD", &library);
        let without = process::run(&mut Command::new(&program), DEADLINE).unwrap();
        assert_eq!(
            without.trim(),
            "Bad address",
            "the kernel takes a short buffer"
        );
        assert_eq!(process::run(&mut with, DEADLINE).unwrap().trim(), "5a");
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01 and no more"] {
            assert_eq!(set_interpreter(&mut bytes.to_vec(), Path::new("/x")), None);
        }
    }
}
