variable "alert_email" {
  description = "Address that gets alerts, reports and alarms; AWS asks it to confirm. This, `slack_secret_arn` or `config` has to be given."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.alert_email))
    error_message = "alert_email is an e-mail address."
  }
}

variable "slack_secret_arn" {
  description = "ARN of the Secrets Manager secret whose string is the address of a Slack incoming webhook."
  type        = string
  default     = null

  validation {
    condition     = var.slack_secret_arn == null || can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\\S+$", var.slack_secret_arn))
    error_message = "slack_secret_arn is the full ARN of a secret; the address itself belongs in the secret."
  }
}

variable "config" {
  description = "A configuration of your own in place of the one made of these inputs: its text (TOML or JSON, 3 KB at most), `ssm:/NAME` or `s3://BUCKET/KEY`. The ledger is set from outside."
  type        = string
  default     = null

  validation {
    condition     = var.config == null || can(regex("^(ssm:/[A-Za-z0-9_./-]+|s3://[a-z0-9][a-z0-9.-]+/[^*?]+)$", var.config)) || (can(regex("[={]", var.config)) && try(length(var.config), 0) <= 3072)
    error_message = "config is TOML or JSON of at most 3,072 characters, ssm:/NAME (a name that begins with a slash), or s3://BUCKET/KEY."
  }
}

variable "secret_arns" {
  description = "ARNs of the secrets and Systems Manager parameters that `config` takes secrets from."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/)[^*?]+$", arn))])
    error_message = "secret_arns are full ARNs of secrets or parameters, without wildcards."
  }
}

variable "topic_arns" {
  description = "ARNs of further SNS topics that `config` sends to. Not those under a customer-managed key."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.topic_arns : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "topic_arns are ARNs of SNS topics, without wildcards."
  }
}

variable "decrypt_key_arns" {
  description = "Customer-managed KMS keys that encrypt the secrets, the parameters, the configuration or the archive."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.decrypt_key_arns : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "decrypt_key_arns are ARNs of KMS keys, not of aliases."
  }
}

variable "mode" {
  description = "`account` watches this account and Region; `central` also takes what forwarders of an organization send to a bus of its own. A forwarder is `modules/forwarder`."
  type        = string
  default     = "account"

  validation {
    condition     = contains(["account", "central"], var.mode)
    error_message = "mode is account or central; a forwarder is a module of its own: modules/forwarder."
  }
}

variable "organization_id" {
  description = "Whose accounts may send to the bus; needed with `mode = \"central\"`."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id is an organization's id, such as o-exampleorgid."
  }
}

variable "include_read_events" {
  description = "Also watch read-only management events. CloudTrail counts sts:AssumeRole, kms:Decrypt, kms:GenerateDataKey and ssm:GetParameter among them, so without it most such denials are never seen."
  type        = bool
  default     = true
}

variable "read_policies" {
  description = "Read, for each denial, the policies in force and what AWS keeps of the refusal, so that the patch is proven on real policies. Reads only."
  type        = bool
  default     = false
}

variable "archive" {
  description = "The bucket where a trail puts its log files, if they are to be read too (data events among them): `bucket`, `prefix` of the keys, `account_id` of its owner if that is another account, `backfill` for a queue that takes lists of prefixes to read."
  type = object({
    bucket     = string
    prefix     = optional(string, "")
    account_id = optional(string)
    backfill   = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.archive == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.archive.bucket)) && !can(regex("[*?]", var.archive.prefix))
    error_message = "archive.bucket is the name of a bucket, and archive.prefix holds no wildcard."
  }
}

variable "report" {
  description = "Where the report is put as a page: `location`, BUCKET or BUCKET/PREFIX, and `kms_key_arn`, the customer-managed key of that bucket if it has one."
  type = object({
    location    = string
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.report == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]+)*$", var.report.location))
    error_message = "report.location is BUCKET or BUCKET/PREFIX without a slash at its end."
  }
}

variable "schedules" {
  description = "When the report, the digest and the sweep come (EventBridge Scheduler expressions), and in which IANA time zone."
  type = object({
    report    = optional(string, "cron(0 9 ? * MON *)")
    digest    = optional(string, "cron(0 9 * * ? *)")
    sweep     = optional(string, "rate(6 hours)")
    time_zone = optional(string, "UTC")
  })
  default = {}
}

variable "code" {
  description = "Where the zip with `bootstrap` is: `bucket`, in this Region, and `key`, a new one for each version. Without it the zip of the release that this module came with."
  type = object({
    bucket = string
    key    = string
  })
  default = null
}

variable "architecture" {
  description = "What the zip was built for: `x86_64` or `arm64`."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is arm64 or x86_64."
  }
}

variable "tuning" {
  description = "How it runs: events given to the function at once and how long they are collected, concurrency reserved for it (0: none; five copies work on the queue, five more on back-fills, and the schedules want one: 6, or 11 with a back-fill, at least), its memory in MB, days its log is kept, and the most read and write units a second of the ledger's table, which AWS holds at its best effort (0: none)."
  type = object({
    batch_size              = optional(number, 100)
    batching_window_seconds = optional(number, 20)
    reserved_concurrency    = optional(number, 0)
    memory_size             = optional(number, 256)
    log_retention_days      = optional(number, 30)
    table_max_units         = optional(number, 1000)
  })
  default = {}

  validation {
    condition     = var.tuning.batch_size >= 1 && var.tuning.batch_size <= 1000 && var.tuning.batching_window_seconds >= 0 && var.tuning.batching_window_seconds <= 300
    error_message = "tuning.batch_size is 1 to 1000, tuning.batching_window_seconds 0 to 300."
  }

  validation {
    condition     = var.tuning.batch_size <= 10 || var.tuning.batching_window_seconds >= 1
    error_message = "With tuning.batch_size over 10, AWS wants tuning.batching_window_seconds to be at least 1."
  }
}

variable "protect_ledger" {
  description = "Whether AWS refuses to delete the ledger's table. A changed `name` replaces the table, and would delete all findings and counts; so would `terraform destroy`, for which apply `false` first."
  type        = bool
  default     = true
}

variable "table_kms_key_arn" {
  description = "Customer-managed KMS key that encrypts the ledger's table; without it DynamoDB's own key."
  type        = string
  default     = null
}

variable "topic_kms_key_arn" {
  description = "Customer-managed KMS key that encrypts the topic. Its key policy must let cloudwatch.amazonaws.com use it, or the alarms stay silent."
  type        = string
  default     = null
}

variable "alarms" {
  description = "CloudWatch alarms that tell the topic when something is lost, late or failing."
  type        = bool
  default     = true
}

variable "dashboard" {
  description = "A CloudWatch dashboard of the line."
  type        = bool
  default     = true
}

variable "name" {
  description = "What everything here is called; another name for each copy in an account and Region. Choose it once: a changed name makes everything anew, the ledger too, which begins empty."
  type        = string
  default     = "denywatch"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,31}$", var.name))
    error_message = "name is a letter and then letters, digits and hyphens, 32 at most."
  }
}

variable "tags" {
  description = "Tags of everything here that takes tags."
  type        = map(string)
  default     = {}
}
