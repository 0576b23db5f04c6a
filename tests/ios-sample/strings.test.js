// The string catalogues: two languages, every text that the code shows, and the words of the Android sample.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, json, sources, text } from './support.js';

const LANGUAGES = ['de', 'en'];
const catalogue = json('Shared/Localizable.xcstrings');

/// The values of a string in a language: one, or one for each number.
function values(entry, language) {
  const { stringUnit, variations } = entry.localizations[language];
  const units = stringUnit
    ? { other: stringUnit }
    : Object.fromEntries(Object.entries(variations.plural).map(([number, unit]) => [number, unit.stringUnit]));
  for (const unit of Object.values(units)) assert.equal(unit.state, 'translated');
  return Object.fromEntries(Object.entries(units).map(([number, unit]) => [number, unit.value]));
}

const places = (value) => value.match(/%(@|lld)/g) ?? [];

test('every string is there in English and in German, with the same places', () => {
  for (const path of [
    'Shared/Localizable.xcstrings',
    'Notes/InfoPlist.xcstrings',
    'ShareExtension/InfoPlist.xcstrings',
  ]) {
    const { sourceLanguage, version, strings } = json(path);
    assert.deepEqual([sourceLanguage, version], ['en', '1.0']);
    for (const [key, entry] of Object.entries(strings)) {
      assert.deepEqual(Object.keys(entry.localizations).sort(), LANGUAGES, key);
      for (const language of LANGUAGES) {
        const found = values(entry, language);
        assert.ok(found.other, `${key} in ${language}`);
        for (const value of Object.values(found)) assert.deepEqual(places(value), places(key), `${key} in ${language}`);
      }
    }
  }
});

/// The keys that a source shows: literals in snake case, with what is put into them.
function keys(source) {
  const code = source.replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(/"([a-z]+(?:_[a-z]+)+|[a-z]+)( (?:%@|%lld|\\\([^"]*))?"/g)].map(([, name, place]) => ({
    name,
    place,
  }));
}

/// Words of the code that are no texts: symbols, names of settings, scopes, methods of HTTP.
const OTHERS = new Set([
  'account',
  'code',
  'first',
  'id',
  'inbox',
  'limit',
  'lock',
  'notes',
  'openid',
  'profile',
  'email',
  'circle',
  'clock',
  'globe',
  'cursor',
  'report',
  'person',
  'stethoscope',
  'state',
  'json',
  'true',
  'title',
  'body',
  'ada',
  'grace',
  'offline_access',
  'updated_at',
  'key',
  'owner',
  'http',
  'https',
  'select_account',
]);

test('every text that the code shows is in the catalogue, and every one of the catalogue is shown', () => {
  const known = new Map(Object.keys(catalogue.strings).map((key) => [key.split(' ')[0], key]));
  const shown = new Set();
  for (const path of ['Notes', 'Model', 'Shared', 'Fake', 'Server', 'ShareExtension'].flatMap(sources)) {
    for (const { name, place } of keys(text(path))) {
      const key = known.get(name);
      if (!key) {
        assert.ok(OTHERS.has(name), `${path}: "${name}" is not in the catalogue`);
        continue;
      }
      assert.equal(Boolean(place), key.includes('%'), `${path}: "${name}"`);
      shown.add(name);
    }
  }
  assert.deepEqual(
    [...known.keys()].filter((name) => !shown.has(name)),
    [],
  );
});

test('words that both samples have are the same words', () => {
  const folders = { en: 'values', de: 'values-de' };
  let compared = 0;
  for (const [language, folder] of Object.entries(folders)) {
    const xml = readFileSync(join(ROOT, 'android-sample/app/src/main/res', folder, 'strings.xml'), 'utf8');
    const android = new Map(
      [...xml.matchAll(/<string name="(\w+)">([^<]*)<\/string>/g)].map(([, name, value]) => [
        name,
        value.replaceAll("\\'", "'").replaceAll('%1$s', '%@').replaceAll('&amp;', '&'),
      ]),
    );
    for (const [key, entry] of Object.entries(catalogue.strings)) {
      const there = android.get(key.split(' ')[0]);
      if (there === undefined) continue;
      assert.equal(values(entry, language).other, there, key);
      compared += 1;
    }
  }
  assert.ok(compared > 150, `${compared}`);
});
