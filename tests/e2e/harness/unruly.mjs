// The guest `unruly`: a plugin of the mode `shared` that breaks the rules on demand, and tells what it saw.

import { ask, connect } from "./client.mjs";
import { startHost } from "./host.mjs";

/** What a client is told of a call that broke. */
export const NEUTRAL = { success: false, error: "internal error", code: "INTERNAL_ERROR" };

/** A table for the plugin. `config` is added to that of the mode. */
export function unruly({ config = {}, ...table } = {}) {
  return { component: "unruly", grants: ["store", "rate-limit"], config: { mode: "shared", ...config }, ...table };
}

/** A host with the plugin alone. */
export function startUnruly(t, table = {}, options = {}) {
  return startHost(t, { plugins: { unruly: unruly(table) }, ...options });
}

/** A client with a plan for each hook: what the plugin does there when it is about this client. */
export function planned(plans, options = {}) {
  return { query: { plans: JSON.stringify(plans) }, ...options };
}

/** So many clients. */
export function crowd(host, count, options) {
  return Promise.all(Array.from({ length: count }, () => connect(host, "/", options)));
}

/** What the instance of this client saw about the socket with this id, in order; without an id about all. */
export async function seen(client, id) {
  const { seen } = await ask(client, "memory");
  return id ? seen.filter((entry) => entry[1] === id) : seen;
}
