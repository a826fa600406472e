//! The machine's own limit: what each part of an upload costs by itself, on one core.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use tallac_core::immutable::{ConvergentKey, Encoder, Encoding, Geometry, SEGMENT_SIZE_DEFAULT};
use tallac_core::secrets::ConvergenceSecret;

use crate::rows::random;

/// Plaintext that goes through each part.
const LEN: usize = 32 << 20;

/// Bytes of shares for a byte of plaintext, at 3-of-10.
const EXPANSION: f64 = 10.0 / 3.0;

/// Bytes of a TLS record's content.
const RECORD: usize = 16 << 10;

/// Measures the parts, and prints a table of milliseconds a megabyte of plaintext.
pub(crate) fn measure(dir: &Path) -> Result<String> {
    let plaintext = random(LEN)?;
    let parts = [
        ("convergence hash", best(|| convergence(&plaintext))?),
        ("encrypt, code and hash all shares", best(|| encode(&plaintext))?),
        ("TLS records, sealed and opened", best(|| tls(&plaintext))?.mul_f64(EXPANSION)),
        ("loopback, sent and received", best(|| loopback(&plaintext))?.mul_f64(EXPANSION)),
        ("disk, written and synced", best(|| disk(dir, &plaintext))?.mul_f64(EXPANSION)),
    ];
    let mut text =
        "| One core, an upload at 3-of-10 | ms a MB of plaintext |\n|---|---|\n".to_owned();
    let mut total = 0.0;
    for (name, took) in parts {
        let each = milliseconds_a_megabyte(took);
        total += each;
        text.push_str(&format!("| {name} | {each:.2} |\n"));
    }
    let at_best = 2000.0 / total;
    text.push_str(&format!("| all of it | {total:.2} |\n\n"));
    text.push_str(&format!(
        "On two cores, with nothing else to do, that would be {at_best:.0} MB/s.\n"
    ));
    Ok(text)
}

fn milliseconds_a_megabyte(took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let megabytes = LEN as f64 / 1e6;
    took.as_secs_f64() * 1e3 / megabytes
}

/// The best of a few: what the machine can do when nobody disturbs it.
fn best(mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        work()?;
        shortest = shortest.min(started.elapsed());
    }
    Ok(shortest)
}

fn geometry() -> Result<Geometry> {
    Ok(Geometry::for_upload(Encoding::new(3, 10)?, LEN as u64, SEGMENT_SIZE_DEFAULT)?)
}

fn convergence(plaintext: &[u8]) -> Result<()> {
    let mut key = ConvergentKey::new(&geometry()?, &ConvergenceSecret::new(vec![1; 32]));
    key.update(plaintext);
    std::hint::black_box(key.finish());
    Ok(())
}

fn encode(plaintext: &[u8]) -> Result<()> {
    let geometry = geometry()?;
    let mut encoder = Encoder::new(geometry, &[7; 16]);
    for segment in plaintext.chunks(usize::try_from(geometry.segment_size())?) {
        std::hint::black_box(encoder.encode(segment.to_vec())?);
    }
    std::hint::black_box(encoder.finish()?);
    Ok(())
}

fn tls(plaintext: &[u8]) -> Result<()> {
    let failed = |_| anyhow::anyhow!("AES-GCM failed");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(failed)?);
    let nonce = || Nonce::assume_unique_for_key([1; 12]);
    for record in plaintext.chunks(RECORD) {
        let mut record = record.to_vec();
        key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut record).map_err(failed)?;
        key.open_in_place(nonce(), Aad::empty(), &mut record).map_err(failed)?;
        std::hint::black_box(&record);
    }
    Ok(())
}

fn loopback(plaintext: &[u8]) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    let mut buffer = vec![0; 64 << 10];
    // One after the other on one core: what fits into the socket at a time.
    for piece in plaintext.chunks(buffer.len()) {
        sender.write_all(piece)?;
        receiver.read_exact(&mut buffer[..piece.len()])?;
    }
    Ok(())
}

fn disk(dir: &Path, plaintext: &[u8]) -> Result<()> {
    let mut file = std::fs::File::create(dir.join("floor")).context("cannot write")?;
    file.write_all(plaintext)?;
    Ok(file.sync_all()?)
}
