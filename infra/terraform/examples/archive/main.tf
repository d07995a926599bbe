# The archive of a trail too: its new log files are read as they come (data events among them), and lists of its prefixes
# can be queued, so that the past is read by many copies at once.

provider "aws" {
  region = "eu-west-1"
}

variable "bucket" {
  description = "The trail's bucket, in this Region."
  type        = string
  default     = "example-trail"
}

variable "kms_key_arn" {
  description = "The key that encrypts the trail's log files."
  type        = string
  default     = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c4d-0000-4000-8000-000000000000"
}

module "denywatch" {
  source = "../.."

  alert_email      = "security@example.com"
  archive          = { bucket = var.bucket, prefix = "AWSLogs/", backfill = true }
  decrypt_key_arns = [var.kms_key_arn]
  tuning           = { memory_size = 512 }
}

# A bucket has one such configuration, so it belongs beside the bucket and not into the module.
resource "aws_s3_bucket_notification" "archive" {
  bucket = var.bucket

  queue {
    queue_arn     = module.denywatch.queue_arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "AWSLogs/"
    filter_suffix = ".json.gz"
  }
}
