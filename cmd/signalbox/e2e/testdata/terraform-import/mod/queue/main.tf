resource "aws_sqs_queue" "stock" { name = "stock" }
output "arn" { value = aws_sqs_queue.stock.arn }
