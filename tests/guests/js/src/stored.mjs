// The store and the limits of rate.

import { rateLimit, store } from "innkeeper-plugin";

const bucket = store.bucket("js");

export function stored(socket) {
  socket.on("store", async (key, value) => {
    const before = await bucket.get(key);
    await bucket.set(key, value);
    const after = await bucket.get(key);
    const visits = await bucket.increment(`${key}:visits`);
    return { before: before ?? null, after, visits };
  });
  socket.on("swap", async (key, expected, value) => bucket.compareAndSwap(key, expected ?? undefined, value));
  socket.on("scan", async (prefix) => bucket.scan(prefix));
  socket.on("delete", async (key) => [await bucket.delete(key), await bucket.delete(key)]);
  socket.on("denied", async () => {
    try {
      return await store.bucket("other").get("x");
    } catch (error) {
      return { code: error.code };
    }
  });
  socket.on("consume", async (key) => {
    const limit = { points: 2, windowMs: 60_000 };
    const all = await Promise.all([1, 2, 3].map(() => rateLimit.consume(key, limit)));
    return all.map(({ allowed }) => allowed);
  });
}
