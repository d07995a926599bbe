//! What a state file or a plan tells: the attributes of each resource by its address.

use super::super::Hints;
use super::value::Val;
use crate::arn::Arn;
use crate::record::Problem;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Addresses such as `module.a.aws_iam_role.app["x"]` → their attributes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Known {
    resources: BTreeMap<String, Map<String, Value>>,
    /// The root's variables; plans tell them.
    pub variables: BTreeMap<String, Val>,
    /// The Region of what the policy belongs to, which is that of the deployment.
    pub region: Option<String>,
}

/// Reads the hints, and the ARN of what the policy belongs to; a hint that is no state and no plan is named.
pub(super) fn read(hints: &Hints, target: Option<&str>) -> (Known, Vec<Problem>) {
    let arn = target.and_then(|arn| arn.parse::<Arn>().ok());
    let region = arn.map(|arn| arn.region).filter(|region| !region.is_empty());
    let mut known = Known { region, ..Known::default() };
    let mut problems = Vec::new();
    // What is planned for comes after what is there: attributes that only the deployment makes are null in it.
    for file in hints.state.iter().chain(&hints.plan) {
        let read = serde_json::from_str(&file.text).map_err(|fault| format!("it is no JSON: {fault}"));
        let read = read.and_then(|value: Value| known.add(&value));
        problems.extend(read.err().map(|error| Problem { input: file.path.clone(), error }));
    }
    (known, problems)
}

impl Known {
    /// An attribute of a resource; `None` where nobody knows it.
    pub(super) fn attribute(&self, address: &str, name: &str) -> Option<Val> {
        let value = self.resources.get(address)?.get(name)?;
        (!value.is_null()).then(|| Val::from_json(value))
    }

    /// A state as it lies on disk (version 4), or what `terraform show -json` prints of a state or of a plan.
    /// See <https://developer.hashicorp.com/terraform/internals/json-format>.
    fn add(&mut self, value: &Value) -> Result<(), String> {
        let roots = ["/prior_state/values/root_module", "/values/root_module", "/planned_values/root_module"];
        let mut found = false;
        for root in roots.iter().filter_map(|root| value.pointer(root)) {
            self.module(root, 0);
            found = true;
        }
        if let Some(resources) = value.get("resources").and_then(Value::as_array) {
            resources.iter().for_each(|resource| self.on_disk(resource));
            found = true;
        }
        for (name, given) in value.get("variables").and_then(Value::as_object).into_iter().flatten() {
            self.variables.insert(name.clone(), Val::from_json(&given["value"]));
        }
        if found {
            Ok(())
        } else {
            Err("it is no Terraform state and no plan as `terraform show -json` prints it".into())
        }
    }

    fn module(&mut self, module: &Value, depth: usize) {
        for resource in module["resources"].as_array().into_iter().flatten() {
            if let (Some(address), Some(values)) = (resource["address"].as_str(), resource["values"].as_object()) {
                self.insert(address.to_owned(), values);
            }
        }
        let inner = module["child_modules"].as_array().into_iter().flatten();
        inner.filter(|_| depth < 32).for_each(|module| self.module(module, depth + 1));
    }

    fn on_disk(&mut self, resource: &Value) {
        let word = |name: &str| resource[name].as_str().unwrap_or_default();
        let module = word("module");
        let dot = if module.is_empty() { "" } else { "." };
        let data = if word("mode") == "data" { "data." } else { "" };
        for instance in resource["instances"].as_array().into_iter().flatten() {
            let index = match &instance["index_key"] {
                Value::String(key) => format!("[{}]", Value::from(key.as_str())),
                Value::Number(number) => format!("[{number}]"),
                _ => String::new(),
            };
            if let Some(values) = instance["attributes"].as_object() {
                self.insert(format!("{module}{dot}{data}{}.{}{index}", word("type"), word("name")), values);
            }
        }
    }

    /// What is known already stays where the newer source does not tell it.
    fn insert(&mut self, address: String, values: &Map<String, Value>) {
        let known = self.resources.entry(address).or_default();
        let told = values.iter().filter(|(_, value)| !value.is_null());
        known.extend(told.map(|(name, value)| (name.clone(), value.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::SourceFile;
    use serde_json::json;

    fn hinted(state: &Value) -> (Known, Vec<Problem>) {
        let file = SourceFile { path: "terraform.tfstate".into(), text: state.to_string() };
        read(&Hints { state: Some(file), ..Hints::default() }, None)
    }

    #[test]
    fn a_state_and_a_plan_tell_the_same() {
        let disk = json!({"version": 4, "resources": [{
            "module": "module.a", "mode": "managed", "type": "aws_iam_role", "name": "app",
            "instances": [{"index_key": "x", "attributes": {"name": "app-x", "arn": null}}],
        }]});
        let resource = json!({"address": "module.a.aws_iam_role.app[\"x\"]", "values": {"name": "app-x"}});
        let module = json!({"child_modules": [{"resources": [resource]}]});
        let plan = json!({"planned_values": {"root_module": module}, "variables": {"env": {"value": "dev"}}});
        for told in [disk, plan] {
            let (known, problems) = hinted(&told);
            assert_eq!(known.attribute("module.a.aws_iam_role.app[\"x\"]", "name"), Some(Val::text("app-x")));
            assert_eq!((known.attribute("module.a.aws_iam_role.app[\"x\"]", "arn"), problems.len()), (None, 0));
        }
    }

    #[test]
    fn another_file_is_named() {
        assert_eq!(hinted(&json!({"a": 1})).1[0].input, "terraform.tfstate");
    }
}
