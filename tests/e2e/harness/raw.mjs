// Clients that do what no client should: frames, requests and bytes as the test wants them.

import http from "node:http";
import net from "node:net";
import WebSocket from "ws";
import { eventually, within } from "./wait.mjs";

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
export function request(host, { method = "GET", path, headers = {}, body, base = host.url, ms }) {
  const answered = new Promise((resolve, reject) => {
    const sent = http.request(base + path, { method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text, json: parsed(text) }));
      response.on("error", reject);
    });
    sent.on("error", reject).end(body);
  });
  return within(`an answer to ${method} ${path}`, answered, ms);
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

/** A TCP connection and all that the server sends on it. */
export class RawStream {
  /** What arrived, one character for each byte. */
  got = "";
  isClosed = false;

  static async open(host) {
    return new RawStream(host, await tcp(host));
  }

  /** On a websocket: `sid` is the engine's id. */
  static async websocket(host, query = "EIO=4&transport=websocket") {
    const raw = await RawStream.open(host);
    raw.write(upgradeRequest(host, query));
    await eventually("the websocket opens", () => raw.got.includes("\r\n\r\n"));
    return raw;
  }

  constructor(host, stream) {
    Object.assign(this, { host, stream });
    stream.setEncoding("latin1").on("data", (data) => (this.got += data));
    /** Resolves when the connection has ended. */
    this.closed = new Promise((resolve) => stream.on("error", () => {}).on("close", resolve));
    this.closed.then(() => (this.isClosed = true));
  }

  write(bytes) {
    this.stream.write(bytes);
  }

  /** The status codes of all responses so far. */
  get statuses() {
    return [...this.got.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** Resolves to the first status code. */
  async status() {
    await eventually("an answer arrives", () => this.statuses.length > 0);
    return this.statuses[0];
  }

  /** Resolves to the code of the server's close frame, on a websocket. */
  async closeCode() {
    await eventually("a close frame arrives", () => /\x88\x02..$/s.test(this.got));
    return Buffer.from(this.got.slice(-2), "latin1").readUInt16BE();
  }

  end() {
    return within("the server closes the connection", this.closed);
  }

  close() {
    this.stream.destroy();
  }
}

/** The request for a websocket. */
export function upgradeRequest(host, query = "EIO=4&transport=websocket", headers = []) {
  const lines = [
    `GET /socket.io/?${query} HTTP/1.1`, `Host: ${host.address}`, "Connection: Upgrade", "Upgrade: websocket",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", ...headers, "", "",
  ];
  return lines.join("\r\n");
}

/** One frame of a client; the mask is zeros. `head` is its first byte: FIN, the reserved bits and the opcode. */
export function frame(data, head = 0x81) {
  const payload = Buffer.from(data);
  const length = Buffer.alloc(payload.length < 126 ? 1 : payload.length < 65536 ? 3 : 9);
  if (length.length === 1) length[0] = 0x80 | payload.length;
  else if (length.length === 3) length.writeUInt16BE(payload.length, 1), (length[0] = 0x80 | 126);
  else length.writeBigUInt64BE(BigInt(payload.length), 1), (length[0] = 0x80 | 127);
  return Buffer.concat([Buffer.of(head), length, Buffer.alloc(4), payload]);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
