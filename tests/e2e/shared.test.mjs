// A plugin of the mode `shared`: its memory is that of all its clients, its handlers start in order and overlap where they wait, what
// they write leaves with the entry, and what is too much for it waits or fails alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, connected, eventually, next, open, record, refused } from "./harness/index.mjs";
import { NEUTRAL, crowd, planned, seen, startUnruly } from "./harness/unruly.mjs";

test("the variables of a plugin are those of all its clients", async (t) => {
  const host = await startUnruly(t);
  const clients = await crowd(host, 60);

  const counts = await Promise.all(clients.map((client) => ask(client, "count")));

  assert.deepEqual(counts.toSorted((one, other) => one - other), Array.from({ length: 60 }, (_, index) => index + 1));
  clients.slice(1).forEach((client) => client.close());
  await eventually("all others have left", async () => (await seen(clients[0])).filter(([what]) => what === "disconnect").length === 59);
  const { counter, started, instance } = await ask(clients[0], "memory");
  assert.deepEqual({ counter, started, instance }, { counter: 60, started: ["new"], instance: 0 });
});

test("handlers of one socket start in the order received and overlap where they wait", async (t) => {
  const host = await startUnruly(t);
  const client = await connect(host);
  const ended = [];
  const starts = async (event, ...args) => (await ask(client, event, ...args), ended.push([event, ...args]));

  await Promise.all([starts("nap", 300), starts("nap", 100), starts("echo", 1), starts("nap", 200), starts("echo", 2)]);

  assert.deepEqual(ended, [["echo", 1], ["echo", 2], ["nap", 100], ["nap", 200], ["nap", 300]]);
  const events = (await seen(client, client.id)).filter(([what]) => what === "event").map(([, , ...event]) => event.flat());
  assert.deepEqual(events.slice(0, 5), [["nap", 300], ["nap", 100], ["echo", 1], ["nap", 200], ["echo", 2]]);
});

test("what an entry writes leaves in call order, and an ack stands where the call was settled", async (t) => {
  const host = await startUnruly(t);
  const client = await connect(host);
  const told = [];
  client.on("told", (number) => told.push(number));

  await new Promise((resolve) => client.emit("settle-in-a-row", (answer) => resolve(told.push(answer))));
  await ask(client, "echo");

  assert.deepEqual(told, [1, "between", 2]);
});

test("an error takes nothing back of what the call wrote, in whichever entry", async (t) => {
  const host = await startUnruly(t);
  const client = await connect(host);
  const heard = record(client, "before", "after", "error");

  assert.deepEqual(await ask(client, "fail-late", 50), { success: false, error: "too late", code: "LATE" });
  client.emit("fail-late", 50);
  await next(client, "error");

  const lines = [["before", 50], ["after", 50]];
  assert.deepEqual(heard, [...lines, ...lines, ["error", { code: "LATE", message: "too late" }]]);
});

test("what goes on after the call has ended may still write", async (t) => {
  const host = await startUnruly(t);
  const client = await connect(host);
  const heard = next(client, "after the end");

  assert.equal(await ask(client, "go-on-after-the-end", 50), "ended");
  await heard;
});

test("connect middleware may wait: the socket is pending meanwhile, and is admitted, rejected or failed then", async (t) => {
  const host = await startUnruly(t, { call_ms: 1_000 });
  const after = (nap, then) => planned({ "connect-middleware": { nap, then } });

  const socket = open(host, "/", after(200, "tell"));
  const heard = record(socket, "told");
  const begun = Date.now();
  await connected(socket);
  assert.ok(Date.now() - begun >= 190, "it is connected when the middleware has settled");
  await ask(socket, "echo");
  assert.deepEqual(heard, [["told", "connect-middleware"]]);

  for (const [plan, message] of [
    [after(20, "reject"), "as planned"],
    [after(20, "fail"), "as planned"],
    [planned({ "connect-middleware": "settle-twice" }), "the first counts"],
    [planned({ "connect-middleware": "settle-and-pass" }), "the first counts"],
    [planned({ "connect-middleware": "never" }), "internal error"],
    [planned({ "connect-middleware": "bare-waiting" }), "internal error"],
    [planned({ "connect-middleware": "wrong-settle" }), "internal error"],
  ]) {
    assert.equal((await refused(host, "/", plan)).message, message, JSON.stringify(plan.query));
  }
  assert.deepEqual((await ask(socket, "memory")).started, ["new"], "the instance lives");
});

test("`connection` may wait: then the socket is connected with all that it wrote, and what it writes later follows", async (t) => {
  const host = await startUnruly(t, { call_ms: 500 });
  const socket = open(host, "/", planned({ connection: { nap: 200, then: "tell" } }));
  const begun = Date.now();
  await connected(socket);
  assert.ok(Date.now() - begun < 190, "it does not wait for the end of the handler");
  assert.deepEqual(await next(socket, "told"), ["connection"]);

  const never = open(host, "/", planned({ connection: "never" }));
  const [error] = await next(never, "error");
  assert.deepEqual(error, { code: "INTERNAL_ERROR", message: "internal error" });
  assert.equal(await ask(never, "echo", "still here"), "still here");
});

test("a call that never settles fails alone when its time is up", async (t) => {
  const host = await startUnruly(t, { call_ms: 2_000, run_ms: 1_000 });
  const [patient, other] = await crowd(host, 2);
  await ask(other, "count");
  const never = ["settle-never", "bare-waiting"].map((event) => ask(patient, event));
  // It is open when they fail, and for half of its own time.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const nap = ask(other, "nap", 1_000);

  assert.deepEqual(await Promise.all(never), [NEUTRAL, NEUTRAL]);
  assert.deepEqual(await nap, [1_000]);
  assert.equal(await ask(other, "count"), 2, "the instance lives");
  assert.equal(patient.connected, true);
});

test("timers run with their socket and without one, and may wait", async (t) => {
  const host = await startUnruly(t);
  const [client, other] = await crowd(host, 2);
  const begun = Date.now();

  await ask(client, "timer", "socket", 50, { nap: 100, then: "tell" });
  await ask(client, "timer", "own", 50, { nap: 100, then: "work" });
  assert.deepEqual(await next(client, "told"), ["timer"]);
  assert.ok(Date.now() - begun >= 145);

  const entries = async () => (await seen(other)).filter(([what]) => what === "timer" || what === "worked");
  await eventually("the plugin's own timer has ended its work", async () => (await entries()).length === 3);
  assert.deepEqual((await entries()).slice(0, 2).map(([, socket]) => socket).toSorted(), [client.id, null].toSorted());
});

test("with several instances each connection stays with one of them", async (t) => {
  const host = await startUnruly(t, { shared_instances: 2 });
  const clients = await crowd(host, 8);
  const instances = async () => Promise.all(clients.map(async (client) => (await ask(client, "memory")).instance));

  const homes = await instances();
  for (let round = 0; round < 3; round++) {
    await Promise.all(clients.map((client) => ask(client, "count")));
    assert.deepEqual(await instances(), homes);
  }

  for (const number of [0, 1]) {
    const own = clients.filter((_, index) => homes[index] === number);
    assert.equal(own.length, 4, "they are spread evenly");
    const { counter, started } = await ask(own[0], "memory");
    assert.deepEqual([counter, started], [12, ["new"]], "each has variables of its own");
  }
  // Writes reach the sockets of both.
  await Promise.all(clients.map((client) => ask(client, "join", "all")));
  const heard = clients.map((client) => next(client, "cast"));
  await ask(clients[0], "cast", "all");
  await Promise.all(heard);
});

test("at open_calls_max the queue of a socket stands, and what has waited for all of call_ms fails with SATURATED", async (t) => {
  const host = await startUnruly(t, { open_calls_max: 2, call_ms: 2_000 });
  const clients = await crowd(host, 40);
  const [client, other] = clients;

  // They wait for room, in order.
  const begun = Date.now();
  const naps = [ask(client, "nap", 200), ask(client, "nap", 200)];
  const metrics = async () => (await fetch(`${host.internal}/metrics`)).text();
  await eventually("both have begun", async () => /innkeeper_instances\{[^}]*state="waiting"[^}]*\} 2/.test(await metrics()));
  assert.deepEqual(await ask(other, "echo", "at last"), "at last");
  assert.ok(Date.now() - begun >= 195, "it has waited for one of the two to end");
  assert.deepEqual(await Promise.all(naps), [[200], [200]]);

  const answers = await Promise.all(clients.map((one) => ask(one, "settle-never")));
  const codes = answers.map((answer) => answer.code);
  assert.ok(codes.includes("SATURATED") && codes.includes("INTERNAL_ERROR"), codes.join(" "));
  assert.ok(codes.every((code) => code === "SATURATED" || code === "INTERNAL_ERROR"), codes.join(" "));
  assert.deepEqual(answers.find(({ code }) => code === "SATURATED").error, "the server is busy, try again");
  assert.equal(await ask(other, "echo", "again"), "again");
  assert.match(await metrics(), /innkeeper_limit_hits_total\{[^}]*limit="open_calls_max"[^}]*\} [1-9]/);
});
