// What the plugin registers: all that its module has used.

import { timerHandlers } from "./timers.mjs";

/** The capabilities that the plugin requests. */
export const capabilities = new Set();

/** The namespaces that are used, in the order of their indices in every other call. */
export function usedNamespaces(io) {
  return [...io._namespaces.values()].filter((namespace) => namespace._isUsed());
}

/** The answer to `register`. */
export function registration(io, sdk) {
  return {
    mode: "shared",
    namespaces: usedNamespaces(io).map(namespaceRegistration),
    hooks: ["start", ...(timerHandlers.size > 0 ? ["timer"] : []), ...(io._snapshot === null ? [] : ["snapshot"])],
    capabilities: [...capabilities],
    options: [],
    sdk,
  };
}

function namespaceRegistration(namespace) {
  const options = [];
  if (namespace.isPattern) options.push("pattern");
  if (namespace.overtakableConnection) options.push("overtakable-connection");
  const hooks = [];
  if (namespace._middleware.length > 0) hooks.push("connect-middleware");
  if (namespace._eventMiddleware.length > 0) hooks.push("event-middleware");
  // Which events a socket listens to is known when its `connection` listeners have run.
  const hasSockets = namespace._connectionListeners().length > 0;
  if (hasSockets) hooks.push("connection", "disconnecting", "disconnect");
  const otherEvents = hasSockets ? (namespace.overtakable ? ["overtakable"] : []) : null;
  return { name: namespace.name, options, hooks, events: [], otherEvents, serverEvents: [] };
}
