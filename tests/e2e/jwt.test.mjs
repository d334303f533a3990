// `jwt.verify` in a plugin: tokens as Node's operators make them, the code of each refusal, and what client and log get of it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, connect, refused, startHost } from "./harness/index.mjs";
import { inSeconds, token } from "./harness/token.mjs";

const SECRET = "a secret of the tests that nobody could guess";
const GRANTS = ["jwt", "handshake:secrets"];

function start(t, keys = { default: { secret: SECRET } }, options = {}) {
  return startHost(t, { plugins: { verifier: { grants: GRANTS } }, keys, ...options });
}

test("a token that is refused has a code for the plugin, and the client's error is `Auth failed`", async (t) => {
  const strict = { secret: SECRET, issuer: ["us"] };
  const set = { jwks: file(t, "keys.json", jwks({ one: SECRET, two: SECRET })) };
  const host = await start(t, { default: { secret: SECRET }, strict, set });
  const client = await connect(host);
  const codes = [
    ["default", token({ exp: inSeconds(-1) }, SECRET), "expired"],
    ["default", token({ nbf: inSeconds(600) }, SECRET), "not-before"],
    ["default", token({}, "another secret of the tests, just as long"), "signature"],
    ["default", token({}, SECRET, { header: { alg: "HS512" } }), "signature"],
    ["default", token({}, SECRET, { header: { alg: "none" } }), "signature"],
    ["default", token({ exp: "soon" }, SECRET), "claims"],
    ["strict", token({ iss: "them" }, SECRET), "claims"],
    ["set", token({}, SECRET, { header: { kid: "three" } }), "key"],
    ["default", "hello", "invalid"],
  ];
  for (const [key, given, code] of codes) {
    assert.deepEqual(await ask(client, "verify", key, given), { code, refusal: true });
    if (key !== "default") continue;
    const told = await ask(client, "short", given);
    assert.deepEqual(told, { success: false, error: "Auth failed", code });
    const error = await refused(host, "/members", { auth: { token: given } });
    assert.equal(error.message, "Auth failed", code);
  }
  assert.equal((await refused(host, "/members")).message, "No token");
  assert.deepEqual(host.logged(({ level }) => level === "ERROR" || level === "WARN"), [], "refused tokens fill no log");
  await connect(host, "/members", { auth: { token: token({ exp: inSeconds(60) }, SECRET) } });
  assert.deepEqual(await ask(client, "verify", "nowhere", "hello"), { code: "unknown", refusal: false });
});

test("header and claims of any type pass, as they do in Node", async (t) => {
  const client = await connect(await start(t));
  const odd = { kid: 7, nonce: 5, typ: null, x5c: "one", jku: {}, cty: 1.5, zip: [] };
  const claims = { sub: 5, jti: 7, aud: { a: 1 }, iss: null };
  for (const [name, value] of Object.entries(odd)) {
    assert.deepEqual(await ask(client, "verify", "default", token({ sub: 5 }, SECRET, { header: { [name]: value } })), { sub: 5 }, name);
  }
  assert.deepEqual(await ask(client, "verify", "default", token(claims, SECRET)), claims);
  const critical = await ask(client, "verify", "default", token({}, SECRET, { header: { crit: ["b64"] } }));
  assert.equal(critical.code, "invalid");
});

test("a secret may be bytes: in base64, in a file, in a JWKS with an id that is a number", async (t) => {
  const secret = randomBytes(40);
  const keys = {
    base64: { secret_base64: "${BASE64}" }, url: { secret_base64: secret.toString("base64url") },
    file: { secret_file: file(t, "secret.key", secret) }, set: { jwks: file(t, "keys.json", jwks({ 1: "another", 7: secret }, Number)) },
  };
  const host = await start(t, { default: { secret: SECRET }, ...keys }, { env: { BASE64: secret.toString("base64") } });
  const client = await connect(host);
  for (const key of Object.keys(keys)) {
    for (const kid of [7, "7"]) assert.deepEqual(await ask(client, "verify", key, token({ a: 1 }, secret, { header: { kid } })), { a: 1 }, key);
    const wrong = await ask(client, "verify", key, token({ a: 1 }, secret.toString("base64"), { header: { kid: 7 } }));
    assert.equal(wrong.code, "signature", key);
  }
  for (const shown of [secret.toString("base64"), secret.toString("base64url"), SECRET]) assert.ok(!host.text.includes(shown));
});

test("tokens of the old key stay valid beside those of the new one", async (t) => {
  const [old, other] = ["the old secret of the tests, which is long enough", "another secret of the tests, just as long"];
  const client = await connect(await start(t, { default: { secret: ["${NEW}", old] } }, { env: { NEW: SECRET } }));
  for (const secret of [SECRET, old]) assert.deepEqual(await ask(client, "verify", "default", token({ a: 1 }, secret)), { a: 1 });
  assert.equal((await ask(client, "verify", "default", token({ a: 1 }, other))).code, "signature");
});

test("a key that is added to a JWKS file is found when the first token names it; a broken file changes nothing", async (t) => {
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const set = file(t, "keys.json", jwks({ first }));
  const host = await start(t, { default: { jwks: set } });
  const client = await connect(host);
  const passes = async (kid, secret) => (await ask(client, "verify", "default", token({ kid }, secret, { header: { kid } }))).kid === kid;
  assert.ok(await passes("first", first));
  writeFileSync(set, jwks({ first, second }));
  assert.ok(await passes("second", second));
  await host.waitForLog(({ message }) => message === "the JWKS file has changed and was read again");
  // The next reading comes after ten seconds: until then unknown keys are refused without one.
  writeFileSync(set, "{");
  assert.deepEqual(await Promise.all(Array.from({ length: 50 }, (_, index) => passes(`unknown ${index}`, second))), Array(50).fill(false));
  assert.ok(await passes("first", first));
  assert.equal(host.logged(({ message }) => message?.includes("JWKS")).length, 1, host.text);
});

test("a secret file that ends with a line break is used as it is, and the log says so", async (t) => {
  const host = await start(t, { default: { secret_file: file(t, "secret.key", `${SECRET}\n`) } });
  const client = await connect(host);
  assert.deepEqual(await ask(client, "verify", "default", token({ a: 1 }, `${SECRET}\n`)), { a: 1 });
  assert.equal((await ask(client, "verify", "default", token({ a: 1 }, SECRET))).code, "signature");
  const [line] = host.logged(({ message }) => message?.includes("ends with a line break"));
  assert.equal(line.level, "WARN");
});

/** A JWKS of secrets by their ids. */
function jwks(secrets, id = String) {
  const key = ([kid, secret]) => ({ kty: "oct", kid: id(kid), k: Buffer.from(secret).toString("base64url") });
  return JSON.stringify({ keys: Object.entries(secrets).map(key) });
}

/** A file that ends with the test. */
function file(t, name, content) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-jwt-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, name), content);
  return path.join(folder, name);
}
