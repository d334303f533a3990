// What arrives in order is handled in order, and what is emitted in order arrives in order: all of it, once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawPolling, RawSocket, ask, askAll, connect, connected, eventually, startHost } from "./harness/index.mjs";

const LEDGER = { plugins: { ledger: { instances_max: 8 } } };
const MINUTE = 60_000;

for (const via of ["websocket", "polling"]) {
  test(`10,000 events of one socket at once come back in order, on ${via}`, async (t) => {
    const host = await startHost(t, LEDGER);
    const client = await connect(host, "/", { via });
    const book = new Book(client);

    book.send(10_000);

    await book.isFull(10_000);
    book.check(10_000);
  });

  test(`500 events of each of 200 sockets at once come back in order, on ${via}`, async (t) => {
    const host = await startHost(t, LEDGER);
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(host, "/", { via })));
    const books = clients.map((client) => new Book(client));

    for (const book of books) book.send(500);

    for (const book of books) await book.isFull(500);
    for (const book of books) book.check(500);
  });
}

test("20,000 emits of one handler arrive in order, and its ack comes last", async (t) => {
  const host = await startHost(t, LEDGER);
  for (const via of ["websocket", "polling"]) {
    const client = await connect(host, "/", { via });
    const counted = [];
    client.on("counted", (number) => counted.push(number));

    const most = await ask(client, "count", 20_000);

    assert.equal(most, 20_000);
    assert.deepEqual(counted, numbers(20_000), via);
  }
});

test("what two sockets emit at once arrives in one order at all members of a room", async (t) => {
  const host = await startHost(t, LEDGER);
  const ways = Array.from({ length: 50 }, (_, i) => (i % 5 ? "websocket" : "polling"));
  const members = await Promise.all(ways.map((via) => connect(host, "/", { via })));
  const logs = members.map((member) => {
    const log = [];
    member.on("said", (sender, number) => log.push(`${sender}${number}`));
    return log;
  });
  await Promise.all(members.map((member) => ask(member, "join", "room")));
  const senders = await Promise.all(["a", "b"].map(async (name) => ({ name, client: await connect(host) })));

  for (const number of numbers(500)) {
    for (const { name, client } of senders) client.emit("say", "room", name, number);
  }

  await eventually("every member has received everything", () => logs.every((log) => log.length >= 1_000), MINUTE);
  for (const log of logs) assert.deepEqual(log, logs[0]);
  for (const { name } of senders) {
    assert.deepEqual(
      logs[0].filter((entry) => entry[0] === name),
      numbers(500).map((number) => `${name}${number}`),
    );
  }
});

const SCRIPTED = {
  plugins: { first: { component: "scripted", config: { name: "first" }, grants: ["cluster", "handshake:secrets", "store", "rate-limit"] } },
};
/** Emits by turns to the two namespaces of one client, who joins and is asked in between; `last` comes in the end. */
const both = (last) => {
  const turn = (number) => [{ of: ["/other", "n", number] }, { emit: ["n", number] }, { join: `room ${number}` }, { set_data: ["n", number] }];
  return `2["do",{"first":{"handler":${JSON.stringify([...numbers(20).flatMap(turn), ...last])}}}]`;
};
const inTurn = numbers(20).flatMap((number) => [`42/other,["n",${number}]`, `42["n",${number}]`]);

test("what one call emits to several namespaces arrives in call order", async (t) => {
  const host = await startHost(t, SCRIPTED);
  const raw = await RawSocket.connect(host);
  raw.send("40/other,");
  await raw.next((packet) => packet.startsWith("40/other,"));
  raw.send(`4${both([{ emit: ["end", 0] }])}`);
  const received = [];
  for (let packet = ""; packet !== '42["end",0]'; ) received.push((packet = await raw.next()));

  assert.deepEqual(received, [...inTurn, '42["end",0]']);
});

test("a close overtakes nothing that was emitted before it, in whatever namespace", async (t) => {
  const host = await startHost(t, SCRIPTED);
  const raw = await RawSocket.connect(host);
  raw.send("40/other,");
  await raw.next((packet) => packet.startsWith("40/other,"));

  raw.send(`4${both([{ disconnect: true }])}`);
  await raw.end();

  assert.deepEqual(raw.received.slice(0, 41), [...inTurn, "41"]);
  assert.ok(raw.received.includes("41/other,"));

  const polling = await RawPolling.open(host);
  await polling.post("40");
  await polling.post("40/other,");
  for (let connected = 0; connected < 2; ) connected += (await polling.poll()).packets.length;
  await polling.post(`4${both([{ disconnect: true }])}`);
  const packets = [];
  while (packets.at(-1) !== "1") packets.push(...(await polling.poll()).packets);
  assert.deepEqual(packets.slice(0, 41), [...inTurn, "41"]);
});

test("event middleware that sleeps, now longer, now shorter, changes nothing about the order", async (t) => {
  const host = await startHost(t, LEDGER);
  const clients = await Promise.all([connect(host, "/slow"), connect(host, "/slow", { via: "polling" })]);
  const books = clients.map((client) => new Book(client));

  for (const book of books) book.send(200);

  for (const book of books) await book.isFull(200);
  for (const book of books) book.check(200);
});

test("events and acks of several namespaces of one connection keep their own order", async (t) => {
  const host = await startHost(t, LEDGER);
  const main = await connect(host);
  const slow = main.io.socket("/slow");
  await connected(slow);
  const books = [new Book(main), new Book(slow)];

  for (const number of numbers(100)) for (const book of books) book.sendOne(number);

  for (const book of books) await book.isFull(100);
  for (const book of books) book.check(100);
});

test("binary events keep their place among the others", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const client = await connect(host);
  const back = [];
  client.on("item", (number) => back.push(number));

  const acks = numbers(300).map((number) => {
    if (number % 3) return askAll(client, "item", number);
    client.emit("item", number, Buffer.from([number % 256]));
  });

  await Promise.all(acks);
  await eventually("all binary events are back", () => back.length >= 100);
  assert.deepEqual(back, numbers(300).filter((number) => number % 3 === 0));
});

/** What one socket sent to the guest `ledger` and what came back. */
class Book {
  events = [];
  acks = [];

  constructor(client) {
    this.client = client;
    client.on("numbered", (...args) => this.events.push(args));
  }

  send(count) {
    for (const number of numbers(count)) this.sendOne(number);
  }

  sendOne(number) {
    this.client.emit("number", number, (...args) => this.acks.push(args));
  }

  isFull(count) {
    const full = () => this.events.length >= count && this.acks.length >= count;
    return eventually(`${count} events and acks are back`, full, MINUTE);
  }

  /** Number sent and number seen are equal only if nothing was out of order, lost or handled twice. */
  check(count) {
    const expected = numbers(count).map((number) => [number, number]);
    assert.deepEqual(this.events, expected);
    assert.deepEqual(this.acks, expected);
  }
}

function numbers(count) {
  return Array.from({ length: count }, (_, number) => number);
}
