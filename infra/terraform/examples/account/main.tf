# One account, its home Region, and the global services, which speak in us-east-1. An e-mail address is all that is asked.

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "global"
  region = "us-east-1"
}

module "denywatch" {
  source = "../.."

  alert_email = "security@example.com"
}

module "global" {
  source    = "../../modules/forwarder"
  providers = { aws = aws.global }

  bus_arn = module.denywatch.bus_arn
}

output "table" {
  value = module.denywatch.table_name
}
