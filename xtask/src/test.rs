//! `cargo xtask test`: everything that CI checks.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{bail, ensure};

use crate::step::{execute, output, watch};
use crate::toolchain::Toolchain;
use crate::workspace::cargo;
use crate::{Outcome, ebpf, packages, server, setup, tidy, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only what is done in two minutes: format, lints, tidy, and unit tests with fewer cases
    #[arg(long)]
    quick: bool,
}

/// Runs the checks one after another, all of them whatever fails, and sums them up.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if !arguments.quick {
        setup::peers();
    }
    let toolchain = ebpf::try_build();
    let mut session = Session {
        quick: arguments.quick,
        // What promises it fails where a test only skipped.
        privileged: packages::is_root() && toolchain.is_some(),
        tally: Tally::default(),
        report: Vec::new(),
    };
    if !has_nextest() {
        eprintln!(
            "note: no nextest, or an older one than .config/nextest.toml wants: no time limits, nothing beside"
        );
    }
    if !session.privileged {
        eprintln!("note: not root, or no XDP object: tests that need them say what they skip");
    }
    session.check("format", || execute(&mut cargo(["fmt", "--all", "--check"])));
    session.check("lints", lints);
    if let Some(toolchain) = &toolchain {
        session.check("lints of the XDP program", || kernel_lints(toolchain));
    }
    session.check("tidy", tidy::run);
    session.tests("unit and property tests", unit_tests(session.quick));
    if !session.quick {
        session.check("documentation", documentation);
        session.tests("documentation tests", cargo(["test", "--workspace", "--doc"]));
        session.tests("simulation", simulation());
        let server = server::build();
        // What waits for timers of protocols leaves half of the machine to the model checker, which comes to the same
        // however long it takes.
        session.tests_beside("loom", loom(), |session| match &server {
            Ok(binary) => session.tests("lab, what waits", lab(binary, Part::Waits)),
            Err(error) => session.check("the server's build", || bail!("{error:#}")),
        });
        if let Ok(binary) = &server {
            session.tests("lab, what loads the machine", lab(binary, Part::Loads));
        }
    }
    session.finish()
}

/// One run of the checks.
struct Session {
    quick: bool,
    privileged: bool,
    tally: Tally,
    /// A line for each step.
    report: Vec<String>,
}

/// How many tests passed and failed; a check that is no test counts as one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Session {
    /// A check that passes or fails as a whole.
    fn check(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        self.step(name, || match work() {
            Ok(()) => Tally { passed: 1, failed: 0 },
            Err(error) => {
                eprintln!("error: {error:#}");
                Tally { passed: 0, failed: 1 }
            }
        });
    }

    /// A command that runs tests and tells how they went.
    fn tests(&mut self, name: &str, mut command: Command) {
        self.prepare(&mut command);
        self.step(name, || {
            let mut tally = Tally::default();
            let succeeded = watch(&mut command, |line| tally.read(line)).unwrap_or_else(|error| {
                eprintln!("error: {error:#}");
                false
            });
            tally.ended(succeeded)
        });
    }

    /// The same while `meanwhile` makes other checks, which come first where both want the machine. What the command
    /// has printed is shown at the end; the time is how much longer it took.
    fn tests_beside(&mut self, name: &str, command: Command, meanwhile: impl FnOnce(&mut Self)) {
        let mut command = yielding(&command);
        self.prepare(&mut command);
        eprintln!("==> {name}, beside what follows");
        let beside = thread::spawn(move || command.output());
        meanwhile(self);
        self.step(&format!("{name}, after what it ran beside"), || {
            let Ok(Ok(output)) = beside.join() else { return Tally::default().ended(false) };
            let mut tally = Tally::default();
            for printed in [&output.stderr, &output.stdout] {
                let text = String::from_utf8_lossy(printed);
                eprint!("{text}");
                text.lines().for_each(|line| tally.read(line));
            }
            tally.ended(output.status.success())
        });
    }

    fn prepare(&self, command: &mut Command) {
        if self.privileged {
            command.env("TANDEM_PRIVILEGED", "1");
        }
        if self.quick {
            command.env("PROPTEST_CASES", "32");
        }
    }

    fn step(&mut self, name: &str, work: impl FnOnce() -> Tally) {
        eprintln!("==> {name}");
        let start = Instant::now();
        let tally = work();
        let ended = if tally.failed == 0 { "ok" } else { "FAILED" };
        let line = format!("{ended:<7}{:>7.1} s  {name}", start.elapsed().as_secs_f64());
        eprintln!("    {line}");
        self.report.push(line);
        self.tally.passed += tally.passed;
        self.tally.failed += tally.failed;
    }

    fn finish(self) -> Outcome {
        println!("\n{}", self.report.join("\n"));
        let Tally { passed, failed } = self.tally;
        println!("{passed} passed, {failed} failed");
        ensure!(failed == 0, "not everything is as it should be");
        Ok(())
    }
}

impl Tally {
    /// Of a command that has ended. A build that broke, or a test that took its process with it, is counted by nobody.
    fn ended(self, succeeded: bool) -> Self {
        Self { failed: self.failed.max(usize::from(!succeeded)), ..self }
    }

    /// Adds what a summary line of `cargo test` or `cargo nextest` tells.
    fn read(&mut self, line: &str) {
        let is_summary = line.starts_with("test result:") || line.trim().starts_with("Summary [");
        if !is_summary {
            return;
        }
        let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric()).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => self.passed += count,
                "failed" | "timed" => self.failed += count,
                _ => {}
            }
        }
    }
}

fn lints() -> Outcome {
    execute(&mut cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn kernel_lints(toolchain: &Toolchain) -> Outcome {
    if !toolchain.has_clippy() {
        eprintln!("    skipped: the compiler that builds it came without clippy");
        return Ok(());
    }
    execute(toolchain.cargo("clippy")?.args(ebpf::PROGRAM).args(["--", "-D", "warnings"]))
}

fn documentation() -> Outcome {
    execute(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn unit_tests(quick: bool) -> Command {
    let mut command =
        tests("not package(tandem-tests)", &["--workspace", "--exclude", "tandem-tests"]);
    if quick {
        command.args(["--exclude", "tandem-tests", "--lib", "--bins", "--tests"]);
    }
    command
}

/// A pair of servers under thousands of seeds; each test takes all cores there are.
fn simulation() -> Command {
    let mut command = tests(
        "binary(simulation) | binary(exploration)",
        &["--workspace", "--test", "simulation", "--test", "exploration"],
    );
    command.env("RUST_TEST_THREADS", "1").env("NEXTEST_TEST_THREADS", "1");
    command
}

/// Of the lab, what is run at once. Which tests those are nextest's profile says; without nextest all run one at a
/// time, so that they do not starve each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// What mostly waits for timers, beside each other.
    Waits,
    /// What loads the machine, or measures itself on it, by itself.
    Loads,
}

/// Real processes in namespaces of their own, and what takes long, without the simulation, which is a step of its
/// own.
fn lab(server: &Path, part: Part) -> Command {
    let (which, targets) = match part {
        Part::Waits => ("- group(loads)", &["--lib"][..]),
        // Without those that want features that it has not.
        Part::Loads => ("& group(loads)", &["--tests"][..]),
    };
    let filter =
        format!("(package(tandem-tests) - binary(simulation) - binary(exploration)) {which}");
    let package =
        ["--package", "tandem-tests", "--no-default-features", "--features", "load,codec"];
    let mut command = tests(&filter, &[&package[..], targets].concat());
    command.env("NEXTEST_PROFILE", "lab").env("RUST_TEST_THREADS", "1").env("TANDEM_BIN", server);
    command
}

/// Every interleaving of the lock-free parts; a build of its own, as atomics are loom's there. That takes longer than
/// the tests, so only the model checker is worth its optimisation, and nothing is kept for the next build.
fn loom() -> Command {
    let mut command = cargo(["test", "--package", "dhcp-user", "--lib", "loom_"]);
    command.args(["--config", "profile.test.opt-level=0"]);
    command.args(["--config", "profile.test.package.loom.opt-level=1"]);
    command.args(["--target-dir", "target/loom"]);
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_INCREMENTAL", "0");
    command
}

/// The same command with what others leave of the machine.
fn yielding(command: &Command) -> Command {
    let mut yielding = workspace::command("nice");
    yielding.args(["-n", "19"]).arg(command.get_program()).args(command.get_args());
    yielding.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    yielding
}

/// Nextest where it is installed and new enough: a process for each test, and a time limit. It builds the whole
/// workspace and runs what `filter` names of it: a part of the workspace wants other features of what all of it uses,
/// so that a step with a part of its own would build most dependencies, and us, anew. Without nextest cargo takes
/// `arguments`.
fn tests(filter: &str, arguments: &[&str]) -> Command {
    if has_nextest() {
        let mut command = cargo(["nextest", "run", "--no-fail-fast"]);
        command.args(["--workspace", "-E", filter]);
        return command;
    }
    let mut command = cargo(["test", "--no-fail-fast"]);
    command.args(arguments);
    command
}

/// Whether nextest is there, and as new as its configuration wants it.
fn has_nextest() -> bool {
    output(&mut cargo(["nextest", "show-config", "version"])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn cargos_summaries_add_up() {
        let tally = tally_of(&[
            "test result: ok. 24 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.0s",
            "test a::b ... ok",
            "test result: FAILED. 6 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.6s",
        ]);
        assert_eq!(tally, Tally { passed: 30, failed: 2 });
    }

    #[test]
    fn nextests_summary_is_read() {
        let line = "     Summary [   2.213s] 46 tests run: 43 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(tally_of(&[line]), Tally { passed: 43, failed: 3 });
        let line = "     Summary [   0.400s] 46 tests run: 46 passed, 0 skipped";
        assert_eq!(tally_of(&[line]), Tally { passed: 46, failed: 0 });
    }

    #[test]
    fn other_lines_count_for_nothing() {
        assert_eq!(tally_of(&["3 failed", "99 passed", ""]), Tally::default());
    }
}
