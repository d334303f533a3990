// Versions of the guest `swapped`, and what puts one in place of another in a running host.

import { readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ask, open } from "./client.mjs";
import { configuration, startHost, writeConfig } from "./host.mjs";
import { component } from "./paths.mjs";
import { request } from "./raw.mjs";
import { toToml } from "./toml.mjs";
import { eventually, next } from "./wait.mjs";

/** The guest of each plugin. */
const GUESTS = { pooled: "swapped", shared: "swapped-shared" };
/** What every version serves. */
const NAMESPACES = ["/", "/side"];
/** Many clients of one address. */
const CROWDED = { sessions_per_address_max: 5_000, connections_per_address_max: 5_000, handshakes_per_second_max: 5_000 };
const MINUTE = 60_000;

/**
 * A version of the guest in this mode: another component, since its number and its plan are written over in the bytes of the file. What
 * a plan can have stands in `tests/guests/swapped/src/mark.rs`.
 */
export function version(mode, number, plan = {}) {
  const bytes = readFileSync(component(GUESTS[mode]));
  replace(bytes, "@@version:", String(number).padStart(4, "0"), 4);
  replace(bytes, "@@plan:", JSON.stringify(plan), 121);
  return bytes;
}

function replace(bytes, mark, text, width) {
  const at = bytes.indexOf(mark);
  if (at < 0 || bytes.indexOf(mark, at + 1) >= 0) throw new Error(`the mark ${mark} is not there exactly once`);
  if (text.length > width) throw new Error(`${text} has more than ${width} bytes`);
  bytes.write(text.padEnd(width), at + mark.length);
}

/**
 * A host with these plugins, each in its first version; `pooled` and `shared` are a chain on all namespaces. `tables`: more keys of each,
 * and `plan`: that of the first version; with `namespaces: null` none are listed. `options.whileCompiling` gets what says where a component is.
 */
export async function startSwapped(t, tables = { pooled: {}, shared: {} }, options = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-swap-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const plugin = ([name, { mode = name, plan, grants = [], namespaces = NAMESPACES, ...table }]) => {
    const file = path.join(folder, `${name}.wasm`);
    writeFileSync(file, version(mode, 1, plan));
    return [name, { component: file, ...(namespaces && { namespaces }), grants: ["store", ...grants], config: { name }, ...table }];
  };
  const plugins = Object.fromEntries(Object.entries(tables).map(plugin));
  const { limits, env, log, whileCompiling, ...others } = options;
  const componentOf = (name) => path.join(folder, `${name}.wasm`);
  const config = configuration({ plugins, limits: { ...CROWDED, ...limits }, store: { memory: ["swapped"] }, ...others });
  const host = await startHost(t, { file: writeConfig(t, config), env, log, whileCompiling: whileCompiling && (() => whileCompiling(componentOf)) });
  return Object.assign(host, { config, componentOf });
}

/** Writes another configuration and has the host read it. Resolves to the line of the log that says what came of it. */
export async function reconfigure(host, change) {
  const config = structuredClone(host.config);
  change(config);
  writeFileSync(host.file, toToml(config));
  const outcomes = () => host.logged(({ message }) => /^(nothing of )?the configuration is (taken over|the same)/.test(message));
  const before = outcomes().length;
  host.signal("SIGHUP");
  return eventually("the configuration was read", () => outcomes()[before], MINUTE);
}

/** A request to the admin interface: `{status, json}`. */
export function admin(host, method, path, body) {
  const isBytes = Buffer.isBuffer(body);
  const headers = { authorization: `Bearer ${token(host)}` };
  if (body !== undefined) headers["content-type"] = isBytes ? "application/wasm" : "application/json";
  const sent = body === undefined || isBytes ? body : JSON.stringify(body);
  return request(host, { base: host.internal, method, path, headers, body: sent, ms: MINUTE });
}

/** Asks for a swap to this component. Resolves to the answer, whatever it is. */
export function trySwap(host, plugin, bytes) {
  return admin(host, "PUT", `/plugins/${plugin}/component`, bytes);
}

/** Swaps, and resolves to the plugin as the host shows it then. */
export function swap(host, plugin, bytes) {
  return done(trySwap(host, plugin, bytes));
}

/** Swaps to each of these components, of which the last is what serves then: from here on nothing has to be compiled for them. */
export async function compiled(host, plugin, ...components) {
  for (const bytes of components) await swap(host, plugin, bytes);
}

/** `rollback`, `load`, `unload`, `swap` …, and resolves to the plugin as the host shows it then. */
export function change(host, plugin, what, body = {}) {
  return done(admin(host, "POST", `/plugins/${plugin}/${what}`, body));
}

/** The plugin as the host shows it. */
export function show(host, plugin) {
  return done(admin(host, "GET", `/plugins/${plugin}`));
}

async function done(answering) {
  const { status, json, text } = await answering;
  if (status !== 200) throw new Error(`the host answers ${status}: ${json?.detail ?? text}`);
  return json;
}

function token(host) {
  const file = path.join(path.dirname(host.file), ".innkeeper", "admin-token");
  return readFileSync(file, "utf8").trim();
}

/** A client of the plugin `shared` that `connection` has registered. */
export async function welcome(host, namespace = "/") {
  const client = open(host, namespace);
  await next(client, "welcome");
  return client;
}

/** Resolves when the swap has stopped the plugin, so that an event of this client waits. Resolves to a function that gives its answer. */
export async function stopped(client, swapping) {
  let isOver = false;
  swapping.finally(() => (isOver = true)).catch(() => {});
  while (!isOver) {
    const answer = ask(client, "shared:version");
    const waits = new Promise((resolve) => setTimeout(resolve, 200, "waits"));
    if ((await Promise.race([answer, waits])) === "waits") return () => answer;
  }
  throw new Error("the swap was over before anything waited for it");
}

/** Opens a call that waits for this client. Resolves to a function that lets it end, and gives the ack. */
export async function openCall(client) {
  const asked = next(client, "question");
  const ended = ask(client, "shared:ask");
  const [, answer] = await asked;
  return () => (answer("answered"), ended);
}

/**
 * Which generation answered, where only few versions take turns: as `begun()` says how many swaps have begun, an answer of a generation
 * before the last one seen would belong to one that does not exist yet.
 */
export class Generations {
  at = 0;

  constructor(versions, begun, sentence) {
    Object.assign(this, { versions, begun, sentence });
  }

  /** Notes an answer, and returns the number of its generation. */
  see(version) {
    let next = this.at;
    while (1 + (next % this.versions) !== version) next += 1;
    if (next > this.begun()) throw new Error(`${this.sentence}: version ${version} after generation ${this.at}, with ${this.begun()} swaps`);
    return (this.at = next);
  }
}
