// The admin interface of a host, as a program of the operator uses it.

import { readFileSync } from "node:fs";
import path from "node:path";
import { request } from "./raw.mjs";

/** The token that the host made beside its configuration. */
export function tokenOf(host) {
  return readFileSync(path.join(path.dirname(host.file), ".innkeeper", "admin-token"), "utf8").trim();
}

/** One request: `{status, headers, text, json}`. `json` is sent as JSON; `token: null` sends none. */
export function admin(host, path, { method, json, body, headers, token = tokenOf(host) } = {}) {
  const type = json !== undefined && { "content-type": "application/json" };
  const all = { ...(token && { authorization: `Bearer ${token}` }), ...type, ...headers };
  const content = json === undefined ? body : JSON.stringify(json);
  return request(host, { base: host.internal, path, method: method ?? (content === undefined ? "GET" : "POST"), headers: all, body: content });
}

/** A request that has to be done: its JSON. */
export async function asked(host, path, options) {
  const answer = await admin(host, path, options);
  if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${answer.text}`);
  return answer.json;
}

/** How often a limit was hit, as `/metrics` has it. */
export async function limitHits(host, limit) {
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  const sample = text.split("\n").find((line) => line.startsWith("innkeeper_limit_hits_total{") && line.includes(`limit="${limit}"`));
  return Number(sample?.split(" ").at(-1) ?? 0);
}
