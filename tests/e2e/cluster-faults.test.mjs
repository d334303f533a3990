// What happens to the cluster when Redis or a node fails: clients of a server never notice, and what crosses is back at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startEmitter, startNode, startNodeServer } from "./harness/cluster.mjs";
import { ask, connect, eventually, freePort, freeze, limitHits, record, request } from "./harness/index.mjs";
import { startRedis } from "./harness/redis.mjs";

/** Cross-node delivery has to be back within this. */
const BACK_MS = 2_000;
const RESTARTS = Number(process.env.REDIS_RESTARTS ?? 3);
const HANG_S = Number(process.env.REDIS_HANG_S ?? 4);

const does = (socket, operation, target) => ask(socket, "do", operation, target ?? null);
const emit = (socket, name, args = [], target) => does(socket, { do: "emit", name, args }, target);
const ready = async (host) => (await request(host, { path: "/readyz", base: host.internal })).json;

/** What `/metrics` has under this name, with this text in its labels. */
async function metric(host, name, label = "") {
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  const line = text.split("\n").find((line) => line.startsWith(name) && line.includes(label));
  return Number(line?.split(" ").at(-1) ?? 0);
}

async function pair(t, redis, options = {}) {
  const [one, two] = await Promise.all([startNode(t, redis, { node: "one_", ...options }), startNode(t, redis, { node: "two_", ...options })]);
  for (const host of [one, two]) await eventually("it is in the cluster", async () => (await ready(host)).status === "ready");
  return [one, two];
}

/** Emits on one host until a client of another one has it. Returns after how many milliseconds. */
async function crosses(sender, receiver, ms = BACK_MS) {
  const began = Date.now();
  let arrived = false;
  const take = () => (arrived = true);
  receiver.on("crossing", take);
  await eventually(`what is emitted here arrives there within ${ms} ms`, async () => {
    await emit(sender, "crossing");
    return arrived;
  }, ms);
  receiver.off("crossing", take);
  return Date.now() - began;
}

test("a server starts without Redis, says so, and is in the cluster as soon as Redis is there", async (t) => {
  const port = await freePort();
  const redis = { url: `redis://127.0.0.1:${port}` };
  const [one, two] = await Promise.all([startNode(t, redis), startNode(t, redis, { adapter: { required_for_ready: true } })]);
  const [ours, theirs] = await Promise.all([connect(one), connect(two)]);
  const seen = record(ours, "x");
  await emit(ours, "x", ["local"]);
  await eventually("local clients are served", () => seen.length === 1);
  const line = await one.waitForLog(({ text, message }) => (message ?? text ?? "").includes("Redis cannot be reached"), "the log says so");
  assert.match(JSON.stringify(line), new RegExp(`127.0.0.1:${port}.*is Redis running there`));
  const degraded = await ready(one);
  assert.deepEqual([degraded.status, Object.keys(degraded.redis_down_s)], ["degraded", ["commands", "publishing", "subscribing"]]);
  assert.equal((await request(two, { path: "/readyz", base: two.internal })).status, 503);
  const began = Date.now();
  const answers = await does(ours, { do: "fetch" }, { timeoutMs: 5_000 });
  assert.deepEqual([answers.sockets.length, answers.nodesMissing], [1, 1]);
  assert.ok(Date.now() - began < 2_000, "nobody waits for nodes that cannot be reached");
  await startRedis(t, { port });
  await crosses(ours, theirs, 5_000);
  await eventually("the server is ready", async () => (await ready(two)).status === "ready");
});

test(`Redis is killed and started again ${RESTARTS} times: local clients lose nothing, and what crosses is back within two seconds`, async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await pair(t, redis);
  const [sender, local, remote] = await Promise.all([connect(one), connect(one), connect(two)]);
  const seen = record(local, "n");
  let [sent, ends] = [0, false];
  const load = (async () => {
    while (!ends) {
      await Promise.all(Array.from({ length: 10 }, () => emit(sender, "n", [(sent += 1)])));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  for (let round = 0; round < RESTARTS; round += 1) {
    await redis.kill();
    await eventually("the server notices", async () => (await ready(one)).status === "degraded");
    await new Promise((resolve) => setTimeout(resolve, 300 * Math.random()));
    await redis.start();
    await crosses(await connect(one), remote);
    await crosses(remote, local);
  }
  ends = true;
  await load;
  await eventually("the last local delivery is there", () => seen.at(-1)?.[1] === sent);
  assert.deepEqual(seen.map(([, number]) => number), Array.from({ length: sent }, (_, index) => index + 1), "nothing lost, doubled or out of order");
  // One line for each change of each of the three connections, and not one for each try.
  const lines = one.logs.filter(({ message }) => message?.startsWith("Redis is away"));
  assert.ok(lines.length <= 3 * RESTARTS, `${lines.length} lines`);
  assert.ok((await metric(one, "innkeeper_redis_connects_total", "publishing")) > RESTARTS);
});

test(`Redis hangs for ${HANG_S} seconds: local clients notice nothing, what waits is bounded, and what crosses is back`, async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await pair(t, redis);
  const [sender, local, remote] = await Promise.all([connect(one), connect(one), connect(two)]);
  await crosses(sender, remote);
  redis.pause();
  t.after(() => redis.resume());
  const text = "x".repeat(10_000);
  const until = Date.now() + HANG_S * 1_000;
  const seen = record(local, "n");
  let [sent, slowest] = [0, 0];
  while (Date.now() < until) {
    const began = Date.now();
    await emit(sender, "n", [text]);
    slowest = Math.max(slowest, Date.now() - began);
    sent += 1;
  }
  await eventually("all local deliveries are there", () => seen.length === sent);
  assert.ok(await metric(one, "innkeeper_cluster_messages_dropped_total", "old"), "what waited for too long is dropped and counted");
  assert.ok((await metric(one, "innkeeper_cluster_waiting_bytes")) <= 8 << 20);
  assert.equal((await ready(one)).status, "degraded");
  const partial = await does(sender, { do: "count" }, { timeoutMs: 1_000 });
  assert.equal(partial, 2, "a question is answered with what this node has");
  redis.resume();
  await crosses(sender, remote);
  await crosses(remote, local);
  assert.ok(slowest < 1_000, `a local emit took ${slowest} ms`);
});

test("connections that Redis closes are made again", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await pair(t, redis);
  const [ours, theirs] = await Promise.all([connect(one), connect(two)]);
  for (const type of ["normal", "pubsub", "pubsub"]) {
    await redis.cli("CLIENT", "KILL", "TYPE", type);
    await crosses(ours, theirs);
    await crosses(theirs, ours);
  }
});

test("a password that is wrong is named, and the right one lets the server in", async (t) => {
  const redis = await startRedis(t, { password: "right one" });
  const one = await startNode(t, { url: redis.url.replace("right", "wrong") });
  const line = await one.waitForLog(({ message }) => message?.includes("Redis cannot be reached"), "the log says so");
  assert.match(line.message, /WRONGPASS.*correct user and password/);
  assert.ok(!one.text.includes("wrong%20one"), "the password is in no line");
  const none = await startNode(t, { url: `redis://127.0.0.1:${redis.port}` });
  const noauth = await none.waitForLog(({ message }) => message?.includes("Redis cannot be reached"), "the log says so");
  assert.match(noauth.message, /NOAUTH.*give a user and a password/);
  await pair(t, redis);
});

test("a node that is killed is not waited for, and its sockets are gone", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await pair(t, redis);
  const [ours, theirs] = await Promise.all([connect(one), connect(two)]);
  assert.equal((await does(ours, { do: "fetch" })).sockets.length, 2);
  two.signal("SIGKILL");
  await two.ended;
  const began = Date.now();
  const { sockets, nodesMissing } = await does(ours, { do: "fetch" });
  assert.ok(Date.now() - began < 3_500, "no longer than one request's timeout");
  assert.deepEqual([sockets.map(({ id }) => id), nodesMissing], [[ours.id], 0]);
  theirs.close();
});

test("a node that hangs is waited for as long as the timeout says, and is then missing", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await pair(t, redis);
  const node = await startNodeServer(t, redis);
  const [ours, theirs] = await Promise.all([connect(one), connect(node)]);
  await eventually("all three are there", async () => {
    const { sockets } = await does(ours, { do: "fetch" });
    return sockets.length === 2 && (await metric(one, "innkeeper_cluster_other_nodes")) === 2;
  });
  freeze(two.pid);
  t.after(() => two.signal("SIGCONT"));
  const began = Date.now();
  const partial = await does(ours, { do: "fetch" }, { timeoutMs: 700 });
  const took = Date.now() - began;
  assert.deepEqual([partial.sockets.length, partial.nodesMissing], [2, 1]);
  assert.ok(took >= 650 && took < 2_500, `${took} ms`);
  const answers = await does(ours, { do: "server-side-emit-with-ack", name: "question", args: [1] }, { timeoutMs: 500 });
  assert.deepEqual([answers.responses.length, answers.nodesMissing], [1, 1]);
  const asked = await does(ours, { do: "emit-with-ack", name: "nobody answers", args: [] }, { timeoutMs: 300, rooms: ["none"] });
  assert.deepEqual([asked.rest.unanswered, asked.rest.nodesMissing], [0, 1]);
  theirs.close();
});

test("what strangers publish on the channels is ignored and counted, and hurts nobody", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await pair(t, redis, { adapter: { python_channel: "socketio" } });
  const { client } = await startEmitter(t, redis);
  const [ours, theirs] = await Promise.all([connect(one), connect(two)]);
  const seen = record(ours, "x", "y");
  const { encode } = (await import("notepack.io")).default;
  const broadcast = (packet, opts = { rooms: [], except: [], flags: {} }, uid = "stranger") => encode([uid, packet, opts]);
  const event = (...data) => ({ type: 2, data, nsp: "/" });
  const deep = (depth) => (depth === 0 ? 1 : [deep(depth - 1)]);
  const malformed = [
    Buffer.alloc(0), Buffer.from([0xc1]), Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.from("{}"), encode({}), encode([1, 2, 3]), encode(["a", null, null]),
    broadcast({ type: 0, data: ["x"], nsp: "/" }), broadcast({ type: 2, nsp: "/" }), broadcast(event()), broadcast({ type: 2, data: 7, nsp: "/" }),
    broadcast(event("x", deep(600))), broadcast(event("x".repeat(2_000))), broadcast(event("x"), { rooms: ["r".repeat(2_000)] }),
    broadcast(event("x"), { rooms: Array.from({ length: 10_001 }, (_, index) => `r${index}`) }), broadcast(event("x"), { rooms: [{}] }),
    broadcast(event("x", ...Array.from({ length: 11 }, () => Buffer.from("a")))), broadcast(event("x", Buffer.from("a"), { _placeholder: true, num: 0 })),
    Buffer.concat([broadcast(event("x")), Buffer.from([0])]), broadcast(event("x", "z".repeat(17 << 20))),
  ];
  for (const message of malformed) await client.publish("socket.io#/#", message);
  const requests = [
    "", "{", "{}", "[]", "null", '{"type":99}', '{"type":2}', '{"type":3,"rooms":["a"]}', '{"type":4,"close":true}', '{"type":5}', '{"type":6}', '{"type":6,"data":"x"}', '{"type":7}',
    `{"type":2,"opts":{"rooms":["${"r".repeat(2_000)}"]},"rooms":["a"]}`, '{"type":2,"opts":{"rooms":7},"rooms":["a"]}', '{"type":0}', '{"type":1}',
    encode({ type: 7, requestId: "r", uid: "u", packet: event("x") }), encode({ type: 7, requestId: "r", uid: "u", packet: 7, opts: {} }), encode({ type: 1 }),
  ];
  for (const message of requests) await client.publish("socket.io-request#/#", message);
  for (const message of ["", "{", "{}", '{"requestId":7}', '{"requestId":"unknown","sockets":7}', encode({ type: 9 }), encode({ requestId: "x" })]) await client.publish("socket.io-response#/#", message);
  for (const message of ["", "{", "{}", '{"method":"emit"}', '{"method":"disconnect"}', Buffer.from([0x80, 4, 0x95])]) await client.publish("socketio", message);
  await client.publish("socket.io#/#", broadcast(event("y", "still here")));
  await eventually("what is whole arrives", () => seen.length === 1);
  assert.deepEqual(seen, [["y", "still here"]]);
  await crosses(theirs, ours);
  assert.ok((await metric(one, "innkeeper_cluster_messages_ignored_total")) >= 30);
  assert.equal(await limitHits(one, "PEER_MESSAGE_BYTES_MAX"), 1);
  const lines = one.logs.filter(({ message }) => message?.includes("is ignored"));
  assert.ok(lines.length >= 1 && lines.length <= 10, `${lines.length} lines`);
  assert.equal((await does(ours, { do: "count" })), 2);
});

test("requests that nobody answers do not pile up", async (t) => {
  const redis = await startRedis(t);
  const [one] = await pair(t, redis);
  const { client } = await startEmitter(t, redis);
  const silent = await connect(one);
  const { encode } = (await import("notepack.io")).default;
  const request = (number) => encode({ type: 7, uid: "stranger", requestId: `r${number}`, packet: { type: 2, data: ["x"] }, opts: { rooms: [], except: [], flags: { timeout: 60_000 } } });
  const answers = [];
  // Redis ends before it does.
  const stranger = client.duplicate().on("error", () => {});
  t.after(() => stranger.destroy());
  await stranger.connect();
  await stranger.subscribe("socket.io-response#/#", (answer) => answers.push(answer.toString("latin1")), true);
  const asksForIds = (requestId) => client.publish("socket.io-request#/#", JSON.stringify({ type: 0, uid: "stranger", requestId, rooms: [] }));
  // The other server, which has nobody to ask, always answers.
  const answersTo = (requestId) => answers.filter((answer) => answer.includes(`"${requestId}"`)).length;

  for (let number = 0; number < 300; number += 1) await client.publish("socket.io-request#/#", request(number));
  await eventually("those beyond PEER_ANSWERS_MAX are ignored", async () => (await limitHits(one, "PEER_ANSWERS_MAX")) === 300 - 256);
  await asksForIds("meanwhile");
  await eventually("so is any other", async () => (await limitHits(one, "PEER_ANSWERS_MAX")) === 301 - 256);
  silent.close();
  let tries = 0;
  await eventually("they end with their clients", async () => {
    await asksForIds(`try ${tries++}`);
    return Array.from({ length: tries }, (_, number) => answersTo(`try ${number}`)).includes(2);
  });
  const some = Array.from({ length: 200 }, (_, number) => `burst ${number}`);
  const hits = await limitHits(one, "PEER_ANSWERS_MAX");
  await Promise.all(some.map(asksForIds));
  await eventually("as many as come together are answered, if nothing is awaited for it", () => some.every((requestId) => answersTo(requestId) === 2));
  assert.equal(await limitHits(one, "PEER_ANSWERS_MAX"), hits);
  assert.equal(answersTo("meanwhile"), 1);
});

test("a user of Redis with the rights that the documentation lists is enough", async (t) => {
  const redis = await startRedis(t);
  const { readFileSync } = await import("node:fs");
  const { ROOT } = await import("./harness/paths.mjs");
  const documented = readFileSync(`${ROOT}/docs/security.md`, "utf8").match(/^ACL SETUSER innkeeper (.*)$/m)[1];
  await redis.cli("ACL", "SETUSER", "innkeeper", ...documented.replace("PASSWORD", "secret").replace("/chat", "/other").split(" "));
  const url = `redis://innkeeper:secret@127.0.0.1:${redis.port}`;
  const [one, two] = await pair(t, { url });
  const [ours, theirs] = await Promise.all([connect(one), connect(two)]);
  await crosses(ours, theirs);
  assert.equal((await does(ours, { do: "fetch" })).sockets.length, 2);
  await redis.cli("ACL", "SETUSER", "innkeeper", "resetchannels");
  await eventually("what is refused is said", () => one.logs.some(({ message }) => /NOPERM|No permissions|no permissions/.test(message ?? "")) || emit(ours, "x").then(() => false));
});
