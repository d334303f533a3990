// The host as an instance sees it, for tests in Node: what a plugin records is in `writes`, what it asks in `asked`, and the test answers.

import { webcrypto } from "node:crypto";

/** One instance of a plugin with a host around it. */
export class FakeHost {
  /** What was recorded, in order: `["to-socket", "s1", "name", ["args"]]`. */
  writes = [];
  /** Open questions, by their tickets. */
  asked = new Map();
  /** Lines of the log: `[level, message]`. */
  logs = [];
  /** What `config.all` gives. */
  config = {};
  /** Of each socket its rooms, data and handshake. */
  sockets = new Map();
  #ticket = 0;
  #answers = new Map();

  socket(id) {
    if (!this.sockets.has(id)) this.sockets.set(id, { rooms: new Set([id]), data: {}, query: [] });
    return this.sockets.get(id);
  }

  /** The tickets of open questions of this kind, in the order in which they were asked. */
  tickets(kind) {
    return [...this.asked].filter(([, question]) => question[0] === kind).map(([ticket]) => ticket);
  }

  /** Lays the answer to a question down. The plugin takes it when it is woken. */
  lay(ticket, answer) {
    if (!this.asked.delete(ticket)) throw new Error(`nobody has asked ${ticket}`);
    this.#answers.set(ticket, answer);
    return ticket;
  }

  /** The modules that the SDK imports, by their names. */
  modules() {
    const ask = (...question) => (this.asked.set(++this.#ticket, question), this.#ticket);
    const take = (ticket) => {
      const answer = this.#answers.get(ticket);
      this.#answers.delete(ticket);
      if (answer === undefined) refuse("unanswered");
      if (answer?.failure) refuse(answer.failure);
      return answer.value;
    };
    const record = (...write) => void this.writes.push(write);
    const named = (name) => (name === "connect" ? refuse("invalid") : name);
    return {
      acks: { reply: (socket, ack, payload) => record("reply", ack, ...values(payload)) },
      calls: {
        settle: (call, outcome) => record("settle", call, readable(outcome)),
        settleVerdict: (call, verdict) => record("settle-verdict", call, readable(verdict)),
        cancel: (ticket) => void this.asked.delete(ticket),
      },
      config: { all: () => JSON.stringify(this.config) },
      emit: {
        toSocket: (id, name, payload, flags) => record("to-socket", id, named(name), values(payload), ...(flags.length ? [flags] : [])),
        toRooms: (target, name, payload) => record("to-rooms", plain(target), named(name), values(payload)),
        askSocket: (id, name, payload, ms) => ask("ask-socket", id, named(name), values(payload), ms),
        askRooms: (target, name, payload, ms) => ask("ask-rooms", plain(target), name, values(payload), ms),
        responses: take,
      },
      jwt: { verify: () => refuse("expired") },
      log: { write: (level, message, fields) => void this.logs.push([level, message, plain(fields)]) },
      "rate-limit": { askConsume: (key, points, limit) => ask("consume", key, points, plain(limit)), consumed: take },
      rooms: {
        join: (id, rooms) => (record("join", id, plain(rooms)), rooms.forEach((room) => this.socket(id).rooms.add(room))),
        leave: (id, rooms) => (record("leave", id, plain(rooms)), rooms.forEach((room) => this.socket(id).rooms.delete(room))),
        get: (id) => [...this.socket(id).rooms],
        joinAll: (target, rooms) => record("join-all", plain(target), plain(rooms)),
        leaveAll: (target, rooms) => record("leave-all", plain(target), plain(rooms)),
      },
      sockets: {
        getHandshake: (id) => this.#handshake(id),
        getData: (id) => JSON.stringify(this.socket(id).data),
        getDataValue: (id, key) => (key in this.socket(id).data ? JSON.stringify(this.socket(id).data[key]) : null),
        setData: (id, key, value) => (record("set-data", id, key, value), void (this.socket(id).data[key] = JSON.parse(value))),
        removeData: (id, key) => (record("remove-data", id, key), void delete this.socket(id).data[key]),
        getTransport: () => "websocket",
        disconnect: (id, close) => record("disconnect", id, close),
        disconnectAll: (target, close) => record("disconnect-all", plain(target), close),
        fetch: (target, fields, ms) => ask("fetch", plain(target), plain(fields), ms),
        fetched: (ticket) => this.#page(ticket),
      },
      store: {
        askGet: (bucket, key) => ask("get", bucket, key),
        askSet: (bucket, key, value, ttl) => ask("set", bucket, key, Buffer.from(value).toString(), ttl),
        askDelete: (bucket, key) => ask("delete", bucket, key),
        askIncrement: (bucket, key, by) => ask("increment", bucket, key, by),
        askCompareAndSwap: (bucket, key, ...both) => ask("swap", bucket, key, ...both.map((one) => one && Buffer.from(one).toString())),
        askScan: (bucket, prefix, after, limit) => ask("scan", bucket, prefix, after, limit),
        value: take, done: take, number: take, entries: take,
      },
      timers: {
        set: (setting) => record("timer", plain(setting)),
        clear: (name, key, socket) => record("clear", name, key, socket),
        askSleep: (ms) => ask("sleep", ms),
      },
      random: { getRandomBytes: (count) => webcrypto.getRandomValues(new Uint8Array(count)) },
    };
  }

  /** Pages for `fetch`: a list of lists. */
  #page(ticket) {
    const pages = this.#answers.get(ticket).value;
    return { sockets: pages.shift(), more: pages.length > 0, nodesMissing: 0, missingNodes: [] };
  }

  #handshake(id) {
    const { query } = this.socket(id);
    const headers = [["host", "example.org"], ["x-many", "1"], ["x-many", "2"]];
    return { headers, query, auth: '{"token":"t"}', address: "127.0.0.1", url: "/socket.io/", issuedMs: 1_000, secure: false, xdomain: false };
  }
}

/** Refuses as componentize-qjs does: the contract's failure is the error's payload. */
function refuse(code) {
  throw Object.assign(new Error("[object Object] (see error.payload)"), { payload: { code, message: `the host says ${code}`, data: null } });
}

/** The arguments of a payload; an attachment stands where its placeholder was. */
function values({ args, attachments }) {
  return JSON.parse(args, (_, value) => (value?._placeholder ? Buffer.from(attachments[value.num]).toString("hex") : value));
}

function readable({ tag, val }) {
  if (val === null || val === undefined) return tag;
  return val.args === undefined ? [tag, plain(val)] : [tag, ...values(val)];
}

/** A copy that belongs to this realm, so that `deepEqual` can compare it. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}

export { plain, readable, values };
