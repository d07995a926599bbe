//! Fetches secrets once: `secretsmanager:GetSecretValue`, `ssm:GetParameter`.

use super::signed::{CallError, SECRETS_MANAGER, SSM, Signed};
use crate::io::secret::{Secret, SecretRef};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// Why a secret is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// AWS did not give it.
    #[error("cannot read secret `{name}`: {source}")]
    Call {
        /// Its name, never its value.
        name: String,
        /// What went wrong.
        source: CallError,
    },
    /// The answer holds no text; a binary secret is of no use here.
    #[error("secret `{0}` holds no text")]
    NoText(String),
}

impl SecretError {
    /// Whether it may be at hand later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call { source, .. } => source.is_retryable(),
            Self::NoText(_) => false,
        }
    }
}

/// Fetches secrets and keeps them for the life of the process.
#[derive(Debug)]
pub struct Secrets {
    signed: Signed,
    kept: Mutex<BTreeMap<SecretRef, Secret>>,
}

impl Secrets {
    /// Nothing is fetched yet.
    pub fn new(signed: Signed) -> Self {
        Self { signed, kept: Mutex::default() }
    }

    /// The secret behind `name`, fetched the first time.
    ///
    /// # Errors
    /// [`SecretError`]; failures are not kept.
    pub async fn get(&self, name: &SecretRef) -> Result<Secret, SecretError> {
        let mut kept = self.kept.lock().await;
        if let Some(secret) = kept.get(name) {
            return Ok(secret.clone());
        }
        let secret = Secret::new(&fetch(&self.signed, name).await?);
        kept.insert(name.clone(), secret.clone());
        Ok(secret)
    }

    /// Drops the kept value, so that a rotated one is fetched next.
    pub async fn forget(&self, name: &SecretRef) {
        self.kept.lock().await.remove(name);
    }
}

/// The text behind `name`, decrypted by AWS.
///
/// # Errors
/// [`SecretError`].
pub async fn fetch(signed: &Signed, name: &SecretRef) -> Result<String, SecretError> {
    let (answer, path) = match name {
        SecretRef::SecretsManager(arn) => {
            let input = json!({ "SecretId": arn });
            (signed.call(SECRETS_MANAGER, "GetSecretValue", name.region(), &input).await, "/SecretString")
        }
        SecretRef::Parameter(parameter) => {
            let input = json!({ "Name": parameter, "WithDecryption": true });
            (signed.call(SSM, "GetParameter", name.region(), &input).await, "/Parameter/Value")
        }
    };
    let answer = answer.map_err(|source| SecretError::Call { name: name.to_string(), source })?;
    let text = answer.pointer(path).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| SecretError::NoText(name.to_string()))
}
