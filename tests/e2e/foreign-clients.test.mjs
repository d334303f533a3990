// What clients in other languages send, byte for byte, as Node's server takes it: from phones, boards and web views.

import assert from "node:assert/strict";
import test from "node:test";
import { connect, eventually, frame, RawPolling, RawSocket, request, startHost, tcp } from "./harness/index.mjs";

const OPEN = /^0\{"sid":"/;
const WEBSOCKET = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
const PLACEHOLDER = '{"_placeholder":true,"num":0}';

/** Queries of a handshake, and the status of the answer. */
const QUERIES = {
  "transport=websocket&EIO=4&transport=polling": 200,
  "EIO=3&EIO=4&transport=polling": 200,
  "EIO=4&EIO=3&transport=polling": 400,
  "EIO=4&transport=polling&sid=": 200,
  "EIO=4&transport=polling&sid": 200,
  "EIO=4&transport=polling&sid=nobody&sid=": 200,
  "EIO=4&transport=polling&sid=&sid=nobody": 400,
  "&EIO=4&&transport=polling&": 200,
  "EIO=4&transport=polling&b64=1&t=a&t=b": 200,
  'EIO=4&transport=polling&user={"id":"<1>"}|^`\\': 200,
  "EIO=4&transport=polling&bad=%zz%": 200,
  "EIO=4%20&transport=polling": 400,
};

test("of a query's keys the last counts, and any character is taken", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  for (const [query, status] of Object.entries(QUERIES)) {
    assert.equal((await exchange(host, [`GET /socket.io/?${query} HTTP/1.1`])).status, status, query);
  }
  const twice = await exchange(host, ["GET /socket.io/?EIO=4&transport=polling&transport=websocket HTTP/1.1", ...WEBSOCKET]);
  assert.equal(twice.status, 101);
  const pollingOnly = await startHost(t, { server: { transports: ["polling"] } });
  const empty = await exchange(pollingOnly, ["GET /socket.io/?EIO=4&transport=websocket&sid= HTTP/1.1", ...WEBSOCKET]);
  assert.equal(empty.status, 400);
});

test("what hyper refuses in a query reaches the plugin, also on a connection that is used again", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const query = 'transport=websocket&plain=first&plain={"id":"<1>"}';
  const stream = await tcp(host);
  let got = "";
  stream.setEncoding("latin1").on("data", (data) => (got += data));
  for (let round = 1; round <= 2; round++) {
    stream.write(`GET /socket.io/?EIO=4&transport=polling&x=" HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`);
    await eventually(`answer ${round}`, () => got.match(/maxPayload/g)?.length === round);
  }
  stream.write(`GET /socket.io/?EIO=4&${query} HTTP/1.1\r\nHost: ${host.address}\r\n${WEBSOCKET.join("\r\n")}\r\n\r\n`);
  await eventually("the websocket opens", () => got.match(/maxPayload/g)?.length === 3);
  stream.write(frame("40\n"));
  await eventually("CONNECT is answered", () => got.includes("40{"));
  stream.write(frame('427["handshake"]'));
  await eventually("the handshake is answered", () => got.includes("437["));
  assert.ok(got.includes('"plain":"{\\"id\\":\\"<1>\\"}"'), got);
});

test("quotes in a body stay as they are, whatever came before on the connection", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const polling = await RawPolling.open(host);
  const stream = await tcp(host);
  let got = "";
  stream.setEncoding("latin1").on("data", (data) => (got += data));
  const bodies = ["40", '42["silent","GET /\\" HTTP/1.1\\r\\n<>"]\x1e427["rooms"]', '427["rooms"]'];
  for (const [index, body] of bodies.entries()) {
    const line = `POST /socket.io/?EIO=4&transport=polling&sid=${polling.sid} HTTP/1.1`;
    stream.write(`${line}\r\nHost: ${host.address}\r\nContent-Length: ${body.length}\r\n\r\n`);
    // In a packet of its own, if the system lets us.
    await new Promise(setImmediate);
    stream.write(body);
    await eventually(`body ${index} is taken`, () => got.match(/ok/g)?.length === index + 1);
    const { text } = await polling.poll();
    assert.match(text, index === 0 ? /^40\{/ : /437\[\["/);
  }
});

test("the path may have a second slash", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  for (const path of ["/socket.io//", "/socket.io", "/socket.io/x/"]) {
    const answer = await request(host, { path: `${path}?EIO=4&transport=polling` });
    assert.match(answer.text, OPEN, path);
  }
  assert.equal((await request(host, { path: "//socket.io/?EIO=4&transport=polling" })).status, 404);
});

test("the first subprotocol that a client offers is the one of the connection", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const protocol = async (offered) => {
    const { headers } = await exchange(host, ["GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", ...WEBSOCKET, ...offered]);
    return headers["sec-websocket-protocol"];
  };
  assert.equal(await protocol(["Sec-WebSocket-Protocol: arduino"]), "arduino");
  assert.equal(await protocol(["Sec-WebSocket-Protocol: chat, superchat"]), "chat");
  assert.equal(await protocol(["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"]), "a");
  assert.equal(await protocol(["Sec-WebSocket-Protocol:"]), undefined);
  assert.equal(await protocol([]), undefined);
  // The official client closes the connection if its offer is not answered.
  await connect(host, "/", { protocols: ["chat", "superchat"] });
});

test("the headers of a handshake are read as Node's server reads them", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const status = async (headers) => (await exchange(host, ["GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", ...headers])).status;
  const [connection, upgrade, version, key] = WEBSOCKET;
  assert.equal(await status([connection, "Upgrade: WebSocket", version, key]), 101);
  assert.equal(await status(["connection: keep-alive, upgrade", upgrade, version, key]), 101);
  assert.equal(await status([connection, "Connection: keep-alive", upgrade, version, key]), 101);
  assert.equal(await status([connection, upgrade, "Sec-WebSocket-Version: 8", key]), 101);
  assert.equal(await status([connection, upgrade, version, key, "Origin:"]), 101);
  assert.equal(await status([upgrade, version, key]), 400);
  assert.equal(await status([connection, upgrade, "Sec-WebSocket-Version: 7", key]), 400);
  const polling = "GET /socket.io/?EIO=4&transport=polling HTTP/1.";
  assert.equal((await exchange(host, [`${polling}0`])).status, 200);
  assert.equal((await exchange(host, [`${polling}1`, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"])).status, 200);
});

test("base64 with line breaks, without padding and in the alphabet for URLs is read", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const texts = { "AQID\n": 3, "AQ\r\nID\r\n": 3, "-_-_": 3, AQ: 1, "AQ=": 1, "AQ==\n": 1, "": 0 };
  const polling = await RawPolling.open(host);
  await polling.post("40");
  await polling.poll();
  const raw = await RawSocket.connect(host);
  for (const [text, length] of Object.entries(texts)) {
    await polling.post([`451-7["sizes",[${PLACEHOLDER}]]`, `b${text}`].join("\x1e"));
    assert.deepEqual((await polling.poll()).packets, [`437[[${length}]]`], JSON.stringify(text));
    raw.send(`451-7["sizes",[${PLACEHOLDER}]]`);
    raw.send(`b${text}`);
    assert.equal(await raw.next((packet) => packet.startsWith("437")), `437[[${length}]]`, JSON.stringify(text));
  }
});

test("packets may end with a line break", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  for (const end of ["\n", "\r\n", " "]) {
    const polling = await RawPolling.open(host);
    await polling.post(`40${end}`);
    assert.match((await polling.poll()).packets[0], /^40\{/, JSON.stringify(end));
    const raw = await RawSocket.open(host);
    const connected = (packet) => packet.startsWith("40{");
    raw.send(`40${end}`);
    await raw.next(connected, "the socket connects");
    raw.send(`41${end}`);
    raw.send(`40{}${end}`);
    await raw.next(connected, "the socket connects again");
  }
});

test("a number is an event's name, as JavaScript prints it", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const raw = await RawSocket.connect(host);
  for (const [text, name] of Object.entries({ "-0": "0", "1e21": "1e+21", "1.50": "1.5", "1e-7": "1e-7", "1e400": "Infinity" })) {
    raw.send(`427[${text}]`);
    assert.equal(await raw.next((packet) => packet.startsWith("437")), `437["${name}"]`);
  }
});

/** One request as it is written; the answer's status, headers and text, as soon as its head is there. */
async function exchange(host, lines) {
  const stream = await tcp(host);
  let got = "";
  stream.setEncoding("latin1").on("data", (data) => (got += data));
  stream.write([...lines, `Host: ${host.address}`, "", ""].join("\r\n"), "latin1");
  await eventually(`an answer to ${lines[0]}`, () => got.includes("\r\n\r\n"));
  stream.destroy();
  const [head, text] = got.split("\r\n\r\n");
  const [first, ...rest] = head.split("\r\n");
  const headers = Object.fromEntries(rest.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  return { status: Number(first.split(" ")[1]), headers, text };
}
