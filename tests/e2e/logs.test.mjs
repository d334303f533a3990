// The log: what clients and plugins write into it cannot forge a line or act on a terminal, no line is longer than it may be,
// nothing is in it that is empty, and the server does not depend on it: it may be full, broken or not read.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { PROGRAM, ask, configuration, connect, connected, eventually, request, run, startHost, writeConfig } from "./harness/index.mjs";

/** Runs a program with a terminal of its own, and copies what it writes to the standard output. */
const TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])";
const FORGED = "2026-01-01T00:00:00Z ERROR forged";

test("on a terminal, control characters are escaped and further lines of an entry are marked", async (t) => {
  const file = writeConfig(t, configuration({ plugins: ["standard"] }));
  const host = run(t, ["-c", TERMINAL, PROGRAM, "run", "--config", file], { program: "python3" });
  const plain = () => host.stdout.replaceAll(/\u001b\[\d*m/g, "").replaceAll("\r\n", "\n");
  const [, address] = await eventually("it listens", () => /INFO listening address="([\d.:]+)"/.exec(plain()), 60_000);
  const client = await connect(Object.assign(host, { url: `http://${address}` }));

  await ask(client, "print", `printed\u001b[2J\r${FORGED}\u202e`);
  await ask(client, "log", `logged\u001b]0;title\u0007\n${FORGED}\u009b2J`, `a\n${FORGED}`);
  await eventually("the last line is there", () => plain().includes("logged"));

  assert.ok(plain().includes(`out: printed\\u{1b}[2J\\r${FORGED}\\u{202e}`), plain());
  assert.ok(plain().includes(`logged\\u{1b}]0;title\\u{7}\n    | ${FORGED}\\u{9b}2J`), plain());
  assert.ok(plain().includes(`fields="field=a\\n${FORGED}"`), plain());
  for (const line of plain().split("\n")) assert.ok(!line.startsWith("2026-01-01"), line);
  assert.doesNotMatch(plain(), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  // Whoever had the terminal is gone: SIGHUP is no wish to go on with another configuration then.
  await host.end();
  await eventually("a server whose terminal is closed ends", () => fetch(host.url).then(() => false, () => true));
});

test("in JSON, a line of a plugin has fields and a socket only where there are some", async (t) => {
  const host = await startHost(t, { plugins: ["standard"] });
  const client = await connect(host);
  await ask(client, "print", "hello");
  await ask(client, "log", "with fields", "1\n2");

  const printed = await host.waitForLog((line) => line.message === "out: hello");
  assert.deepEqual(["fields" in printed, "sid" in printed], [false, false]);
  const logged = await host.waitForLog((line) => line.message === "with fields");
  assert.deepEqual([logged.fields, logged.sid], ["field=1\n2", client.id]);
});

test("LOG_LINE_BYTES_MAX, LOG_VALUE_BYTES_MAX: a line of any length is cut where it is written, and stays JSON", async (t) => {
  const host = await startHost(t, { plugins: ["standard"] });
  const client = await connect(host);
  await ask(client, "log", "long field", `"${"x".repeat(500_000)}`);
  await ask(client, "log", `\u202e${"y".repeat(500_000)}`, "short");

  const field = await host.waitForLog((line) => line.message === "long field");
  assert.ok(field.fields.startsWith('field="xxx') && field.sid === client.id, "what is not long is whole");
  const message = await host.waitForLog((line) => line.message?.endsWith("yyy"));
  assert.ok(message.message.startsWith("\u202ey") && message.fields === "field=short");
  assert.ok(!host.text.includes("\u202e"), "escaped also in JSON: somebody may look at it");
  for (const line of host.text.split("\n")) assert.ok(Buffer.byteLength(line) < 16 << 10, `${line.length} bytes`);
});

/** Starts the server with its stderr as the shell's `redirection` has it. Nothing can be learnt from the log, so the ports are chosen here. */
async function startWithLogAt(t, redirection, plugins = ["standard", "echo"]) {
  const [port, internal] = await Promise.all([freePort(), freePort()]);
  const named = Object.fromEntries(plugins.map((name) => [name, name === "standard" ? { config: { namespace: "/standard" } } : {}]));
  const file = writeConfig(t, configuration({ plugins: named, server: { port }, internal: { port: internal } }));
  const host = run(t, ["-c", `exec "$0" run --config "$1" ${redirection}`, PROGRAM, file], { program: "bash" });
  Object.assign(host, { address: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}`, internal: `http://127.0.0.1:${internal}` });
  await eventually("it serves", async () => (await request(host, { path: "/readyz", base: host.internal })).status === 200, 60_000);
  return host;
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

for (const [what, redirection] of [["whose disk is full", "2>/dev/full"], ["whose reader is gone", "2> >(exec true)"]]) {
  test(`a log ${what} costs no client anything, and the end is in order`, async (t) => {
    const host = await startWithLogAt(t, redirection);
    const client = await connect(host);
    const standard = await connect(host, "/standard");
    for (let number = 0; number < 100; number++) await ask(standard, "log", `line ${number}`, "x");
    assert.equal(await ask(client, "echo", "still here"), "still here");
    const reason = new Promise((resolve) => client.on("disconnect", resolve));
    assert.equal(await host.stop(), 0);
    assert.equal(await reason, "transport close", "the drain has closed it");
  });
}

test("LOG_QUEUE_BYTES_MAX: a log that nobody reads holds up nobody, and once it is read it says how many lines it lost", async (t) => {
  const fifo = path.join(path.dirname(writeConfig(t, "")), "log");
  execFileSync("mkfifo", [fifo]);
  // A reader that reads nothing yet.
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const host = await startWithLogAt(t, `2>"${fifo}"`);
  const client = await connect(host);
  const standard = await connect(host, "/standard");
  // More than the queue and the pipe hold.
  const line = "z".repeat(4_000);
  for (let number = 0; number < 1_500; number++) await ask(standard, "log", line, "x");
  assert.equal(await ask(client, "echo", "still here"), "still here");

  let text = "";
  const part = Buffer.alloc(1 << 20);
  const read = () => {
    try {
      text += part.subarray(0, readSync(reader, part)).toString();
    } catch (error) {
      assert.equal(error.code, "EAGAIN");
    }
    return text;
  };
  const reported = await eventually("the loss is reported", () => /"dropped":(\d+)/.exec(read()));
  const seen = text.split("\n").filter((line) => line.includes("zzz")).length;
  assert.equal(seen + Number(reported[1]), 1_500);

  for (let number = 0; number < 1_500; number++) await ask(standard, "log", line, "x");
  assert.equal(await host.stop(), 0, "it ends also while nobody reads");
});

test("all lines about one connection have its number, and none has its session's id", async (t) => {
  const host = await startHost(t, { plugins: { faulty: {}, standard: { config: { namespace: "/standard" } } }, log: "innkeeper=debug" });
  const [ann, bob] = [await connect(host, "/", { via: "upgrade" }), await connect(host)];
  const session = ann.io.engine.id;
  const standard = await connected(ann.io.socket("/standard"));
  await ask(standard, "log", "hello", "x");
  await ask(ann, "fail", "panic");
  await ask(bob, "fail", "panic");
  const sids = { [ann.id]: "/", [standard.id]: "/standard" };
  ann.io.engine.close();
  const { conn } = await host.waitForLog((line) => line.message === "a connection is closed", "ann's connection is closed");
  await eventually("her sockets are disconnected", () => host.logged((line) => line.message === "a socket is disconnected").length === 2);

  const lines = host.logged((line) => line.conn === conn);
  const told = lines.map(({ message, ns }) => (/ failed: |^panicked/.exec(message)?.[0] ?? message) + (ns ? ` ${ns}` : ""));
  assert.equal(told[0], "a connection is opened");
  // The upgrade and the first CONNECT go side by side.
  const expected = [
    "a connection is opened",
    "a connection is upgraded to websocket",
    "a socket is connected /",
    "a socket is connected /standard",
    "hello",
    "panicked",
    " failed:  /",
    "a connection is closed",
    "a socket is disconnected /",
    "a socket is disconnected /standard",
  ];
  assert.deepEqual(told.sort(), expected.sort());
  for (const { sid, ns } of lines.filter((line) => line.sid)) assert.ok(sid in sids && (!ns || sids[sid] === ns));
  assert.equal(host.logged((line) => / failed: /.test(line.message) && line.conn !== conn && line.sid === bob.id).length, 1);
  assert.ok(!host.text.includes(session), "whoever has the session's id can read what the client gets");
});
