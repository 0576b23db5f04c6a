// Notes.xcodeproj, which only Xcode builds: that everything it names is there, and that each target has what it needs.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import plist from 'plist';
import xcode from 'xcode';
import { ROOT, SAMPLE, files, propertyList, sources, text } from './support.js';

const project = xcode.project(join(SAMPLE, 'Notes.xcodeproj/project.pbxproj'));
project.parseSync();
const objects = project.hash.project.objects;

const plain = (value) => String(value).replace(/^"(.*)"$/, '$1');
const all = (isa) => Object.entries(objects[isa]).filter(([id]) => !id.endsWith('_comment'));
const one = (isa, id) => objects[isa][id] ?? assert.fail(`there is no ${isa} ${id}`);
const targets = Object.fromEntries(
  all('PBXNativeTarget').map(([id, target]) => [plain(target.name), { id, ...target }]),
);

const foldersOf = (target) =>
  (target.fileSystemSynchronizedGroups ?? []).map(({ value }) =>
    plain(one('PBXFileSystemSynchronizedRootGroup', value).path),
  );
const packagesOf = (target) =>
  (target.packageProductDependencies ?? []).map(({ value }) =>
    plain(one('XCSwiftPackageProductDependency', value).productName),
  );
const settingsOf = (target) =>
  Object.fromEntries(
    one('XCConfigurationList', target.buildConfigurationList).buildConfigurations.map(({ value }) => {
      const { name, buildSettings } = one('XCBuildConfiguration', value);
      return [plain(name), buildSettings];
    }),
  );

test('the targets are two apps, a share extension and their tests', () => {
  const types = Object.fromEntries(Object.values(targets).map((target) => [target.name, plain(target.productType)]));
  const type = 'com.apple.product-type';
  assert.deepEqual(types, {
    Notes: `${type}.application`,
    NotesFake: `${type}.application`,
    ShareExtension: `${type}.app-extension`,
    NotesTests: `${type}.bundle.unit-test`,
    NotesUITests: `${type}.bundle.ui-testing`,
    NotesServerUITests: `${type}.bundle.ui-testing`,
  });
});

test('every reference of the project has its object', () => {
  const known = new Set(Object.values(objects).flatMap((section) => Object.keys(section)));
  const raw = text('Notes.xcodeproj/project.pbxproj');
  const ids = [...raw.matchAll(/\b[0-9A-F]{24}\b/g)].map(([id]) => id);
  assert.ok(ids.length > 200);
  for (const id of ids) assert.ok(known.has(id), `${id} is no object`);
  for (const id of known) {
    if (!id.endsWith('_comment') && id !== project.hash.project.rootObject) {
      assert.ok(ids.filter((other) => other === id).length > 1, `nothing refers to ${id}`);
    }
  }
});

test('every folder that a target synchronises has sources, and every folder has a target', () => {
  const used = new Set(Object.values(targets).flatMap(foldersOf));
  for (const folder of used) assert.notEqual(sources(folder).length, 0, folder);
  const known = all('PBXFileSystemSynchronizedRootGroup').map(([, group]) => plain(group.path));
  assert.deepEqual([...used].sort(), known.sort());
});

test('cargo xtask test type-checks the folders of each target', () => {
  const code = readFileSync(join(ROOT, 'xtask/src/suites/swift/sample.rs'), 'utf8');
  const checked = [...code.matchAll(/\("-module-name (\w+)[^"]*", "([^"]+)"\)/g)];
  assert.equal(checked.length, 6);
  const names = { NotesServer: 'Notes', Notes: 'NotesFake' };
  for (const [, module, folders] of checked) {
    const target = targets[names[module] ?? module];
    const own = folders.split(' ').filter((folder) => !folder.startsWith('..'));
    assert.deepEqual(own.sort(), foldersOf(target).sort(), module);
    const { Debug } = settingsOf(target);
    if (Debug.PRODUCT_MODULE_NAME) assert.equal(plain(Debug.PRODUCT_MODULE_NAME), module);
  }
});

test('what the fake needs is in the fake alone', () => {
  assert.deepEqual(foldersOf(targets.Notes), ['Notes', 'Model', 'Shared', 'Server']);
  assert.deepEqual(foldersOf(targets.NotesFake), ['Notes', 'Model', 'Shared', 'Fake']);
  assert.deepEqual(packagesOf(targets.Notes), ['Moorline', 'MoorlineUI']);
  assert.deepEqual(packagesOf(targets.ShareExtension), ['Moorline']);
  for (const path of ['Notes', 'Model', 'Shared', 'Server', 'ShareExtension'].flatMap(sources)) {
    assert.ok(!text(path).includes('import MoorlineTesting'), path);
  }
});

test('models and what the extension shares import no SwiftUI', () => {
  for (const path of ['Model', 'Shared', 'Server', 'Fake'].flatMap(sources)) {
    assert.ok(!/^import (SwiftUI|UIKit)$/m.test(text(path)), path);
  }
});

test('the package is the one of this repository', () => {
  const [[, reference]] = all('XCLocalSwiftPackageReference');
  const folder = join(SAMPLE, plain(reference.relativePath));
  assert.equal(folder, join(ROOT, 'bindings/swift'));
  assert.ok(existsSync(join(folder, 'Package.swift')));
});

test('every file that a setting or a group names is there', () => {
  for (const [, file] of all('PBXFileReference').filter(([, { sourceTree }]) => plain(sourceTree) === '<group>')) {
    const path = plain(file.path);
    assert.ok(existsSync(join(SAMPLE, path.endsWith('.xcconfig') ? 'Config' : '', path)), path);
  }
  for (const target of Object.values(targets)) {
    for (const settings of Object.values(settingsOf(target))) {
      assert.ok(existsSync(join(SAMPLE, plain(settings.INFOPLIST_FILE))), `${target.name}: ${settings.INFOPLIST_FILE}`);
      const entitlements = settings.CODE_SIGN_ENTITLEMENTS;
      if (entitlements) assert.ok(existsSync(join(SAMPLE, plain(entitlements))), entitlements);
    }
  }
});

test('the app embeds the extension, and signs in with the same session', () => {
  const [[, phase]] = all('PBXCopyFilesBuildPhase');
  assert.equal(plain(phase.dstSubfolderSpec), '13');
  const embedded = one('PBXFileReference', one('PBXBuildFile', phase.files[0].value).fileRef);
  assert.equal(plain(embedded.path), 'ShareExtension.appex');
  assert.ok(targets.Notes.buildPhases.some(({ comment }) => comment === 'Embed Foundation Extensions'));
  assert.deepEqual(propertyList('Config/Notes.entitlements'), propertyList('Config/ShareExtension.entitlements'));
  const shared = ['NotesAccessGroup', 'NotesAppGroup', 'NotesIssuer'];
  for (const name of ['Notes', 'ShareExtension']) {
    for (const kind of ['', '-Debug']) {
      const info = propertyList(`Config/${name}${kind}-Info.plist`);
      for (const key of shared) assert.match(info[key], /^\$\(NOTES_[A-Z_]+\)$/, `${name}${kind} ${key}`);
    }
  }
});

test('every variable of the property lists has a value', () => {
  const configs = ['Base', 'Debug', 'Release'].map((name) => text(`Config/${name}.xcconfig`)).join('\n');
  for (const path of files('Config').filter((path) => /\.(plist|entitlements)$/.test(path))) {
    for (const [, name] of text(path).matchAll(/\$\((NOTES_[A-Z_]+|MARKETING_VERSION|CURRENT_PROJECT_VERSION)\)/g)) {
      assert.match(configs, new RegExp(`^${name} =`, 'm'), `${path}: ${name}`);
    }
  }
});

test('plain HTTP is for loopback, and for debug builds only', () => {
  for (const path of files('Config').filter((path) => path.endsWith('.plist'))) {
    const transport = propertyList(path).NSAppTransportSecurity;
    if (path.includes('-Debug-')) {
      assert.deepEqual(transport, {
        NSExceptionDomains: { '127.0.0.1': { NSExceptionAllowsInsecureHTTPLoads: true } },
      });
    } else {
      assert.equal(transport, undefined, path);
    }
  }
  for (const name of ['Notes', 'ShareExtension']) {
    const { Debug, Release } = settingsOf(targets[name]);
    assert.match(plain(Debug.INFOPLIST_FILE), /-Debug-Info\.plist$/);
    assert.doesNotMatch(plain(Release.INFOPLIST_FILE), /Debug/);
  }
  assert.match(text('Config/Debug.xcconfig'), /^NOTES_ISSUER = http:\/\$\(\)\/127\.0\.0\.1:\$\(NOTES_PORT\)$/m);
  assert.match(text('Config/Release.xcconfig'), /^NOTES_ISSUER = https:\/\$\(\)\//m);
});

test('the extension opens for text, by a class that is there', () => {
  const extension = propertyList('Config/ShareExtension-Info.plist').NSExtension;
  assert.equal(extension.NSExtensionPointIdentifier, 'com.apple.share-services');
  const [, name] = extension.NSExtensionPrincipalClass.split('.');
  const code = sources('ShareExtension').map(text).join('\n');
  assert.match(code, new RegExp(`class ${name}: UIViewController`));
});

test('the schemes build targets that are there', () => {
  const folder = 'Notes.xcodeproj/xcshareddata/xcschemes';
  assert.deepEqual(readdirSync(join(SAMPLE, folder)).sort(), ['Notes (fake).xcscheme', 'Notes.xcscheme']);
  for (const name of readdirSync(join(SAMPLE, folder))) {
    const scheme = text(join(folder, name));
    const builds = [
      ...scheme.matchAll(/BlueprintIdentifier = "(\w+)"\s+BuildableName = "([^"]+)"\s+BlueprintName = "(\w+)"/g),
    ];
    assert.ok(builds.length >= 3, name);
    for (const [, id, product, target] of builds) {
      assert.equal(targets[target].id, id, `${name}: ${target}`);
      assert.equal(plain(one('PBXFileReference', targets[target].productReference).path), product);
    }
  }
  assert.match(text(join(folder, 'Notes (fake).xcscheme')), /NotesUITests/);
  const workflow = readFileSync(join(ROOT, '.github/workflows/phones.yml'), 'utf8');
  assert.match(workflow, /xcodebuild test -project Notes\.xcodeproj -scheme 'Notes \(fake\)'/);
  assert.match(text(join(folder, 'Notes.xcscheme')), /NotesServerUITests/);
  assert.match(workflow, /xcodebuild test -project Notes\.xcodeproj -scheme Notes\n/);
  const port = /^NOTES_PORT = (\d+)$/m.exec(text('Config/Debug.xcconfig'))[1];
  assert.match(workflow.slice(workflow.indexOf('\n  ios:')), new RegExp(`moorline-server dev --http --port ${port} `));
});

test('each UI test runs the app that it is written for', () => {
  for (const [name, app] of [
    ['NotesUITests', 'NotesFake'],
    ['NotesServerUITests', 'Notes'],
  ]) {
    for (const settings of Object.values(settingsOf(targets[name]))) {
      assert.equal(plain(settings.TEST_TARGET_NAME), app, name);
    }
    const [{ value }] = targets[name].dependencies;
    const dependency = one('PBXTargetDependency', value);
    const proxy = one('PBXContainerItemProxy', dependency.targetProxy);
    assert.deepEqual([dependency.target, plain(proxy.remoteGlobalIDString)], [targets[app].id, targets[app].id], name);
  }
});

test('every property list and privacy manifest can be read', () => {
  const lists = [...files('Config'), ...files('Shared')].filter((path) =>
    /\.(plist|entitlements|xcprivacy)$/.test(path),
  );
  assert.ok(lists.length >= 9);
  for (const path of lists) assert.equal(typeof plist.parse(text(path)), 'object', path);
  const privacy = propertyList('Shared/PrivacyInfo.xcprivacy');
  assert.equal(privacy.NSPrivacyTracking, false);
  const reasons = Object.fromEntries(
    privacy.NSPrivacyAccessedAPITypes.map((type) => [
      type.NSPrivacyAccessedAPIType,
      type.NSPrivacyAccessedAPITypeReasons,
    ]),
  );
  assert.deepEqual(reasons, { NSPrivacyAccessedAPICategoryUserDefaults: ['1C8F.1', 'CA92.1'] });
  assert.ok(propertyList('Config/Notes-Info.plist').NSFaceIDUsageDescription);
});

test('every set of the asset catalogue is well-formed, and has the files that it names', () => {
  const contents = files('Notes/Assets.xcassets').filter((path) => path.endsWith('Contents.json'));
  assert.equal(contents.length, 3);
  for (const path of contents) {
    const set = JSON.parse(text(path));
    assert.equal(set.info.version, 1, path);
    for (const { filename } of set.images ?? []) {
      if (filename) assert.ok(existsSync(join(SAMPLE, path, '..', filename)), `${path}: ${filename}`);
    }
  }
  const { Debug } = settingsOf(targets.Notes);
  for (const [setting, kind] of [
    ['ASSETCATALOG_COMPILER_APPICON_NAME', 'appiconset'],
    ['ASSETCATALOG_COMPILER_GLOBAL_ACCENT_COLOR_NAME', 'colorset'],
  ]) {
    assert.ok(
      contents.includes(join('Notes/Assets.xcassets', `${plain(Debug[setting])}.${kind}`, 'Contents.json')),
      setting,
    );
  }
});

test('the icon is the mark of the project, in both samples', () => {
  const png = readFileSync(join(SAMPLE, 'Notes/Assets.xcassets/AppIcon.appiconset/AppIcon.png'));
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  // Width, height, bits, and colours without an alpha channel: the App Store refuses one.
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]], [1024, 1024, 8, 2]);
  const pathsOf = (drawing) => [...drawing.matchAll(/\s(?:d|android:pathData)="([^"]+)"/g)].map(([, path]) => path);
  const mark = pathsOf(readFileSync(join(ROOT, 'server/assets/icon.svg'), 'utf8'));
  assert.equal(mark.length, 2);
  const android = 'android-sample/app/src/main/res/drawable/ic_launcher_foreground.xml';
  for (const path of ['ios-sample/Config/AppIcon.svg', android]) {
    assert.deepEqual(pathsOf(readFileSync(join(ROOT, path), 'utf8')), mark, path);
  }
});
