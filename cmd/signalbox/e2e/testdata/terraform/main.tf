terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "url" { type = string }
variable "secret" { type = string }
variable "stage" { type = number }

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "admin-client"
  secret_key                  = var.secret
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {
    eventbridge = var.url
  }
}

locals { first = var.stage == 1 }

resource "aws_cloudwatch_event_bus" "orders" {
  name        = "orders"
  description = local.first ? "All $${orders}." : null
  tags        = local.first ? { team = "shop", stage = "1" } : { team = "shop" }
}

resource "aws_cloudwatch_event_bus" "open" {
  name = "open"
}

resource "aws_cloudwatch_event_bus_policy" "open" {
  event_bus_name = aws_cloudwatch_event_bus.open.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "all", Effect = "Allow", Principal = "*", Action = "events:PutEvents", Resource = aws_cloudwatch_event_bus.open.arn }]
  })
}

resource "aws_cloudwatch_event_permission" "other" {
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  principal      = local.first ? "111111111111" : "222222222222"
  statement_id   = "other"
}

resource "aws_cloudwatch_event_rule" "big" {
  name           = "big"
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  description    = local.first ? "Big ones" : null
  state          = local.first ? "ENABLED" : "DISABLED"
  event_pattern = jsonencode({
    source = ["shop"], detail = { total = [{ numeric = [">", local.first ? 100 : 100.5] }], note = [{ prefix = "<&>" }] }
  })
  tags = { stage = tostring(var.stage) }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "nightly"
  schedule_expression = local.first ? "cron(0 2 * * ? *)" : "rate(1 day)"
}

resource "aws_cloudwatch_event_target" "hall" {
  rule           = aws_cloudwatch_event_rule.big.name
  event_bus_name = aws_cloudwatch_event_bus.orders.arn
  target_id      = "hall"
  arn            = "arn:aws:lambda:eu-west-1:000000000000:function:hall"
  input_transformer {
    input_paths    = { id = "$.detail.id", total = "$.detail.total" }
    input_template = "{\"id\": <id>, \"total\": <total>, \"stage\": ${var.stage}}"
  }
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = local.first ? 0 : 5
  }
  dead_letter_config {
    arn = "arn:aws:sqs:eu-west-1:000000000000:dead"
  }
}

resource "aws_cloudwatch_event_target" "nightly" {
  rule  = aws_cloudwatch_event_rule.nightly.name
  arn   = "arn:aws:lambda:eu-west-1:000000000000:function:hall"
  input = jsonencode({ night = true })
}

resource "aws_cloudwatch_event_target" "crm" {
  rule           = aws_cloudwatch_event_rule.big.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "crm"
  arn            = aws_cloudwatch_event_api_destination.orders.arn
  role_arn       = "arn:aws:iam::000000000000:role/events"
  input_path     = "$.detail"
  http_target {
    path_parameter_values   = ["$.detail.id"]
    header_parameters       = { X-Stage = tostring(var.stage) }
    query_string_parameters = { stage = tostring(var.stage) }
  }
}

resource "aws_cloudwatch_event_archive" "all" {
  name             = "all"
  event_source_arn = aws_cloudwatch_event_bus.orders.arn
  retention_days   = local.first ? 0 : 7
  event_pattern    = jsonencode({ source = [local.first ? "shop" : "stock"] })
}

resource "aws_cloudwatch_event_connection" "crm" {
  name               = "crm"
  description        = "The CRM"
  authorization_type = local.first ? "API_KEY" : "OAUTH_CLIENT_CREDENTIALS"
  auth_parameters {
    dynamic "api_key" {
      for_each = local.first ? [1] : []
      content {
        key   = "X-Api-Key"
        value = "a-key-of-the-crm"
      }
    }
    dynamic "oauth" {
      for_each = local.first ? [] : [1]
      content {
        authorization_endpoint = "https://login.example.com/token"
        http_method            = "POST"
        client_parameters {
          client_id     = "router"
          client_secret = "a-secret-of-the-crm"
        }
        oauth_http_parameters {
          body {
            key   = "scope"
            value = "orders"
          }
        }
      }
    }
    invocation_http_parameters {
      header {
        key   = "X-Tenant"
        value = "shop"
      }
      body {
        key             = "token"
        value           = "another-secret-of-the-crm"
        is_value_secret = true
      }
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "orders" {
  name                             = "crm-orders"
  connection_arn                   = aws_cloudwatch_event_connection.crm.arn
  invocation_endpoint              = "https://crm.example.com/orders/*"
  http_method                      = local.first ? "POST" : "PUT"
  invocation_rate_limit_per_second = local.first ? null : 20
}

data "aws_cloudwatch_event_bus" "orders" {
  name = aws_cloudwatch_event_bus.orders.name
}

data "aws_cloudwatch_event_buses" "all" {
  depends_on = [aws_cloudwatch_event_bus.open]
}

data "aws_cloudwatch_event_connection" "crm" {
  name = aws_cloudwatch_event_connection.crm.name
}

output "bus" { value = data.aws_cloudwatch_event_bus.orders.arn }
output "buses" { value = join(",", data.aws_cloudwatch_event_buses.all.event_buses[*].name) }
output "connection" { value = data.aws_cloudwatch_event_connection.crm.authorization_type }
