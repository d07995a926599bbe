//! The IAM policy language, lossless: documents, matching, evaluation, quotas. Knows no service and no event.
