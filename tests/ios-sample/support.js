// The files of ios-sample, as the tests read them.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import plist from 'plist';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SAMPLE = join(ROOT, 'ios-sample');

export const text = (path) => readFileSync(join(SAMPLE, path), 'utf8');
export const json = (path) => JSON.parse(text(path));
export const propertyList = (path) => plist.parse(text(path));

/// All files below a folder of the sample, by their paths in it.
export function files(folder) {
  return readdirSync(join(SAMPLE, folder)).flatMap((name) => {
    const path = join(folder, name);
    return statSync(join(SAMPLE, path)).isDirectory() ? files(path) : [path];
  });
}

export const sources = (folder) => files(folder).filter((path) => path.endsWith('.swift'));
