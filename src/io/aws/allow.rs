//! Every AWS call that denywatch may make, one line each, and why. What is not here never leaves the machine.
//!
//! Nothing here changes IAM, Organizations, or any policy, and nothing may be added that does.

/// One permitted call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Service name in the signature's credential scope; for an unsigned call, a word for people.
    pub service: &'static str,
    /// How the call looks on the wire.
    pub shape: Shape,
    /// What denywatch needs it for.
    pub why: &'static str,
}

/// How a call names its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Signed; `POST /` of JSON whose `x-amz-target` header is exactly this.
    Json(&'static str),
    /// Signed; `POST /` of a form whose one `Action` is exactly this.
    Query(&'static str),
    /// Unsigned; `POST /` of a form whose one `Action` is exactly this.
    UnsignedQuery(&'static str),
    /// Unsigned; this method on exactly this path.
    Unsigned(&'static str, &'static str),
    /// Unsigned; this method on a path that begins so.
    UnsignedBelow(&'static str, &'static str),
}

/// The list.
pub const ALLOWED: &[Allowed] = &[
    // Reads.
    allowed("cloudtrail", Shape::Json("CloudTrail_20131101.LookupEvents"), "`scan --lookup` reads Event history"),
    allowed("secretsmanager", Shape::Json("secretsmanager.GetSecretValue"), "the Slack webhook's URL"),
    allowed("ssm", Shape::Json("AmazonSSM.GetParameter"), "the Slack webhook's URL, the configuration"),
    // Sends.
    allowed("sns", Shape::Query("Publish"), "alerts and reports"),
    // The ledger: its own table's items, never the table itself.
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.GetItem"), "the ledger's schema version and deliveries"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.BatchGetItem"), "the ledger's findings and counted events"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.Query"), "the ledger's lists"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.PutItem"), "the ledger's runs, quarantine and schema version"),
    allowed("dynamodb", Shape::Json("DynamoDB_20120810.DeleteItem"), "what the ledger forgets"),
    allowed(
        "dynamodb",
        Shape::Json("DynamoDB_20120810.TransactWriteItems"),
        "events counted once, deliveries taken once",
    ),
    // Credentials: who we are. None of these lets anything be written.
    allowed("sts", Shape::Query("AssumeRole"), "a profile with `role_arn`"),
    allowed("sts", Shape::UnsignedQuery("AssumeRoleWithWebIdentity"), "a pod's or a workflow's role"),
    allowed("sso", Shape::Unsigned("GET", "/federation/credentials"), "a profile of IAM Identity Center"),
    allowed("sso-oidc", Shape::Unsigned("POST", "/token"), "renews the sign-in of that profile"),
    allowed("imds", Shape::Unsigned("PUT", "/latest/api/token"), "the session with an instance's metadata"),
    allowed("imds", Shape::UnsignedBelow("GET", "/latest/meta-data/"), "an instance's role and Region"),
    // Comes last: the container's address and path are the platform's choice.
    allowed("container", Shape::UnsignedBelow("GET", "/"), "a task's role (ECS, EKS, CloudShell)"),
];

const fn allowed(service: &'static str, shape: Shape, why: &'static str) -> Allowed {
    Allowed { service, shape, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_the_list_writes_policy() {
        for entry in ALLOWED {
            let name = match entry.shape {
                Shape::Json(target) => target.rsplit('.').next().unwrap(),
                Shape::Query(action) | Shape::UnsignedQuery(action) => action,
                Shape::Unsigned(..) | Shape::UnsignedBelow(..) => continue,
            };
            assert_ne!(entry.service, "iam");
            assert_ne!(entry.service, "organizations");
            let harmless = ["Get", "Lookup", "Publish", "AssumeRole"].iter().any(|start| name.starts_with(start));
            let items = entry.service == "dynamodb" && (name.contains("Item") || name == "Query");
            assert!(harmless || items, "{}:{name} is no read, no send, no ledger, no credential", entry.service);
        }
    }

    #[test]
    fn every_line_says_why() {
        assert!(ALLOWED.iter().all(|entry| !entry.why.is_empty()));
    }
}
