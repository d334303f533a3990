// A swap changes which namespaces there are, and which plugins serve them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { WAYS, ask, component, connect, connected, disconnected, eventually, manager, next, record, refused, startHost } from "./harness/index.mjs";
import { change, swap } from "./harness/swap.mjs";

const ROOMS = "/room-\\d+";
const GONE = ["/lobby", "/room-1", "/room-2"];
const serving = () => ({ component: "patterned", config: { names: ["/lobby"], patterns: [ROOMS] } });
/** Serves `/`, and nothing else. */
const ECHO = () => readFileSync(component("echo"));
const PATTERNED = () => readFileSync(component("patterned"));

test("the sockets of a namespace that a swap removes get DISCONNECT, and the others stay", async (t) => {
  const host = await startHost(t, { plugins: { rooms: serving() } });
  const main = await connect(host);
  const went = record(main, "went", "disconnect");
  const clients = await Promise.all(GONE.flatMap((name) => WAYS.map((via) => connect(host, name, { via }))));
  const reasons = Promise.all(clients.map(disconnected));

  await swap(host, "rooms", ECHO());

  assert.deepEqual(new Set(await reasons), new Set(["io server disconnect"]));
  // The generation that had served them runs their `disconnect`.
  await eventually("each of them has gone", () => went.length === clients.length);
  const names = went.map(([event, name]) => `${event} ${name}`).sort();
  assert.deepEqual(names, GONE.flatMap((name) => Array(WAYS.length).fill(`went ${name}`)));
  for (const name of GONE) assert.equal((await refused(host, name)).message, "Invalid namespace");
  assert.equal(await ask(main, "still", "here"), "here");

  await change(host, "rooms", "rollback");
  for (const name of GONE) assert.equal((await ask(await connect(host, name), "who")).length, 1);
  assert.ok(main.connected);
});

test("a connection goes on without the namespace that was removed, and what it sends there is ignored", async (t) => {
  const host = await startHost(t, { plugins: { rooms: serving() } });
  const one = manager(host);
  const [main, room] = ["/", "/room-1"].map((name) => one.socket(name));
  await Promise.all([main, room].map((socket) => connected(socket.connect())));
  const gone = disconnected(room);
  // Sent while the swap is on its way, behind it, and both at once.
  const talking = setInterval(() => room.connected && room.emit("shout", "x"), 1);
  t.after(() => clearInterval(talking));
  await swap(host, "rooms", ECHO());
  assert.equal(await gone, "io server disconnect");
  assert.equal(await ask(main, "still", "here"), "here");
  const error = next(room, "connect_error");
  room.connect();
  assert.equal((await error)[0].message, "Invalid namespace");
  assert.equal(await ask(main, "still", "here"), "here");
  await swap(host, "rooms", PATTERNED());
  await connected(room.connect());
  assert.deepEqual(await ask(room, "who"), [room.id]);
});

test("a plugin that joins meets the sockets that are there before their next event, once and muted", async (t) => {
  const guest = (list) => ({ component: "patterned", namespaces: ["/", ...list, ROOMS], config: { names: list, patterns: [ROOMS] } });
  const host = await startHost(t, { plugins: { first: guest(["/lobby"]), second: guest(["/lobby"]) } });
  const main = await connect(host);
  const events = record(main, "came", "went");
  await change(host, "second", "unload");
  const clients = await Promise.all(["/lobby", "/room-1"].map((name) => connect(host, name)));
  const idle = await connect(host, "/room-2");
  const heard = clients.map((client) => record(client, "welcome", "disconnect"));
  const met = async () => {
    const page = await (await fetch(`${host.internal}/metrics`)).text();
    const [, count] = /^innkeeper_handler_duration_seconds_count\{plugin="second",generation="\d+",export="connection",event=""\} (\d+)$/m.exec(page) ?? [, "0"];
    return Number(count);
  };

  await change(host, "second", "load");

  assert.equal(await met(), 0);
  for (let round = 0; round < 3; round++) {
    for (const client of clients) assert.equal((await ask(client, "who")).length, 1);
    assert.equal(await met(), clients.length);
  }
  await eventually("those of the first have come", () => events.length >= 3);
  assert.equal(events.length, 3, "what the second wrote was dropped");
  assert.deepEqual(heard, [[], []]);
  // From now on it has their end; of one that it has never met it has not.
  [...clients, idle].forEach((client) => client.disconnect());
  await eventually("all have gone", () => events.length >= 3 + 2 * clients.length + 1);
  const news = await connect(host, "/room-2");
  await eventually("both have it", () => events.filter(([, , id]) => id === news.id).length === 2);
  assert.equal(events.length, 3 + 2 * clients.length + 1 + 2);
});

test("in a storm of swaps each client is connected or refused, and in the end all are served", async (t) => {
  const host = await startHost(t, { plugins: { rooms: serving() }, limits: { refused_connects_max: 1_000_000, handshakes_per_second_max: 5_000 } });
  const versions = [ECHO(), PATTERNED()];
  const seen = { connected: 0, refused: 0, removed: 0 };
  let isOver = false;
  const comeAndGo = async (_, index) => {
    const one = manager(host, { via: index % 2 ? "websocket" : "polling" });
    await connected(one.socket("/").connect());
    for (let round = 0; !isOver; round++) {
      const socket = one.socket(round % 2 ? "/lobby" : `/room-${round % 3}`);
      socket.connect();
      const error = await connected(socket).then(() => undefined, (error) => error);
      if (error) {
        assert.equal(error.message, "Invalid namespace");
        seen.refused += 1;
        continue;
      }
      seen.connected += 1;
      const removed = await Promise.race([ask(socket, "who").then(() => false, () => true), disconnected(socket).then(() => true)]);
      if (removed) {
        seen.removed += 1;
        await eventually("the client knows it", () => !socket.connected);
      } else {
        socket.disconnect();
      }
    }
  };
  const coming = Promise.all(Array.from({ length: 6 }, comeAndGo));
  coming.catch(() => {});
  for (let index = 0; index < 30; index++) {
    await Promise.race([swap(host, "rooms", versions[index % 2]), coming]);
    const before = seen.connected + seen.refused;
    await eventually("clients come and go", () => seen.connected + seen.refused > before + 5);
  }
  isOver = true;
  await coming;
  assert.ok(seen.connected > 30 && seen.refused > 30, JSON.stringify(seen));
  for (const name of GONE) {
    const client = await connect(host, name);
    assert.deepEqual(await ask(client, "who"), [client.id], "nobody was left behind");
  }
  t.diagnostic(JSON.stringify(seen));
});
