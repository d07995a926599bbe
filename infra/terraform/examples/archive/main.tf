# The archive of a trail too: its new log files are read as they come (data events among them), and lists of its prefixes
# can be queued, so that the past is read by many copies at once.

provider "aws" {
  region = "eu-west-1"
}

resource "aws_kms_key" "archive" {
  description = "Encrypts the trail's log files"
}

resource "aws_s3_bucket" "archive" {
  bucket = "example-trail"
}

module "denywatch" {
  source = "../.."

  alert_email      = "security@example.com"
  archive          = { bucket = aws_s3_bucket.archive.bucket, prefix = "AWSLogs/", backfill = true }
  decrypt_key_arns = [aws_kms_key.archive.arn]
  tuning           = { memory_size = 512 }
}

# A bucket has one such configuration, so it belongs beside the bucket and not into the module.
resource "aws_s3_bucket_notification" "archive" {
  bucket = aws_s3_bucket.archive.bucket

  queue {
    queue_arn     = module.denywatch.queue_arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "AWSLogs/"
    filter_suffix = ".json.gz"
  }
}
