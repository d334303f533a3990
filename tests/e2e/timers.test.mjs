// Timers: kept by the host, run in the order of their socket, and ended with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, eventually, next, record, startHost } from "./harness/index.mjs";

async function start(t) {
  const host = await startHost(t, { plugins: { clock: {} } });
  return { host, client: await connect(host) };
}

test("a plugin sets its first timer when it starts, and the timer repeats", async (t) => {
  const { client } = await start(t);
  const heard = record(client, "heartbeat");

  await eventually("three heartbeats are heard", () => heard.length >= 3);

  assert.deepEqual(heard[0].slice(-1), [{ from: "start" }]);
});

test("a timer of a socket brings its data and its namespace", async (t) => {
  const { client } = await start(t);
  const once = next(client, "once");

  client.emit("once", { a: [1, "é"] });

  assert.deepEqual(await once, [{ a: [1, "é"] }, "/"]);
});

test("the same name is the same timer: set again, it runs once, with the data that was set last", async (t) => {
  const { client } = await start(t);
  const heard = record(client, "once", "pong");

  for (let number = 1; number <= 50; number++) client.emit("once", number);
  await eventually("the timer came", () => heard.some(([event]) => event === "once"));
  client.emit("ping", 1);
  await eventually("the answer behind it came", () => heard.some(([event]) => event === "pong"));

  assert.deepEqual(heard.filter(([event]) => event === "once"), [["once", 50, "/"]]);
});

test("a timer that was cleared, or set by a handler that failed, never runs", async (t) => {
  const { client } = await start(t);
  const heard = record(client, "once", "heartbeat");

  client.emit("once", "cleared");
  client.emit("clear");
  client.emit("fail");
  await eventually("far more time than they had has passed", () => heard.length >= 4);

  assert.deepEqual(heard.filter(([event]) => event === "once"), []);
});

test("a timer that is due while a handler of its socket waits runs after that handler", async (t) => {
  const { client } = await start(t);
  const heard = record(client, "once", "slow");

  await ask(client, "slow");
  await eventually("the timer came", () => heard.length === 2);

  assert.deepEqual(heard.map(([event]) => event), ["slow", "once"]);
});

test("a timer that breaks is logged, and the others go on", async (t) => {
  const { host, client } = await start(t);
  const heard = record(client, "heartbeat");

  client.emit("break");
  await host.waitForLog((line) => line.level === "ERROR" && /timer "broken" failed/.test(line.message), "the failure is logged");
  const before = heard.length;

  await eventually("heartbeats go on", () => heard.length > before + 1);
});

test("a timer ends with its socket", async (t) => {
  const { host, client } = await start(t);
  const other = await connect(host);
  const heard = record(other, "heartbeat");

  client.emit("once", "too late");
  client.disconnect();
  await eventually("far more time than it had has passed", () => heard.length >= 4);

  assert.deepEqual(host.logs.filter((line) => line.level === "ERROR"), []);
});
