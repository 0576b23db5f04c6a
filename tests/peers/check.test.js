// `moorline check` against providers that we did not write: it has to judge each of them rightly, without knowing any.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';

import { clientId, programs, startGoProvider, startProvider, temporaryFolder, user } from './support.js';

const FIT = 0;
const UNFIT = 18;
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 };
const GRACE = 2_000;

/** The report on this provider, and the exit code. A `signal` is sent once it says `interruptAt`. Each sign-in that it asks for is gone through in a new browser. */
async function check({ issuer, user: who = user }, folder, options = ['--late', '5'], interruptAt = undefined, signal = undefined) {
  const dev = join(folder, 'provider.json');
  writeFileSync(dev, JSON.stringify({
    issuer, api: issuer, listen: '', pid: 0, http: true, ca_file: null, ca_pem: null, pins: null, clients: [], users: [who],
  }));
  const child = spawn(programs.cli, [
    'check', issuer, '--client-id', clientId, '--allow-http', '--no-browser', '--json', ...options,
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    if (interruptAt && stderr.includes(interruptAt)) {
      interruptAt = undefined;
      child.kill(signal);
    }
  });
  const closed = once(child, 'close');
  let last;
  let printed = '';
  for await (const line of createInterface({ input: child.stdout })) {
    printed += line;
    last = JSON.parse(line);
    if (last.open) await browse(dev, who, last.open);
  }
  const [code] = await closed;
  assert.ok(last?.checks, `no report: ${printed}${stderr}`);
  const verdicts = Object.fromEntries(last.checks.map(({ id, verdict }) => [id, verdict]));
  return { code, report: last, verdicts, printed: printed + stderr };
}

async function browse(dev, who, url) {
  const browser = spawn(programs.browse, ['--dev', dev, '--user', who.username, '--open', url], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(browser, 'close');
  assert.equal(code, 0, 'the browser came through');
}

/** Compares the verdicts that are named; more than one is allowed where chance decides. */
function assertVerdicts({ verdicts, report }, expected) {
  for (const [id, verdict] of Object.entries(expected)) {
    const finding = report.checks.find((one) => one.id === id);
    assert.ok([verdict].flat().includes(verdicts[id]), `${id} is ${verdicts[id]}, expected ${verdict}: ${finding?.found}`);
  }
}

const always = {
  discovery: 'pass', issuer: 'pass', endpoints: 'pass', tls: 'not_tested', pkce: 'pass', jwks: 'pass', errors: 'pass',
  revocation: 'pass', end_session: 'pass', sign_in: 'pass', id_token: 'pass', revoked_session: 'pass',
};

/** What oidc-provider does in each configuration. */
const oidcProvider = { ...always, iss: 'pass', iss_returned: 'pass', par: 'pass', par_used: 'pass', code_twice: 'pass', wrong_verifier: 'pass', ended_session: 'pass' };
const bound = { dpop: 'pass', dpop_binding: 'pass', dpop_nonces: 'pass' };
const bearer = { dpop: 'warning', dpop_binding: 'not_tested', dpop_nonces: 'not_tested' };
// Two requests at once may both be answered before the first of them has used the token up.
const strict = { refresh_token: 'pass', lost_answer: 'fail', race: ['fail', 'warning', 'pass'], late_spent_token: 'pass' };

describe('moorline check judges rightly', { timeout: 300_000 }, () => {
  let home;

  before(() => {
    for (const program of [programs.cli, programs.browse]) {
      if (!existsSync(program)) throw new Error(`no ${program}: \`cargo build -p moorline-cli -p moorline-tests\``);
    }
    home = temporaryFolder();
  });
  after(() => home?.remove());

  for (const [name, options, code, expected] of [
    ['oidc-provider with DPoP and strict rotation: a lost answer signs the user out', {}, UNFIT, { ...bound, ...strict }],
    ['oidc-provider with strict rotation of bearer tokens: the same', { dpop: false }, UNFIT, { ...bearer, ...strict }],
    ['oidc-provider with DPoP and no rotation: fit', { rotation: false }, FIT,
      { ...bound, refresh_token: 'pass', lost_answer: 'pass', race: 'pass', late_spent_token: 'not_tested' }],
    ['oidc-provider with bearer tokens and no rotation: a stolen token is good for ever', { dpop: false, rotation: false }, UNFIT,
      { ...bearer, refresh_token: 'fail', lost_answer: 'pass', race: 'pass', late_spent_token: 'not_tested' }],
    ['oidc-provider with DPoP and a grace period: fit', { grace: GRACE }, FIT,
      { ...bound, refresh_token: 'pass', lost_answer: 'pass', race: 'pass', late_spent_token: 'pass' }],
    ['oidc-provider with bearer tokens and a grace period: a thief gets in meanwhile', { dpop: false, grace: GRACE }, FIT,
      { ...bearer, refresh_token: 'pass', lost_answer: 'pass', race: 'pass', late_spent_token: 'warning' }],
  ]) {
    it(name, async () => {
      const provider = await startProvider(options);
      try {
        const checked = await check(provider, home.folder);
        assertVerdicts(checked, { ...oidcProvider, ...expected });
        assert.equal(checked.code, code, checked.printed);
        assert.equal(checked.report.sessions.left, 0);
        for (const { refresh_token: token, code: used } of provider.heard) {
          for (const secret of [token, used].filter((text) => text && !text.startsWith('moorline-check'))) {
            assert.ok(!checked.printed.includes(secret), 'no token and no code is printed');
          }
        }
      } finally {
        await provider.stop();
      }
    });
  }

  for (const [signal, expected] of Object.entries(INTERRUPTED)) {
    it(`revokes the session that is alive when ${signal} comes`, async () => {
      const provider = await startProvider({ grace: 600_000 });
      try {
        const { code, report } = await check(provider, home.folder, ['--late', '600'], 'Waiting', signal);
        assert.deepEqual([code, report.exit_code], [expected, expected]);
        assert.equal(report.complete, false);
        assert.deepEqual(report.sessions, { made: 1, ended_by_experiments: 0, revoked: 1, left: 0 });
      } finally {
        await provider.stop();
      }
    });
  }

  it('a provider in Go that rotates and does not detect reuse: a lost answer signs the user out, and a theft goes unnoticed', async () => {
    const provider = await startGoProvider();
    try {
      const checked = await check(provider, home.folder, ['--scope', 'openid offline_access']);
      assertVerdicts(checked, {
        ...always, ...bearer, iss: 'warning', iss_returned: 'note', par: 'note', device_grant: 'pass', refresh_token: 'pass',
        lost_answer: 'fail', late_spent_token: 'warning', wrong_verifier: 'pass',
      });
      assert.equal(checked.code, UNFIT, checked.printed);
      assert.equal(checked.report.sessions.left, 0);
    } finally {
      await provider.stop();
    }
  });
});
