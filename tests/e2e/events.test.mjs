// Events and acks in both directions, what a handler can read about its socket, and every way in which a socket ends.

import assert from "node:assert/strict";
import test from "node:test";
import {
  RawPolling, RawSocket, WAYS, ask, askAll, connect, connected, disconnected, eventually, manager, next, record, startHost,
} from "./harness/index.mjs";

const JSON_KINDS = [
  null, true, false, 0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, "", "text", 'quotes " and \\ and \n', "grüße 🦀", "\u2028\u0000\u007f",
  "\ud800 alone", [], {}, [[[]]], { "": 1, a: { b: [null, { c: "d" }] } }, { _placeholder: true, num: 0 }, "x".repeat(100_000),
];
const NAMES = ["", " ", 'quo"te', "back\\slash", "5", "new\nline", "ünïcödé 🦀", "error", "message", "constructor", "x".repeat(1_000)];
const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

for (const via of WAYS) {
  test(`arguments of every JSON kind come back as they went (${via})`, async (t) => {
    const client = await connect(await startHost(t, { plugins: ["echo"] }), "/", { via });
    assert.deepEqual(await askAll(client, "all", ...JSON_KINDS), JSON_KINDS);
    const back = next(client, "all");
    client.emit("all", ...JSON_KINDS);
    assert.deepEqual(await back, JSON_KINDS);
    assert.deepEqual(await askAll(client, "none"), []);
  });

  test(`binary goes both ways, in events and acks, nested, several, empty (${via})`, async (t) => {
    const client = await connect(await startHost(t, { plugins: ["behave"] }), "/", { via });
    const back = next(client, "blob");
    assert.deepEqual(await ask(client, "blob", Buffer.from([1, 2, 255])), Buffer.from([255, 2, 1]));
    assert.deepEqual(await back, ["reversed", Buffer.from([255, 2, 1])]);

    const nested = { name: "n", parts: [Buffer.from([0]), Buffer.alloc(0)], inner: { last: Buffer.alloc(70_000, 7) } };
    const nestedBack = next(client, "blob:nested");
    assert.deepEqual(await ask(client, "blob:nested", nested), nested);
    assert.deepEqual(await nestedBack, [nested]);

    const ten = Array.from({ length: 10 }, (_, length) => Buffer.alloc(length));
    assert.deepEqual(await ask(client, "sizes", ten), [...ten.keys()]);
  });

  test(`every name that Node accepts is an event (${via})`, async (t) => {
    const client = await connect(await startHost(t, { plugins: ["echo"] }), "/", { via });
    for (const name of NAMES) {
      assert.equal(await ask(client, name, "asked"), "asked", name);
      const back = next(client, name);
      client.emit(name, "told");
      assert.deepEqual(await back, ["told"], name);
    }
  });

  test(`a hundred events arrive once each and in order (${via})`, async (t) => {
    const client = await connect(await startHost(t, { plugins: ["echo"] }), "/", { via });
    const seen = record(client, "number");
    for (let number = 0; number < 100; number++) client.emit("number", number);
    await ask(client, "last");
    assert.deepEqual(seen, Array.from({ length: 100 }, (_, number) => ["number", number]));
  });

  test(`the server asks a client and gets its answer, or an error if there was none in time (${via})`, async (t) => {
    const client = await connect(await startHost(t, { plugins: ["behave"] }), "/", { via });
    client.on("question", (value, answer) => {
      if (value !== "silence") answer({ heard: value });
    });
    assert.deepEqual(await ask(client, "ask:me", [1, "two"], 5_000), { answer: { heard: [1, "two"] } });
    assert.deepEqual(await ask(client, "ask:me", "silence", 50), { code: "timeout" });
    assert.deepEqual(await ask(client, "ask:me", "again", 5_000), { answer: { heard: "again" } });
  });
}

test("a number is the name of an event too", async (t) => {
  const raw = await RawSocket.connect(await startHost(t, { plugins: ["echo"] }));
  raw.send('427[5,"asked"]');
  assert.equal(await raw.next(), '437["asked"]');
  raw.send('42[5,"told"]');
  assert.equal(await raw.next(), '42["5","told"]');
});

test("an event with a long name arrives and is acknowledged", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["echo"] }));
  assert.equal(await ask(client, "x".repeat(100_000), 1), 1);
});

for (const name of RESERVED) {
  test(`an event with the reserved name ${name} closes the connection`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    const raw = await RawSocket.connect(host);
    raw.send(`42["${name}"]`);
    await raw.end();
    await reasonInLog(host, "forced close");
  });
}

test("acks and events of several arguments keep their order", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  const back = next(client, "several");
  assert.deepEqual(await askAll(client, "several", "a", { b: 1 }), [{ b: 1 }, "a", 3]);
  assert.deepEqual(await back, [{ b: 1 }, "a", 3]);
});

test("an event without an answer is never acknowledged", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  const answered = [];
  client.emit("silent", 1, () => answered.push("silent"));
  client.emit("nobody handles this", () => answered.push("nobody"));
  await ask(client, "rooms");
  assert.deepEqual(answered, []);
});

test("a question to a room returns every answer, and the sockets that disconnected or were late", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const [asker, willing, silent, leaving] = await Promise.all([1, 2, 3, 4].map(() => connect(host)));
  for (const member of [willing, silent, leaving]) await ask(member, "join", "jury");
  asker.on("question", () => assert.fail("the asker is not in the room"));
  willing.on("question", (_, answer) => answer("guilty"));
  leaving.on("question", () => leaving.disconnect());
  const expected = { answers: [[willing.id, "guilty"]], missing: [leaving.id], timedOut: [silent.id] };
  assert.deepEqual(await ask(asker, "ask:room", "jury", 500), expected);
  assert.deepEqual(await ask(asker, "ask:room", "nobody there", 500), { answers: [], missing: [], timedOut: [] });
});

test("a volatile event reaches a client that is ready", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  const flashed = next(client, "flashed");
  client.emit("flash", 1);
  assert.deepEqual(await flashed, [1]);
});

test("a volatile event to a client that is not ready is dropped, and nothing else is", async (t) => {
  const polling = await RawPolling.open(await startHost(t, { plugins: ["behave"] }));
  await polling.post("40");
  const packets = [];
  const has = (start) => packets.some((packet) => packet.startsWith(start));
  const poll = async () => packets.push(...(await polling.poll()).packets);
  while (!has("40") || !has('42["welcome"')) await poll();
  // No poll is open: the client is not ready.
  await polling.post('42["flash",1]\x1e420["rooms"]');
  while (!has("430[")) await poll();
  assert.ok(!has('42["flashed"'), packets.join(" "));
});

test("socket.data keeps JSON of every kind, by key", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const client = await connect(host);
  for (const value of JSON_KINDS.filter((kind) => kind !== "\ud800 alone" && String(kind).length < 50_000)) {
    assert.equal(await ask(client, "data:set", "key", value), true);
    assert.deepEqual(await ask(client, "data:get", "key"), value);
  }
  await ask(client, "data:set", "other", 2);
  client.emit("data:remove", "key");
  assert.deepEqual([await ask(client, "data:get", "key"), await ask(client, "data:get", "other")], [null, 2]);
  assert.equal(await ask(await connect(host), "data:get", "other"), null);
});

test("the handshake shows how the client connected", async (t) => {
  const origin = "http://page.example";
  const host = await startHost(t, { plugins: ["behave"], server: { cors: { origin } } });
  const before = Date.now();
  const query = { plain: "1", "esc aped": "ä b+c" };
  const seen = await ask(await connect(host, "/", { query, extraHeaders: { origin, "X-Mixed-Case": "Kept" } }), "handshake");
  assert.equal(Object.fromEntries(seen.headers)["x-mixed-case"], "Kept");
  assert.deepEqual([seen.plain, seen.escaped], ["1", "ä b+c"]);
  assert.match(seen.url, /^\/socket\.io\/\?.*plain=1/);
  assert.deepEqual([seen.address, seen.secure, seen.xdomain], ["127.0.0.1", false, true]);
  assert.ok(seen.issued >= before && seen.issued <= Date.now());
  assert.equal((await ask(await connect(host), "handshake")).xdomain, false);
});

test("a socket receives the emits to rooms that it is in, and none to rooms that it left", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const [speaker, listener] = await Promise.all([connect(host), connect(host)]);
  const told = record(listener, "told");
  speaker.emit("to", "room", "too early");
  await ask(speaker, "rooms");
  await ask(listener, "join", "room");
  assert.deepEqual(await ask(listener, "rooms"), ["room", listener.id].sort());
  speaker.emit("to", "room", "in time");
  await ask(speaker, "rooms");
  await ask(listener, "leave", "room");
  speaker.emit("to", "room", "too late");
  await ask(speaker, "rooms");
  await ask(listener, "rooms");
  assert.deepEqual(told, [["told", "in time"]]);
});

for (const via of WAYS) {
  test(`disconnect() ends one namespace, and what was emitted before arrives (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave", "chat"] });
    const { main, chat } = await both(host, via);
    const seen = record(main, "bye", "too late");
    const left = disconnected(main);
    main.emit("kick", false);
    assert.equal(await left, "io server disconnect");
    assert.deepEqual(seen, [["bye"]]);
    assert.deepEqual(await ask(chat, "room:join", "lobby"), { success: true });
    await reasonInLog(host, "server namespace disconnect");
  });

  test(`disconnect(true) ends the whole connection, and what was emitted before arrives (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave", "chat"] });
    const { main, chat } = await both(host, via);
    const seen = record(main, "bye", "too late");
    const left = [main, chat].map(disconnected);
    main.emit("kick", true);
    assert.deepEqual(await Promise.all(left), ["io server disconnect", "io server disconnect"]);
    assert.deepEqual(seen, [["bye"]]);
    await eventually("the engine closes", () => main.io.engine.readyState === "closed");
    await reasonInLog(host, "server namespace disconnect");
  });

  test(`a client that disconnects from a namespace: "client namespace disconnect" (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    (await connect(host, "/", { via })).disconnect();
    await reasonInLog(host, "client namespace disconnect");
  });

  test(`a client that closes its connection: "transport close" (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    (await connect(host, "/", { via })).io.engine.close();
    await reasonInLog(host, "transport close");
  });

  test(`a host that shuts down: "server shutting down" (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    await connect(host, "/", { via });
    host.signal("SIGTERM");
    await reasonInLog(host, "server shutting down");
  });
}

test('a client that vanishes: "transport close"', async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const raw = await RawSocket.connect(host);
  raw.socket.terminate();
  await reasonInLog(host, "transport close");
});

test('a client that does not answer pings: "ping timeout"', async (t) => {
  const host = await startHost(t, { plugins: ["behave"], server: { ping_interval: "100ms", ping_timeout: "150ms" } });
  const staying = await connect(host);
  await RawSocket.connect(host, "/", { pong: false });
  await reasonInLog(host, "ping timeout");
  assert.equal(await ask(staying, "transport"), "websocket");
});

test('a client that breaks Socket.IO\'s protocol: "forced close"', async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  (await RawSocket.connect(host)).send("4nonsense");
  await reasonInLog(host, "forced close");
});

test('a client that breaks Engine.IO\'s protocol: "parse error"', async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  (await RawSocket.connect(host)).send("nonsense");
  await reasonInLog(host, "parse error");
});

test("`disconnecting` sees the rooms and comes before `disconnect`, each once", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const client = await connect(host);
  const { id } = client;
  for (const room of ["a", "b"]) await ask(client, "join", room);
  client.disconnect();
  await reasonInLog(host, "client namespace disconnect");
  const own = host.logged((line) => line.message?.endsWith(id)).map(({ message, fields }) => [message, fields]);
  assert.deepEqual(own, [
    [`disconnecting: client namespace disconnect: ${id}`, "rooms=a,b"],
    [`disconnect: client namespace disconnect: ${id}`, undefined],
  ]);
});

async function both(host, via) {
  const shared = manager(host, { via });
  const sockets = [shared.socket("/"), shared.socket("/chat")];
  const [main, chat] = await Promise.all(sockets.map((socket) => connected(socket.connect())));
  return { main, chat };
}

/** Waits until a `disconnect` handler was called with this reason. */
function reasonInLog(host, reason) {
  const is = (line) => line.message?.startsWith("disconnect: ");
  return host.waitForLog(is, "a disconnect handler is called").then((line) => assert.equal(line.message.split(": ")[1], reason));
}
