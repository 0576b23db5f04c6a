// A real server, a real Chromium, and an app that waits on loopback for the browser to come back.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const screenshots = process.env.MOORLINE_SCREENSHOTS ?? join(repository, 'target', 'screenshots');

/** Starts `moorline-server dev` in a folder of its own and waits until it serves. */
export async function startServer() {
  const binary = process.env.MOORLINE_SERVER_BIN ?? join(repository, 'target', 'debug', 'moorline-server');
  if (!existsSync(binary)) throw new Error(`no ${binary}: build it with \`cargo build -p moorline-server\``);
  const folder = mkdtempSync(join(tmpdir(), 'moorline-browser-'));
  const child = spawn(binary, ['dev', '--dir', folder, '--port', '0', '--limits', 'off'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => { said += chunk; });
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said += `${line}\n`;
      if (line.startsWith('ready ')) resolve();
    });
    child.once('exit', () => reject(new Error(`the server ended before it was ready:\n${said}`)));
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { dev: JSON.parse(readFileSync(join(folder, 'moorline-dev.json'), 'utf8')), stop };
}

/** Starts Chromium. It trusts the development server's key and no other unknown one. */
export async function startChromium(dev) {
  const executablePath = process.env.MOORLINE_CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) throw new Error(`no ${executablePath}: \`apt-get install chromium\``);
  const spki = [dev.pins.primary, dev.pins.backup].map((pin) => pin.replace('sha256/', '')).join(',');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--ignore-certificate-errors-spki-list=${spki}`,
    ],
  });
}

/** An app on this machine: it starts sign-ins, and gets the results at its loopback address. */
export class App {
  #server = createServer((incoming, answer) => {
    const atCallback = incoming.url.startsWith('/callback');
    if (atCallback && this.onward) {
      answer.writeHead(302, { location: this.onward }).end();
    } else {
      answer.setHeader('content-type', 'text/html; charset=utf-8');
      answer.end('<!doctype html><html lang="en"><title>The app</title><h1>Back in the app</h1>');
    }
    if (atCallback) this.#arrived?.(new URL(incoming.url, this.redirectUri));
  });
  #arrived;
  /** Where the callback redirects on, if it does. */
  onward;

  constructor(dev) {
    this.dev = dev;
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.redirectUri = `http://127.0.0.1:${this.#server.address().port}/callback`;
    return this;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The address to open, and a promise of the callback. */
  startSignIn(changes = {}) {
    const verifier = randomBytes(32).toString('base64url');
    const parameters = {
      response_type: 'code',
      client_id: 'moorline-demo',
      redirect_uri: this.redirectUri,
      scope: 'openid profile email offline_access notes.read notes.write',
      state: randomBytes(16).toString('base64url'),
      nonce: randomBytes(16).toString('base64url'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...changes,
    };
    const callback = new Promise((resolve) => { this.#arrived = resolve; });
    return { url: `${this.dev.issuer}/oauth/authorize?${new URLSearchParams(parameters)}`, verifier, state: parameters.state, callback };
  }

  /** Exchanges the code, as the app would. */
  async exchange(code, verifier) {
    const body = new URLSearchParams({
      grant_type: 'authorization_code', client_id: 'moorline-demo', redirect_uri: this.redirectUri, code, code_verifier: verifier,
    }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) };
    const asked = request(`${this.dev.issuer}/oauth/token`, { method: 'POST', ca: this.dev.ca_pem, headers });
    asked.end(body);
    const [answer] = await once(asked, 'response');
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    return { status: answer.statusCode, body: JSON.parse(text) };
  }
}

/** A new page in a browser without cookies. `page.complaints` gathers what the browser complains of. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1024, height: 720 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => {
    const text = message.text();
    // A refusal is a page with a status of its own, which Chromium notes as an error.
    if (/^Failed to load resource: .* status of (400|422)/.test(text)) return;
    if (message.type() === 'error' || /Content Security Policy/i.test(text)) page.complaints.push(text);
  });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  return page;
}

/** What axe-core finds wrong with the page, in a line each. */
export async function accessibilityProblems(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
}

/** Keeps a picture for people to look at. */
export async function picture(page, name) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}
