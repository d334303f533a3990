// The log: what clients and plugins write into it cannot forge a line or act on a terminal, and nothing is in it that is empty.

import assert from "node:assert/strict";
import test from "node:test";
import { PROGRAM, ask, configuration, connect, eventually, run, startHost, writeConfig } from "./harness/index.mjs";

/** Runs a program with a terminal of its own, and copies what it writes to the standard output. */
const TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])";
const FORGED = "2026-01-01T00:00:00Z ERROR forged";

test("on a terminal, control characters are escaped and further lines of an entry are marked", async (t) => {
  const file = writeConfig(t, configuration({ plugins: ["standard"] }));
  const host = run(t, ["-c", TERMINAL, PROGRAM, "run", "--config", file], { program: "python3" });
  const plain = () => host.stdout.replaceAll(/\u001b\[\d*m/g, "").replaceAll("\r\n", "\n");
  const [, address] = await eventually("it listens", () => / listening address="([\d.:]+)"/.exec(plain()), 60_000);
  const client = await connect(Object.assign(host, { url: `http://${address}` }));

  await ask(client, "print", `printed\u001b[2J\r${FORGED}\u202e`);
  await ask(client, "log", `logged\u001b]0;title\u0007\n${FORGED}\u009b2J`, `a\n${FORGED}`);
  await eventually("the last line is there", () => plain().includes("logged"));

  assert.ok(plain().includes(`out: printed\\x1b[2J\\r${FORGED}\\u{202e}`), plain());
  assert.ok(plain().includes(`logged\\x1b]0;title\\x07\n    | ${FORGED}\\u{9b}2J`), plain());
  assert.ok(plain().includes(`fields="field=a\\n${FORGED}"`), plain());
  for (const line of plain().split("\n")) assert.ok(!line.startsWith("2026-01-01"), line);
  assert.doesNotMatch(plain(), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
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
