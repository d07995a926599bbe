//! Bytes → `Record`: one CloudTrail event, read tolerantly. Knows JSON, not IAM.
