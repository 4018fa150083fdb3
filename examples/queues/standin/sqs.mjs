// A stand-in for SQS: fauxqs at a port, with a queue in memory.
import { execFileSync } from "node:child_process";

const [, , port, queue] = process.argv;
const dist = "file://" + execFileSync("npm", ["root", "-g"], { encoding: "utf8" }).trim() + "/fauxqs/dist";
const { buildApp } = await import(dist + "/app.js");
const { SqsStore } = await import(dist + "/sqs/sqsStore.js");
const sqsStore = new SqsStore();
sqsStore.host = ""; // queues are known by the address of the request
await buildApp({ logger: false, stores: { sqsStore } }).listen({ port: Number(port), host: "127.0.0.1" });
const made = await fetch("http://127.0.0.1:" + port, {
	method: "POST",
	headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.CreateQueue" },
	body: JSON.stringify({ QueueName: queue }),
});
console.log(made.status, await made.text());
