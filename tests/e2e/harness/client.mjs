// Clients: the official socket.io-client, in promises.

import { Manager, io } from "socket.io-client";
import { PythonSocket } from "./python.mjs";
import { next, within } from "./wait.mjs";

/** The ways in. `upgrade` begins with polling and is connected once it is on websocket. */
export const WAYS = ["websocket", "polling", "upgrade"];
/** The same, and python-socketio's client, which upgrades too. */
export const WAYS_OF_BOTH_CLIENTS = [...WAYS, "python-socketio"];
const TRANSPORTS = { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] };

/**
 * Opens a client on a namespace and resolves to its socket when it is connected. Rejects with the client's error, `data`
 * included, if the server refuses. `options` are socket.io-client's, and `via`: one of
 * `WAYS_OF_BOTH_CLIENTS`, by default `websocket`.
 */
export async function connect(host, namespace = "/", options = {}) {
  const socket = open(host, namespace, options);
  await connected(socket);
  if (options.via === "upgrade") await upgraded(socket);
  return socket;
}

/** The same, but nothing is waited for: listeners can be added before anything arrives. */
export function open(host, namespace = "/", { via = "websocket", ...options } = {}) {
  if (via === "python-socketio") return kept(host, new PythonSocket(host.url, namespace, options));
  const name = namespace === "/" ? "" : namespace;
  const all = { transports: TRANSPORTS[via], forceNew: true, reconnection: false, ...options };
  return kept(host, io(host.url + name, all));
}

/** A connection that several namespaces share: `manager(host).socket("/chat")`. */
export function manager(host, { via = "websocket", ...options } = {}) {
  const opened = new Manager(host.url, { transports: TRANSPORTS[via], reconnection: false, autoConnect: false, ...options });
  host.clients.add({ close: () => opened._close() });
  return opened;
}

/** Resolves when the socket is connected, rejects with the error if it is refused. */
export async function connected(socket) {
  if (socket.connected) return socket;
  const refused = new Promise((_, reject) => {
    socket.once("connect_error", reject);
    socket.once("connect", () => socket.off("connect_error", reject));
  });
  await within(`a client connects to ${socket.nsp}`, Promise.race([next(socket, "connect"), refused]));
  return socket;
}

/** Resolves to the error with which the server refuses a client. */
export async function refused(host, namespace, options) {
  const socket = open(host, namespace, options);
  const [error] = await next(socket, "connect_error", `the client is refused on ${namespace}`);
  socket.close();
  return error;
}

/** Emits and resolves to the ack's first argument. */
export function ask(socket, event, ...args) {
  return socket.timeout(10_000).emitWithAck(event, ...args);
}

/** Emits and resolves to all arguments of the ack. */
export function askAll(socket, event, ...args) {
  return within(`${event} is acknowledged`, new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer))));
}

/** Resolves to the reason when the client is disconnected, by the server or by a failure that it notices. */
export async function disconnected(socket) {
  const [reason] = await next(socket, "disconnect", "the client is disconnected");
  return reason;
}

async function upgraded(socket) {
  const engine = socket.io.engine;
  if (engine.transport.name !== "websocket") await next(engine, "upgrade", "the client upgrades to websocket");
}

function kept(host, socket) {
  host.clients.add(socket);
  return socket;
}
