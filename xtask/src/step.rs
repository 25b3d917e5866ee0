//! Running one thing after another, so that whoever watches knows what takes so long.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{fmt, thread};

use anyhow::{Context as _, Result, ensure};

/// Says what is being done, does it, and says how long it took.
pub(crate) fn announce<T>(what: impl fmt::Display, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("==> {what}");
    let start = Instant::now();
    let done = work();
    let ended = if done.is_ok() { "done" } else { "FAILED" };
    eprintln!("    {ended} in {:.1} s: {what}", start.elapsed().as_secs_f64());
    done
}

/// Runs `command` to its end with its output shown.
pub(crate) fn execute(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| shown(command))?;
    ensure!(status.success(), "{} ended with {status}", shown(command));
    Ok(())
}

/// Runs `command` to its end and gives back what it wrote, which is shown only if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| shown(command))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}\n{errors}", shown(command), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` to its end, shows its output and hands each line of it to `line`; whether it
/// succeeded.
pub(crate) fn watch(command: &mut Command, mut line: impl FnMut(&str) + Send) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| shown(command))?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let stderr = child.stderr.take().context("stderr is piped")?;
    thread::scope(|scope| {
        let errors = scope.spawn(|| {
            let mut kept = Vec::new();
            each_line(stderr, |text| {
                eprintln!("{text}");
                kept.push(text.to_owned());
            });
            kept
        });
        each_line(stdout, |text| {
            println!("{text}");
            line(text);
        });
        if let Ok(kept) = errors.join() {
            kept.iter().for_each(|text| line(text));
        }
    });
    Ok(child.wait().with_context(|| shown(command))?.success())
}

fn each_line(from: impl Read, mut line: impl FnMut(&str)) {
    let mut from = BufReader::new(from);
    let mut octets = Vec::new();
    while from.read_until(b'\n', &mut octets).is_ok_and(|read| read > 0) {
        line(String::from_utf8_lossy(&octets).trim_end());
        octets.clear();
    }
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_command_shows_both_its_streams_and_tells_how_it_ended() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        assert!(!watch(&mut command, |line| lines.push(line.to_owned())).unwrap());
        assert_eq!(lines, ["out", "err"]);
    }

    #[test]
    fn a_failed_command_is_named_with_its_arguments() {
        let error = execute(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().starts_with("sh -c exit 3 ended with"), "{error}");
    }
}
