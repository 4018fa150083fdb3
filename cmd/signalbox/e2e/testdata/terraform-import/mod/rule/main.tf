variable "name" { type = string }
variable "queue_arn" { type = string }
variable "bus" { type = string }
resource "aws_cloudwatch_event_rule" "low" {
  name           = "low-${var.name}"
  event_bus_name = var.bus
  event_pattern  = jsonencode({ source = ["stock"], detail = { level = [{ numeric = ["<", 5] }] } })
}
resource "aws_cloudwatch_event_target" "low" {
  rule           = aws_cloudwatch_event_rule.low.name
  event_bus_name = var.bus
  arn            = var.queue_arn
}
