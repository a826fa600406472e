//! Memory of processes, and of a gateway that moves a file larger than it.

use std::io::Read;

use anyhow::{Context, Result, ensure};

use crate::contestant::Contestant;

/// Resident memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmRSS:")
}

/// The most that it ever was, in MiB.
fn peak_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmHWM:")
}

fn status_mib(pid: u32, field: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// Puts and gets a file of so many MiB, and tells how much the gateway grew.
pub(crate) fn move_large_file(contestant: &Contestant, mib: u64) -> Result<String> {
    let pid = contestant.gateway_node.pid().context("it runs")?;
    let before = resident_mib(pid)?;
    let len = mib << 20;
    let cap = contestant.gateway.put_stream(Pattern { at: 0, len })?;
    let up = peak_mib(pid)?;
    let got = contestant.gateway.get(&cap, None)?;
    ensure!(got as u64 == len, "the file came back with {got} bytes");
    let down = peak_mib(pid)?;
    Ok(format!(
        "A file of {mib} MiB up and down: the gateway had {before:.0} MiB before, at most {up:.0} \
         after the way up, at most {down:.0} after both.\n"
    ))
}

/// Bytes that do not repeat, made as they are read.
struct Pattern {
    at: u64,
    len: u64,
}

impl Read for Pattern {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let len = out.len().min(left) / 8 * 8;
        if len == 0 {
            return Ok(0); // The length is a multiple of 8, and so are buffers.
        }
        for piece in out[..len].chunks_exact_mut(8) {
            let mixed = (self.at ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            piece.copy_from_slice(&mixed.to_be_bytes());
            self.at += 8;
        }
        Ok(len)
    }
}
