// Things that happen at the same moment: connecting and disconnecting, joining and emits to the room, the last packet and the
// end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawSocket, ask, connect, connected, disconnected, eventually } from "./harness/index.mjs";
import { next, open, record, startHost, within } from "./harness/index.mjs";

const LOBBY = { plugins: ["foyer"] };
const MINUTE = 60_000;

for (const patience of ["close as soon as CONNECT is sent", "close as soon as they are connected"]) {
  test(`4,000 clients that ${patience} cause as many calls of disconnect as of connection`, async (t) => {
    const host = await startHost(t, LOBBY);
    const observer = await watch(host);
    let reached = 0;

    await inBatches(4_000, 100, async () => {
      const raw = await RawSocket.open(host);
      raw.send("40/lobby,");
      if (patience.includes("connected")) {
        await raw.next((packet) => packet.startsWith("40/lobby,{"), "the CONNECT packet");
        reached += 1;
      }
      raw.socket.terminate();
    });
    const last = await connect(host, "/lobby");
    const { id } = last;
    await eventually("the last client has connected", () => observer.came.has(id), MINUTE);
    last.close();

    const allWent = () => observer.went.has(id) && observer.went.size >= observer.came.size;
    await eventually("every client that connected has disconnected", allWent, MINUTE);
    await eventually("the lobby is empty", async () => (await ask(observer.client, "members")).length === 0, MINUTE);
    observer.check();
    assert.ok(observer.came.size > reached && observer.came.size <= 4_001, `${observer.came.size} of ${reached} connected`);
  });
}

test("an event that a client sends in its `connect` callback is never lost", async (t) => {
  const host = await startHost(t, LOBBY);

  await inBatches(500, 50, async (number) => {
    const client = open(host, "/lobby", { via: number % 2 ? "websocket" : "polling" });
    const answer = await within(
      `client ${number} is answered`,
      new Promise((resolve, reject) => {
        client.on("connect", () => client.emit("number", number, resolve));
        client.on("disconnect", reject);
        client.on("connect_error", reject);
      }),
    );
    assert.equal(answer, number);
    client.close();
  });
});

test("a client that got `connect` misses no emit to the room that `connection` joined", async (t) => {
  const host = await startHost(t, LOBBY);
  const speaker = await connect(host);
  let said = 0;
  let speaking = true;
  const speech = (async () => {
    while (speaking) await ask(speaker, "shout", said++);
  })();

  await inBatches(300, 10, async (number) => {
    const client = open(host, "/lobby", { via: number % 2 ? "websocket" : "polling" });
    const heard = [];
    client.on("shout", (number) => heard.push(number));
    await connected(client);
    // What is emitted from now on must arrive: it was requested only after the client got `connect`.
    const first = said;
    await eventually(`client ${number} hears three of them`, () => heard.some((number) => number >= first + 2));
    const from = heard[0];
    assert.ok(from <= first, `the first that was heard is ${from}, the first that was said is ${first}`);
    assert.deepEqual(heard, Array.from(heard, (_, i) => from + i));
    client.close();
  });
  speaking = false;
  await speech;
});

test("what `connection` emits to the room that it joins reaches the new socket, behind `connect`", async (t) => {
  const host = await startHost(t, LOBBY);
  const raw = await RawSocket.open(host);

  raw.send("40/lobby,");

  const first = await raw.next();
  const { sid } = JSON.parse(first.slice("40/lobby,".length));
  assert.equal(await raw.next(), `42/lobby,["joined","${sid}"]`);
});

test("no client is informed of a new socket before that socket is in the room", async (t) => {
  const host = await startHost(t, LOBBY);
  const observer = await connect(host, "/lobby");
  const missed = [];
  let told = 0;
  observer.on("joined", async (id) => {
    const members = await ask(observer, "members");
    if (!members.includes(id)) missed.push(id);
    told += 1;
  });

  const clients = [];
  await inBatches(300, 30, async () => clients.push(await connect(host, "/lobby")));

  await eventually("the observer received all", () => told === 300);
  assert.deepEqual(missed, []);
});

test("all members are informed of new sockets in one order", async (t) => {
  const host = await startHost(t, LOBBY);
  const first = [];
  for (const via of ["websocket", "polling", "upgrade"]) first.push(await connect(host, "/lobby", { via }));
  await Promise.all(first.map((client) => ask(client, "number", 0)));
  const logs = first.map((client) => record(client, "joined"));

  await inBatches(100, 50, () => connect(host, "/lobby"));

  await eventually("they received all", () => logs.every((log) => log.length >= 100));
  for (const log of logs) assert.deepEqual(log, logs[0]);
});

for (const via of ["polling", "websocket"]) {
  test(`what is emitted before disconnect(true) reaches the client, on ${via}`, async (t) => {
    const host = await startHost(t, LOBBY);

    await inBatches(100, 20, async () => {
      const client = await connect(host, "/lobby", { via });
      const bye = next(client, "bye");
      const gone = disconnected(client);
      client.emit("farewell");
      assert.deepEqual(await bye, ["see you"]);
      assert.equal(await gone, "io server disconnect");
    });
  });
}

test("disconnect(true) ends all namespaces of the connection, each with its reason", async (t) => {
  const host = await startHost(t, LOBBY);
  const observer = await watch(host);
  const main = await connect(host);
  const lobby = main.io.socket("/lobby");
  await connected(lobby);
  const id = lobby.id;
  const gone = Promise.all([main, lobby].map(disconnected));

  main.emit("farewell");

  assert.deepEqual(await gone, ["io server disconnect", "io server disconnect"]);
  await eventually("`disconnect` of the plugin was called", () => observer.went.has(id));
  assert.equal(observer.went.get(id), "server namespace disconnect");
});

/** An observer of the sockets that connect and disconnect. It notes each that does so twice or in the wrong order. */
async function watch(host) {
  const observer = { client: await connect(host), came: new Set(), went: new Map(), wrong: [] };
  observer.client.on("came", (id) => {
    if (observer.came.has(id) || observer.went.has(id)) observer.wrong.push(`${id} came twice, or after it went`);
    observer.came.add(id);
  });
  observer.client.on("went", (id, reason) => {
    if (observer.went.has(id) || !observer.came.has(id)) observer.wrong.push(`${id} went twice, or never came`);
    observer.went.set(id, reason);
  });
  observer.check = () => {
    // A `connection` that fails says nothing, and its socket stays: that is another thing than a lost call.
    assert.deepEqual(host.logs.filter(({ message }) => /failed/.test(message ?? "")), [], "no call fails");
    assert.deepEqual(observer.wrong, []);
    assert.deepEqual([...observer.came].sort(), [...observer.went.keys()].sort());
  };
  return observer;
}

/** Runs `work` with the numbers from 0, so many at a time. */
async function inBatches(count, width, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
