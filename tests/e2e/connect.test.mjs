// Connecting: transports, namespaces, middleware, and reconnecting.

import assert from "node:assert/strict";
import test from "node:test";
import { RawSocket, WAYS, ask, connect, connected, disconnected, eventually, manager, next, open, refused, startHost } from "./harness/index.mjs";

const ID = /^[A-Za-z0-9_-]{20}$/;

for (const via of WAYS) {
  test(`a client connects by ${via} and gets an answer`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    const client = await connect(host, "/", { via });
    assert.equal(client.io.engine.transport.name, via === "polling" ? "polling" : "websocket");
    assert.equal(await ask(client, "transport"), client.io.engine.transport.name);
  });

  test(`an event sent from the connect callback is never lost (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["echo"] });
    const answers = Array.from({ length: 50 }, (_, number) => {
      const client = open(host, "/", { via });
      return new Promise((resolve) => client.once("connect", () => resolve(ask(client, "first", number))));
    });
    assert.deepEqual(await Promise.all(answers), [...answers.keys()]);
  });

  test(`what \`connection\` emits reaches the client after its connect, and first of all (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    const client = open(host, "/", { via });
    const seen = [];
    client.on("connect", () => seen.push("connect"));
    client.onAny((name) => seen.push(name));
    const [id, kind] = await next(client, "welcome");
    assert.deepEqual([seen, id, kind], [["connect", "welcome"], client.id, "new"]);
  });

  test(`a client that lost its connection reconnects as another socket (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["echo"] });
    const client = await connect(host, "/", { via, reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 20 });
    const before = client.id;
    const left = disconnected(client);
    client.io.engine.close();
    await left;
    await connected(client);
    assert.notEqual(client.id, before);
    assert.equal(await ask(client, "again", 1), 1);
  });
}

test("a socket has an id of its own on every namespace, and a room of that name", async (t) => {
  const host = await startHost(t, { plugins: ["behave", "chat"] });
  const shared = manager(host);
  const [main, chat] = await Promise.all([shared.socket("/"), shared.socket("/chat")].map((socket) => connected(socket.connect())));
  const ids = [main.id, chat.id, shared.engine.id];
  for (const id of ids) assert.match(id, ID);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(await ask(main, "rooms"), [main.id]);

  const other = await connect(host);
  const told = next(main, "told");
  other.emit("to", main.id, "hello");
  assert.deepEqual(await told, ["hello"]);
});

test("namespaces share one connection and are disconnected one by one", async (t) => {
  const host = await startHost(t, { plugins: ["echo", "chat"] });
  const shared = manager(host);
  const [main, chat] = await Promise.all([shared.socket("/"), shared.socket("/chat")].map((socket) => connected(socket.connect())));
  assert.equal(main.io.engine, chat.io.engine);
  chat.disconnect();
  assert.equal(await ask(main, "still", "here"), "here");
  await connected(chat.connect());
  assert.deepEqual(await ask(chat, "room:join", "lobby"), { success: true });
});

test("an unknown namespace is refused, and the connection stays", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const shared = manager(host);
  const main = await connected(shared.socket("/").connect());
  for (const name of ["/nowhere", "/nowhere/deeper", "/ünïcode", "/%20"]) {
    const [error] = await next(shared.socket(name).connect(), "connect_error");
    assert.deepEqual([error.message, error.data], ["Invalid namespace", undefined]);
  }
  assert.equal(await ask(main, "still", "here"), "here");
});

test("the main namespace is there without any plugin", async (t) => {
  const host = await startHost(t);
  const client = await connect(host);
  assert.match(client.id, ID);
});

for (const via of WAYS) {
  test(`connect middleware refuses with message and data, or accepts (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    const plain = await refused(host, "/gate", { via });
    assert.deepEqual([plain.message, plain.data], ["no word", undefined]);
    const telling = await refused(host, "/gate", { via, query: { word: "sesame" } });
    assert.deepEqual([telling.message, telling.data], ["wrong word", { word: "sesame", left: 2 }]);
    const client = await connect(host, "/gate", { via, query: { word: "open" } });
    assert.equal(await ask(client, "data:get", "word"), "open");
  });
}

test("connect middleware that breaks refuses every client and gives no details", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const error = await refused(host, "/gate", { query: { word: "break" } });
  assert.deepEqual([error.message, error.data], ["internal error", undefined]);
  await host.waitForLog((line) => line.level === "ERROR" && /^connect-middleware failed/.test(line.message), "the log says why");
});

test("a refused client may try again on the same connection", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const shared = manager(host);
  const main = await connected(shared.socket("/").connect());
  const gate = shared.socket("/gate");
  for (let attempt = 0; attempt < 3; attempt++) {
    const [error] = await next(gate.connect(), "connect_error");
    assert.equal(error.message, "no word");
  }
  assert.deepEqual(await ask(main, "rooms"), [main.id]);
});

test("auth, cookies and authorization reach a plugin only with the grant", async (t) => {
  const secret = { auth: { token: "hush" }, extraHeaders: { cookie: "a=b", authorization: "Bearer hush", "x-plain": "seen" } };
  const read = async (plugin) => {
    const host = await startHost(t, { plugins: { behave: plugin } });
    const { auth, headers } = await ask(await connect(host, "/", secret), "handshake");
    const named = Object.fromEntries(headers);
    return [auth, named.cookie, named.authorization, named["x-plain"]];
  };
  const granted = await read({ config: { secrets: true }, grants: ["handshake:secrets"] });
  assert.deepEqual(granted, [{ token: "hush" }, "a=b", "Bearer hush", "seen"]);
  const [auth, ...headers] = await read({});
  assert.ok(!JSON.stringify(auth ?? null).includes("hush"));
  assert.deepEqual(headers, [undefined, undefined, "seen"]);
});

test("a connection on no namespace is closed at the connect timeout", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], server: { connect_timeout: "300ms" } });
  const staying = await connect(host);
  const raw = await RawSocket.open(host);
  await raw.end();
  // The one that is on a namespace outlives it.
  assert.equal(await ask(staying, "still", "here"), "here");
});

test("a second CONNECT for the same namespace closes the connection", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const raw = await RawSocket.connect(host);
  raw.send("40");
  await raw.end();
  assert.deepEqual(host.logged("ERROR"), []);
});

test("a socket disconnects and connects again 200 times on one connection", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const raw = await RawSocket.connect(host);
  const ids = new Set();
  for (let round = 0; round < 200; round++) {
    raw.send("41");
    raw.send("40");
    const packet = await raw.next((text) => text.startsWith("40"), `CONNECT number ${round}`);
    ids.add(JSON.parse(packet.slice(2)).sid);
    raw.send(`42${round}["rooms"]`);
    await raw.next((text) => text.startsWith(`43${round}[`), `ack number ${round}`);
  }
  assert.equal(ids.size, 200);
  await eventually("every one of them had its disconnect", () => disconnects(host) === 200);
  raw.close();
  await eventually("and the last", () => disconnects(host) === 201);
});

function disconnects(host) {
  return host.logged((line) => line.message?.startsWith("disconnect: ")).length;
}

test("a handshake sets the configured cookie with the session's id, on both transports, and nothing later does", async (t) => {
  const cookie = { name: "io", path: "/chat", same_site: "strict", max_age: "24h" };
  const host = await startHost(t, { plugins: ["echo"], server: { cookie } });
  const opened = await fetch(`${host.url}/socket.io/?EIO=4&transport=polling`);
  const { sid } = JSON.parse((await opened.text()).slice(1));
  assert.equal(opened.headers.get("set-cookie"), `io=${sid}; Max-Age=86400; Path=/chat; HttpOnly; SameSite=Strict`);
  const endpoint = `${host.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  const posted = await fetch(endpoint, { method: "POST", body: "40" });
  const polled = await fetch(endpoint);
  assert.deepEqual([posted, polled].map(({ headers }) => headers.get("set-cookie")), [null, null]);

  const raw = new RawSocket(host);
  const [response] = await next(raw.socket, "upgrade");
  assert.match(response.headers["set-cookie"][0], /^io=[\w-]{20}; Max-Age=86400; Path=\/chat; HttpOnly; SameSite=Strict$/);
  raw.socket.terminate();
});

test("without a configured cookie none is set", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  assert.equal((await fetch(`${host.url}/socket.io/?EIO=4&transport=polling`)).headers.get("set-cookie"), null);
});

test("a handler of an event `connection` is reported when the plugin is loaded: who ports a server means the hook", async (t) => {
  const host = await startHost(t, { plugins: { behave: { config: { mistaken: true } } } });
  const line = await host.waitForLog(({ level, message }) => level === "WARN" && /handles an event "connection"/.test(message));
  assert.match(line.message, /the hook .* is `connection` \(in Rust `\.connection\(fn\)`\)/);
  assert.equal(line.ns, "/gate");
  // A client may emit an event of this name.
  const client = await connect(host);
  client.emit("connection");
  assert.equal(await ask(client, "transport"), "websocket");
});
