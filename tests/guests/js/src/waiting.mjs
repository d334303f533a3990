// Promises and timers.

import { store } from "innkeeper-plugin";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let open = 0;
/** Handlers that wait for others. */
const gathered = [];

export function waiting(socket) {
  socket.on("sleep", async (value) => {
    open++;
    await pause(100);
    const most = open;
    open--;
    return [value, most];
  });
  socket.on("wait-a-little", async (value) => {
    await pause(2);
    return value;
  });
  socket.on("gather", async (count) => {
    await new Promise((resolve) => {
      if (gathered.push(resolve) === count) for (const go of gathered.splice(0)) go();
    });
    return "all are here";
  });
  socket.on("all", async () => {
    const bucket = store.bucket("js");
    const values = await Promise.all([pause(10).then(() => "slept"), bucket.set("all", 1), Promise.resolve("at once"), 4]);
    const settled = await Promise.allSettled([Promise.reject(new Error("no")), pause(1)]);
    return [...values, settled.map((one) => one.status)];
  });
  socket.on("race", async () => {
    const first = await Promise.race([pause(5_000).then(() => "slow"), pause(5).then(() => "fast")]);
    const any = await Promise.any([Promise.reject(new Error("no")), pause(1).then(() => "any")]);
    return [first, any];
  });
  socket.on("for-await", async () => {
    async function* numbers() {
      for (let i = 0; i < 3; i++) {
        await pause(1);
        yield i;
      }
    }
    const seen = [];
    for await (const number of numbers()) seen.push(number);
    return seen;
  });
  socket.on("interval", async (times) => {
    let ticks = 0;
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        socket.emit("tick", ++ticks);
        if (ticks < times) return;
        clearInterval(timer);
        resolve();
      }, 5);
    });
    return ticks;
  });
  socket.on("background", () => {
    pause(20).then(() => socket.emit("from the background"));
    return "answered";
  });
  socket.on("background-throws", () => {
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }, 1);
    return "answered";
  });
  socket.on("timers", async (delays) => {
    const order = [];
    await Promise.all(delays.map((ms, index) => pause(ms).then(() => order.push(index))));
    return order;
  });
  socket.on("jobs", (callback) => {
    const order = [];
    setTimeout(() => order.push("timeout"), 0);
    setImmediate(() => setTimeout(() => callback(order), 5));
    queueMicrotask(() => order.push("microtask"));
    Promise.resolve().then(() => order.push("promise"));
    order.push("sync");
  });
}
