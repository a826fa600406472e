//! How long a peer may be silent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Counts from the first time that nothing came until something comes.
#[derive(Debug)]
pub struct Silence {
    limit: Duration,
    is_counting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    /// Nothing has begun to be waited for; `limit` is how long it may last.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit, is_counting: false, timer: None }
    }

    /// How long it may last.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Something came.
    pub const fn end(&mut self) {
        self.is_counting = false;
    }

    /// Nothing came; ready once that has been so for too long.
    pub fn poll_too_long(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.is_counting {
            self.is_counting = true;
            timer.as_mut().reset(Instant::now() + limit);
        }
        timer.as_mut().poll(cx)
    }
}

/// A stream whose writes fail when the peer takes nothing for too long.
#[derive(Debug)]
pub struct WriteStall<S> {
    inner: S,
    silence: Silence,
}

impl<S> WriteStall<S> {
    /// That stream; `limit` is how long the peer may take nothing.
    pub const fn new(inner: S, limit: Duration) -> Self {
        Self { inner, silence: Silence::new(limit) }
    }

    fn check<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.silence.end();
            return polled;
        }
        ready!(self.silence.poll_too_long(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteStall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteStall<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.check(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.check(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.check(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.check(polled, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (near, _far) = tokio::io::duplex(10);
        let mut stream = WriteStall::new(near, LIMIT);
        let started = Instant::now();
        let error = stream.write_all(&[0; 11]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_not() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut stream = WriteStall::new(near, LIMIT);
        let taker = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                tokio::io::AsyncReadExt::read_exact(&mut far, &mut [0; 10]).await.unwrap();
            }
        });
        stream.write_all(&[0; 100]).await.unwrap();
        taker.await.unwrap();
    }
}
