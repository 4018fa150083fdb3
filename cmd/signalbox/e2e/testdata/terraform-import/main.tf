terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "fake"
  secret_key                  = "fake"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}

variable "crm_key" {
  type      = string
  sensitive = true
  default   = "s3cret-key"
}

variable "tenant" {
  type      = string
  sensitive = true
  default   = "s3cret-tenant"
}

resource "aws_sqs_queue" "jobs" { name = "jobs" }
resource "aws_sqs_queue" "dead" { name = "dead" }
resource "aws_s3_bucket" "uploads" { bucket_prefix = "uploads-" }

resource "aws_cloudwatch_event_bus" "shop" {
  name        = "orders"
  description = "Of the shop"
  tags        = { team = "shop" }
}

resource "aws_cloudwatch_event_rule" "big" {
  for_each       = { eu = 100, us = 200 }
  name           = "big-${each.key}"
  description    = "Over ${each.value}"
  event_bus_name = aws_cloudwatch_event_bus.shop.arn
  event_pattern  = jsonencode({ source = ["shop"], detail = { total = [{ numeric = [">", each.value] }] } })
  tags           = { stage = "test" }
}

resource "aws_cloudwatch_event_target" "big" {
  for_each       = aws_cloudwatch_event_rule.big
  rule           = each.value.name
  event_bus_name = aws_cloudwatch_event_bus.shop.arn
  target_id      = "jobs"
  arn            = aws_sqs_queue.jobs.arn
  input_transformer {
    input_paths    = { n = "$.detail.n" }
    input_template = jsonencode({ n = "<n>", bucket = "b" })
  }
  retry_policy {
    maximum_retry_attempts       = 4
    maximum_event_age_in_seconds = 3600
  }
  dead_letter_config { arn = aws_sqs_queue.dead.arn }
}

resource "aws_cloudwatch_event_rule" "unnamed" {
  count               = 2
  schedule_expression = "rate(${count.index + 2} minutes)"
}

resource "aws_cloudwatch_event_target" "unnamed" {
  count = 2
  rule  = aws_cloudwatch_event_rule.unnamed[count.index].name
  arn   = "arn:aws:sqs:eu-west-1:123456789012:tick-${count.index}"
  input = jsonencode({ tick = count.index })
}

resource "aws_cloudwatch_event_rule" "uploads" {
  name          = "uploads"
  event_pattern = jsonencode({ source = ["aws.s3"], detail = { bucket = { name = [aws_s3_bucket.uploads.id] } } })
}

resource "aws_cloudwatch_event_connection" "crm" {
  name               = "crm"
  authorization_type = "OAUTH_CLIENT_CREDENTIALS"
  auth_parameters {
    oauth {
      authorization_endpoint = "https://login.example.com/token"
      http_method            = "POST"
      client_parameters {
        client_id     = "id"
        client_secret = var.crm_key
      }
      oauth_http_parameters {
        query_string {
          key             = "audience"
          value           = "crm api"
          is_value_secret = false
        }
        body {
          key             = "scope"
          value           = var.tenant
          is_value_secret = false
        }
      }
    }
    invocation_http_parameters {
      header {
        key             = "X-Tenant"
        value           = "blue"
        is_value_secret = false
      }
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "orders" {
  name                             = "crm-orders"
  description                      = "Orders of the CRM"
  invocation_endpoint              = "https://crm.example.com/orders/*"
  http_method                      = "PUT"
  invocation_rate_limit_per_second = 20
  connection_arn                   = aws_cloudwatch_event_connection.crm.arn
}

resource "aws_cloudwatch_event_rule" "paid" {
  name          = "paid"
  event_pattern = jsonencode({ detail-type = ["OrderPaid"] })
  state         = "DISABLED"
}

resource "aws_cloudwatch_event_target" "paid" {
  rule     = aws_cloudwatch_event_rule.paid.name
  arn      = aws_cloudwatch_event_api_destination.orders.arn
  role_arn = "arn:aws:iam::123456789012:role/events"
  http_target {
    path_parameter_values   = ["$.detail.id"]
    query_string_parameters = { state = "paid" }
    header_parameters       = { X-Key = var.crm_key }
  }
}

resource "aws_cloudwatch_event_archive" "orders" {
  name             = "orders"
  event_source_arn = aws_cloudwatch_event_bus.shop.arn
  retention_days   = 30
  event_pattern    = jsonencode({ source = ["shop"] })
}

resource "aws_cloudwatch_event_permission" "other" {
  principal    = "111111111111"
  statement_id = "other"
}

resource "aws_scheduler_schedule" "nightly" {
  name                = "nightly"
  schedule_expression = "rate(1 day)"
  flexible_time_window { mode = "OFF" }
  target {
    arn      = aws_sqs_queue.jobs.arn
    role_arn = "arn:aws:iam::123456789012:role/s"
  }
}

module "queues" {
  source = "./mod/queue"
}

module "low" {
  for_each  = toset(["a", "b"])
  source    = "./mod/rule"
  name      = each.key
  queue_arn = module.queues.arn
  bus       = aws_cloudwatch_event_bus.shop.name
}
