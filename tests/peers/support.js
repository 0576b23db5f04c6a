// oidc-provider on loopback, set up as its own documentation says for a native app.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import Provider, { errors } from 'oidc-provider';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const built = join(repository, 'target', 'debug');
export const programs = {
  cli: process.env.MOORLINE_BIN ?? join(built, 'moorline'),
  browse: process.env.MOORLINE_BROWSE_BIN ?? join(built, 'moorline-browse'),
};
programs.faults = process.env.MOORLINE_FAULTS_BIN ?? join(dirname(programs.browse), 'faults');
programs.peersGo = process.env.MOORLINE_PEERS_GO_BIN ?? join(dirname(programs.cli), 'peers-go');
programs.sdkShell = process.env.MOORLINE_SDK_SHELL_BIN ?? join(dirname(programs.browse), 'sdk-shell');

export const clientId = 'native-app';
/** The APIs for which it issues tokens of their own (RFC 8707). */
export const apis = ['https://pay.example/v1', 'https://chat.example/'];
export const user = { username: 'ada', password: 'any password will do here', roles: [] };

/**
 * Starts the provider on a free port, behind `issuer` if it is known by that, with DPoP and nonces or without either, with rotation
 * or without, with the device grant or without, with pushed authorization requests 'offered', 'required' or 'unknown', and with
 * a grace period of so many milliseconds in which a used refresh token is taken again. `heard` gathers what its token endpoint
 * was sent and took, `proofs` every proof that came to it, and `schemes` how access tokens came.
 */
export async function startProvider({
  issuer: known, device = false, dpop = true, rotation = true, grace = 0, pushed = 'offered',
} = {}) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listen = `127.0.0.1:${server.address().port}`;
  const issuer = known ?? `http://${listen}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: clientId,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      post_logout_redirect_uris: ['com.example.notes:/signed-out'],
      grant_types: ['authorization_code', 'refresh_token', ...(device ? ['urn:ietf:params:oauth:grant-type:device_code'] : [])],
      response_types: ['code'],
    }],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} of oidc-provider`, email: `${id}@example.org` }) }),
    pkce: { required: () => true },
    rotateRefreshToken: rotation,
    // Without this it wants prompt=consent at each sign-in before it gives offline access.
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: device },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => false,
        getResourceServerInfo: (_context, resource) => {
          if (!apis.includes(resource)) throw new errors.InvalidTarget();
          return { scope: 'read write', audience: resource, accessTokenFormat: 'opaque' };
        },
      },
      pushedAuthorizationRequests: { enabled: pushed !== 'unknown', requirePushedAuthorizationRequests: pushed === 'required' },
      dPoP: dpop ? { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true } : { enabled: false },
    },
  });
  if (grace > 0) {
    const { consume } = provider.RefreshToken.prototype;
    // It is used up later than it is used. By then its session may have ended, and it with it.
    provider.RefreshToken.prototype.consume = async function consumeLater() {
      setTimeout(() => consume.call(this).catch(() => {}), grace).unref();
    };
  }
  const heard = [];
  const proofs = [];
  const schemes = [];
  const issued = [];
  provider.use(async (context, next) => {
    const proof = context.get('dpop');
    if (proof) proofs.push(proof);
    if (context.get('authorization')) schemes.push(context.get('authorization').split(' ')[0]);
    await next();
    // The challenge for a nonce is no answer yet.
    const challenged = context.body?.error === 'use_dpop_nonce';
    if (context.oidc?.route === 'token' && !challenged) heard.push({ ...context.oidc.body });
  });
  provider.on('access_token.saved', (token) => issued.push(token));
  // Behind a proxy that speaks TLS with apps: addresses and cookies are made for that.
  provider.proxy = issuer.startsWith('https:');
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (provider.proxy) request.headers['x-forwarded-proto'] = 'https';
    answer(request, response);
  });
  return {
    issuer,
    listen,
    heard,
    proofs,
    schemes,
    /** Ends every access token that was issued: the API answers 401 to what the app holds. */
    endAccessTokens: async () => { for (const token of issued.splice(0)) await token.destroy(); },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'moorline-peers-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The provider in Go (../peers-go), on a free port. */
export async function startGoProvider() {
  if (!existsSync(programs.peersGo)) {
    throw new Error(`no ${programs.peersGo}: \`go build -o ../../target/debug/peers-go .\` in tests/peers-go, with Go 1.26 or newer; `
      + '`cargo xtask test --only browser` brings both');
  }
  const child = spawn(programs.peersGo, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value, done } = await lines.next();
  if (done) throw new Error('the provider in Go did not start');
  return {
    ...JSON.parse(value),
    stop: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** The SDK, driven by commands: `await sdk.do('sign-in')` is its answer in JSON. */
export function startSdk(issuer, vault, ...options) {
  if (!existsSync(programs.sdkShell)) throw new Error(`no ${programs.sdkShell}: \`cargo build -p moorline-tests\``);
  const child = spawn(programs.sdkShell, [
    '--issuer', issuer, '--client-id', clientId, '--user', user.username, '--password', user.password, '--vault', vault, ...options,
  ], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    do: async (command) => {
      child.stdin.write(`${command}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the SDK ended at ${command}`);
      return JSON.parse(value);
    },
    end: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
