// A short run of the fault harness against oidc-provider with strict rotation: docs/faults.md.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { programs, temporaryFolder } from './support.js';

/** Runs the harness, and returns its exit code, its output and the figures of each kind. */
function inject(count, kinds) {
  if (!existsSync(programs.faults)) throw new Error(`no ${programs.faults}: \`cargo build -p moorline-tests\``);
  const { folder, remove } = temporaryFolder();
  try {
    const file = join(folder, 'figures.json');
    // A fifth of the count is the peer's.
    const run = spawnSync(
      programs.faults,
      ['--peer', '--column', 'peer', '--count', String(5 * count), '--only', kinds.join(','), '--json', file],
      { encoding: 'utf8', env: { ...process.env, MOORLINE_NODE: process.execPath } },
    );
    const output = run.stdout + run.stderr;
    const written = existsSync(file) ? readFileSync(file, 'utf8') : '';
    assert.notEqual(written, '', output);
    const [figures] = Object.values(JSON.parse(written).peers);
    for (const kind of kinds) assert.ok(figures.kinds[kind]?.faults > 0, `no ${kind}: ${output}`);
    return { code: run.status, output, figures, kinds: figures.kinds };
  } finally {
    remove();
  }
}

const sum = (causes = {}) => Object.values(causes).reduce((all, one) => all + one, 0);

test('what the network loses after a commit, or delivers twice, is a permitted loss and has its reason', () => {
  const { code, output, kinds } = inject(30, ['answer-lost', 'body-cut', 'request-lost', 'request-twice', 'status503']);
  assert.equal(code, 0, output);
  assert.equal(kinds['request-lost'].sessions_lost, 0, output);
  assert.ok(kinds['request-twice'].causes['request delivered twice'] > 0, output);
  assert.ok(kinds['answer-lost'].causes['answer lost after commit'] > 0, output);
  for (const kind of Object.values(kinds)) {
    assert.equal(kind.forbidden_losses, 0, output);
    assert.equal(sum(kind.causes), kind.sessions_lost, output);
  }
});

test('a captive portal costs no session', () => {
  const ways = ['page', 'redirect', 'forbidden', 'not-found', 'half-document', 'certificate'];
  const { code, output, figures } = inject(12, ways.map((way) => `portal-${way}`));
  assert.equal(code, 0, output);
  assert.equal(figures.sessions_lost, 0, output);
});

test('a process that is killed costs its session only before it has stored the answer', () => {
  const { code, output, figures, kinds } = inject(40, ['sdk-killed', 'cli-killed']);
  assert.equal(code, 0, output);
  assert.equal(figures.forbidden_losses, 0, output);
  for (const kind of Object.values(kinds)) {
    for (const cause of Object.keys(kind.causes ?? {})) assert.match(cause, /^killed after /, output);
  }
});

test('no session is lost to other processes, frozen ones, full disks, signals or slow answers', () => {
  const { code, output, figures } = inject(70, [
    'sdk-frozen', 'disk-full', 'file-too-large', 'cli-signalled', 'two-processes', 'slow-answer',
  ]);
  assert.equal(code, 0, output);
  assert.equal(figures.sessions_lost, 0, output);
});
