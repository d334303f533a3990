// A namespace, and what the plugin does on it.

import { BroadcastOperator } from "./broadcast.mjs";
import { Emitter, checked } from "./emitter.mjs";

/** Members of `io` and of a namespace that mean all of its sockets. */
const OF_ALL = [
  "to", "in", "except", "local", "volatile", "timeout", "compress", "emit", "emitWithAck", "socketsJoin", "socketsLeave", "disconnectSockets",
  "fetchSockets",
];

/** What is registered for a namespace, or for all whose names match a regular expression. */
export class Namespace extends Emitter {
  /** The sockets of this instance that are connected to it, by their ids. */
  sockets = new Map();
  /** Where it is registered, if that is under a pattern. */
  parent = undefined;
  /** Lets the next event of a socket start while a handler of this namespace waits. */
  overtakable = false;
  /** Lets the first event of a socket start while its `connection` handler waits. */
  overtakableConnection = false;

  constructor(name) {
    super();
    this.name = name;
    this._middleware = [];
    this._eventMiddleware = [];
  }

  /** Middleware for sockets that connect: `(socket, next) => …`, or an `async (socket) => …` that throws to refuse. */
  use(fn) {
    this._middleware.push(checked(fn));
    return this;
  }

  /**
   * Middleware for events, `(socket, [event, ...args], next) => …`. Unlike that of `socket.use` it runs before the handlers of every plugin
   * of the chain, what it changes in the list they all see, and the client hears of an error.
   */
  useEvent(fn) {
    this._eventMiddleware.push(checked(fn));
    return this;
  }

  send(...args) {
    this.emit("message", ...args);
    return this;
  }

  _operator() {
    return new BroadcastOperator(this.name);
  }

  _add(socket) {
    this.parent?.children.set(this.name, this);
    this.sockets.set(socket.id, socket);
  }

  _remove(socket) {
    this.sockets.delete(socket.id);
    if (this.sockets.size === 0) this.parent?.children.delete(this.name);
  }

  /** Whether there is anything to register. */
  _isUsed() {
    return this._listeners.size > 0 || this._middleware.length > 0 || this._eventMiddleware.length > 0;
  }

  _connectionListeners() {
    return [...(this._listeners.get("connection") ?? []), ...(this._listeners.get("connect") ?? [])];
  }
}

/** A namespace under a regular expression: its sockets are on others, one for each name. */
export class ParentNamespace extends Namespace {
  constructor(pattern) {
    if (pattern.flags !== "") throw new Error(`io.of(${pattern}): the expression must not have flags`);
    super(pattern.source);
    this.isPattern = true;
    this.children = new Map();
  }

  /** The namespace with this name, with all that is registered here. It is kept while `sockets` are on it: clients choose the names. */
  child(name) {
    const child = this.children.get(name) ?? new Namespace(name);
    child.parent = this;
    return Object.assign(child, { _listeners: this._listeners, _middleware: this._middleware, _eventMiddleware: this._eventMiddleware });
  }

  /** All namespaces under it. As in Node, it is for emits and nothing else. */
  _operator() {
    return new BroadcastOperator(this.name, [], [], ["pattern"]);
  }
}

for (const name of OF_ALL) {
  const isGetter = name === "local" || name === "volatile";
  const member = isGetter
    ? { get() { return this._operator()[name]; } }
    : { value(...args) { return this._operator()[name](...args); }, writable: true };
  Object.defineProperty(Namespace.prototype, name, { ...member, configurable: true });
}
