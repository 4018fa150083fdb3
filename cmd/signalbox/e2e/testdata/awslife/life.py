"""The life of a bus, a rule and a target with boto3. It prints what it sees, a line each."""
import json
import os
import sys

import boto3

url, arn = sys.argv[1], sys.argv[2]


def client(key, secret):
    return boto3.client("events", endpoint_url=url, region_name="local", aws_access_key_id=key, aws_secret_access_key=secret)


events, reader = client("admin-client", os.environ["ADMIN_SECRET"]), client("reader-client", os.environ["READER_SECRET"])
print("created", events.create_event_bus(Name="orders", Tags=[{"Key": "team", "Value": "shop"}])["EventBusArn"])
for i in range(5):
    events.put_rule(Name=f"rule-{i}", EventBusName="orders", EventPattern=json.dumps({"source": ["shop"], "detail": {"n": [i]}}))
first = events.list_rules(EventBusName="orders", Limit=3)
rest = events.list_rules(EventBusName="orders", Limit=3, NextToken=first["NextToken"])
print("listed", [r["Name"] for r in first["Rules"]], [r["Name"] for r in rest["Rules"]], "NextToken" in rest)
print("put", events.put_targets(Rule="rule-3", EventBusName="orders", Targets=[{"Id": "t", "Arn": arn, "InputPath": "$.detail"}])["FailedEntryCount"])
print("targets", events.list_targets_by_rule(Rule="rule-3", EventBusName="orders")["Targets"][0]["InputPath"])
described = events.describe_event_bus(Name="orders")
print("described", described["Name"])
print("tags", events.list_tags_for_resource(ResourceARN=described["Arn"])["Tags"])
print("sent", events.put_events(Entries=[{"EventBusName": "orders", "Source": "shop", "DetailType": "OrderCreated", "Detail": json.dumps({"n": n})} for n in (2, 3)])["FailedEntryCount"])
events.disable_rule(Name="rule-3", EventBusName="orders")
print("state", events.describe_rule(Name="rule-3", EventBusName="orders")["State"])
for call in (
    lambda: events.delete_rule(Name="rule-3", EventBusName="orders"),
    lambda: events.create_event_bus(Name="orders"),
    lambda: events.describe_rule(Name="none", EventBusName="orders"),
    lambda: events.put_rule(Name="bad", EventPattern='{"source": []}'),
    lambda: reader.put_rule(Name="rule-9", EventPattern='{"source": ["shop"]}'),
    lambda: client("admin-client", "a wrong secret that is long").list_rules(),
):
    try:
        call()
        print("no error")
    except events.exceptions.ClientError as err:
        print("error", type(err).__name__, err.response["Error"]["Code"], err.response["ResponseMetadata"]["HTTPStatusCode"])
print("read", len(reader.list_rules(EventBusName="orders")["Rules"]))
events.remove_targets(Rule="rule-3", EventBusName="orders", Ids=["t"])
for i in range(5):
    events.delete_rule(Name=f"rule-{i}", EventBusName="orders")
events.delete_event_bus(Name="orders")
print("left", [b["Name"] for b in events.list_event_buses()["EventBuses"]])
