# An organization: denywatch in one account, a forwarder in each further account and Region, and in us-east-1 for the global
# services. For many accounts use a StackSet of infra/cloudformation/forwarder.yaml, or one module call an account.

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "global"
  region = "us-east-1"
}

provider "aws" {
  alias  = "member"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::444455556666:role/infrastructure"
  }
}

provider "aws" {
  alias  = "member_global"
  region = "us-east-1"

  assume_role {
    role_arn = "arn:aws:iam::444455556666:role/infrastructure"
  }
}

module "denywatch" {
  source = "../.."

  mode            = "central"
  organization_id = "o-exampleorgid"
  alert_email     = "security@example.com"
  tuning          = { reserved_concurrency = 6 }
}

# The centre's own global services; its home Region has the centre's rules.
module "global" {
  source    = "../../modules/forwarder"
  providers = { aws = aws.global }

  bus_arn = module.denywatch.bus_arn
}

module "member" {
  source    = "../../modules/forwarder"
  providers = { aws = aws.member }

  bus_arn = module.denywatch.bus_arn
}

module "member_global" {
  source    = "../../modules/forwarder"
  providers = { aws = aws.member_global }

  bus_arn = module.denywatch.bus_arn
}
