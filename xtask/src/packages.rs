//! Debian packages: installed where root may, or unpacked into a folder where nobody need be root.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::step::{execute, output};

/// Whether this process may install packages and make network namespaces.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Those of `names` that are not installed.
pub(crate) fn missing<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let is_installed = |name: &str| {
        output(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", name]))
            .is_ok_and(|status| status == "installed")
    };
    names.iter().copied().filter(|name| !is_installed(name)).collect()
}

/// Installs `names` without starting the services that come with them.
pub(crate) fn install(names: &[&str]) -> Result<()> {
    let _quiet = NoServices::begin()?;
    with_lists(|| execute(apt("install").args(["-y", "-q", "--no-install-recommends"]).args(names)))
}

/// The one package that is called `stem` followed by a version, among what `name` depends on.
pub(crate) fn dependency(name: &str, stem: &str) -> Result<String> {
    let depends = || output(Command::new("apt-cache").args(["depends", "--important", name]));
    let listed = with_lists(depends)?;
    listed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|found| {
            found.strip_prefix(stem).is_some_and(|rest| rest.starts_with(char::is_numeric))
        })
        .map(str::to_owned)
        .with_context(|| format!("{name} depends on no {stem}…"))
}

/// Downloads `names` and unpacks all of them into the new folder `into`; whole or not at all.
pub(crate) fn unpack(names: &[&str], into: &Path) -> Result<()> {
    let partial = into.with_extension("partial");
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let archives = partial.join("archives");
    fs::create_dir_all(&archives)?;
    eprintln!("    downloading {}", names.join(" "));
    with_lists(|| execute(apt("download").arg("-q").args(names).current_dir(&archives)))?;
    for entry in fs::read_dir(&archives)? {
        let archive = entry?.path();
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        eprintln!("    unpacking {name}");
        execute(Command::new("dpkg").arg("-x").arg(&archive).arg(&partial))?;
    }
    fs::remove_dir_all(&archives)?;
    fs::rename(&partial, into)?;
    Ok(())
}

fn apt(action: &str) -> Command {
    let mut command = Command::new("apt-get");
    // Another apt may be at work, on a fresh host above all.
    command.args(["-o", "DPkg::Lock::Timeout=300"]);
    if is_root() {
        // The user that apt else downloads as cannot write to a folder in root's cache.
        command.args(["-o", "APT::Sandbox::User=root"]);
    }
    command.arg(action).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Does what needs apt's lists of packages. A fresh image has none, or those of the day it was made,
/// which name packages that are gone and lack those that came since: whatever fails is tried once
/// more with new lists.
fn with_lists<T>(attempt: impl Fn() -> Result<T>) -> Result<T> {
    attempt().or_else(|error| {
        // Only root may fetch them.
        if !is_root() {
            return Err(error);
        }
        eprintln!("    asking for new lists of packages: {error:#}");
        execute(apt("update").arg("-q"))?;
        attempt()
    })
}

/// While this lives, installing a package starts no service of it.
struct NoServices {
    placed: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn begin() -> Result<Self> {
        if Path::new(Self::POLICY).exists() {
            return Ok(Self { placed: false }); // the host has its own policy
        }
        fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n").context(Self::POLICY)?;
        let begun = Self { placed: true };
        fs::set_permissions(Self::POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(begun)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.placed
            && let Err(error) = fs::remove_file(Self::POLICY)
        {
            eprintln!("note: {} is left behind: {error}", Self::POLICY);
        }
    }
}
