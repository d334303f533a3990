// Event loops: the threads that serve connections, and the one that accepts them.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import net from "node:net";
import { test } from "node:test";
import { RawStream, WAYS, ask, connect, disconnected, eventually, freeze, startHost, tcp } from "./harness/index.mjs";

/** The names of the threads of a process. */
function threads({ pid }) {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((id) => readFileSync(`${tasks}/${id}/comm`, "utf8").trim());
}

for (const [event_loops, expected] of [
  [3, ["accept", "loop-0", "loop-1", "loop-2"]],
  [1, ["loop-0"]],
]) {
  test(`event_loops = ${event_loops}: so many threads serve connections, and one accepts them`, async (t) => {
    const host = await startHost(t, { plugins: ["echo"], server: { event_loops } });
    const client = await connect(host);
    assert.equal(await ask(client, "bench:echo", "served"), "served");
    const names = threads(host).filter((name) => /^loop-|^accept$/.test(name));
    assert.deepEqual(names.sort(), expected);
  });
}

for (const via of WAYS) {
  test(`of 20 connections neither of two loops has more than 12 (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["echo"], server: { event_loops: 2 } });
    await Promise.all(Array.from({ length: 20 }, () => connect(host, "/", { via })));
    const page = await (await fetch(`${host.internal}/metrics`)).text();
    const sessions = [...page.matchAll(/^innkeeper_event_loop_sessions\{loop="\d"\} (\d+)/gm)].map(([, count]) => Number(count));
    assert.equal(sessions[0] + sessions[1], 20, page);
    assert.ok(Math.max(...sessions) <= 12, `${sessions}`);
  });
}

test("what clients on different loops do in a room is seen by all of them in one order", async (t) => {
  const host = await startHost(t, { plugins: ["crowd"], server: { event_loops: 3 } });
  const clients = await Promise.all(Array.from({ length: 12 }, (_, i) => connect(host, "/", { via: i % 2 ? "websocket" : "upgrade" })));
  for (const client of clients) await ask(client, "join", "all");
  const seen = clients.map((client) => {
    const order = [];
    client.on("cast", (number) => order.push(number));
    return order;
  });
  const rounds = 20;
  for (let round = 0; round < rounds; round++) clients.forEach((client, i) => client.emit("cast", "all", 100 * round + i, 10));
  await eventually("all have read all", () => seen.every((order) => order.length === rounds * clients.length));
  for (const order of seen) assert.deepEqual(order, seen[0]);
});

test("LISTEN_BACKLOG: a burst of clients waits for a server that is busy, and none has to try again", async (t) => {
  const somaxconn = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
  const host = await startHost(t, { plugins: ["echo"] });
  // It accepts nobody meanwhile; what completes a connection is the kernel, as far as the queue goes.
  freeze(host.pid);
  t.after(() => host.signal("SIGCONT"));
  const burst = await Promise.all(Array.from({ length: Math.min(somaxconn, 2_000) }, () => tcp(host)));
  host.signal("SIGCONT");
  const last = new RawStream(host, burst.at(-1));
  last.write(`GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`);
  assert.equal(await last.status(), 200);
  burst.forEach((stream) => stream.destroy());
});

test("SIGTERM under load: every client is told, and the server ends", async (t) => {
  const host = await startHost(t, { plugins: ["crowd"], server: { event_loops: 2 } });
  const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => connect(host, "/", { via: i % 2 ? "polling" : "websocket" })));
  for (const client of clients) await ask(client, "join", "all");
  let isOver = false;
  const load = clients.map((client) => {
    const say = () => void (isOver || (client.emit("cast", "all", 1, 100), setImmediate(say)));
    say();
    return disconnected(client);
  });
  await new Promise((resolve) => clients[0].once("cast", resolve));
  const newcomer = net.connect({ host: host.address.split(":")[0], port: Number(host.address.split(":")[1]) }).on("error", () => {});
  t.after(() => newcomer.destroy());
  assert.equal(await host.stop("SIGTERM"), 0);
  isOver = true;
  for (const reason of await Promise.all(load)) assert.match(reason, /^transport (close|error)$/);
});
