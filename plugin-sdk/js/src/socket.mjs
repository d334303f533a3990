// A client on a namespace, as its handlers see it.

import { emit as hostEmit, rooms as hostRooms, sockets as hostSockets } from "./host.mjs";
import { askSocket, toCallback } from "./answers.mjs";
import { BroadcastOperator } from "./broadcast.mjs";
import { dataOf, replaceData } from "./data.mjs";
import { Emitter, checked } from "./emitter.mjs";
import { attempt } from "./errors.mjs";
import { toHandshake } from "./handshake.mjs";
import { milliseconds, refused, text, texts } from "./names.mjs";
import { encode } from "./payload.mjs";

const NO_FLAGS = [];
const VOLATILE = ["volatile"];
const HANDSHAKE_FIELDS = ["address", "query", "url", "headers", "auth"];

/** The sockets that this instance knows, by their ids. */
export const sockets = new Map();

/** A socket. Handlers that are registered on it end with it. */
export class Socket extends Emitter {
  /** Whether the socket was connected before this instance knew it, or has come back after a short loss of its connection. */
  recovered = false;
  /** False from the moment on when it is disconnected here, or its `disconnect` handlers run. */
  connected = false;

  constructor(id, nsp) {
    super();
    this.id = id;
    this.nsp = nsp;
    this._middleware = null;
    this._any = null;
    this._handshake = null;
    this._data = null;
    this._since = 0;
  }

  get disconnected() {
    return !this.connected;
  }

  get handshake() {
    return (this._handshake ??= toHandshake(attempt(() => hostSockets.getHandshake(this.id, HANDSHAKE_FIELDS))));
  }

  get rooms() {
    return new Set(attempt(() => hostRooms.get(this.id)));
  }

  get data() {
    return (this._data ??= dataOf(this.id));
  }

  set data(value) {
    replaceData(this.id, value);
  }

  /** The connection; its transport has the name `polling` or `websocket`. */
  get conn() {
    const { id } = this;
    return { transport: { get name() { return attempt(() => hostSockets.getTransport(id)); } } };
  }

  emit(name, ...args) {
    return emitTo(this.id, name, args, NO_FLAGS, undefined);
  }

  /** The first argument of the client's ack. */
  emitWithAck(name, ...args) {
    return askSocket(this.id, name, args).then(first);
  }

  send(...args) {
    this.emit("message", ...args);
    return this;
  }

  get volatile() {
    return new FlaggedSocket(this, VOLATILE, undefined);
  }

  get local() {
    return this.broadcast.local;
  }

  timeout(ms) {
    return new FlaggedSocket(this, NO_FLAGS, milliseconds(ms));
  }

  /** Does nothing: the host decides what is compressed. */
  compress() {
    return this;
  }

  /** All sockets of the namespace but this one. */
  get broadcast() {
    return new BroadcastOperator(this.nsp.name, [], [this.id]);
  }

  to(rooms) {
    return this.broadcast.to(rooms);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return this.broadcast.except(rooms);
  }

  join(rooms) {
    attempt(() => hostRooms.join(this.id, texts(rooms)));
  }

  leave(room) {
    attempt(() => hostRooms.leave(this.id, [text(room)]));
  }

  disconnect(close = false) {
    attempt(() => hostSockets.disconnect(this.id, Boolean(close)));
    this.connected = false;
    return this;
  }

  /** Middleware for the events of this socket: `([event, ...args], next) => …`. It runs before this plugin's handlers. */
  use(fn) {
    this._middleware = [...(this._middleware ?? []), checked(fn)];
    return this;
  }

  onAny(listener) {
    this._any = [...(this._any ?? []), checked(listener)];
    return this;
  }

  prependAny(listener) {
    this._any = [checked(listener), ...(this._any ?? [])];
    return this;
  }

  offAny(listener) {
    const rest = listener === undefined ? [] : (this._any ?? []).filter((one) => one !== listener);
    this._any = rest.length === 0 ? null : rest;
    return this;
  }

  listenersAny() {
    return [...(this._any ?? [])];
  }
}

/** A socket with a timeout, or volatile: what the next emit is to have. */
class FlaggedSocket {
  constructor(socket, flags, timeout) {
    this._socket = socket;
    this._flags = flags;
    this._timeout = timeout;
  }

  emit(name, ...args) {
    return emitTo(this._socket.id, name, args, this._flags, this._timeout);
  }

  emitWithAck(name, ...args) {
    return askSocket(this._socket.id, name, args, this._timeout).then(first);
  }

  get volatile() {
    return new FlaggedSocket(this._socket, VOLATILE, this._timeout);
  }

  timeout(ms) {
    return new FlaggedSocket(this._socket, this._flags, milliseconds(ms));
  }

  compress() {
    return this;
  }

  get broadcast() {
    const { id, nsp } = this._socket;
    return new BroadcastOperator(nsp.name, [], [id], this._flags, this._timeout);
  }

  get local() {
    return this.broadcast.local;
  }

  to(rooms) {
    return this.broadcast.to(rooms);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return this.broadcast.except(rooms);
  }
}

function emitTo(id, name, args, flags, timeout) {
  const callback = args.length === 0 ? undefined : args[args.length - 1];
  if (typeof callback === "function") {
    args.pop();
    askWithCallback(id, name, args, timeout, callback);
    return true;
  }
  try {
    hostEmit.toSocket(id, text(name), encode(args), flags);
  } catch (error) {
    throw refused(name, error);
  }
  return true;
}

/** As in Socket.IO, the callback gets an error first if a timeout was given, and is never called without an answer if not. */
function askWithCallback(id, name, args, timeout, callback) {
  const answer = askSocket(id, name, args, timeout);
  if (timeout === undefined) toCallback(answer, (values) => callback(...values), () => {});
  else toCallback(answer, (values) => callback(null, ...values), (error) => callback(error));
}

function first(values) {
  return values[0];
}
