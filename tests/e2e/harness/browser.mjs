// A real browser without a window: Chromium, one for each test, with a profile that ends with it.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";
import { TARGET } from "./paths.mjs";
import { PATIENCE_MS } from "./wait.mjs";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync",
];
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const SCREENSHOTS = path.join(TARGET, "screenshots");

/** The browser's program, as `tests/run` finds it; `BROWSER_PATH` names another one. */
function program() {
  const folders = (process.env.PATH ?? "").split(":");
  const candidates = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const found = [process.env.BROWSER_PATH, ...candidates].find((file) => file && existsSync(file));
  if (!found) throw new Error("there is no Chromium; tests/run installs it, or name one in BROWSER_PATH");
  return found;
}

/** Starts a browser that ends with the test. */
export async function startBrowser(t) {
  const userDataDir = mkdtempSync(path.join(tmpdir(), "innkeeper-browser-"));
  const browser = await puppeteer.launch({ executablePath: program(), headless: true, args: FLAGS, userDataDir, timeout: 60_000 });
  t.after(async () => {
    await browser.close().catch(() => {});
    rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  return browser;
}

/** A tab at this address. What goes wrong in it is in `tab.errors`. */
export async function openTab(browser, url, { width = 1280, height = 800, dark = false } = {}) {
  const tab = await browser.newPage();
  tab.errors = [];
  tab.on("pageerror", (error) => tab.errors.push(error.message));
  tab.setDefaultTimeout(PATIENCE_MS);
  await tab.setViewport({ width, height });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await tab.goto(url, { waitUntil: "networkidle0" });
  return tab;
}

/** Waits until this text stands in the element. */
export async function sees(tab, selector, text) {
  const there = (selector, text) => document.querySelector(selector)?.textContent.includes(text);
  await tab.waitForFunction(there, {}, selector, text).catch(async (cause) => {
    const shown = await tab.$eval("body", (body) => body.innerText);
    throw new Error(`waited in vain for ${JSON.stringify(text)} in ${selector}; the page shows:\n${shown}`, { cause });
  });
}

/** Keeps a picture in `target/screenshots`. */
export async function picture(tab, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await tab.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}
