// Acks and failures.

/** What real work is for the benchmark: a form of 2 kB, checked field by field. */
const FIELDS = {
  name: (value) => typeof value === "string" && /^[\p{L} '-]{1,80}$/u.test(value),
  email: (value) => typeof value === "string" && /^[^@\s]+@[^@\s]+\.[a-z]{2,}$/i.test(value),
  age: (value) => Number.isInteger(value) && value >= 0 && value < 150,
  tags: (value) => Array.isArray(value) && value.length <= 50 && value.every((tag) => typeof tag === "string" && tag.length <= 40),
  items: (value) => Array.isArray(value) && value.every((item) => item.id > 0 && item.price >= 0 && Number.isInteger(item.count)),
  note: (value) => typeof value === "string" && value.length <= 2_000,
};

export function answers(socket) {
  socket.on("echo", (value, callback) => callback(value));
  socket.on("echo-all", (...args) => args.pop()(...args));
  socket.on("echo-async", async (value) => {
    await Promise.resolve();
    return value;
  });
  socket.on("returned", (value) => ({ returned: value }));
  socket.on("named", (value, callback) => {
    setTimeout(() => callback("from the callback"), 5);
    return "not an answer";
  });
  socket.on("twice", (callback) => {
    callback(1);
    callback(2);
  });
  socket.on("order", (callback) => {
    socket.emit("before");
    callback("ack");
    socket.emit("after");
  });
  socket.on("depth", (value, callback) => callback(depthOf(value)));
  socket.on("validate", (text, callback) => callback(validate(text)));
  socket.on("throw", () => {
    socket.emit("kept");
    throw Object.assign(new Error("out of stock"), { code: "OUT_OF_STOCK", data: { item: 7 } });
  });
  socket.on("throw-later", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    socket.emit("kept");
    throw Object.assign(new Error("later"), { code: "LATER" });
  });
  socket.on("throw-text", () => {
    throw "only a text";
  });
  socket.on("unsendable", () => ({ big: 1n }));
  socket.on("reserved", (callback) => {
    try {
      socket.emit("connect");
    } catch (error) {
      callback(error.message);
    }
  });
  socket.on("binary", (value, callback) => callback({ bytes: Uint8Array.from(value.bytes, (byte) => byte + 1), length: value.bytes.length }));
}

/** How deep lists nest, by the recursion that people write. */
function depthOf(value) {
  return Array.isArray(value) ? 1 + Math.max(0, ...value.map(depthOf)) : 0;
}

function validate(text) {
  const form = JSON.parse(text);
  const wrong = Object.keys(FIELDS).filter((name) => !FIELDS[name](form[name]));
  const total = form.items.reduce((sum, item) => sum + item.price * item.count, 0);
  return { wrong, total };
}
