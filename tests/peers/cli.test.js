// The command line program against oidc-provider: what a user would type.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';

import { clientId, programs, startProvider, temporaryFolder, user } from './support.js';

describe('the CLI at oidc-provider', { timeout: 120_000 }, () => {
  let provider;
  let home;

  before(async () => {
    if (!existsSync(programs.cli)) throw new Error(`no ${programs.cli}: \`cargo build -p moorline-cli\``);
    provider = await startProvider();
    home = temporaryFolder();
  });
  after(async () => {
    await provider?.stop();
    home?.remove();
  });

  function start(program, args) {
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, MOORLINE_HOME: join(home.folder, 'home') } });
  }

  async function finish(child, stdout = '') {
    let stderr = '';
    child.stdout.on('data', (chunk) => { stdout += chunk; });
    child.stderr.on('data', (chunk) => { stderr += chunk; });
    const [code] = await once(child, 'close');
    return { code, stdout, stderr };
  }

  const run = (...args) => finish(start(programs.cli, args));

  /** Sits in front of the browser: oidc-provider's pages let anybody in. */
  async function browse(url) {
    const dev = join(home.folder, 'provider.json');
    writeFileSync(dev, JSON.stringify({
      issuer: provider.issuer, api: provider.issuer, listen: '', pid: 0, http: true, ca_file: null, ca_pem: null, pins: null, clients: [], users: [user],
    }));
    const browsed = await finish(start(programs.browse, ['--dev', dev, '--user', user.username, '--open', url]));
    assert.equal(browsed.code, 0, browsed.stderr);
  }

  it('signs in', async () => {
    const login = start(programs.cli, [
      'login', '--no-browser', '--insecure-file-key', '--allow-http', '--issuer', provider.issuer, '--client-id', clientId,
      '--scope', 'openid profile offline_access',
    ]);
    const lines = createInterface({ input: login.stdout });
    const [url] = await once(lines, 'line');
    const ended = finish(login);
    await browse(url);
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stdout + stderr);
  });

  it('knows who it is', async () => {
    const status = JSON.parse((await run('status', '--json')).stdout);
    assert.equal(status.state, 'signed_in');
    assert.equal(status.user.sub, user.username);
    assert.equal(status.has_refresh_token, true);
    assert.equal(status.token_type, 'DPoP');
    assert.match((await run('status')).stdout, /DPoP/);
    assert.equal(JSON.parse((await run('user', '--json')).stdout).name, 'ada of oidc-provider');
  });

  it('refreshes, and calls an API with the new token', async () => {
    const before = (await run('token')).stdout;
    assert.equal((await run('refresh')).code, 0);
    assert.notEqual((await run('token')).stdout, before);
    const answer = JSON.parse((await run('get', '/me', '--json')).stdout);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.sub, user.username);
  });

  it('signs out, and the provider has forgotten the session', async () => {
    const url = `${provider.issuer}/me`;
    const token = (await run('token')).stdout.trim();
    assert.equal((await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status, 401, 'it is bound');
    const headers = async (...nonce) => JSON.parse((await run('token', '--json', '--for', 'GET', url, ...nonce)).stdout);
    const challenge = await fetch(url, { headers: await headers() });
    assert.equal(challenge.status, 401);
    const nonce = challenge.headers.get('dpop-nonce');
    const [before, later] = [await headers('--nonce', nonce), await headers('--nonce', nonce)];
    const me = (proved) => fetch(url, { headers: proved });
    assert.equal((await me(before)).status, 200);
    assert.equal(JSON.parse((await run('logout', '--json')).stdout).revoked, true);
    assert.equal((await me(later)).status, 401, 'the access token ended with the session');
    const refused = await run('token');
    assert.equal(refused.code, 3, refused.stderr);
  });
});
