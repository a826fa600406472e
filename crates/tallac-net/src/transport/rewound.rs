//! A stream whose first bytes were read already.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// A stream that gives its first `N` bytes once more.
#[derive(Debug)]
pub(crate) struct Rewound<S, const N: usize> {
    first: [u8; N],
    /// How many of them were given.
    given: usize,
    inner: S,
}

impl<S: AsyncRead + Unpin, const N: usize> Rewound<S, N> {
    /// Reads the first bytes of a stream.
    pub(crate) async fn after_reading(mut inner: S) -> io::Result<Self> {
        let mut first = [0; N];
        inner.read_exact(&mut first).await?;
        Ok(Self { first, given: 0, inner })
    }

    pub(crate) const fn first(&self) -> &[u8; N] {
        &self.first
    }
}

impl<S: AsyncRead + Unpin, const N: usize> AsyncRead for Rewound<S, N> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given == N {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        let left = &this.first[this.given..];
        let len = left.len().min(buf.remaining());
        buf.put_slice(&left[..len]);
        this.given += len;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, const N: usize> AsyncWrite for Rewound<S, N> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
