# The ledger: findings, counts, what was told.

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:table_kms_key_arn sets a customer key; without it DynamoDB encrypts with its own
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"
  # A changed name replaces the table. The template keeps the old one then; here AWS refuses to take it away.
  deletion_protection_enabled = var.protect_ledger

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "on_demand_throughput" {
    for_each = var.tuning.table_max_units == 0 ? [] : [var.tuning.table_max_units]
    content {
      max_read_request_units  = on_demand_throughput.value
      max_write_request_units = on_demand_throughput.value
    }
  }

  dynamic "server_side_encryption" {
    for_each = var.table_kms_key_arn[*]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }

  tags = var.tags
}
