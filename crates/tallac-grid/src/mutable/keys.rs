//! Key pairs made ahead of need: making one takes tens of milliseconds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use tallac_core::mutable::MutableKeyPair;

use super::MutableError;
use crate::blocking::blocking;

/// Key pairs that wait to be used, at most.
const POOL_SIZE: usize = 24;

/// A small store of fresh key pairs.
#[derive(Debug, Default, Clone)]
pub(crate) struct KeyPool(Arc<Mutex<Pool>>);

#[derive(Debug, Default)]
struct Pool {
    ready: VecDeque<MutableKeyPair>,
    /// Whether keys shall be made ahead at all.
    is_kept_full: bool,
    is_filling: bool,
}

impl KeyPool {
    /// Keeps the pool full from now on.
    pub(crate) fn keep_full(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_kept_full = true;
        self.fill();
    }

    /// A key pair that nobody else gets.
    pub(crate) async fn take(&self) -> Result<MutableKeyPair, MutableError> {
        let ready = self.0.lock().unwrap_or_else(PoisonError::into_inner).ready.pop_front();
        self.fill();
        match ready {
            Some(pair) => Ok(pair),
            None => blocking(generate).await,
        }
    }

    /// Makes keys, one after the other, in the background, until the pool is full or gone.
    fn fill(&self) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !pool.is_kept_full || pool.is_filling || pool.ready.len() >= POOL_SIZE {
            return;
        }
        pool.is_filling = true;
        let weak = Arc::downgrade(&self.0);
        tokio::task::spawn_blocking(move || {
            loop {
                let made = generate();
                let Some(pool) = weak.upgrade() else { return };
                let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
                match made {
                    Ok(pair) => pool.ready.push_back(pair),
                    Err(error) => {
                        tracing::warn!(%error, "cannot make a key pair");
                        pool.is_filling = false;
                        return;
                    }
                }
                if pool.ready.len() >= POOL_SIZE {
                    pool.is_filling = false;
                    return;
                }
            }
        });
    }
}

fn generate() -> Result<MutableKeyPair, MutableError> {
    let failed = |what: &str| MutableError::Internal(format!("cannot make an RSA key: {what}"));
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|error| failed(&error.to_string()))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|error| failed(&error.to_string()))?;
    Ok(MutableKeyPair::from_pkcs8_der(der.as_ref())?)
}
