// The device grant (RFC 8628) at oidc-provider: the SDK and the CLI show a code, and a browser elsewhere enters it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';

import { clientId, programs, startProvider, startSdk, temporaryFolder, user } from './support.js';

const grantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** The forms of a page: where each goes, and its fields. */
function forms(html) {
  return [...html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head, body]) => ({
    action: head.match(/action="([^"]*)"/)?.[1],
    fields: Object.fromEntries([...body.matchAll(/<input([^>]*)>/g)].map(([, input]) => [
      input.match(/name="([^"]*)"/)?.[1], input.match(/value="([^"]*)"/)?.[1] ?? '',
    ]).filter(([name]) => name)),
  }));
}

/** The user's other device: opens an address and fills in every page, until there is none. Returns the last one. */
async function decide(address, { approves = true } = {}) {
  const cookies = new Map();
  let [url, body, denied] = [new URL(address)];
  for (let steps = 0; steps < 30; steps += 1) {
    const response = await fetch(url, {
      method: body ? 'POST' : 'GET', body, redirect: 'manual', headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, ...value] = cookie.split(';')[0].split('=');
      cookies.set(name, value.join('='));
    }
    body = undefined;
    if (response.status >= 300 && response.status < 400) {
      url = new URL(response.headers.get('location'), url);
      continue;
    }
    const page = await response.text();
    const form = forms(page)[0];
    // After a denial comes the page to enter a code again.
    if (!form || denied) return page;
    const fields = { ...form.fields };
    if ('login' in fields) Object.assign(fields, { login: user.username, password: user.password });
    // The page that shows the code once more.
    if (page.includes('op.deviceConfirmForm')) {
      Object.assign(fields, { confirm: 'yes' }, approves ? {} : { abort: 'yes' });
      denied = !approves;
    }
    url = new URL(form.action || url, url);
    body = new URLSearchParams(fields);
  }
  throw new Error(`no end of the pages at ${url}`);
}

describe('the device grant at oidc-provider', { timeout: 180_000 }, () => {
  let provider;
  let folder;
  let sdk;
  let authorization;

  const start = () => startSdk(provider.issuer, join(folder.folder, 'vault'), '--keys', join(folder.folder, 'keys'));

  before(async () => {
    provider = await startProvider({ device: true });
    folder = temporaryFolder();
    sdk = start();
  });
  after(async () => {
    await sdk?.end();
    await provider?.stop();
    folder?.remove();
  });

  it('shows a code, and is SigningIn meanwhile', async () => {
    authorization = await sdk.do('start-device-sign-in');
    assert.match(authorization.user_code ?? '', /^[A-Z]{4}-[A-Z]{4}$/, JSON.stringify(authorization));
    assert.equal(authorization.verification_uri, `${provider.issuer}/device`);
    assert.ok(authorization.verification_uri_complete.includes(authorization.user_code));
    assert.equal((await sdk.do('state')).state, 'SigningIn');
  });

  it('goes on after the process has ended, and signs in with tokens that are bound', async () => {
    await sdk.end();
    sdk = start();
    assert.deepEqual(await sdk.do('pending-device-sign-in'), { id: authorization.id });
    const finished = sdk.do(`finish-device-sign-in ${authorization.id}`);
    const page = await decide(authorization.verification_uri_complete);
    assert.match(page, /Sign-in Success/);
    assert.equal((await finished).subject, user.username, JSON.stringify(await finished));
    assert.equal(provider.heard.at(-1).grant_type, grantType);
    assert.equal((await sdk.do('state')).token_type, 'DPoP');
    assert.deepEqual(await sdk.do('pending-device-sign-in'), { id: null });
  });

  it('refreshes and signs out as after any sign-in', async () => {
    assert.equal((await sdk.do('refresh 5')).tokens, 1);
    assert.equal((await sdk.do(`get ${provider.issuer}/me`)).status, 200);
    assert.deepEqual(await sdk.do('sign-out'), { revoked: true, end_session: null });
  });

  it('is cancelled by a user who denies it', async () => {
    authorization = await sdk.do('start-device-sign-in');
    await decide(authorization.verification_uri_complete, { approves: false });
    const answer = await sdk.do(`finish-device-sign-in ${authorization.id}`);
    assert.match(answer.error ?? '', /cancelled/, JSON.stringify(answer));
    assert.match((await sdk.do('state')).state, /^SignedOut/);
  });

  it('has a new proof for every poll', () => {
    const ids = provider.proofs.map((proof) => JSON.parse(Buffer.from(proof.split('.')[1], 'base64url')).jti);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('works on the command line', async () => {
    const login = spawn(programs.cli, [
      'login', '--device', '--json', '--insecure-file-key', '--allow-http', '--issuer', provider.issuer, '--client-id', clientId,
      '--scope', 'openid profile offline_access',
    ], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, MOORLINE_HOME: join(folder.folder, 'home') } });
    let stderr = '';
    login.stderr.on('data', (chunk) => { stderr += chunk; });
    const ended = once(login, 'close');
    const lines = createInterface({ input: login.stdout })[Symbol.asyncIterator]();
    const shown = JSON.parse((await lines.next()).value);
    await decide(shown.verification_uri_complete);
    const { value } = await lines.next();
    assert.equal(JSON.parse(value ?? '{}').user?.sub, user.username, stderr);
    assert.equal(JSON.parse(value).token_type, 'DPoP');
    assert.equal((await ended)[0], 0, stderr);
  });

  it('is refused by name where the provider does not have it', async () => {
    const plain = await startProvider();
    const elsewhere = startSdk(plain.issuer, join(folder.folder, 'plain'));
    const answer = await elsewhere.do('start-device-sign-in');
    assert.match(answer.error ?? '', /device_grant_not_supported/, JSON.stringify(answer));
    await elsewhere.end();
    await plain.stop();
  });
});
