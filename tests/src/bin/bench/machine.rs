//! What this machine itself needs for a signature and an fsync, and what a process used of it. Linux only (`/proc`).

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use rustix::time::{ClockId, clock_gettime};

/// Signatures of one measurement.
const SIGNATURES: u32 = 600;
/// The size of a JWT's signing input.
const MESSAGE: [u8; 600] = [b'x'; 600];
/// Writes of one measurement.
const WRITES: usize = 200;
/// `USER_HZ`: the unit of CPU times in `/proc` is fixed at 10 ms for programs on every architecture of Linux that we
/// run on.
const TICK_MS: f64 = 10.0;

/// CPU time of one RS256 signature with a 2048-bit key by aws-lc-rs, in milliseconds.
pub(crate) fn signature_cpu_ms() -> Result<f64> {
    let key = KeyPair::generate(KeySize::Rsa2048)?;
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    cpu_ms_of_each(|| Ok(key.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature)?))
}

/// The same of one ES256 signature.
pub(crate) fn es256_signature_cpu_ms() -> Result<f64> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let random = SystemRandom::new();
    cpu_ms_of_each(|| Ok(key.sign(&random, &MESSAGE).map(drop)?))
}

fn cpu_ms_of_each(mut sign: impl FnMut() -> Result<()>) -> Result<f64> {
    sign()?;
    let before = own_cpu_ms()?;
    for _ in 0..SIGNATURES {
        sign()?;
    }
    Ok((own_cpu_ms()? - before) / f64::from(SIGNATURES))
}

/// Time until an appended page of 4 KiB is on the disk of that folder: the median, in milliseconds.
pub(crate) fn fsync_ms(folder: &Path) -> Result<f64> {
    let path = folder.join("fsync-measurement");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        file.write_all(&[1; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok(times[WRITES / 2])
}

/// The CPU time in milliseconds that the process uses, user and system, all threads, while `work` runs.
pub(crate) async fn cpu_ms_of<T>(pid: u32, work: impl Future<Output = T>) -> Result<(f64, T)> {
    let before = process_cpu_ms(pid)?;
    let outcome = work.await;
    Ok((process_cpu_ms(pid)? - before, outcome))
}

/// The CPU time of this process so far, user and system, all threads.
pub(crate) fn whole_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanoseconds)
}

/// The processor's name, if the system says.
pub(crate) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let count = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{count} × {}", name.unwrap_or("unknown").trim())
}

/// How many threads wanted to run over the last minutes, if the system says.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn process_cpu_ms(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the server's CPU time")?;
    // proc(5): fields are counted from after the name, which is in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("a short stat");
    Ok((ticks(11)? + ticks(12)?) * TICK_MS)
}

fn own_cpu_ms() -> Result<f64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").context("this thread's CPU time")?;
    let nanoseconds: f64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e6)
}
