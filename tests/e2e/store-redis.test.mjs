// Store and limits of rate on Redis: the same plugins as on a file, two servers on one Redis, and what is answered while Redis fails.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ask, configuration, connect, eventually, freePort, record, request, run, startHost, writeConfig } from "./harness/index.mjs";
import { ROOT } from "./harness/paths.mjs";
import { startRedis } from "./harness/redis.mjs";

/** From the moment that Redis is back. */
const BACK_MS = 2_000;
/** How long Redis hangs under load. */
const HANG_S = Number(process.env.REDIS_HANG_S ?? 3);
const GRANTED = { keeper: { grants: ["store"] } };

const on = (redis, more) => ({ redis: { url: redis.url ?? redis, ...more } });
const start = (t, redis, options = {}) => startHost(t, { plugins: GRANTED, adapter: on(redis), ...options });
const limited = (t, redis, options = {}) =>
  startHost(t, {
    plugins: { "rate-limit": { config: { points: 5, window_ms: 60_000, per: ["socket"], ...options.limiter } }, echo: {} },
    adapter: on(redis),
    ...options,
  });

/** What `/metrics` has under this name, with this text in its labels. */
async function metric(host, name, label = "") {
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  return Number(text.split("\n").find((line) => line.startsWith(name) && line.includes(label))?.split(" ").at(-1));
}

const answersAgain = (client, ms = BACK_MS) =>
  eventually("the store answers again", async () => "ok" in (await ask(client, "increment", "again", "n", 1)), ms);
const says = (text) => ({ message, text: line }) => (message ?? line ?? "").includes(text);

/** What a program sees of the store, whatever keeps it. */
async function story(first, second) {
  const answers = [];
  const tell = async (client, ...args) => answers.push([args.join(" "), await ask(client, ...args)]);
  await tell(first, "set", "users", "1", { name: "Ann" });
  await tell(second, "get", "users", "1");
  await tell(second, "swap", "users", "1", { name: "Bob" }, { name: "Eve" });
  await tell(second, "swap", "users", "1", { name: "Ann" }, { name: "Eve" });
  await tell(first, "get", "users", "1");
  await tell(first, "increment", "counts", "n", 3);
  await tell(second, "increment", "counts", "n", -4);
  await tell(first, "set", "counts", "big", 4503599627370497);
  await tell(second, "increment", "counts", "big", 4503599627370494);
  await tell(first, "increment", "users", "1", 1);
  await tell(second, "bytes", "raw");
  for (const key of ["b/2", "a", "b/1", "b/10", "b/é", "c"]) await tell(key < "b/2" ? first : second, "set", "list", key, key);
  await tell(first, "scan", "list", "b/", null, 10);
  await tell(second, "scan", "list", "b/", "b/1", 1);
  await tell(first, "get", "x".repeat(65), "k");
  await tell(first, "scan", "b", "", null, 1_001);
  await tell(first, "set", "large", "k", "x".repeat(900_000));
  await tell(second, "get", "large", "k");
  await tell(second, "delete", "users", "1");
  await tell(first, "delete", "users", "1");
  return answers;
}

test("a plugin sees the same on a file and on Redis, where two servers have one store", async (t) => {
  const alone = await startHost(t, { plugins: GRANTED });
  const client = await connect(alone);
  const expected = await story(client, client);
  const redis = await startRedis(t);
  const [one, two] = await Promise.all([start(t, redis), start(t, redis)]);
  const [first, second] = await Promise.all([connect(one), connect(two)]);

  assert.deepEqual(await story(first, second), expected);

  const added = Array.from({ length: 400 }, (_, number) => ask(number % 2 ? first : second, "increment", "counts", "many", 1));
  const sums = (await Promise.all(added)).map(({ ok }) => ok).sort((a, b) => a - b);
  assert.deepEqual(sums, Array.from({ length: 400 }, (_, number) => number + 1));
  await ask(first, "set-for", "codes", "short", 1, 50);
  await ask(first, "set-for", "codes", "long", 2, 60_000);
  await eventually("what has expired is gone everywhere", async () => (await ask(second, "scan", "codes", "", null, 10)).ok.length === 1);
});

test("two servers count one limit, and another prefix is another store", async (t) => {
  const redis = await startRedis(t);
  // Each of two connections costs a point of its address, too.
  const limiter = { points: 7, per: ["address"] };
  const [one, two, other] = await Promise.all([{}, {}, { store: { key: "other" } }].map((more) => limited(t, redis, { limiter, ...more })));
  const clients = await Promise.all([connect(one), connect(two), connect(other)]);
  const allowed = async (client) => (await ask(client, "x", 1)) === 1;
  const asked = [];
  for (let round = 0; round < 5; round++) asked.push(await allowed(clients[0]), await allowed(clients[1]));
  assert.equal(asked.filter(Boolean).length, 5);
  assert.equal(await allowed(clients[2]), true);
});

test("while Redis hangs the store is unavailable at once and limits count here, and both are back when it goes on", async (t) => {
  const redis = await startRedis(t);
  const [host, counting] = await Promise.all([start(t, redis), limited(t, redis)]);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(host)));
  const limitedClient = await connect(counting);
  await ask(clients[0], "set", "b", "k", "kept");
  redis.pause();
  t.after(() => redis.resume());

  const first = await Promise.all(clients.map((client) => ask(client, "get", "b", "k")));
  assert.deepEqual(new Set(first.map(({ code }) => code)), new Set(["unavailable"]));
  await host.waitForLog(says("Redis is away: it does not answer in time"));
  const began = Date.now();
  for (let round = 0; round < 10; round++) await Promise.all(clients.map((client) => ask(client, "get", "b", "k")));
  assert.ok(Date.now() - began < 1_500, `200 questions wait for nothing: ${Date.now() - began} ms`);
  const allowed = await Promise.all(Array.from({ length: 10 }, () => ask(limitedClient, "x", 1)));
  assert.equal(allowed.filter((answer) => answer === 1).length, 5, "five points, counted on this server");
  assert.equal(await metric(host, "innkeeper_redis_up", 'connection="commands"'), 0);
  assert.equal(await metric(host, "innkeeper_redis_breaker_opened_total"), 1);
  assert.ok((await metric(counting, "innkeeper_rate_limit_without_redis_total")) >= 10);

  redis.resume();
  await answersAgain(clients[0]);
  assert.deepEqual(await ask(clients[0], "get", "b", "k"), { ok: "kept" });
  await host.waitForLog(says("Redis answers again"));
  assert.ok((await metric(host, "innkeeper_redis_breaker_open_seconds_total")) > 0);
});

test(`Redis hangs for ${HANG_S} seconds under 200 events a second behind the limiter: no client is lost, and none waits`, async (t) => {
  const redis = await startRedis(t);
  const limiter = { points: 1_000_000 };
  const [host, alone] = await Promise.all([limited(t, redis, { limiter }), limited(t, redis, { limiter, adapter: {} })]);
  t.after(() => redis.resume());
  redis.pause();
  const [of, ofOne] = await Promise.all([host, alone].map((server) => eventsOf(server)));
  assert.deepEqual([of.wrong, of.disconnects], [[], []]);
  // What disturbs this machine disturbs the server without Redis as well.
  assert.ok(of.p99 < 50 + ofOne.p99, `p99 of ${of.count}: ${of.p99} ms, without Redis ${ofOne.p99} ms`);
  redis.resume();
  await eventually("limits are counted in Redis again", async () => (await metric(host, "innkeeper_redis_up", 'connection="commands"')) === 1, BACK_MS);
  const before = await metric(host, "innkeeper_rate_limit_without_redis_total");
  assert.equal(await ask(await connect(host), "x", 1), 1);
  assert.equal(await metric(host, "innkeeper_rate_limit_without_redis_total"), before);
});

/** 20 clients that emit 10 events a second each for as long as Redis hangs: what went wrong, and how long they waited after the first second. */
async function eventsOf(host) {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(host)));
  const lost = clients.map((client) => record(client, "disconnect"));
  const [began, waited, wrong] = [Date.now(), [], []];
  const emitting = clients.map(async (client, number) => {
    await new Promise((resolve) => setTimeout(resolve, number * 5));
    while (Date.now() - began < HANG_S * 1_000) {
      const at = performance.now();
      if ((await ask(client, "x", number)) !== number) wrong.push(number);
      if (Date.now() - began > 1_000) waited.push(performance.now() - at);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  await Promise.all(emitting);
  waited.sort((a, b) => a - b);
  return { wrong, disconnects: lost.flat(), count: waited.length, p99: waited[Math.floor(waited.length * 0.99)] };
}

test("without Redis, limits let all pass or none where the configuration says so", async (t) => {
  const redis = `redis://127.0.0.1:${await freePort()}`;
  for (const [word, allowed] of [["allow", 10], ["deny", 0], ["local", 5]]) {
    const client = await connect(await limited(t, redis, { adapter: on(redis, { rate_limit_on_failure: word }) }));
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(client, "x", 1)));
    assert.equal(answers.filter((answer) => answer === 1).length, allowed, word);
  }
});

test("a server starts without Redis and says so; the seed is there when Redis is, and a killed connection is made again", async (t) => {
  const port = await freePort();
  const file = writeConfig(t, configuration({ plugins: GRANTED, adapter: on(`redis://127.0.0.1:${port}`), store: { seed: "seed.json" } }));
  writeFileSync(path.join(path.dirname(file), "seed.json"), JSON.stringify({ users: { 1: "Ann" } }));
  const host = await startHost(t, { file });
  const client = await connect(host);
  assert.equal((await ask(client, "get", "users", "1")).code, "unavailable");
  await host.waitForLog(says("is Redis running there"));

  const redis = await startRedis(t, { port });
  await answersAgain(client);
  await eventually("the seed is there", async () => (await ask(client, "get", "users", "1")).ok === "Ann");
  for (let round = 0; round < 3; round++) {
    await redis.cli("CLIENT", "KILL", "TYPE", "normal");
    await answersAgain(client);
  }
  await redis.restart();
  await answersAgain(client);
  assert.equal((await ask(client, "get", "users", "1")).ok, null, "this Redis keeps nothing");
});

test("a Redis without memory takes no writes, is read on, and the log says it once", async (t) => {
  const redis = await startRedis(t);
  const host = await start(t, redis);
  const client = await connect(host);
  await ask(client, "set", "b", "k", "kept");
  await redis.cli("CONFIG", "SET", "maxmemory", "1");
  for (let round = 0; round < 10; round++) {
    assert.equal((await ask(client, "set", "b", "k", "new")).code, "unavailable");
    assert.deepEqual(await ask(client, "get", "b", "k"), { ok: "kept" });
  }
  assert.equal(host.logs.filter(says("raise its maxmemory")).length, 1);
  assert.equal(await metric(host, "innkeeper_redis_breaker_opened_total"), 0);
  await redis.cli("CONFIG", "SET", "maxmemory", "0");
  assert.deepEqual(await ask(client, "set", "b", "k", "new"), { ok: null });
});

test("a Redis that may evict entries of the store is in the log, once", async (t) => {
  const redis = await startRedis(t);
  await redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  const unbounded = await start(t, redis);
  await ask(await connect(unbounded), "set", "b", "k", 1);
  await redis.cli("CONFIG", "SET", "maxmemory", "1gb");
  const host = await start(t, redis);
  await host.waitForLog(says("its maxmemory-policy is allkeys-lru; set volatile-ttl or noeviction"));
  assert.equal(unbounded.logs.filter(says("maxmemory-policy")).length, 0);
});

test("a password that Redis refuses is in the log without the password, and one that is right again serves", async (t) => {
  const redis = await startRedis(t, { password: "first" });
  const host = await start(t, `redis://:second@127.0.0.1:${redis.port}`);
  const client = await connect(host);
  assert.equal((await ask(client, "get", "b", "k")).code, "unavailable");
  await host.waitForLog(says("WRONGPASS"));
  assert.ok(!host.text.includes("second@"));
  await redis.cli("CONFIG", "SET", "requirepass", "second");
  redis.password = "second";
  await answersAgain(client);
  await redis.cli("CONFIG", "SET", "requirepass", "third");
  redis.password = "third";
  assert.ok("ok" in (await ask(client, "get", "b", "k")), "a connection that was let in stays");
  await redis.cli("CLIENT", "KILL", "TYPE", "normal");
  await eventually("the store is away", async () => (await ask(client, "get", "b", "k")).code === "unavailable");
});

test("operators read and change the store on Redis beside running servers", async (t) => {
  const redis = await startRedis(t);
  const file = writeConfig(t, configuration({ plugins: GRANTED, adapter: on(redis) }));
  const client = await connect(await startHost(t, { file }));
  const command = async (...args) => {
    const program = run(t, ["store", ...args, "--config", file]);
    await program.exit();
    return program.stdout + program.text;
  };
  await command("set", "users", "1", '{"name":"Ann"}');
  assert.deepEqual(await ask(client, "get", "users", "1"), { ok: { name: "Ann" } });
  assert.match(await command("list", "users"), /1\t\{"name":"Ann"\}/);
  await redis.kill();
  assert.match(await command("get", "users", "1"), /the store is on Redis: .*is Redis running there/);
});

test("the rights in the documentation are all that the store and limits of rate need", async (t) => {
  const redis = await startRedis(t);
  const documented = readFileSync(path.join(ROOT, "docs", "security.md"), "utf8").matchAll(/^ACL SETUSER innkeeper (.*)$/gm);
  for (const [, rights] of documented) await redis.cli("ACL", "SETUSER", "innkeeper", ...rights.replace("PASSWORD", "secret").split(" "));
  const url = `redis://innkeeper:secret@127.0.0.1:${redis.port}`;
  const hosts = await Promise.all([start(t, url), limited(t, url)]);
  const [client, counted] = await Promise.all(hosts.map((host) => connect(host)));
  const answers = await story(client, client);
  assert.deepEqual(answers.filter(([, { code }]) => code === "unavailable"), []);
  assert.deepEqual(await ask(client, "set-for", "codes", "short", 1, 1), { ok: null });
  assert.equal(await ask(counted, "x", 1), 1);
  assert.equal(await metric(hosts[1], "innkeeper_rate_limit_without_redis_total"), 0);
  for (const host of hosts) assert.deepEqual(host.logs.filter(says("NOPERM")), []);
});
