//! Messages as their receivers get them, shown at the terminal.

use super::{Global, Output, print};
use crate::io::sinks::Message;
use serde_json::{Map, Value};

/// Shows one message. `head` is its line above the text; `facts` stand beside it in JSON.
pub(super) fn show(head: &str, facts: Map<String, Value>, message: &Message, global: &Global) -> anyhow::Result<()> {
    if global.output != Output::Text {
        let mut one = facts;
        one.insert("message".to_owned(), serde_json::to_value(message)?);
        return print::json(&one, global.output == Output::Json);
    }
    print::out(&format!("=== {head}\n{}\n", message.subject))?;
    match message.json.is_null() {
        true => print::out(&format!("\n{}\n", message.body))?,
        false => print::json(&message.json, true)?,
    }
    for below in &message.thread {
        print::out("--- in its thread\n")?;
        print::json(below, true)?;
    }
    message.files.iter().try_for_each(|file| print::out(&format!("--- {}\n{}\n", file.name, file.text)))
}
