// Plugins by way of the admin interface: uploads, rollbacks, and every refusal with its status. What clients notice of a swap is tested
// elsewhere.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { RawStream, admin, asked, connect, eventually, limitHits, request, tokenOf } from "./harness/index.mjs";
import { startSwapped, version } from "./harness/swap.mjs";

const POOLED = { pooled: {} };

const upload = (host, bytes, query = "") =>
  admin(host, `/plugins/pooled/component${query}`, { method: "PUT", body: bytes, headers: { "content-type": "application/wasm" } });
const post = (host, what, json) => admin(host, `/plugins/pooled/${what}`, { method: "POST", json });

function isProblem(answer, status, detail) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.match(answer.json.detail, detail);
}

test("an upload serves at once, and a rollback takes it back", async (t) => {
  const host = await startSwapped(t, POOLED);
  const [first] = (await asked(host, "/plugins")).plugins;
  assert.deepEqual([first.name, first.status, first.generation.number, first.generation.mode], ["pooled", "serving", 1, "pooled"]);
  const second = await upload(host, version("pooled", 2));
  assert.equal(second.status, 200, second.text);
  assert.equal(second.json.generation.number, 2);
  assert.notEqual(second.json.generation.digest, first.generation.digest);
  assert.deepEqual(second.json.previous.map(({ digest }) => digest), [first.generation.digest]);
  assert.deepEqual((await asked(host, "/plugins/pooled")).generation, second.json.generation);
  // The same again changes nothing, unless that is wanted.
  assert.equal((await upload(host, version("pooled", 2))).json.generation.number, 2);
  assert.equal((await upload(host, version("pooled", 2), "?again=true")).json.generation.number, 3);
  const back = await post(host, "rollback", { to: first.generation.digest.slice(0, 12) });
  assert.equal(back.json.generation.digest, first.generation.digest);
  const lines = () => host.logged((line) => line.target === "innkeeper::audit").map(({ request, status }) => `${status} ${request}`);
  await eventually("each change is a line of the log", () => lines().length === 4);
  assert.deepEqual(lines(), [...Array(3).fill("200 PUT /plugins/pooled/component"), "200 POST /plugins/pooled/rollback"]);
});

test("what is no component is refused with the reason, and the plugin serves on", async (t) => {
  const host = await startSwapped(t, POOLED);
  const client = await connect(host);
  isProblem(await upload(host, Buffer.from("no component")), 422, /./);
  isProblem(await upload(host, version("pooled", 2).subarray(0, 10_000)), 422, /./);
  isProblem(await upload(host, Buffer.alloc(0)), 422, /./);
  isProblem(await post(host, "rollback", { to: "ffff" }), 409, /./);
  isProblem(await admin(host, "/plugins/nobody/swap", { method: "POST" }), 404, /no plugin "nobody"/);
  isProblem(await post(host, "swap", { agian: true }), 400, /unknown field `agian`/);
  isProblem(await post(host, "load", {}), 409, /./);
  assert.equal((await asked(host, "/plugins/pooled")).generation.number, 1);
  assert.equal(client.connected, true);
});

test("a plugin is swapped from its file, unloaded and loaded, paused and resumed", async (t) => {
  const host = await startSwapped(t, POOLED);
  assert.equal((await post(host, "pause")).json.status, "paused");
  writeFileSync(host.componentOf("pooled"), version("pooled", 2));
  // By name it is swapped all the same: only the change of the file brings nothing.
  const swapped = await post(host, "swap", {});
  assert.deepEqual([swapped.json.generation.number, swapped.json.status], [2, "paused"]);
  assert.notEqual((await post(host, "resume")).json.status, "paused");
  const unloaded = await post(host, "unload");
  assert.deepEqual([unloaded.json.status, unloaded.json.generation], ["unloaded", null]);
  assert.deepEqual((await asked(host, "/namespaces")).namespaces.flatMap(({ plugins }) => plugins), []);
  isProblem(await post(host, "unload"), 409, /./);
  assert.equal((await post(host, "load")).status, 200);
  assert.deepEqual((await asked(host, "/namespaces")).namespaces[0].plugins, ["pooled"]);
});

test("UPLOADS_MAX: of many slow uploads four are read, and one that ends makes room", async (t) => {
  const host = await startSwapped(t, POOLED);
  const internal = { ...host, address: new URL(host.internal).host };
  const head = `PUT /plugins/pooled/component HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokenOf(host)}\r\nContent-Type: application/wasm\r\nContent-Length: 1000000\r\n\r\n`;
  const slow = [];
  for (let number = 0; number < 6; number++) {
    const raw = await RawStream.open(internal);
    raw.write(`${head}x`);
    slow.push(raw);
  }
  await eventually("two are refused", () => slow.filter((raw) => raw.statuses[0] === 503).length === 2);
  assert.equal(await limitHits(host, "UPLOADS_MAX"), 2);
  for (const raw of slow) raw.close();
  await eventually("there is room again", async () => (await upload(host, version("pooled", 2))).status === 200);
  assert.equal((await request(host, { base: host.internal, path: "/healthz" })).status, 200);
});
