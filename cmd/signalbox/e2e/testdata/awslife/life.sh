# The life of a bus, a rule and a target with the AWS CLI. It prints what it sees, a line each.
set -eu
arn=$2
events() { "$AWS" --endpoint-url "$1" --region local --no-cli-pager --output text events "${@:2}"; }
as_reader() { AWS_ACCESS_KEY_ID=reader-client AWS_SECRET_ACCESS_KEY=$READER_SECRET events "$@"; }
url=$1
export AWS_ACCESS_KEY_ID=admin-client AWS_SECRET_ACCESS_KEY=$ADMIN_SECRET
# refused says which error a call ends with.
refused() { if out=$("$@" 2>&1); then echo "no error"; else echo "error $(echo "$out" | grep -o '([A-Za-z]*)' | head -1)"; fi; }

echo "created $(events "$url" create-event-bus --name orders --tags Key=team,Value=shop --query EventBusArn)"
for i in 0 1 2 3; do
	events "$url" put-rule --name "rule-$i" --event-bus-name orders --event-pattern "{\"source\":[\"shop\"],\"detail\":{\"n\":[$i]}}" >/dev/null
done
echo "listed" $(events "$url" list-rules --event-bus-name orders --query 'Rules[].Name')
echo "put $(events "$url" put-targets --rule rule-3 --event-bus-name orders --targets "Id=t,Arn=$arn,InputPath=\$.detail" --query FailedEntryCount)"
echo "targets $(events "$url" list-targets-by-rule --rule rule-3 --event-bus-name orders --query 'Targets[0].InputPath')"
echo "described $(events "$url" describe-event-bus --name orders --query Name)"
echo "tags" $(events "$url" list-tags-for-resource --resource-arn "arn:aws:events:local:000000000000:event-bus/orders" --query 'Tags[0].[Key,Value]')
echo "sent $(events "$url" put-events --entries '[{"EventBusName":"orders","Source":"shop","DetailType":"OrderCreated","Detail":"{\"n\":3}"}]' --query FailedEntryCount)"
events "$url" disable-rule --name rule-3 --event-bus-name orders
echo "state $(events "$url" describe-rule --name rule-3 --event-bus-name orders --query State)"
refused events "$url" delete-rule --name rule-3 --event-bus-name orders
refused events "$url" create-event-bus --name orders
refused events "$url" describe-rule --name none --event-bus-name orders
refused as_reader "$url" put-rule --name rule-9 --event-pattern '{"source":["shop"]}'
echo "read" $(as_reader "$url" list-rules --event-bus-name orders --query 'length(Rules)')
events "$url" remove-targets --rule rule-3 --event-bus-name orders --ids t >/dev/null
for i in 0 1 2 3; do events "$url" delete-rule --name "rule-$i" --event-bus-name orders; done
events "$url" delete-event-bus --name orders
echo "left $(events "$url" list-event-buses --query 'EventBuses[].Name')"
