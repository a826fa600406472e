//! The client's file, which the helper calls for pieces of it: `RIEncryptedUploadable`.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use foolscap::object::BoxFuture as CallFuture;
use foolscap::{Arguments, Failure, IncomingCall, Object, Referenceable, RemoteReference, Value};
use tallac_core::helper::{BoxFuture, Ciphertext, CodingParameters, HelperError};

use super::messages::{parameters, read_ciphertext, read_parameters};
use super::{ENCRYPTED_UPLOADABLE, READ_LEN_MAX, error_of, failure_of};
use crate::foolscap_storage::values::{number, of_number};

/// Lets a helper read our file for as long as the [`Lent`] lives.
#[derive(Debug)]
struct Lender(Mutex<Option<Arc<dyn Ciphertext>>>);

/// A file lent to a helper. Once this is dropped there is nothing to read any more, whatever the
/// helper still holds.
#[derive(Debug)]
pub(super) struct Lent(Arc<Lender>);

impl Lent {
    pub(super) fn new(ciphertext: Arc<dyn Ciphertext>) -> Self {
        Self(Arc::new(Lender(Mutex::new(Some(ciphertext)))))
    }

    pub(super) fn object(&self) -> Value {
        Value::Object(Object::Local(Arc::clone(&self.0) as Arc<dyn Referenceable>))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Lender {
    async fn answer(&self, method: &str, arguments: Arguments) -> Result<Value, Failure> {
        let ciphertext = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ciphertext =
            ciphertext.ok_or_else(|| Failure::new("builtins.ValueError", "the file is closed"))?;
        let failed = |error| failure_of(&error);
        match method {
            "get_size" => {
                let [] = arguments.bind([])?;
                Ok(of_number(ciphertext.size().await.map_err(failed)?))
            }
            "get_all_encoding_parameters" => {
                let [] = arguments.bind([])?;
                Ok(parameters(&ciphertext.parameters().await.map_err(failed)?))
            }
            "read_encrypted" => {
                let [offset, len] = arguments.bind(["offset", "length"])?;
                let (offset, len) = (number(&offset)?, number(&len)?);
                let len = usize::try_from(len).ok().filter(|len| *len <= READ_LEN_MAX);
                let len = len.ok_or_else(|| Failure::violation("that is too much at once"))?;
                let bytes = ciphertext.read(offset, len).await.map_err(failed)?;
                Ok(Value::List(vec![Value::Bytes(bytes)]))
            }
            "close" => {
                let [] = arguments.bind([])?;
                ciphertext.close().await;
                Ok(Value::None)
            }
            _ => Err(Failure::violation("there is no such method")),
        }
    }
}

impl Referenceable for Lender {
    fn interface(&self) -> Option<&str> {
        Some(ENCRYPTED_UPLOADABLE)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> CallFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { self.answer(&call.method, call.arguments).await })
    }
}

/// A client's file, as its helper sees it.
#[derive(Debug)]
pub(super) struct RemoteCiphertext(pub(super) RemoteReference);

impl RemoteCiphertext {
    async fn call(&self, method: &str, arguments: Arguments) -> Result<Value, HelperError> {
        self.0.call(method, arguments).await.map_err(error_of)
    }
}

impl Ciphertext for RemoteCiphertext {
    fn size(&self) -> BoxFuture<'_, Result<u64, HelperError>> {
        Box::pin(async { Ok(number(&self.call("get_size", Arguments::none()).await?)?) })
    }

    fn parameters(&self) -> BoxFuture<'_, Result<CodingParameters, HelperError>> {
        Box::pin(async {
            let answer = self.call("get_all_encoding_parameters", Arguments::none()).await?;
            Ok(read_parameters(answer)?)
        })
    }

    fn read(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, HelperError>> {
        Box::pin(async move {
            let wanted = Value::Int(i128::try_from(len).unwrap_or(i128::MAX));
            let arguments = Arguments::positional(vec![of_number(offset), wanted]);
            let answer = self.call("read_encrypted", arguments).await?;
            Ok(read_ciphertext(answer, len)?)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.call("close", Arguments::none()).await {
                tracing::debug!(%error, "a client's file was not closed");
            }
        })
    }
}
