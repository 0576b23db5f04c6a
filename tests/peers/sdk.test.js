// The SDK against oidc-provider: sign-in, rotation by its rules, a 401 on the way, sign-out.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { apis, clientId, startProvider, startSdk, temporaryFolder, user } from './support.js';

for (const dpop of [true, false]) describe(`the SDK at oidc-provider ${dpop ? 'with' : 'without'} DPoP`, { timeout: 120_000 }, () => {
  let provider;
  let vault;
  let sdk;

  before(async () => {
    provider = await startProvider({ dpop });
    vault = temporaryFolder();
    sdk = startSdk(provider.issuer, vault.folder, ...(dpop ? [] : ['--allow-bearer']));
  });
  after(async () => {
    await sdk?.end();
    await provider?.stop();
    vault?.remove();
  });

  it('signs in, and accepts the ID token after checking it', async () => {
    const answer = await sdk.do('sign-in');
    assert.equal(answer.subject, user.username, JSON.stringify(answer));
    assert.match((await sdk.do('state')).state, /^SignedIn/);
    assert.equal(provider.heard[0].grant_type, 'authorization_code');
    assert.ok(provider.heard[0].code_verifier.length >= 43);
    assert.equal((await sdk.do('state')).token_type, dpop ? 'DPoP' : 'Bearer');
  });

  it('reads userinfo', async () => {
    const answer = await sdk.do('user-info');
    assert.equal(answer.claims?.name, 'ada of oidc-provider', JSON.stringify(answer));
  });

  it('refreshes once for twenty callers, and sends no parameter that the provider did not offer', async () => {
    const before = provider.heard.length;
    assert.equal((await sdk.do('refresh 20')).tokens, 1);
    assert.equal(provider.heard.length, before + 1);
    assert.equal(provider.heard.at(-1).grant_type, 'refresh_token');
    assert.equal(provider.heard.at(-1).refresh_attempt, undefined);
  });

  it('rotates: each refresh sends the token that the last one brought', async () => {
    await sdk.do('refresh 1');
    await sdk.do('refresh 1');
    const sent = provider.heard.map((body) => body.refresh_token).filter(Boolean);
    assert.equal(new Set(sent).size, sent.length, 'no refresh token is sent twice');
  });

  it('gets a new access token by itself when the API refuses the one it has', async () => {
    await provider.endAccessTokens();
    const before = provider.heard.length;
    const answer = await sdk.do(`get ${provider.issuer}/me`);
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.equal(JSON.parse(answer.body).sub, user.username);
    assert.equal(provider.heard.length, before + 1, 'by one refresh');
  });

  it('has a new proof for every request, or for none', () => {
    const ids = provider.proofs.map((proof) => JSON.parse(Buffer.from(proof.split('.')[1], 'base64url')).jti);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(ids.length > provider.heard.length, dpop);
    assert.deepEqual(new Set(provider.schemes), new Set([dpop ? 'DPoP' : 'Bearer']));
  });

  it('signs out at the provider too', async () => {
    assert.deepEqual(await sdk.do('sign-out'), { revoked: true, end_session: null });
    assert.match((await sdk.do('state')).state, /^SignedOut/);
    assert.match((await sdk.do('refresh 1')).error, /nobody is signed in/);
  });
});

for (const pushed of ['offered', 'required', 'unknown']) describe(`authorization requests that are pushed, ${pushed}`, { timeout: 120_000 }, () => {
  it('reach the provider before the browser, where it takes them, and the user signs in', async (test) => {
    const provider = await startProvider({ pushed });
    const vault = temporaryFolder();
    const sdk = startSdk(provider.issuer, vault.folder);
    test.after(async () => {
      await sdk.end();
      await provider.stop();
      vault.remove();
    });
    const url = new URL((await sdk.do('start-sign-in')).url);
    const inTheBrowser = [...url.searchParams.keys()];
    if (pushed === 'unknown') assert.ok(inTheBrowser.includes('code_challenge'));
    else assert.deepEqual(inTheBrowser, ['client_id', 'request_uri']);
    assert.equal((await sdk.do('sign-in')).subject, user.username);
  });
});

describe('tokens for one API', { timeout: 120_000 }, () => {
  it('come from the provider by its name, are kept apart, and leave the session as it is where there are none', async (test) => {
    const provider = await startProvider();
    const vault = temporaryFolder();
    const sdk = startSdk(provider.issuer, vault.folder, ...apis.flatMap((api) => ['--resource', api]));
    test.after(async () => {
      await sdk.end();
      await provider.stop();
      vault.remove();
    });
    await sdk.do('sign-in');
    const [pay, chat] = [await sdk.do(`token-for ${apis[0]}`), await sdk.do(`token-for ${apis[1]}`)];
    assert.equal(pay.resource, apis[0], JSON.stringify(pay));
    assert.notEqual(pay.token, chat.token);
    const before = provider.heard.length;
    assert.equal((await sdk.do(`token-for ${apis[0]}`)).token, pay.token);
    assert.equal(provider.heard.length, before, 'from memory');
    assert.match((await sdk.do('token-for https://nobody.example/')).error, /not named when the user signed in/);
    assert.equal(provider.heard.length, before, 'this provider would spend the refresh token before it refuses');
    assert.match((await sdk.do('state')).state, /^SignedIn/);
    const refreshed = await sdk.do('refresh 1');
    assert.equal(refreshed.tokens, 1, JSON.stringify(refreshed));
  });
});

describe("the provider's sign-out page", { timeout: 120_000 }, () => {
  it('takes the ID token, the client and the way back', async (test) => {
    const provider = await startProvider();
    const vault = temporaryFolder();
    const sdk = startSdk(provider.issuer, vault.folder);
    test.after(async () => {
      await sdk.end();
      await provider.stop();
      vault.remove();
    });
    await sdk.do('sign-in');
    const { revoked, end_session: page } = await sdk.do('sign-out com.example.notes:/signed-out');
    assert.equal(revoked, true);
    const asked = new URL(page.url).searchParams;
    assert.equal(asked.get('client_id'), clientId);
    assert.equal(asked.get('state'), page.state);
    assert.equal(asked.get('id_token_hint').split('.').length, 3);
    const answer = await fetch(page.url);
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.match(await answer.text(), /session\/end\/confirm/);
    const foreign = new URL(page.url);
    foreign.searchParams.set('post_logout_redirect_uri', 'com.evil.app:/x');
    assert.equal((await fetch(foreign)).status, 400, 'the provider knows the ways back of this client');
  });
});

describe('the SDK at oidc-provider without DPoP by default', { timeout: 120_000 }, () => {
  it('refuses to sign in, and says what would allow it', async () => {
    const provider = await startProvider({ dpop: false });
    const vault = temporaryFolder();
    const sdk = startSdk(provider.issuer, vault.folder);
    assert.match((await sdk.do('sign-in')).error, /allow_bearer/);
    await sdk.end();
    await provider.stop();
    vault.remove();
  });
});
