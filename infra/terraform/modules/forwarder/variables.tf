variable "bus_arn" {
  description = "Where the events go: the output `bus_arn` of the module that denywatch runs in. It comes first."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$", var.bus_arn))
    error_message = "bus_arn is the ARN of an event bus."
  }
}

variable "include_read_events" {
  description = "Also send read-only management events, such as sts:AssumeRole and kms:Decrypt; the module that denywatch runs in must say the same."
  type        = bool
  default     = true
}

variable "dead_letters_arn" {
  description = "A queue of yours in this account and Region that keeps what could not be sent for a day."
  type        = string
  default     = null
}

variable "name" {
  description = "What the rules are called; another name for each copy in an account and Region."
  type        = string
  default     = "denywatch-forwarder"

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
