// What others notice of a plugin of the mode `shared` that computes, floods, waits for ever or breaks: other plugins, the operator who
// ends the host, and the clients that are just connecting or leaving.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, connected, eventually, next, open, record, refused, startHost } from "./harness/index.mjs";
import { NEUTRAL, crowd, planned, seen, startUnruly, unruly } from "./harness/unruly.mjs";

/** Ways to keep an instance busy, as events with their arguments. */
const BUSY = { "that computes": ["spin"], "that floods itself with timers": ["flood", 5_000], "that asks without end": ["questions", "store", 1_000_000] };

for (const [what, attack] of Object.entries(BUSY)) {
  test(`a plugin ${what} leaves other plugins of both modes their turn`, async (t) => {
    const other = (mode) => unruly({ namespaces: [`/${mode}`], config: { mode, namespace: `/${mode}` } });
    const plugins = { unruly: unruly({ run_ms: 4_000 }), pooled: other("pooled"), shared: other("shared") };
    const host = await startHost(t, { plugins });
    const attackers = await crowd(host, 4);
    const others = await Promise.all(["/pooled", "/shared"].map((namespace) => connect(host, namespace)));
    await Promise.all(others.map((one) => ask(one, "echo")));

    attackers.forEach((one) => one.emit(...attack));
    const latencies = [];
    const end = Date.now() + 1_500;
    while (Date.now() < end) {
      const begun = Date.now();
      await Promise.all(others.map((one, index) => ask(one, index ? "nap" : "echo", 1)));
      latencies.push(Date.now() - begun);
    }

    // They would wait for all of run_ms, or for ever. A machine that has other things to do is no reason to fail.
    assert.ok(Math.max(...latencies) < 2_000, `the answers came after ${latencies.join(", ")} ms`);
  });
}

test("a plugin that never settles, floods and breaks does not hold up the end of the host", async (t) => {
  const host = await startUnruly(t, {}, { limits: { drain_deadline: "2s" } });
  const clients = await crowd(host, 6);
  const leaving = await connect(host, "/", planned({ disconnect: "never" }));
  await ask(clients[0], "flood", 100);
  for (const client of clients) for (const event of ["settle-never", "bare-waiting"]) client.emit(event);
  clients[1].emit("nap", 60_000);
  await Promise.all(clients.map((client) => ask(client, "echo")));
  leaving.close();
  const begun = Date.now();

  assert.equal(await host.stop("SIGTERM"), 0);
  assert.ok(Date.now() - begun < 5_000, `it ended after ${Date.now() - begun} ms`);
});

test("a call goes on when its client has left, and `disconnect` comes behind it", async (t) => {
  const host = await startUnruly(t);
  const [other, leaving] = await crowd(host, 2);
  await ask(other, "join", "room");
  const heard = next(other, "cast");
  const { id } = leaving;
  leaving.emit("cast", "room", 300);
  await ask(leaving, "echo");

  leaving.close();

  assert.deepEqual(await heard, ["room", 300]);
  await eventually("it has left", async () => (await seen(other, id)).some(([what]) => what === "disconnect"));
  const entries = (await seen(other, id)).map(([what, , name]) => (what === "event" ? name : what));
  assert.deepEqual(entries, ["connect-middleware", "connection", "cast", "echo", "disconnecting", "disconnect"]);
});

test("`disconnecting` and `disconnect` may wait, one after the other", async (t) => {
  const host = await startUnruly(t, { call_ms: 800 });
  const other = await connect(host);
  const leaving = await connect(host, "/", planned({ disconnecting: { nap: 200 }, disconnect: "never" }));
  const { id } = leaving;
  const times = {};
  leaving.close();
  for (const hook of ["disconnecting", "disconnect"]) {
    await eventually(`${hook} is called`, async () => (await seen(other, id)).some(([what]) => what === hook));
    times[hook] = Date.now();
  }

  assert.ok(times.disconnect - times.disconnecting >= 150, "the second waits for the first");
  await host.waitForLog((line) => /^disconnect failed: .*call_ms/.test(line.message), "the log has what took too long");
});

test("a trap refuses a client whose connect middleware waits, and ends a `connection` that waits", async (t) => {
  const host = await startUnruly(t);
  const other = await connect(host);
  const pending = refused(host, "/", planned({ "connect-middleware": { nap: 5_000 } }));
  const connecting = open(host, "/", planned({ connection: { nap: 5_000 } }));
  const told = next(connecting, "error");
  await connected(connecting);
  await eventually("both have begun", async () => (await seen(other)).filter(([what]) => what === "connect-middleware").length === 3);

  assert.deepEqual(await ask(other, "panic"), NEUTRAL);

  assert.equal((await pending).message, "internal error");
  assert.deepEqual(await told, [{ code: "INTERNAL_ERROR", message: "internal error" }]);
  assert.equal(await ask(connecting, "echo", "still here"), "still here");
});

test("a trap gives back all that its instance held", async (t) => {
  const host = await startUnruly(t, { run_ms: 20_000, call_ms: 30_000 }, { limits: { plugin_bytes_max: 4 << 20 } });
  const [client, other] = await crowd(host, 2);
  const counts = [];

  for (let round = 0; round < 4; round++) {
    const [count, code] = await ask(client, "questions", "clients", 1_000_000);
    assert.equal(code, "limit");
    counts.push(count);
    assert.deepEqual(await ask(other, "panic"), NEUTRAL);
  }

  assert.ok(Math.min(...counts) >= counts[0], `as many questions each time: ${counts.join(", ")}`);
});

test("an ack that was kept is given by the next instance", async (t) => {
  const host = await startUnruly(t);
  const [client, other] = await crowd(host, 2);
  const kept = ask(client, "keep-ack");
  await ask(client, "echo");
  await ask(other, "panic");

  assert.equal(await ask(client, "give-ack", "at last"), "ok");
  assert.equal(await kept, "at last");
});

test("binary arguments go through", async (t) => {
  const client = await connect(await startUnruly(t));
  const bytes = Buffer.from([0, 255, 10]);

  assert.deepEqual(await ask(client, "echo", bytes), bytes);
});

test("event middleware may wait, reject, fail, break or never end; the events behind it wait for it", async (t) => {
  const host = await startUnruly(t, { call_ms: 700 });
  const plan = async (client, hook) => ask(client, "plan", "event-middleware", hook);

  const slow = await connect(host);
  await plan(slow, { nap: 30 });
  const order = [];
  await Promise.all(Array.from({ length: 10 }, async (_, number) => order.push(await ask(slow, "echo", number))));
  assert.deepEqual(order, Array.from({ length: 10 }, (_, number) => number));

  const said = { success: false, error: "as planned", code: "PLANNED" };
  for (const [hook, answer] of [["reject", said], ["fail", said], [{ nap: 20, then: "reject" }, said], ["never", NEUTRAL], ["wrong-settle", NEUTRAL]]) {
    const client = await connect(host);
    const heard = record(client, "error");
    await plan(client, hook);
    assert.deepEqual(await ask(client, "echo"), answer, JSON.stringify(hook));
    client.emit("echo");
    const { success, error, ...told } = answer;
    await eventually("who asked for no ack is told", () => heard.length === 1);
    assert.deepEqual(heard, [["error", { ...told, message: error }]]);
  }
  assert.deepEqual((await ask(await connect(host), "memory")).started, ["new"], "the instance lives");

  const breaking = await connect(host);
  await plan(breaking, "panic");
  assert.deepEqual(await ask(breaking, "echo"), NEUTRAL);
  assert.equal(breaking.connected, true);
});

test("calls do not wait for a `start` that never ends", async (t) => {
  const host = await startUnruly(t, { call_ms: 600, config: { plans: { start: "never" } } });
  const client = await connect(host);

  assert.equal(await ask(client, "echo", "served"), "served");
  await host.waitForLog((line) => /^start failed: .*call_ms/.test(line.message), "the log has what took too long");
  assert.deepEqual((await ask(client, "memory")).started, ["new"]);
});
