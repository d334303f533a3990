// The internal listener's numbers: what clients did is on the page, the page can be read by Prometheus, and nothing that a client
// chose becomes a label.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { ROOT, RawSocket, ask, asked, by, configuration, connect, eventually, request, run, startHost, writeConfig } from "./harness/index.mjs";
import { startRedis } from "./harness/redis.mjs";

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[\d.]+(?:e-?\d+)?|[+-]Inf|NaN)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/** Reads a page as Prometheus does: `{types, samples}`. Fails where Prometheus would. */
function parse(text) {
  const types = new Map();
  const helps = new Set();
  const samples = [];
  const seen = new Set();
  assert.ok(text.endsWith("\n"));
  for (const line of text.trimEnd().split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      assert.ok(!helps.has(comment[2]), `two helps: ${line}`);
      helps.add(comment[2]);
      continue;
    }
    if (comment) {
      assert.ok(!types.has(comment[2]), `two types: ${line}`);
      types.set(comment[2], comment[3]);
      continue;
    }
    const [, name, text, value] = LINE.exec(line) ?? assert.fail(`no sample: ${line}`);
    const labels = {};
    for (LABEL.lastIndex = 0; text && LABEL.lastIndex < text.length; ) {
      const [, key, escaped] = LABEL.exec(text) ?? assert.fail(`no labels: ${line}`);
      assert.ok(!(key in labels), `a label twice: ${line}`);
      labels[key] = JSON.parse(`"${escaped}"`);
    }
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
    assert.ok(types.has(family) && helps.has(family), `before its type: ${line}`);
    const series = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    assert.ok(!seen.has(series), `a series twice: ${line}`);
    seen.add(series);
    samples.push({ name, family, labels, value: value === "+Inf" ? Infinity : Number(value) });
  }
  return { types, samples };
}

async function scrape(host) {
  const page = await request(host, { base: host.internal, path: "/metrics" });
  assert.deepEqual([page.status, page.headers["content-type"]], [200, "text/plain; version=0.0.4; charset=utf-8"]);
  const { types, samples } = parse(page.text);
  /** The sum of the samples with these labels. */
  const sum = (name, labels = {}) => {
    const fits = (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => (sample.labels[key] ?? "") === value);
    return samples.filter(fits).reduce((all, { value }) => all + value, 0);
  };
  return { types, samples, sum, text: page.text };
}

test("what clients do is counted: connections, sockets, events, deliveries, durations, failures, limits", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {} }, limits: { writes_per_call_max: 100 } });
  const [ann, bob] = [await connect(host), await connect(host, "/", { via: "upgrade" })];
  const polling = await connect(host, "/b", { via: "polling" });
  for (const client of [ann, bob]) assert.equal(await ask(client, "join", "lobby"), true);
  for (let number = 0; number < 7; number++) await ask(ann, "number", number);
  for (let number = 0; number < 3; number++) ann.emit(`made up "${number}"\n`);
  await ask(bob, "cast", "lobby", 1, 10);
  assert.equal(await ask(ann, "flood", 40, 10), 40);
  assert.equal((await ask(ann, "flood", 101, 10)).success, false);
  bob.disconnect();

  const page = await eventually("bob is gone", async () => {
    const read = await scrape(host);
    return read.sum("innkeeper_connections_closed_total") === 1 && read.sum("innkeeper_sessions") === 2 && read;
  });
  const { sum } = page;
  assert.deepEqual([sum("innkeeper_connections", { transport: "websocket" }), sum("innkeeper_connections", { transport: "polling" })], [1, 1]);
  assert.equal(sum("innkeeper_connections_opened_total", { transport: "websocket" }), 1);
  assert.equal(sum("innkeeper_connections_opened_total", { transport: "polling" }), 2);
  assert.equal(sum("innkeeper_connections_upgraded_total"), 1);
  assert.equal(sum("innkeeper_connections_closed_total", { transport: "websocket", reason: "transport close" }), 1);
  assert.deepEqual([sum("innkeeper_sockets", { namespace: "/" }), sum("innkeeper_sockets", { namespace: "/b" })], [1, 1]);
  assert.deepEqual([sum("innkeeper_rooms", { namespace: "/" }), sum("innkeeper_rooms", { namespace: "/b" })], [1, 0]);
  assert.equal(sum("innkeeper_events_received_total", { namespace: "/", event: "number" }), 7);
  assert.equal(sum("innkeeper_events_received_total", { namespace: "/", event: "other" }), 3);
  assert.equal(sum("innkeeper_events_received_total"), 2 + 7 + 3 + 1 + 2);
  assert.equal(sum("innkeeper_events_delivered_total", { namespace: "/", event: "cast" }), 2);
  assert.equal(sum("innkeeper_events_delivered_total", { namespace: "/", event: "flood" }), 40);
  const count = "innkeeper_handler_duration_seconds_count";
  assert.equal(sum(count, { plugin: "crowd", generation: "1", export: "event", event: "number" }), 7);
  assert.equal(sum("innkeeper_handler_duration_seconds_bucket", { event: "number", le: "+Inf" }), 7);
  assert.equal(sum(count, { export: "event" }), 2 + 7 + 1 + 2, "no handler is for what is made up");
  assert.equal(sum(count, { export: "disconnect" }), 1);
  assert.equal(sum("innkeeper_call_failures_total", { plugin: "crowd", kind: "reported" }), 1);
  assert.equal(sum("innkeeper_limit_hits_total", { limit: "writes_per_call_max", plugin: "crowd" }), 1);
  assert.equal(sum("innkeeper_log_lines_dropped_total"), 0);
  assert.equal(sum("innkeeper_build_info"), 1);
  assert.ok(!page.text.includes("made up"), "a client's text is no label");
  polling.close();
});

test("calls that fail are counted by kind, and the limits that ended them", async (t) => {
  const [crowd, faulty] = [
    await startHost(t, { plugins: { crowd: { run_ms: 100, call_ms: 600 } } }),
    await startHost(t, { plugins: { faulty: {} } }),
  ];
  const client = await connect(crowd);
  for (const event of ["burn", "doze"]) await ask(client, event, 5_000);
  await ask(await connect(faulty), "fail", "panic");
  const [{ sum }, broken] = [await scrape(crowd), await scrape(faulty)];
  for (const kind of ["run_ms", "call_ms"]) {
    assert.equal(sum("innkeeper_call_failures_total", { plugin: "crowd", kind }), 1, kind);
    assert.equal(sum("innkeeper_limit_hits_total", { plugin: "crowd", limit: kind }), 1, kind);
  }
  assert.ok(sum("innkeeper_plugin_run_seconds_total", { plugin: "crowd" }) >= 0.1, "it has computed for run_ms");
  assert.ok(sum("innkeeper_guest_threads_moves_total", { plugin: "crowd" }) >= 1, "where no connection waits for it");
  assert.equal(sum("innkeeper_instances", { plugin: "crowd", state: "running" }), 0);
  assert.equal(broken.sum("innkeeper_call_failures_total", { plugin: "faulty", kind: "broke" }), 1);
});

test("docs/metrics.md lists every family, with its type and its labels, and no other", async (t) => {
  const { url } = await startRedis(t);
  const host = await startHost(t, { plugins: { crowd: {} }, limits: { writes_per_call_max: 1 }, adapter: { redis: { url } } });
  const client = await connect(host, "/", { via: "polling" });
  await ask(client, "flood", 2, 1);
  client.close();
  await eventually("it is closed", async () => (await scrape(host)).sum("innkeeper_connections_closed_total") === 1);
  await asked(host, "/plugins");
  const { types, samples } = await scrape(host);
  const found = [...types].map(([family, type]) => {
    const labels = samples.filter((sample) => sample.family === family).flatMap((sample) => Object.keys(sample.labels));
    return [family, type, [...new Set(labels)].filter((label) => label !== "le").sort().join()];
  });
  const rows = readFileSync(path.join(ROOT, "docs", "metrics.md"), "utf8").matchAll(/^\| `(innkeeper_\w+)` \| (\w+) \|([^|]*)\|/gm);
  const listed = [...rows].map(([, family, type, labels]) => [family, type, labels.split(",").map((label) => label.trim().replaceAll("`", "")).sort().join()]);
  assert.deepEqual(found.sort(), listed.sort());
});

test("the bytes of the store are counted, in its file and in memory", async (t) => {
  const file = path.join(path.dirname(writeConfig(t, "")), "store.redb");
  const host = await startHost(t, { plugins: { crowd: {} }, store: { path: file } });
  const { sum } = await scrape(host);
  assert.equal(sum("innkeeper_store_bytes", { kind: "file" }), statSync(file).size);
  assert.equal(sum("innkeeper_store_bytes", { kind: "memory" }), 0);
});

test("METRIC_NAMES_MAX: names of clients and of one plugin do not make the page grow", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {} } });
  const raw = await RawSocket.connect(host);
  const before = await scrape(host);
  for (let number = 0; number < 1_000; number++) raw.send(`42["event ${number}"]`);
  await eventually("all are counted", async () => (await scrape(host)).sum("innkeeper_events_received_total", { event: "other" }) === 1_000);
  const after = await scrape(host);
  assert.equal(after.samples.length, before.samples.length);
});

test("/readyz says that the server starts, is ready, and drains", async (t) => {
  const file = writeConfig(t, configuration({ plugins: { behave: { call_ms: 5_000 } } }));
  const host = run(t, ["run", "--config", file]);
  host.internal = `http://${(await host.waitForLog(by("internal interface listening"))).address}`;
  const ready = async (path = "/readyz") => {
    const { status, json } = await request(host, { base: host.internal, path });
    return [status, json.status];
  };
  const states = new Set();
  await eventually("it is ready", async () => {
    const [status, word] = await ready();
    states.add(`${status} ${word}`);
    return status === 200;
  }, 60_000);
  assert.ok(host.logs.some(by("listening")) || (await host.waitForLog(by("listening"))));
  assert.deepEqual([...states].filter((state) => state !== "503 starting"), ["200 ready"]);

  Object.assign(host, { url: `http://${host.logs.find(by("listening")).address}` });
  const client = await connect(host);
  await ask(client, "linger");
  host.signal("SIGTERM");
  await host.waitForLog((line) => line.message?.startsWith("disconnect: "), "the disconnect handler runs");
  assert.deepEqual(await ready(), [503, "draining"]);
  assert.deepEqual(await ready("/healthz"), [503, "shutting down"]);
});
