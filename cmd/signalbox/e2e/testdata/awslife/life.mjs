// The life of a bus, a rule and a target with the JavaScript SDK v3. It prints what it sees, a line each.
import { createRequire } from "node:module";

const [, , url, arn, root] = process.argv;
const sdk = createRequire(root + "/")("@aws-sdk/client-eventbridge");
const client = (accessKeyId, secretAccessKey) =>
  new sdk.EventBridge({ endpoint: url, region: "local", credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
const events = client("admin-client", process.env.ADMIN_SECRET);
const reader = client("reader-client", process.env.READER_SECRET);
const names = (page) => JSON.stringify(page.Rules.map((r) => r.Name));

console.log("created", (await events.createEventBus({ Name: "orders", Description: "All.", Tags: [{ Key: "team", Value: "shop" }] })).EventBusArn);
for (let i = 0; i < 5; i++) {
  await events.putRule({ Name: `rule-${i}`, EventBusName: "orders", EventPattern: JSON.stringify({ source: ["shop"], detail: { n: [i] } }) });
}
const first = await events.listRules({ EventBusName: "orders", Limit: 3 });
const rest = await events.listRules({ EventBusName: "orders", Limit: 3, NextToken: first.NextToken });
console.log("listed", names(first), names(rest), rest.NextToken !== undefined);
console.log("put", (await events.putTargets({ Rule: "rule-3", EventBusName: "orders", Targets: [{ Id: "t", Arn: arn, InputPath: "$.detail" }] })).FailedEntryCount);
console.log("targets", (await events.listTargetsByRule({ Rule: "rule-3", EventBusName: "orders" })).Targets[0].InputPath);
await events.updateEventBus({ Name: "orders", Description: "Some." });
const described = await events.describeEventBus({ Name: "orders" });
console.log("described", described.Description, described.LastModifiedTime >= described.CreationTime);
console.log("tags", JSON.stringify((await events.listTagsForResource({ ResourceARN: described.Arn })).Tags));
const entries = [2, 3].map((n) => ({ EventBusName: "orders", Source: "shop", DetailType: "OrderCreated", Detail: JSON.stringify({ n }) }));
console.log("sent", (await events.putEvents({ Entries: entries })).FailedEntryCount);
await events.disableRule({ Name: "rule-3", EventBusName: "orders" });
console.log("state", (await events.describeRule({ Name: "rule-3", EventBusName: "orders" })).State);
const calls = [
  () => events.deleteRule({ Name: "rule-3", EventBusName: "orders" }),
  () => events.createEventBus({ Name: "orders" }),
  () => events.describeRule({ Name: "none", EventBusName: "orders" }),
  () => events.putRule({ Name: "bad", EventPattern: '{"source": []}' }),
  () => reader.putRule({ Name: "rule-9", EventPattern: '{"source": ["shop"]}' }),
  () => client("admin-client", "a wrong secret that is long").listRules({}),
];
for (const call of calls) {
  try {
    await call();
    console.log("no error");
  } catch (err) {
    console.log("error", sdk[err.name] && err instanceof sdk[err.name] ? "own class" : err.constructor.name, err.name, err.$metadata.httpStatusCode);
  }
}
console.log("read", (await reader.listRules({ EventBusName: "orders" })).Rules.length);
await events.removeTargets({ Rule: "rule-3", EventBusName: "orders", Ids: ["t"] });
for (let i = 0; i < 5; i++) {
  await events.deleteRule({ Name: `rule-${i}`, EventBusName: "orders" });
}
await events.deleteEventBus({ Name: "orders" });
console.log("left", JSON.stringify((await events.listEventBuses({})).EventBuses.map((b) => b.Name)));
