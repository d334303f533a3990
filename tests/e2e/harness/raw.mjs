// Clients that do what no client should: frames, requests and bytes as the test wants them.

import http from "node:http";
import net from "node:net";
import WebSocket from "ws";
import { within } from "./wait.mjs";

/** A websocket on which the test says every Engine.IO packet itself. The server's pings are answered unless `pong` is false. */
export class RawSocket {
  /** What arrived: text, or a Buffer for binary. */
  received = [];
  #waiting = [];

  constructor(host, { query = "EIO=4&transport=websocket", headers = {}, pong = true } = {}) {
    this.socket = new WebSocket(`ws://${host.address}/socket.io/?${query}`, { headers, perMessageDeflate: false });
    this.socket.on("message", (data, binary) => this.#arrived(binary ? data : data.toString(), pong));
    /** Resolves to the code of the websocket's end. */
    this.closed = new Promise((resolve) => this.socket.on("close", (code) => resolve(code)));
    this.opened = new Promise((resolve, reject) => this.socket.once("open", resolve).on("error", reject));
    this.opened.catch(() => {});
    host.clients.add({ close: () => this.socket.terminate() });
  }

  /** Opened, with the handshake done: `sid` is the engine's id. */
  static async open(host, options) {
    const raw = new RawSocket(host, options);
    await within("the raw websocket opens", raw.opened);
    raw.handshake = JSON.parse((await raw.next((packet) => packet[0] === "0", "the engine's handshake")).slice(1));
    return raw;
  }

  /** Opened, and connected to a namespace. */
  static async connect(host, namespace = "/", options = {}) {
    const raw = await RawSocket.open(host, options);
    const nsp = namespace === "/" ? "" : `${namespace},`;
    raw.send(`40${nsp}`);
    await raw.next((packet) => String(packet).startsWith(`40${nsp}{`), `the CONNECT packet of ${namespace}`);
    return raw;
  }

  send(data) {
    this.socket.send(data);
  }

  /** Takes the first packet, received or to come, that `predicate` likes. */
  next(predicate = () => true, sentence = "a packet arrives") {
    const index = this.received.findIndex(predicate);
    if (index >= 0) return Promise.resolve(this.received.splice(index, 1)[0]);
    return within(sentence, new Promise((resolve) => this.#waiting.push({ predicate, resolve })));
  }

  /** Resolves to the code when the server has closed the websocket. */
  end() {
    return within("the server closes the websocket", this.closed);
  }

  close() {
    this.socket.close();
  }

  #arrived(packet, pong) {
    if (packet === "2" && pong) return this.send("3");
    const index = this.#waiting.findIndex(({ predicate }) => predicate(packet));
    if (index < 0) return this.received.push(packet);
    this.#waiting.splice(index, 1)[0].resolve(packet);
  }
}

/** One HTTP request on a connection of its own: `{status, headers, text, json}`. `path` begins behind the address. */
export function request(host, { method = "GET", path, headers = {}, body, base = host.url }) {
  const answered = new Promise((resolve, reject) => {
    const sent = http.request(base + path, { method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text, json: parsed(text) }));
      response.on("error", reject);
    });
    sent.on("error", reject).end(body);
  });
  return within(`an answer to ${method} ${path}`, answered);
}

/** A polling session on which the test says every packet itself. */
export class RawPolling {
  constructor(host, sid) {
    Object.assign(this, { host, sid });
  }

  static async open(host) {
    const opened = await request(host, { path: "/socket.io/?EIO=4&transport=polling" });
    return new RawPolling(host, JSON.parse(opened.text.slice(1)).sid);
  }

  post(body, headers = { "content-type": "text/plain;charset=UTF-8" }) {
    return request(this.host, { method: "POST", path: this.#path(), body, headers });
  }

  /** The packets of the next answer. */
  async poll() {
    const answer = await request(this.host, { path: this.#path() });
    return { ...answer, packets: answer.text.split("\x1e") };
  }

  #path() {
    return `/socket.io/?EIO=4&transport=polling&sid=${this.sid}`;
  }
}

/** A TCP connection: the test writes the bytes. */
export async function tcp(host) {
  const [address, port] = host.address.split(":");
  const socket = net.connect({ host: address, port: Number(port), noDelay: true });
  host.clients.add({ close: () => socket.destroy() });
  await within("TCP connects", new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject)));
  return socket;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
