//! The IAM policy language, lossless: documents, matching, evaluation, quotas. Knows no service and no event.
//!
//! ```
//! use denywatch::policy::{Document, Policies, Request, evaluate};
//! let allow: Document = serde_json::from_str(
//!     r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}}"#,
//! )?;
//! let request = Request {
//!     principal: "arn:aws:iam::111122223333:user/ann".to_owned(),
//!     action: "s3:GetObject".to_owned(),
//!     resource: "arn:aws:s3:::b/k".to_owned(),
//!     ..Request::default()
//! };
//! let policies = Policies { identity: vec![allow], ..Policies::default() };
//! assert!(evaluate(&policies, &request).allowed);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod caller;
pub mod condition;
mod context;
pub mod covers;
pub mod document;
mod document_json;
pub mod evaluate;
mod facts;
mod gather;
mod json;
mod judge;
mod operator;
pub mod pattern;
pub mod principals;
mod resource;
pub mod simulate;
pub mod size;
mod value;

pub use context::{ContextValue, Request};
pub use document::{
    Actions, Conditions, Document, DocumentError, Effect, OneOrMany, PrincipalSet, Principals, Resources, Scalar,
    Statement, Version,
};
pub use evaluate::{Deciding, Decision, DecisionKind, Fit, Policies, PolicyType, evaluate, fit};
pub use simulate::simulate_line;
