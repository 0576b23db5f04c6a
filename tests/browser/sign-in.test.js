// The sign-in pages in real Chromium, as people use them.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import { App, accessibilityProblems, newPage, picture, startChromium, startServer } from './support.js';

describe('the sign-in pages', { timeout: 180_000 }, () => {
  let server;
  let browser;
  let app;
  let ada;
  const opened = [];

  before(async () => {
    server = await startServer();
    browser = await startChromium(server.dev);
    ada = server.dev.users.find((user) => user.username === 'ada');
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(async () => { app = await new App(server.dev).listen(); });
  afterEach(async () => {
    app.close();
    for (const page of opened.splice(0)) {
      assert.deepEqual(page.complaints, [], 'the browser complains of nothing');
      await page.context().close();
    }
  });

  async function open(options) {
    const page = await newPage(browser, options);
    opened.push(page);
    return page;
  }

  async function typePassword(page, password = ada.password) {
    await page.getByLabel('User name').fill(ada.username);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** As far as the consent page, which is shown even if the user has consented before. */
  async function reachConsent(page, changes = {}) {
    const signIn = app.startSignIn({ prompt: 'consent', ...changes });
    await page.goto(signIn.url);
    await typePassword(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    return signIn;
  }

  async function finish(signIn) {
    const callback = await signIn.callback;
    assert.equal(callback.searchParams.get('state'), signIn.state);
    assert.equal(callback.searchParams.get('iss'), server.dev.issuer);
    const tokens = await app.exchange(callback.searchParams.get('code'), signIn.verifier);
    assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
    assert.ok(tokens.body.access_token && tokens.body.refresh_token && tokens.body.id_token);
  }

  it('let a user in by mouse', async () => {
    const page = await open();
    const signIn = app.startSignIn({ prompt: 'consent' });
    await page.goto(signIn.url);
    await picture(page, 'sign-in');
    await typePassword(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await picture(page, 'consent');
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await finish(signIn);
    await page.getByRole('heading', { name: 'Back in the app' }).waitFor();
  });

  it('let a user in by keyboard alone, and show where the focus is', async () => {
    const page = await open();
    const signIn = app.startSignIn({ prompt: 'consent' });
    await page.goto(signIn.url);
    // The first field takes the focus by itself, with the first frame and so maybe after `load`: keys
    // struck before that go nowhere.
    await page.locator('input[name=username]:focus').waitFor();
    await page.keyboard.type(ada.username);
    await page.keyboard.press('Tab');
    await page.keyboard.type(ada.password);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();

    const visited = [];
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press('Tab');
      const focus = await page.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
        const shown = (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
        return { name: element.textContent.trim(), value: element.value ?? '', tag: element.tagName, shown };
      });
      visited.push(focus);
      if (focus.tag !== 'BODY') assert.ok(focus.shown, `the focus shows on ${focus.name}`);
      if (focus.value === 'allow') break;
    }
    assert.equal(visited.at(-1).value, 'allow', `Tab reaches the button: ${JSON.stringify(visited)}`);
    await picture(page, 'consent-keyboard');
    await page.keyboard.press('Enter');
    await finish(signIn);
  });

  it('let a user in without JavaScript, and hold none', async () => {
    const page = await open({ javaScriptEnabled: false });
    const signIn = await reachConsent(page);
    assert.equal(await page.locator('script').count(), 0);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await finish(signIn);
  });

  it('send a user who denies the request back to the app, with access_denied', async () => {
    const page = await open();
    const signIn = await reachConsent(page);
    await page.getByRole('button', { name: /Don.t allow/ }).click();
    const callback = await signIn.callback;
    assert.equal(callback.searchParams.get('error'), 'access_denied');
    assert.equal(callback.searchParams.get('state'), signIn.state);
    assert.equal(callback.searchParams.get('code'), null);
  });

  it('tell a screen reader that the password is wrong', async () => {
    const page = await open();
    await page.goto(app.startSignIn().url);
    await typePassword(page, 'not the password');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    assert.match(await alert.textContent(), /\w/);
    assert.match(await page.title(), /^Error/);
    const field = page.getByLabel('Password');
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    const described = await field.getAttribute('aria-describedby');
    assert.ok(described && await page.locator(`#${described}`).isVisible(), 'the field is described by the alert');
    assert.equal(await page.getByLabel('User name').inputValue(), ada.username, 'the name stays');
    assert.equal(await field.inputValue(), '', 'the password does not');
    await picture(page, 'wrong-password');
    await page.getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  it('leave for an app with a scheme of its own without breaking their own policy', async () => {
    const page = await open();
    await reachConsent(page, { redirect_uri: 'com.example.notes:/signed-in' });
    // Chromium holds form-action against redirects too: with a policy of 'self' alone this request is never made.
    const left = page.waitForRequest((asked) => asked.url().startsWith('com.example.notes:/signed-in?'), { timeout: 20_000 });
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    const callback = new URL((await left).url());
    assert.ok(callback.searchParams.get('code'));
  });

  it('return to a client whose callback redirects on to another host, or to the scheme of an app', async () => {
    for (const onward of [`http://localhost:${new URL(app.redirectUri).port}/home`, 'com.example.notes:/signed-in?from=callback']) {
      const page = await open();
      app.onward = onward;
      const signIn = await reachConsent(page);
      const arrived = page.waitForRequest((asked) => asked.url() === onward, { timeout: 20_000 });
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
      await arrived;
      await finish(signIn);
      if (onward.startsWith('http')) await page.getByRole('heading', { name: 'Back in the app' }).waitFor();
    }
  });

  it('let a user in from two tabs, one after the other', async () => {
    const first = await open();
    const one = app.startSignIn({ prompt: 'consent' });
    await first.goto(one.url);
    const second = await first.context().newPage();
    const other = app.startSignIn({ prompt: 'consent' });
    await second.goto(other.url);
    await typePassword(second);
    await second.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await typePassword(first);
    await first.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await second.getByRole('button', { name: 'Allow', exact: true }).click();
    await finish(other);
  });

  it('let a user in beside the cookie of another program with letters beyond ASCII', async () => {
    const page = await open();
    await page.context().addCookies([{ name: 'neighbour', value: 'für', url: server.dev.issuer }]);
    const signIn = await reachConsent(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await finish(signIn);
  });

  it('ask a user who is signed in and has consented to continue, and nothing more', async () => {
    const page = await open();
    const signIn = await reachConsent(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await finish(signIn);
    // The callback is asked for before the page is there: a `goto` between the two would interrupt it.
    await page.getByRole('heading', { name: 'Back in the app' }).waitFor();
    const again = app.startSignIn();
    await page.goto(again.url);
    await page.getByRole('heading', { name: /Continue to Moorline Demo as Ada Lovelace/ }).waitFor();
    await picture(page, 'continue');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('button', { name: 'Continue as Ada Lovelace' }).click();
    await finish(again);
  });

  it('fit a phone of 320 pixels, with targets that a thumb can hit', async () => {
    const page = await open({ viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const fits = async (name) => {
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 320, `${name} is ${width} pixels wide`);
      for (const target of await page.locator('button, input:not([type=hidden])').all()) {
        const box = await target.boundingBox();
        assert.ok(box && box.height >= 24, `${name}: a target of ${box?.height} pixels`);
      }
      await picture(page, `phone-${name}`);
    };
    await page.goto(app.startSignIn({ prompt: 'consent' }).url);
    await fits('sign-in');
    await typePassword(page, 'not the password');
    await page.getByRole('alert').waitFor();
    await fits('wrong-password');
    await typePassword(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await fits('consent');
    await page.goto(server.dev.issuer);
    await fits('home');
    await page.goto(app.startSignIn({ client_id: 'nobody' }).url);
    await fits('error');
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`are accessible by axe-core, and readable in ${colorScheme} colours`, async () => {
      const page = await open({ colorScheme });
      const check = async (name) => {
        assert.deepEqual(await accessibilityProblems(page), [], name);
        const brightness = await page.evaluate(() => {
          const colours = [document.body, document.documentElement].map((element) => getComputedStyle(element).backgroundColor);
          const colour = colours.find((candidate) => candidate !== 'rgba(0, 0, 0, 0)');
          const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
          canvas.fillStyle = colour;
          canvas.fillRect(0, 0, 1, 1);
          const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
          return (red + green + blue) / 3;
        });
        assert.ok(colorScheme === 'dark' ? brightness < 80 : brightness > 180, `${name}: a background of brightness ${brightness}`);
        await picture(page, `${colorScheme}-${name}`);
      };
      await page.goto(app.startSignIn({ prompt: 'consent' }).url);
      await check('sign-in');
      await typePassword(page, 'not the password');
      await page.getByRole('alert').waitFor();
      await check('wrong-password');
      await typePassword(page);
      await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
      await check('consent');
      await page.goto(server.dev.issuer);
      await check('home');
      const policy = await page.goto(app.startSignIn({ redirect_uri: 'https://evil.example/' }).url);
      assert.match(policy.headers()['content-security-policy'], /default-src 'none'/);
      await check('error');
    });
  }
});
