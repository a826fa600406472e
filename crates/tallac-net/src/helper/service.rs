//! The helper's side: lets the peers of a tub reach any [`UploadHelper`].

use std::sync::Arc;

use foolscap::object::BoxFuture;
use foolscap::{Arguments, Failure, IncomingCall, Object, Referenceable, Value};
use tallac_core::helper::{AssistedUpload, Begun, UploadHelper};
use tallac_core::ids::StorageIndex;

use super::ciphertext::RemoteCiphertext;
use super::{CHK_UPLOAD_V1, HELPER, HELPER_V1, UPLOAD_HELPER, failure_of, messages, results};
use crate::foolscap_storage::values::{remote, storage_index};

/// `RIHelper`: what to register with a tub so that others may use a helper.
#[derive(Debug)]
pub struct HelperService {
    helper: Arc<dyn UploadHelper>,
    application: String,
}

impl HelperService {
    /// Lets others use this helper, which is part of that program.
    #[must_use]
    pub fn new(helper: Arc<dyn UploadHelper>, application: &str) -> Self {
        Self { helper, application: application.to_owned() }
    }

    async fn answer(&self, method: &str, arguments: Arguments) -> Result<Value, Failure> {
        match method {
            "get_version" => {
                let [] = arguments.bind([])?;
                Ok(messages::version(HELPER_V1, &self.application))
            }
            "upload_chk" => {
                let [si] = arguments.bind(["si"])?;
                let storage_index = storage_index(si)?;
                let begun = self.helper.begin(storage_index).await;
                Ok(match begun.map_err(|error| failure_of(&error))? {
                    Begun::Present(present) => {
                        Value::Tuple(vec![results::write(&present, storage_index), Value::None])
                    }
                    Begun::Wanted(upload) => {
                        let application = self.application.clone();
                        let upload = UploadService { upload, storage_index, application };
                        let upload = Object::Local(Arc::new(upload));
                        Value::Tuple(vec![Value::None, Value::Object(upload)])
                    }
                })
            }
            _ => Err(Failure::violation("there is no such method")),
        }
    }
}

impl Referenceable for HelperService {
    fn interface(&self) -> Option<&str> {
        Some(HELPER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { self.answer(&call.method, call.arguments).await })
    }
}

/// `RIUploadHelper`.
#[derive(Debug)]
struct UploadService {
    upload: Arc<dyn AssistedUpload>,
    storage_index: StorageIndex,
    application: String,
}

impl UploadService {
    async fn answer(&self, method: &str, arguments: Arguments) -> Result<Value, Failure> {
        match method {
            "get_version" => {
                let [] = arguments.bind([])?;
                Ok(messages::version(CHK_UPLOAD_V1, &self.application))
            }
            "upload" => {
                let [reader] = arguments.bind(["reader"])?;
                let ciphertext = Arc::new(RemoteCiphertext(remote(reader)?));
                let uploaded = self.upload.upload(ciphertext).await;
                let uploaded = uploaded.map_err(|error| failure_of(&error))?;
                Ok(results::write(&uploaded, self.storage_index))
            }
            _ => Err(Failure::violation("there is no such method")),
        }
    }
}

impl Referenceable for UploadService {
    fn interface(&self) -> Option<&str> {
        Some(UPLOAD_HELPER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { self.answer(&call.method, call.arguments).await })
    }
}
