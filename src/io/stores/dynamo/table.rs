//! The table's operations, each tried again while AWS is busy and time is left.

use super::value::Item;
use crate::io::aws::signed::{CallError, DYNAMODB, Signed};
use crate::io::stores::LedgerError;
use serde_json::{Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Keys in one BatchGetItem: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const GET: usize = 100;
/// The first wait is up to this, each further one up to twice as long, `LONGEST` at most.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(3);

/// One table, until a deadline.
pub(super) struct Table<'a> {
    pub(super) signed: &'a Signed,
    /// Name or ARN.
    pub(super) name: &'a str,
    /// Nothing is begun or waited for after it.
    pub(super) until: Instant,
}

/// Why a transaction did not go through.
#[derive(Debug)]
pub(super) enum Refused {
    /// A condition did not hold, or another transaction was in the way: read again, decide again.
    Conflict,
    /// Another cause.
    Other(LedgerError),
}

impl Table<'_> {
    /// One item, as of now.
    pub(super) async fn get(&self, key: Item) -> Result<Option<Item>, LedgerError> {
        let answer =
            self.call("GetItem", json!({ "TableName": self.name, "Key": key, "ConsistentRead": true })).await?;
        Ok(answer.get("Item").and_then(Value::as_object).cloned())
    }

    /// The items with these keys that there are, as of now, in no order. No key may stand twice.
    pub(super) async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, LedgerError> {
        let (mut found, mut left, mut tries) = (Vec::new(), keys, 0);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(GET));
            let request = json!({ "RequestItems": { self.name: { "Keys": left, "ConsistentRead": true } } });
            let answer = self.call("BatchGetItem", request).await?;
            let items =
                answer.pointer("/Responses").and_then(Value::as_object).into_iter().flat_map(|all| all.values());
            found.extend(items.filter_map(Value::as_array).flatten().filter_map(Value::as_object).cloned());
            let unread = answer.pointer("/UnprocessedKeys").and_then(Value::as_object);
            let unread = unread.into_iter().flat_map(|all| all.values()).filter_map(|table| table.get("Keys"));
            let unread = unread.filter_map(Value::as_array).flatten().filter_map(Value::as_object).cloned();
            left = unread.collect();
            if !left.is_empty() {
                self.pause(tries, "it gave only part of what was asked").await?;
                tries += 1;
            }
            left.extend(rest);
        }
        Ok(found)
    }

    /// All items of a partition whose sort key begins so, as of now, in its order.
    pub(super) async fn query(&self, pk: &str, start: &str) -> Result<Vec<Item>, LedgerError> {
        let (condition, mut values) = ("pk = :pk", json!({ ":pk": { "S": pk } }));
        let condition = match start {
            "" => condition.to_owned(),
            start => {
                values[":sk"] = json!({ "S": start });
                format!("{condition} AND begins_with(sk, :sk)")
            }
        };
        let mut request = json!({
            "TableName": self.name, "ConsistentRead": true,
            "KeyConditionExpression": condition, "ExpressionAttributeValues": values,
        });
        let mut found = Vec::new();
        loop {
            let answer = self.call("Query", request.clone()).await?;
            let items = answer.get("Items").and_then(Value::as_array).into_iter().flatten();
            found.extend(items.filter_map(Value::as_object).cloned());
            match answer.get("LastEvaluatedKey").filter(|key| !key.is_null()) {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => return Ok(found),
            }
        }
    }

    /// Puts an item, whatever was there.
    pub(super) async fn put(&self, item: Item) -> Result<(), LedgerError> {
        self.call("PutItem", json!({ "TableName": self.name, "Item": item })).await.map(drop)
    }

    /// Puts an item where there was none; false when there was.
    pub(super) async fn put_new(&self, item: Item) -> Result<bool, LedgerError> {
        let request = json!({
            "TableName": self.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)",
        });
        match self.try_call("PutItem", request).await {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == "ConditionalCheckFailedException" => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Takes an item away; there may be none.
    pub(super) async fn delete(&self, key: Item) -> Result<(), LedgerError> {
        self.call("DeleteItem", json!({ "TableName": self.name, "Key": key })).await.map(drop)
    }

    /// All or nothing; at most 100 actions and 4 MB.
    ///
    /// After an error other than [`Refused::Conflict`] it may have gone through.
    pub(super) async fn transact(&self, actions: Vec<Value>) -> Result<(), Refused> {
        match self.try_call("TransactWriteItems", json!({ "TransactItems": actions })).await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Err(Refused::Conflict),
            Err(error) => Err(Refused::Other(self.failed(error))),
        }
    }

    /// Waits a random while that grows with the tries; an error when no time is left for it.
    pub(super) async fn pause(&self, tries: u32, why: &str) -> Result<(), LedgerError> {
        let longest = FIRST.saturating_mul(2_u32.saturating_pow(tries.min(10))).min(LONGEST);
        let millis = u64::try_from(longest.as_millis()).unwrap_or(1_000).max(1);
        let wait = Duration::from_millis(1 + RandomState::new().build_hasher().finish() % millis);
        if Instant::now() + wait >= self.until {
            return Err(LedgerError::Busy(format!("{why}, and no time was left for another try")));
        }
        sleep(wait).await;
        Ok(())
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, LedgerError> {
        self.try_call(operation, input).await.map_err(|error| self.failed(error))
    }

    /// Tries until AWS says yes or no, or no time is left.
    async fn try_call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let mut tries = 0;
        loop {
            let once = self.signed.call_once(DYNAMODB, operation, region_of(self.name), &input);
            let why = match timeout_at(self.until, once).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if is_busy(&error) => error.to_string(),
                Ok(Err(error)) => return Err(Fault::Call(error)),
                Err(_) => return Err(Fault::Ledger(LedgerError::Busy(format!("`{operation}`: no answer in time")))),
            };
            self.pause(tries, &why).await.map_err(Fault::Ledger)?;
            tries += 1;
        }
    }

    fn failed(&self, fault: Fault) -> LedgerError {
        let error = match fault {
            Fault::Ledger(error) => return error,
            Fault::Call(error) if error.is_retryable() => return LedgerError::Busy(error.to_string()),
            Fault::Call(error) => error,
        };
        let missing = matches!(&error, CallError::Service { code, .. } if code == "ResourceNotFoundException");
        let why = match missing {
            true => "there is no such table here: deploy infra/cloudformation/template.yaml, or make one with string \
                     keys `pk` and `sk`; `--store` takes its name, AWS_REGION its Region"
                .to_owned(),
            false => error.to_string(),
        };
        LedgerError::Table { table: self.name.to_owned(), why }
    }
}

/// An action that puts an item under a condition; `#ttl` in it stands for `ttl`, which is a reserved word.
pub(super) fn put_action(table: &str, item: Item, condition: &str, values: Value) -> Value {
    let mut put = json!({ "TableName": table, "Item": item, "ConditionExpression": condition });
    if values.as_object().is_some_and(|values| !values.is_empty()) {
        put["ExpressionAttributeValues"] = values;
    }
    if condition.contains("#ttl") {
        put["ExpressionAttributeNames"] = json!({ "#ttl": "ttl" });
    }
    json!({ "Put": put })
}

/// What stopped a call.
enum Fault {
    Call(CallError),
    Ledger(LedgerError),
}

fn code(fault: &Fault) -> &str {
    match fault {
        Fault::Call(CallError::Service { code, .. }) => code,
        Fault::Call(_) | Fault::Ledger(_) => "",
    }
}

/// Throttled inside a transaction AWS says so among the reasons of the cancellation only, which the message repeats.
fn is_busy(error: &CallError) -> bool {
    match error {
        CallError::Service { code, message, .. } if code == "TransactionCanceledException" => {
            !message.contains("ConditionalCheckFailed")
                && ["ThrottlingError", "ProvisionedThroughputExceeded"].iter().any(|word| message.contains(word))
        }
        other => other.is_retryable(),
    }
}

fn is_conflict(fault: &Fault) -> bool {
    let Fault::Call(CallError::Service { code, message, .. }) = fault else { return false };
    match code.as_str() {
        "TransactionCanceledException" => {
            ["ConditionalCheckFailed", "TransactionConflict"].iter().any(|word| message.contains(word))
        }
        code => ["TransactionConflictException", "TransactionInProgressException"].contains(&code),
    }
}

/// The Region in a table's ARN; `None` for a name.
fn region_of(table: &str) -> Option<&str> {
    table.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2))
}
