//! What a cold start costs at least: a function that builds the SDK clients which `bootstrap` builds, and answers nothing.
//! `benches/cold_start/run.py` holds the real one against it.

use aws_sdk_iamtoolbox as toolbox;
use aws_sdk_sns as sns;
use denywatch::io::aws::{Aws, Options};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::load(&Options::default()).await;
    let clients = &(sns::Client::new(aws.config()), toolbox::Client::new(aws.config()));
    let answer = |_: LambdaEvent<Value>| async move {
        std::hint::black_box(clients);
        Ok::<Value, Error>(json!({ "batchItemFailures": [] }))
    };
    lambda_runtime::run(service_fn(answer)).await
}
