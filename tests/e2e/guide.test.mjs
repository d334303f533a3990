// The Socket.IO guide, row by row: each test is named after the snippet that it stands for, and runs with the official client over
// every transport and with python-socketio's client.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { WAYS_OF_BOTH_CLIENTS, ask, connect, next, record, refused, run, seed, startHost } from "./harness/index.mjs";
import { inSeconds, token } from "./harness/token.mjs";

const SECRET = "a secret of the tests that nobody could guess";
const USERS = { ann: { name: "Ann" }, bob: { name: "Bob" }, carol: { name: "Carol" } };
const [ANN, BOB, CAROL] = Object.entries(USERS).map(([id, user]) => ({ id, ...user }));
const CLIENT_URL = "https://chat.example";

row("1 basic server: connections and disconnections are logged with their reason", async (t, via) => {
  const host = await guide(t);
  const ann = await come(host, via, "ann", "/");
  const { id } = ann;
  await host.waitForLog(({ message }) => message === `Connected: ${id}`, "the connection is logged");
  ann.disconnect();
  const { message } = await host.waitForLog(({ message }) => message?.startsWith(`Disconnected: ${id}, `), "its end is logged");
  // python-socketio closes its websocket without waiting until its DISCONNECT packet has been written.
  const reasons = via === "python-socketio" ? ["client namespace disconnect", "transport close"] : ["client namespace disconnect"];
  assert.ok(reasons.includes(message.split(", ")[1]), message);
});

row("1 cors: pages of CLIENT_URL may connect, with credentials, and others may not", async (t, via) => {
  const host = await guide(t);
  await come(host, via, "ann", "/", { extraHeaders: { origin: CLIENT_URL } });
  const handshake = (origin) => fetch(`${host.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
  const { headers } = await handshake(CLIENT_URL);
  assert.equal(headers.get("access-control-allow-origin"), CLIENT_URL);
  assert.equal(headers.get("access-control-allow-credentials"), "true");
  assert.equal((await handshake("https://elsewhere.example")).headers.get("access-control-allow-origin"), null);
});

row("1 pingTimeout and pingInterval: the handshake has the values of the configuration", async (t, via) => {
  const host = await guide(t);
  const ann = await come(host, via, "ann", "/");
  const engine = ann.engine ?? { pingInterval: ann.io.engine._pingInterval, pingTimeout: ann.io.engine._pingTimeout };
  assert.deepEqual(engine, { pingInterval: 25_000, pingTimeout: 60_000 });
});

for (const [transport, other] of [["websocket", "polling"], ["polling", "websocket"]]) {
  test(`guide 1 transports: with only ${transport}, ${other} is refused`, async (t) => {
    const host = await startHost(t, { plugins: ["echo"], server: { transports: [transport] } });
    assert.equal(await ask(await connect(host, "/", { via: transport }), "say", "hi"), "hi");
    await assert.rejects(connect(host, "/", { via: other }));
  });
}

test("guide 1 listen: without a configuration the port is 3001", async (t) => {
  const host = run(t, ["config", "show", "--origin"], { cwd: folder(t) });
  await host.ended;
  assert.match(host.stdout, /\[server\]\nport = 3001 +# default/);
});

row("1 Express app: files are served beside the endpoint", async (t, via) => {
  const pages = folder(t);
  writeFileSync(path.join(pages, "index.html"), "<h1>Our chat</h1>");
  const host = await guide(t, { server: { static_folder: pages } });
  assert.equal(await (await fetch(`${host.url}/`)).text(), "<h1>Our chat</h1>");
  await come(host, via, "ann");
});

row("2 namespace /chat: room:join sends the others socket.data.user, room:leave its id", async (t, via) => {
  const host = await guide(t);
  const [ann, bob] = await inRoom(host, via, "room-123", "ann", "bob");
  const [byAnn, byBob] = [ann, bob].map((client) => record(client, "user:joined", "user:left"));
  const carol = await come(host, via, "carol");
  assert.deepEqual(await ask(carol, "room:join", "room-123"), { success: true });
  assert.deepEqual(await ask(carol, "room:leave", "room-123"), { success: true });
  await settle(ann, bob);
  const told = [["user:joined", CAROL], ["user:left", "carol"]];
  assert.deepEqual([byAnn, byBob], [told, told]);
});

row("2 to a room, the sender included", async (t, via) => {
  const host = await guide(t);
  const members = await inRoom(host, via, "room-123", "ann", "bob");
  const stranger = await come(host, via, "carol");
  const heard = [...members, stranger].map((client) => record(client, "announcement"));
  assert.deepEqual(await ask(members[0], "announce", { rooms: ["room-123"], text: "hi" }), { success: true });
  await settle(...members, stranger);
  const told = [["announcement", { rooms: ["room-123"], text: "hi", from: ANN }]];
  assert.deepEqual(heard, [told, told, []]);
});

row("2 to a room, the sender excluded", async (t, via) => {
  const host = await guide(t);
  const [ann, bob] = await inRoom(host, via, "room-123", "ann", "bob");
  const [byAnn, byBob] = [ann, bob].map((client) => record(client, "chat:message"));
  const { messageId } = await ask(ann, "chat:send", { roomId: "room-123", text: "hi" });
  await settle(ann, bob);
  assert.deepEqual(byAnn, []);
  assert.deepEqual(byBob.map(([, { id, text, from }]) => [id, text, from]), [[messageId, "hi", ANN]]);
});

row("2 to several rooms: a socket in both receives it once", async (t, via) => {
  const host = await guide(t);
  const both = await come(host, via, "ann");
  for (const room of ["room-1", "room-2"]) await ask(both, "room:join", room);
  const [first] = await inRoom(host, via, "room-1", "bob");
  const [second] = await inRoom(host, via, "room-2", "carol");
  const heard = [both, first, second].map((client) => record(client, "announcement"));
  await ask(both, "announce", { rooms: ["room-1", "room-2"], text: "hi" });
  await settle(both, first, second);
  assert.deepEqual(heard.map((list) => list.length), [1, 1, 1]);
});

row("2 to a user's personal room: all sockets of the user, and no others", async (t, via) => {
  const host = await guide(t);
  const clients = [await come(host, via, "ann"), await come(host, via, "ann"), await come(host, via, "bob")];
  const heard = clients.map((client) => record(client, "notification"));
  assert.deepEqual(await ask(clients[2], "notify", { userId: "ann", text: "dinner" }), { success: true });
  await settle(...clients);
  const told = [["notification", { text: "dinner", from: BOB }]];
  assert.deepEqual(heard, [told, told, []]);
});

row("3 JWT: no token, no valid token, and an unknown user are refused with the guide's words", async (t, via) => {
  const host = await guide(t);
  const told = async (namespace, auth) => (await refused(host, namespace, { via, auth })).message;
  for (const namespace of ["/", "/chat"]) {
    assert.equal(await told(namespace, undefined), "No token");
    assert.equal(await told(namespace, { token: "x.y.z" }), "Auth failed");
    assert.equal(await told(namespace, { token: token({ userId: "ann", exp: inSeconds(-1) }, SECRET) }), "Auth failed");
    assert.equal(await told(namespace, { token: token({ userId: "eve", exp: inSeconds(60) }, SECRET) }), "Auth failed");
  }
});

row("3 JWT: the user that the token names is in socket.data.user", async (t, via) => {
  const host = await guide(t);
  const [ann] = await inRoom(host, via, "room-123", "ann");
  assert.deepEqual(await ask(ann, "room:people", "room-123"), [{ ...ANN, nodes: ["web1"] }]);
});

row("3 rate limit: a client that connects too often is refused with the guide's words", async (t, via) => {
  const host = await guide(t, {}, { points: 2, per: ["address"] });
  for (let count = 0; count < 2; count += 1) await come(host, via, "ann");
  const error = await refused(host, "/chat", { via, auth: auth("ann") });
  assert.equal(error.message, "Rate limit exceeded");
  assert.ok(error.data.retryAfterMs > 0 && error.data.retryAfterMs <= 60_000);
});

row("3 rate limit: events beyond it fail, and say when to come back", async (t, via) => {
  const host = await guide(t, {}, { points: 2, per: ["user"] });
  const ann = await come(host, via, "ann");
  assert.deepEqual(await ask(ann, "room:join", "lobby"), { success: true });
  const { retryAfterMs, ...told } = await ask(ann, "room:join", "lobby");
  assert.deepEqual(told, { success: false, error: "Rate limit exceeded", code: "RATE_LIMITED" });
  assert.ok(retryAfterMs > 0 && retryAfterMs <= 60_000);
});

row("4 server acknowledgment: success with the id of the message that was saved", async (t, via) => {
  const host = await guide(t);
  const [ann] = await inRoom(host, via, "room-123", "ann");
  const answer = await ask(ann, "chat:send", { roomId: "room-123", text: "for later" });
  assert.deepEqual(answer, { success: true, messageId: 1 });
  const { messages } = await ask(ann, "chat:history", { roomId: "room-123" });
  assert.deepEqual(messages.map(({ id, text, from }) => [id, text, from]), [[1, "for later", ANN]]);
});

row("4 server acknowledgment: success false with the error", async (t, via) => {
  const host = await guide(t);
  const ann = await come(host, via, "ann");
  const answer = await ask(ann, "chat:send", { roomId: "room-123", text: "hi" });
  assert.deepEqual(answer, { success: false, error: 'you are not in the room "room-123"', code: "NOT_IN_ROOM" });
});

row("4 client with timeout: the response in time, an error without one", async (t, via) => {
  const host = await guide(t);
  const [ann] = await inRoom(host, via, "room-123", "ann");
  const emitted = (ms, ...args) => new Promise((resolve) => ann.timeout(ms).emit(...args, (...answer) => resolve(answer)));
  const [error, response] = await emitted(5_000, "chat:send", { roomId: "room-123", text: "hi" });
  assert.deepEqual([error, response.messageId], [null, 1]);
  const [late] = await emitted(200, "nobody:answers", {});
  assert.ok(late instanceof Error);
});

row("5 error handler: what a handler throws is the event `error` with code and message", async (t, via) => {
  const host = await startHost(t, { plugins: ["faulty"] });
  const client = await connect(host, "/", { via });
  const told = next(client, "error");
  client.emit("fail", "words");
  assert.deepEqual(await told, [{ code: "INTERNAL_ERROR", message: "only words" }]);
});

row("6 emit to all: io.emit reaches every socket of the namespace", async (t, via) => {
  const host = await guide(t);
  const clients = [await come(host, via, "ann"), await come(host, via, "bob")];
  const heard = clients.map((client) => record(client, "global"));
  assert.deepEqual(await ask(clients[0], "global", { text: "closing time" }), { success: true });
  await settle(...clients);
  const told = [["global", { text: "closing time", from: ANN }]];
  assert.deepEqual(heard, [told, told]);
});

row("6 fetchSockets: the members of a room with their data", async (t, via) => {
  const host = await guide(t);
  const [ann] = await inRoom(host, via, "room-123", "ann", "bob");
  await come(host, via, "carol");
  const people = await ask(ann, "room:people", "room-123");
  assert.deepEqual(people.sort((a, b) => a.id.localeCompare(b.id)), [ANN, BOB].map((user) => ({ ...user, nodes: ["web1"] })));
});

/** A row of the guide: one test for each client and transport. */
function row(name, body) {
  for (const via of WAYS_OF_BOTH_CLIENTS) test(`guide ${name} (${via})`, (t) => body(t, via));
}

/** A host as the guide has it. `limit` changes the configuration of both plugins that limit. */
function guide(t, { server } = {}, limit = { points: 1_000 }) {
  const limiter = (per) => ({ component: "rate-limit", grants: ["rate-limit"], namespaces: ["/", "/chat"], config: { per, ...limit } });
  return startHost(t, {
    plugins: { audit: {}, attempts: limiter(["address"]), auth: {}, "rate-limit": limiter(["user", "socket"]), chat: {}, echo: {} },
    server: { node: "web1", ping_timeout: "60s", transports: ["websocket", "polling"], cors: { credentials: true }, ...server },
    keys: { default: { secret: "${JWT_SECRET}" } },
    store: { seed: seed(t, { users: USERS }) },
    env: { JWT_SECRET: SECRET, CLIENT_URL },
  });
}

const auth = (userId) => ({ token: token({ userId, exp: inSeconds(600) }, SECRET) });

function come(host, via, userId, namespace = "/chat", options = {}) {
  return connect(host, namespace, { via, auth: auth(userId), ...options });
}

/** These users, each with a socket in the room. */
async function inRoom(host, via, room, ...users) {
  const members = await Promise.all(users.map((userId) => come(host, via, userId)));
  for (const member of members) await ask(member, "room:join", room);
  await settle(...members);
  return members;
}

/** What was sent to these clients before has arrived when they have their acks. */
async function settle(...clients) {
  await Promise.all(clients.map((client) => ask(client, "room:people", "nowhere")));
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-guide-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
