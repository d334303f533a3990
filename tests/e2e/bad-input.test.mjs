// Clients that do what no client should. What one client sends affects no other, and it is nothing for the error log.

import assert from "node:assert/strict";
import test from "node:test";
import { RawPolling, RawSocket, ask, connect, eventually, frame, request, startHost, tcp, upgradeRequest, within } from "./harness/index.mjs";

const NESTED = (depth) => "[".repeat(depth) + "]".repeat(depth);
const PLACEHOLDER = (number) => `{"_placeholder":true,"num":${number}}`;

/** Packets on which Node's server closes the connection too. Binary messages are Buffers. */
const MALFORMED = {
  "nothing at all": [""],
  "an unknown Engine.IO packet": ["9"],
  "a ping, which is the server's to send": ["2"],
  "an empty message": ["4"],
  "an unknown Socket.IO packet": ["47"],
  "no packet type": ["4x"],
  "a CONNECT_ERROR": ['44{"message":"no"}'],
  "an event that is no array": ['42{"name":"x"}'],
  "an event without a name": ["42[]"],
  "an event named by null": ["42[null]"],
  "an event named by a list": ['42[["x"]]'],
  "JSON that does not end": ['42["x"'],
  "JSON with something behind it": ['42["x"]y'],
  "two arrays": ['42["x"]["y"]'],
  "a trailing comma": ['42["x",]'],
  "a bare word": ["42[x]"],
  "single quotes": ["42['x']"],
  "a control character in a string": ['42["a\u0001b"]'],
  "an escape that is none": ['42["\\q"]'],
  "a unicode escape that is none": ['42["\\u12g4"]'],
  "a number that is none": ['42["x",01]'],
  "NaN": ['42["x",NaN]'],
  "an ack id that is no number": ['42-1["x"]'],
  "an ack id beyond all numbers": ['4299999999999999999999999["x"]'],
  "an ack that is no array": ['431{"a":1}'],
  "a DISCONNECT with data": ['41["x"]'],
  "a CONNECT whose auth is no object": ['40/other,"text"'],
  "a CONNECT whose auth does not end": ['40/other,{"a":'],
  "an event for a namespace never joined": ['42/chat,["x"]'],
  "a DISCONNECT of a namespace never joined": ["41/chat,"],
  "an ack for a namespace never joined": ["43/chat,1[]"],
  "nesting of 513": [`42["x",${NESTED(512)}]`],
  "nesting of 100,000": [`42["x",${NESTED(100_000)}]`],
  "objects that nest 100,000 deep": [`42["x",${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}]`],
  "eleven attachments": [`4511-["x",${Array.from({ length: 11 }, (_, number) => PLACEHOLDER(number))}]`],
  "4,294,967,296 attachments": [`454294967296-["x",${PLACEHOLDER(0)}]`],
  "a binary event without attachments": ['450-["x"]'],
  "a binary event without attachments, on a namespace": ['4500-/gate,["x"]'],
  "a binary ack without attachments": ["460-1[]"],
  "no number of attachments": [`45-["x",${PLACEHOLDER(0)}]`],
  "text in place of an attachment": [`451-["x",${PLACEHOLDER(0)}]`, '42["y"]'],
  "an attachment that was not announced": [Buffer.from([1])],
  "a placeholder for an attachment that is none": [`451-["x",${PLACEHOLDER(1)}]`, Buffer.from([1])],
  "a placeholder with a negative number": [`451-["x",${PLACEHOLDER(-1)}]`, Buffer.from([1])],
  "a placeholder numbered with text": [`451-["x",{"_placeholder":true,"num":"0"}]`, Buffer.from([1])],
  "an attachment without placeholder": ['451-["x"]', Buffer.from([1])],
};

/** What looks odd and is allowed. */
const ODD = {
  "an event without a handler": ['42["nobody",1]'],
  "an ack that was not requested": ['439999["x"]', "430[]"],
  "a namespace that does not exist": ["40/nowhere,"],
  "a namespace of a thousand characters": [`40/${"x".repeat(1_000)},`],
  "an Engine.IO NOOP, OPEN and UPGRADE": ["6", "0", "5"],
  "a pong without a ping": ["3", "3"],
  "white space in JSON": ['42[ "nobody" , { "a" : [ ] } ]'],
  "nesting of 512": [`42["nobody",${NESTED(511)}]`],
  "what looks like a placeholder": [`42["nobody",${PLACEHOLDER(7)}]`],
  "a name with every escape": ['42["\\u0061\\n\\t\\"\\\\\\/\\b\\f\\r"]'],
  "packets that end with a line break": ["40/nowhere,\n", '42["nobody"]\r\n', "431[]\n"],
  "an event without a name": ["42", "423", "42 \n"],
  "an ack without arguments": ["431"],
  "a half surrogate": ['42["nobody","\\ud800"]'],
};

test("a client that sends anything malformed is closed, and no other", async (t) => {
  const { host, check } = await witnessed(t);
  for (const [what, packets] of Object.entries(MALFORMED)) {
    const raw = await RawSocket.connect(host);
    for (const packet of packets) raw.send(packet);
    await within(`closed after ${what}`, raw.closed);
    await check(what);
  }
});

test("the same by polling", async (t) => {
  const { host, check } = await witnessed(t);
  for (const [what, packets] of Object.entries(MALFORMED)) {
    const polling = await RawPolling.open(host);
    await polling.post("40");
    const coded = packets.map((packet) => (typeof packet === "string" ? packet : `b${packet.toString("base64")}`));
    await polling.post(coded.join("\x1e"));
    await eventually(`the session is gone after ${what}`, async () => (await polling.poll()).json?.code === 1);
    await check(what);
  }
});

test("what only looks odd is accepted", async (t) => {
  const { host, check } = await witnessed(t);
  for (const [what, packets] of Object.entries(ODD)) {
    const raw = await RawSocket.connect(host);
    for (const packet of packets) raw.send(packet);
    raw.send('427["rooms"]');
    await raw.next((packet) => String(packet).startsWith("437["), `still heard after ${what}`);
    raw.close();
    await check(what);
  }
});

test("a message above maxHttpBufferSize closes the connection, one below it does not", async (t) => {
  const { host, check } = await witnessed(t, { server: { max_http_buffer_size: 10_000 } });
  const raw = await RawSocket.connect(host);
  raw.send(`421["silent","${"x".repeat(9_000)}"]`);
  raw.send('422["rooms"]');
  await raw.next((packet) => packet.startsWith("432["), "the smaller message is taken");
  raw.send(`42["silent","${"x".repeat(10_000)}"]`);
  assert.equal(await raw.end(), 1009);
  await check("a large text");

  const binary = await RawSocket.connect(host);
  binary.send(`451-["silent",${PLACEHOLDER(0)}]`);
  binary.send(Buffer.alloc(10_001));
  assert.equal(await binary.end(), 1009);
  await check("a large binary message");

  const fragmented = await RawSocket.connect(host);
  fragmented.socket.send(`42["silent","`, { fin: false });
  for (let part = 0; part < 20; part++) fragmented.socket.send("x".repeat(1_000), { fin: false });
  await fragmented.end();
  await check("a large message in fragments");
});

test("a body above maxHttpBufferSize is refused with 413, whether its length is announced or not", async (t) => {
  const { host, check } = await witnessed(t, { server: { max_http_buffer_size: 10_000 } });
  for (const headers of [{ "content-length": 10_100 }, { "transfer-encoding": "chunked" }]) {
    const polling = await RawPolling.open(host);
    const body = `42["x","${"x".repeat(10_091)}"]`.slice(0, 10_100);
    assert.equal((await polling.post(body, headers)).status, 413);
    await check(JSON.stringify(headers));
  }
});

test("an auth of a megabyte is refused, and the connection stays", async (t) => {
  const { host, check } = await witnessed(t, { server: { max_http_buffer_size: "4MB" } });
  const raw = await RawSocket.open(host);
  raw.send(`40{"token":"${"x".repeat(1_000_000)}"}`);
  assert.match(await raw.next(), /^44\{"message":"The auth payload is too large"/);
  raw.send("40{}");
  await raw.next((packet) => packet.startsWith("40"), "a smaller one is accepted");
  await check("a large token");
});

test("a message in fragments of one byte, on a stream cut at every byte, is one message", async (t) => {
  const { host, check } = await witnessed(t);
  const stream = await tcp(host);
  let got = "";
  stream.setEncoding("latin1").on("data", (data) => (got += data));
  await trickle(stream, Buffer.from(upgradeRequest(host)));
  await eventually("the handshake is answered", () => got.includes("\r\n\r\n"));
  await trickle(stream, frame("40"));
  await eventually("CONNECT is answered", () => got.includes("40{"));
  const event = Buffer.from('421["rooms"]');
  const fragments = [...event].map((byte, index) => frame(Buffer.of(byte), (index ? 0 : 1) | (index === event.length - 1 ? 0x80 : 0)));
  await trickle(stream, Buffer.concat(fragments));
  await eventually("the event is acknowledged", () => got.includes('431[["'));
  await check("a trickle");
});

test("requests that Node's server refuses are refused with its words", async (t) => {
  const { host, check } = await witnessed(t);
  const refusals = [
    ["GET", "EIO=4&transport=polling&sid=nobody", 400, { code: 1, message: "Session ID unknown" }],
    ["GET", `EIO=4&transport=polling&sid=${"A".repeat(20)}`, 400, { code: 1, message: "Session ID unknown" }],
    ["POST", "EIO=4&transport=polling&sid=nobody", 400, { code: 1, message: "Session ID unknown" }],
    ["GET", "EIO=4&transport=pigeon", 400, { code: 0, message: "Transport unknown" }],
    ["GET", "EIO=4", 400, { code: 0, message: "Transport unknown" }],
    ["GET", "EIO=3&transport=polling", 400, { code: 5, message: "Unsupported protocol version" }],
    ["GET", "transport=polling", 400, { code: 5, message: "Unsupported protocol version" }],
    ["POST", "EIO=4&transport=polling", 400, { code: 2, message: "Bad handshake method" }],
    ["PUT", "EIO=4&transport=polling", 400, { code: 2, message: "Bad handshake method" }],
    ["GET", "EIO=4&transport=websocket", 400, { code: 3, message: "Bad request" }],
  ];
  for (const [method, query, status, json] of refusals) {
    const answer = await request(host, { method, path: `/socket.io/?${query}` });
    assert.deepEqual([answer.status, answer.json], [status, json], `${method} ${query}`);
    assert.match(answer.headers["content-type"], /^application\/json/);
    await check(query);
  }
  assert.equal((await request(host, { path: "/elsewhere" })).status, 404);
});

test("a page of another origin is refused on both transports, one of a configured origin is accepted", async (t) => {
  const { host, check } = await witnessed(t, { server: { cors: { origin: "http://friend.example", credentials: true } } });
  const open = (origin) => request(host, { path: "/socket.io/?EIO=4&transport=polling", headers: { origin } });
  const refused = await open("http://foe.example");
  assert.deepEqual([refused.status, refused.json], [403, { code: 4, message: "Forbidden" }]);
  assert.equal(refused.headers["access-control-allow-origin"], undefined);
  const welcome = await open("http://friend.example");
  assert.deepEqual([welcome.status, welcome.headers["access-control-allow-origin"]], [200, "http://friend.example"]);
  await assert.rejects(RawSocket.open(host, { headers: { origin: "http://foe.example" } }), /403/);
  await RawSocket.open(host, { headers: { origin: "http://friend.example" } });
  await check("origins");
});

test("two polls at once end the session", async (t) => {
  const { host, check } = await witnessed(t);
  const polling = await RawPolling.open(host);
  await polling.post("40");
  const answers = await Promise.all([polling.poll(), polling.poll(), polling.poll(), polling.poll()]);
  assert.ok(answers.some(({ status }) => status === 400));
  await check("two polls");
});

/** A host, and a client that must be served on whatever another one does. */
async function witnessed(t, options = {}) {
  const host = await startHost(t, { plugins: ["behave"], ...options });
  const witness = await connect(host);
  const check = async (what) => {
    assert.deepEqual(await ask(witness, "rooms"), [witness.id], `the other client is served after ${what}`);
    assert.deepEqual(host.logged("ERROR"), [], `no error is logged after ${what}`);
  };
  return { host, check };
}

/** Byte by byte, each in a packet of its own if the system lets us. */
async function trickle(stream, bytes) {
  for (const byte of bytes) await new Promise((resolve) => stream.write(Buffer.of(byte), resolve));
}
