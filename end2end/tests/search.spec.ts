// The search: its page, without scripts too, and the palette.

import type { Locator, Page, Route } from '@playwright/test';
import { application, createUser, post, session, unique } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, test } from '../support/test';

const alive = 'html[data-alive]';
/** Requests of the palette. */
const asks = /\/search\?.*brief/;

/** Opens the palette by its shortcut, and waits for its first answer. */
async function openPalette(page: Page): Promise<Locator> {
  await expect(page.locator(alive)).toBeAttached();
  await page.keyboard.press('ControlOrMeta+k');
  await expect(page.locator('#palette [aria-selected=true]')).toHaveCount(1);
  return page.getByRole('combobox');
}

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('a hit leads to the key, and only to those that the user may see', async ({ page, server, administrator, signIn }) => {
    const { name: app, api } = await application(server);
    const needle = unique('needle');
    const set = { 'db.url': `mysql://${needle}/x`, [`${needle}.key`]: '1' };
    await api.publish([{ config: `dev/${app}/application`, set }, { config: `prod/${app}/application`, set }]);
    await signIn(page, await createUser(server, administrator, 'vera', { [`dev/${app}/*`]: 'viewer' }));
    await page.goto('/');
    await page.locator('a[data-palette]').click();
    await expect(page).toHaveURL(`${server.url}/search`);
    await page.getByRole('searchbox').fill(needle.toUpperCase());
    await page.getByRole('searchbox').press('Enter');
    const hits = page.locator('.hits > li');
    await expect(hits).toHaveCount(2);
    await expect(hits.nth(0)).toContainText(`${needle}.key`);
    await expect(hits.nth(1).locator('mark')).toHaveText(needle);
    await hits.nth(1).getByRole('link').click();
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?at=db.url#at`);
    await expect(page.locator('tr#at')).toContainText('db.url');
    await page.goto(`/search?q=${needle}+env:prod`);
    await expect(page.getByText('No matches')).toBeVisible();
  });

  test('an editor comes to the form of the key, and a long list has pages', async ({ page, server, signIn }) => {
    const { name: app, api } = await application(server);
    const word = unique('many').replaceAll('-', '');
    const set = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`${word}.${n}`, `value ${n}`]));
    await api.publish([{ config: `dev/${app}/application`, set }]);
    await signIn(page);
    await page.goto(`/search?q=${word}`);
    await expect(page.getByText('60 matches')).toBeVisible();
    await expect(page.locator('.hits > li')).toHaveCount(50);
    await page.getByRole('link', { name: 'Next' }).click();
    await expect(page.locator('.hits > li')).toHaveCount(10);
    await page.getByRole('link', { name: `${word}.55` }).click();
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?edit=${word}.55#edit`);
    await expect(page.locator('#item [name=value]')).toHaveValue('value 55');
  });

  test('keys of any characters are in the addresses of hits', async ({ page, server, signIn }) => {
    const { name: app, api } = await application(server);
    const key = `${unique('odd')}/#?% & 键`;
    await api.publish([{ config: `dev/${app}/application`, set: { [key]: 'found' } }]);
    await signIn(page);
    await page.goto(`/search?q=${encodeURIComponent(`"${key}"`)}`);
    await page.getByRole('link', { name: key }).click();
    await expect(page.locator('#item [name=value]')).toHaveValue('found');
  });

  test('a hit in an archived application leads to its row', async ({ page, server, administrator, signIn }) => {
    const { name: app, api } = await application(server);
    const key = unique('old');
    await api.publish([{ config: `dev/${app}/application`, set: { [key]: '1' } }]);
    await post(server, 'archive-app', { app, archived: 'true' }, await session(server, administrator));
    await signIn(page);
    await page.goto(`/search?q=${key}`);
    await page.locator('.hits').getByRole('link', { name: key }).click();
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?at=${key}#at`);
    await expect(page.locator('tr#at')).toContainText(key);
  });

  test('a hit in a text leads to its line', async ({ page, server, administrator, signIn }) => {
    const { name: app, api } = await application(server);
    const needle = unique('needle');
    const before = Array.from({ length: 99 }, (_, n) => `k${n}: value`).join('\n');
    await api.publish([{ config: `dev/${app}/routes`, text: `${before}\nlast: ${needle}\n` }]);
    const viewer = await createUser(server, administrator, 'vera', { [`dev/${app}/*`]: 'viewer' });
    for (const user of [administrator, viewer]) {
      await signIn(page, user);
      await page.goto(`/search?q=${needle}`);
      await page.locator('.hits').getByRole('link', { name: needle }).click();
      await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/routes?line=100#line`);
      await expect(page.locator('#line .here')).toHaveText(`100last: ${needle}`);
    }
    await page.goto(`/configs/dev/${app}/routes?line=101`);
    await expect(page.locator('#line')).toHaveCount(0);
  });
});

test.describe('palette', () => {
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  test('finds a key by keyboard alone', async ({ page, server }) => {
    const { name: app, api } = await application(server);
    const needle = unique('needle');
    await api.publish([{ config: `dev/${app}/application`, set: { [`${needle}.one`]: '1', [`${needle}.two`]: '2' } }]);
    await page.goto('/apps');
    await expect(page.locator(alive)).toBeAttached();
    await page.keyboard.press('ControlOrMeta+k');
    const field = page.getByRole('combobox');
    await expect(field).toBeFocused();
    await page.keyboard.type(needle);
    const options = page.getByRole('option');
    await expect(options).toHaveText([/one/, /two/, 'Show all results']);
    await expect(page.locator('#palette-status')).toHaveText('2 matches');
    await expect(options.nth(0)).toHaveAttribute('aria-selected', 'true');
    await expectAccessible(page);
    await page.keyboard.press('ArrowDown');
    await expect(options.nth(1)).toHaveAttribute('aria-selected', 'true');
    await expect(field).toHaveAttribute('aria-activedescendant', 'palette-1');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?edit=${needle}.two#edit`);
  });

  test('Escape closes it and returns the focus', async ({ page }) => {
    await page.goto('/apps');
    await expect(page.locator(alive)).toBeAttached();
    const link = page.locator('a[data-palette]');
    await link.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('combobox')).toBeFocused();
    await expect(page.getByRole('option').first()).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('combobox')).toBeHidden();
    await expect(link).toBeFocused();
  });

  test('finds actions', async ({ page, server }) => {
    await page.goto('/');
    const field = await openPalette(page);
    await page.keyboard.type('nothing-like-it');
    await expect(page.locator('#palette-status')).toHaveText('No matches');
    await field.fill('env:prod ');
    await expect(page.locator('#palette-status')).toHaveText('');
    await field.fill('add user');
    await page.getByRole('option', { name: 'Add a user' }).click();
    await expect(page).toHaveURL(`${server.url}/users/new`);
  });

  test('shows the answer to the last text only', async ({ page }) => {
    await page.goto('/');
    const field = await openPalette(page);
    const held: Route[] = [];
    await page.route(asks, (route) => (route.request().url().includes('add') ? void held.push(route) : route.continue()));
    await field.fill('add user');
    await expect.poll(() => held.length).toBe(1);
    await field.fill('create token');
    const option = page.getByRole('option', { name: 'Create a token' });
    await expect(option).toHaveAttribute('aria-selected', 'true');
    // The browser has dropped the request.
    await held[0]!.continue().catch(() => {});
    await page.unroute(asks);
    await field.press('ArrowDown');
    await expect(page.getByRole('option', { name: 'Add a user' })).toHaveCount(0);
    await expect(option).toBeVisible();
  });

  test('Enter before the answer opens the page for the text in the field', async ({ page, server }) => {
    await page.goto('/apps');
    const field = await openPalette(page);
    const held: Route[] = [];
    await page.route(asks, (route) => void held.push(route));
    await field.fill('create token');
    await expect(page.locator('#palette [aria-selected=true]')).toHaveCount(0);
    await expect(field).not.toHaveAttribute('aria-activedescendant');
    await field.press('Enter');
    await expect(page).toHaveURL(`${server.url}/search?q=create+token`);
  });

  test('Enter after a failure opens the page', async ({ page, server, allowErrors }) => {
    allowErrors(/ERR_FAILED/);
    await page.goto('/apps');
    const field = await openPalette(page);
    await page.route(asks, (route) => route.abort());
    await field.fill('create token');
    await expect(page.locator('#palette-status')).toContainText('The search failed');
    await expect(page.getByRole('option')).toHaveCount(0);
    await expect(field).toHaveAttribute('aria-expanded', 'false');
    await field.press('Enter');
    await expect(page).toHaveURL(`${server.url}/search?q=create+token`);
  });

  test('keys of an input method do not choose', async ({ page, server }) => {
    await page.goto('/apps');
    const field = await openPalette(page);
    // Safari reports the Enter that ends a composition in this way.
    const init = { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true };
    const isLeft = await field.evaluate((input, init) => input.dispatchEvent(new KeyboardEvent('keydown', init)), init);
    expect(isLeft, 'the key keeps its meaning').toBe(true);
    await expect(field).toBeVisible();
    await expect(page).toHaveURL(`${server.url}/apps`);
  });

  test('announces all hits, and shows some of each kind', async ({ page, server }) => {
    const { name: app, api } = await application(server);
    const word = unique('many');
    const item = (n: number) => ({ value: `value ${n}`, comment: `says ${word}` });
    const set = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`${word}.${n}`, item(n)]));
    await api.publish([{ config: `dev/${app}/application`, set }], `Add ${word}`);
    await page.goto('/apps');
    const field = await openPalette(page);
    // The comments may be read after the first search.
    await expect(async () => {
      await field.fill('');
      await field.fill(word);
      await expect(page.locator('#palette-status')).toHaveText('25 matches');
    }).toPass();
    // Eight keys, four comments, the release.
    await expect(page.getByRole('option')).toHaveCount(8 + 4 + 1 + 1);
    await field.press('ArrowUp');
    await field.press('Enter');
    await expect(page).toHaveURL(`${server.url}/search?q=${word}`);
    await expect(page.getByText('12 matches')).toBeVisible();
  });

  test('keys of any characters are in the addresses of options', async ({ page, context, server }) => {
    const { name: app, api } = await application(server);
    const key = `${unique('odd')}/#?% & 键`;
    await api.publish([{ config: `dev/${app}/application`, set: { [key]: 'found' } }]);
    await page.goto('/apps');
    const field = await openPalette(page);
    await field.fill(key);
    const option = page.getByRole('option', { name: key });
    await expect(option).toHaveAttribute('aria-selected', 'true');
    const opened = context.waitForEvent('page');
    await option.click({ modifiers: ['ControlOrMeta'] });
    await expect((await opened).locator('#item [name=value]')).toHaveValue('found');
    await expect(field, 'the palette stays open').toBeVisible();
    await field.press('Enter');
    await expect(page.locator('#item [name=value]')).toHaveValue('found');
  });

  test('closes when the mouse is pressed beside it', async ({ page }) => {
    await page.goto('/apps');
    const field = await openPalette(page);
    const box = (await field.boundingBox())!;
    await page.mouse.move(box.x + 40, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(2, 2);
    await page.mouse.up();
    await expect(field, 'a selection may end beside it').toBeVisible();
    await page.mouse.click(2, 2);
    await expect(field).toBeHidden();
  });

  test('the page of a line is accessible', async ({ page, server }) => {
    const { name: app, api } = await application(server);
    await api.publish([{ config: `dev/${app}/routes`, text: 'a: 1\nb: 2\n' }]);
    await page.goto(`/configs/dev/${app}/routes?line=2#line`);
    await expect(page.locator('#line .here')).toHaveText('2b: 2');
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
    }
  });

  for (const platform of ['MacIntel', 'Linux x86_64']) {
    test(`has the shortcut of the system: ${platform}`, async ({ page }) => {
      await page.addInitScript((name) => Object.defineProperty(navigator, 'platform', { get: () => name }), platform);
      await page.goto('/apps');
      await expect(page.locator(alive)).toBeAttached();
      const [usual, other] = platform === 'MacIntel' ? ['Meta', 'Control'] : ['Control', 'Meta'];
      await expect(page.locator('[data-palette] kbd')).toHaveText(usual === 'Meta' ? '⌘K' : 'Ctrl K');
      await page.keyboard.press(`${other}+k`);
      await expect(page.getByRole('combobox')).toBeHidden();
      await page.keyboard.press(`${usual}+k`);
      await expect(page.getByRole('combobox')).toBeFocused();
    });
  }

  for (const locale of ['en', 'zh']) {
    test.describe(locale, () => {
      test.use({ locale });

      test('is accessible in both themes and on a phone', async ({ page, server }) => {
        const { name: app, api } = await application(server);
        const needle = unique('needle');
        await api.publish([{ config: `dev/${app}/application`, set: { [`${needle}.${'long.'.repeat(30)}key`]: needle } }], needle);
        await page.goto('/apps');
        const field = await openPalette(page);
        await field.fill(needle);
        await expect(page.getByRole('option')).toHaveCount(3);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          await expectAccessible(page);
        }
        await page.setViewportSize({ width: 320, height: 640 });
        await expectNoSideways(page);
        await expectAccessible(page);
      });
    });
  }
});
