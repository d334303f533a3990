// The exports of the world `plugin`: what the host calls.

import { DONE, PASS, endFailed, endVerdict, leave, run } from "./calls.mjs";
import { runChain } from "./chain.mjs";
import { describe, toFailure } from "./errors.mjs";
import { eventMiddleware as runEventMiddleware } from "./events.mjs";
import { io } from "./io.mjs";
import { registration, usedNamespaces } from "./registration.mjs";
import { Socket, sockets } from "./socket.mjs";
import { answered, started } from "./tickets.mjs";
import { timerHandlers } from "./timers.mjs";

export { event } from "./events.mjs";

const SDK = "innkeeper-plugin-js 0.1.0";
/** A socket that middleware has let pass and that has not come to `connection` after so long was refused by another plugin, or is gone. */
const PENDING_MS = 600_000;

/** Evaluates the plugin's module; null when that has been done. */
let load = null;
/** The namespaces by the indices of the registration. */
let namespaces = [];
/** Sockets between their middleware and their `connection`, the oldest first. */
const pendingSockets = new Map();

/** Names the function that evaluates the plugin's module. It is called in the first entry, where the module can read its configuration. */
export function serve(fn) {
  load = fn;
}

export function register() {
  try {
    loaded();
    return registration(io, SDK);
  } catch (error) {
    const failure = toFailure(error);
    // The operator's way to the line, unless the plugin speaks of its configuration.
    if (!failure.message.startsWith("config: ")) failure.message = describe(error);
    throw failure;
  }
}

export function start() {
  try {
    loaded();
    started();
  } catch (error) {
    return endFailed(error);
  }
  leave();
  return DONE;
}

export function connectMiddleware(call, id, name, index) {
  const socket = new Socket(id, namespaceOf(index, name));
  keepPending(socket);
  const one = (fn, next) => fn.call(socket.nsp, socket, next);
  return endVerdict(call, runChain(socket.nsp._middleware, one, 2, () => PASS, (error) => refuse(socket, error)));
}

export function connection(call, id, name, index, kind) {
  const nsp = namespaceOf(index, name);
  const socket = pendingSockets.get(id) ?? new Socket(id, nsp);
  pendingSockets.delete(id);
  socket.nsp = nsp;
  socket.recovered = kind !== "new";
  socket.connected = true;
  sockets.set(id, socket);
  nsp._add(socket);
  return run(call, nsp._connectionListeners(), nsp, [socket]);
}

export function eventMiddleware(arrived) {
  const namespace = namespaceOf(arrived.registration, arrived.namespace);
  const socket = sockets.get(arrived.socket) ?? new Socket(arrived.socket, namespace);
  return runEventMiddleware(arrived, namespace._eventMiddleware, socket);
}

export function disconnecting(call, id, name, index, reason, details) {
  const socket = sockets.get(id);
  if (socket === undefined) return DONE;
  return run(call, socket._listeners.get("disconnecting") ?? [], socket, [reason, parsed(details)]);
}

export function disconnect(call, id, name, index, reason, details) {
  const socket = sockets.get(id);
  if (socket === undefined) return DONE;
  sockets.delete(id);
  socket.nsp._remove(socket);
  socket.connected = false;
  return run(call, socket._listeners.get("disconnect") ?? [], socket, [reason, parsed(details)]);
}

export function timer(due) {
  const handler = timerHandlers.get(due.name);
  if (handler === undefined) return DONE;
  const socket = due.socket === null ? undefined : (sockets.get(due.socket) ?? due.socket);
  return run(due.call, [handler], undefined, [{ name: due.name, key: due.key ?? undefined, socket, data: JSON.parse(due.data) }]);
}

export function wake(tickets) {
  for (const ticket of tickets) {
    answered(ticket);
    leave();
  }
}

export function snapshot() {
  return handOver(() => {
    const state = JSON.stringify(io._snapshot());
    if (state === undefined) throw new TypeError("the function of io.onSnapshot has to return JSON");
    return state;
  });
}

export function restore(_, state) {
  return handOver(() => {
    loaded();
    io._restore?.(JSON.parse(state));
  });
}

/** Never registered. */
export function serverEvent() {
  return DONE;
}

/** Never registered. */
export function notice() {
  return DONE;
}

function loaded() {
  if (load === null) return;
  load();
  load = null;
  namespaces = usedNamespaces(io);
}

function namespaceOf(index, name) {
  const namespace = namespaces[index];
  return namespace.isPattern ? namespace.child(name) : namespace;
}

function keepPending(socket) {
  socket._since = Date.now();
  pendingSockets.set(socket.id, socket);
  for (const [id, one] of pendingSockets) {
    if (socket._since - one._since < PENDING_MS) return;
    pendingSockets.delete(id);
  }
}

function refuse(socket, error) {
  pendingSockets.delete(socket.id);
  return { tag: "reject", val: toFailure(error) };
}

function handOver(work) {
  try {
    const result = work();
    leave();
    return result;
  } catch (error) {
    throw toFailure(error);
  }
}

function parsed(details) {
  return details === null ? undefined : JSON.parse(details);
}
