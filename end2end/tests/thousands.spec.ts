// Thousands of keys: with scripts the page has only the rows near the screen; without, it has pages of 500 keys.

import type { Page } from '@playwright/test';
import { application } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, expectTargets, test, type Server } from '../support/test';

test.skip(({ setup }) => setup === 'cluster', 'as on the embedded set-up');

const COUNT = 10_000;
/** Maximum number of nodes in the document, texts included. */
const MAX_NODES = 3_000;

const key = (n: number) => `service-${n % 7}.section-${n % 31}.property-${String(n).padStart(5, '0')}`;
const properties = (from: number, to: number, value: string) =>
  Array.from({ length: to - from }, (_, n) => `${key(from + n)}=${value} ${from + n}\n`).join('');

/** Publishes keys 0 to 9,999 in an application of its own. Returns the path of its config. */
async function prepare(server: Server): Promise<string> {
  const { name, api } = await application(server, 'thousands');
  const set = Object.fromEntries(Array.from({ length: COUNT }, (_, n) => [key(n), n % 50 ? `value ${n}` : `a long value ${n}, `.repeat(12)]));
  await api.publish([{ config: `dev/${name}/application`, set }]);
  return `/configs/dev/${name}/application`;
}

const row = (page: Page, n: number) => page.locator(`tr[aria-rowindex="${n + 2}"]`);
const searchbox = (page: Page) => page.getByRole('searchbox');
const alive = (page: Page) => expect(page.locator('html[data-alive]')).toBeAttached();

/** Returns the index of the first row on the screen. */
async function firstOnScreen(page: Page): Promise<number> {
  const first = () => page.evaluate(() => {
    const rows = Array.from(document.querySelectorAll<HTMLElement>('tr[aria-rowindex]:not([aria-rowindex="1"])'));
    const row = rows.find((one) => one.getBoundingClientRect().top > 80 && one.getBoundingClientRect().top < innerHeight);
    return row ? Number(row.getAttribute('aria-rowindex')) - 2 : -1;
  });
  await expect.poll(first).toBeGreaterThanOrEqual(0);
  return first();
}

async function expectFewNodes(page: Page): Promise<void> {
  const nodes = await page.evaluate(() => {
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
    let count = 1;
    while (walker.nextNode()) count += 1;
    return count;
  });
  expect(nodes).toBeLessThanOrEqual(MAX_NODES);
}

test.describe('with scripts', () => {
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  test('a table of 10,000 keys scrolls and filters as a whole, with few nodes', async ({ page, server }) => {
    test.setTimeout(60_000);
    await page.goto(await prepare(server));
    await alive(page);
    await expect(page.locator('#items')).toHaveAttribute('aria-rowcount', String(COUNT + 1));
    await expect(page.locator('[data-pages-of]')).toBeHidden();
    await expectFewNodes(page);

    await searchbox(page).fill('property-09876');
    await expect(page.locator('#items tbody tr')).toHaveCount(1);
    await expect(page.locator('#items')).toContainText('value 9876');
    await expect(page.locator('search output')).toHaveText('1 of 10,000');
    await searchbox(page).fill('no key has this');
    await expect(page.locator('search output')).toHaveText('No matches');
    await searchbox(page).fill('property-099');
    await expect(page.locator('search output')).toHaveText('100 of 10,000');
    await searchbox(page).fill('');
    await expect(page.locator('search output')).toBeEmpty();

    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await expect(row(page, COUNT - 1)).toBeInViewport();
    await expect(row(page, COUNT - 1)).toContainText(`value ${COUNT - 1}`);
    await expectFewNodes(page);
    // Up again in steps, through rows that were never shown: no row is missing and none is shown twice.
    for (let step = 0; step < 12; step += 1) {
      await page.mouse.move(600, 500);
      await page.mouse.wheel(0, -700);
      await firstOnScreen(page);
      const shown = await page.locator('#items tbody:not(.gap) tr').evaluateAll((rows) => rows.map((one) => Number(one.getAttribute('aria-rowindex'))));
      expect(shown).toEqual(shown.map((_, n) => shown[0]! + n));
    }
    await expectFewNodes(page);
    await page.evaluate(() => scrollTo(0, 0));
    await expect(row(page, 0)).toBeInViewport();
  });

  test('an edit in the middle leaves the page where it is', async ({ page, server }) => {
    test.setTimeout(60_000);
    await page.goto(await prepare(server));
    await alive(page);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
    const at = (await firstOnScreen(page)) + 3;
    await row(page, at).getByRole('link').first().click();
    await alive(page);
    const form = page.locator('tr.editing');
    await expect(form).toBeInViewport();
    await expect(form).toHaveAttribute('aria-rowindex', String(at + 2));
    await page.locator('#item [name=value]').fill('edited in the middle');

    // The input stays while the form is far away, and while the filter changes.
    await page.evaluate(() => scrollTo(0, 0));
    await expect(row(page, 0)).toBeInViewport();
    await searchbox(page).fill('property-00001');
    await expect(page.locator('search output')).toHaveText('2 of 10,000');
    await expect(page.locator('#item [name=value]')).toHaveValue('edited in the middle');
    await searchbox(page).fill('');
    await expect(page.locator('#items')).toHaveAttribute('aria-rowcount', String(COUNT + 1));
    await page.evaluate((share) => scrollTo(0, document.documentElement.scrollHeight * share), at / COUNT);
    await expect(page.locator('#item [name=value]')).toHaveValue('edited in the middle');
    await page.locator('#item button.primary').click();

    await expect(row(page, at)).toHaveClass('changed');
    await expect(row(page, at)).toBeInViewport();
    await expect(row(page, at)).toContainText('edited in the middle');
    await expect(row(page, at - 1)).toContainText(key(at - 1));
    await expect(page.locator('tr.editing')).toHaveCount(0);
    await expectFewNodes(page);
    // A link leads to the key on whatever page it is.
    await page.goto(`${page.url().split('?')[0]}?edit=${key(8_123)}#edit`);
    await alive(page);
    await expect(page.locator('#item [name=value]')).toHaveValue('value 8123');
    await expect(page.locator('#edit')).toBeInViewport();
    await page.getByRole('link', { name: 'Cancel' }).click();
    await expect(row(page, 8_123)).toBeInViewport();
  });

  test('back returns to the same place', async ({ page, server }) => {
    await page.goto(await prepare(server));
    await alive(page);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
    const before = await firstOnScreen(page);
    // The position is remembered a moment after the page has stopped.
    await expect.poll(() => page.evaluate(() => Number(history.state))).toBeGreaterThan(10_000);
    await row(page, before + 2).getByRole('link').first().click();
    await expect(page.locator('#edit')).toBeInViewport();
    await page.goBack();
    await alive(page);
    expect(Math.abs((await firstOnScreen(page)) - before)).toBeLessThan(50);
    await expectFewNodes(page);
    // A link to the page leads to its top.
    await page.getByRole('link', { name: 'Items', exact: true }).click();
    await expect(row(page, 0)).toBeInViewport();
  });

  test('the focus stays on its row while the page scrolls', async ({ page, server }) => {
    await page.goto(await prepare(server));
    await alive(page);
    // The last row of the first body: the next row is in another one.
    const link = row(page, 24).getByRole('link').last();
    await link.focus();
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 3));
    expect(await firstOnScreen(page)).toBeGreaterThan(1_000);
    await expect(link).toBeFocused();
    // The next row is one press away, its key two, and the page follows the focus.
    await page.keyboard.press('Tab');
    await expect(row(page, 25).getByRole('checkbox')).toBeFocused();
    await page.keyboard.press('Tab');
    await expect(row(page, 25).getByRole('link').first()).toBeFocused();
    await expect(row(page, 25)).toBeInViewport();
  });

  test('a long table is accessible', async ({ page, server }) => {
    test.setTimeout(120_000);
    const path = await prepare(server);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 360, 320]) {
        await page.setViewportSize({ width, height: 800 });
        await page.goto(path);
        await alive(page);
        await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
        await firstOnScreen(page);
        await expectAccessible(page);
        await expectTargets(page);
        await expectNoSideways(page);
      }
    }
  });
});

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  test('10,000 keys have pages of 500, and the filter asks the server', async ({ page, server }) => {
    test.setTimeout(60_000);
    const path = await prepare(server);
    await page.goto(path);
    const rows = page.locator('#items tbody tr');
    const pages = page.getByRole('navigation', { name: 'Pages of keys' });
    await expect(rows).toHaveCount(500);
    await expect(page.locator('.pager')).toContainText('Keys 1 to 500 of 10,000');
    await pages.getByRole('link', { name: '20', exact: true }).click();
    await expect(page.locator('.pager')).toContainText('Keys 9,501 to 10,000 of 10,000');
    await expect(rows.last()).toContainText(key(COUNT - 1));

    await searchbox(page).fill('property-09');
    await page.getByRole('button', { name: 'Filter' }).click();
    await expect(page.locator('.pager')).toContainText('Keys 1 to 500 of 1,000');
    await pages.getByRole('link', { name: '2', exact: true }).click();
    await expect(rows.first()).toContainText(key(9_500));
    await row(page, 700).getByRole('link').first().click();
    await page.locator('#item [name=value]').fill('edited without scripts');
    await page.locator('#item button.primary').click();
    await expect(page.locator('#at')).toContainText('edited without scripts');
    await expect(searchbox(page)).toHaveValue('property-09');
    await expect(page.locator('.pager')).toContainText('Keys 501 to 1,000 of 1,000');
    await expectNoSideways(page);

    await searchbox(page).fill('no key has this');
    await page.getByRole('button', { name: 'Filter' }).click();
    await expect(rows).toHaveCount(0);
    await expect(page.locator('noscript .cut')).toBeVisible();
  });
});

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    // A busy machine takes seconds to save and to compare them.
    test.use({ javaScriptEnabled: scripts, actionTimeout: 20_000 });

    test('10,000 keys are imported, and their difference has pages', async ({ page, server, signIn }) => {
      test.setTimeout(90_000);
      const { name, api } = await application(server, 'thousands');
      const path = `/configs/dev/${name}/application`;
      const set = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [key(n), `value ${n}`]));
      await api.publish([{ config: `dev/${name}/application`, set }]);
      await signIn(page);
      await page.goto(`${path}/import`);
      const text = properties(300, COUNT, 'imported');
      await page.locator('[name=file]').setInputFiles({ name: 'many.properties', mimeType: 'text/plain', buffer: Buffer.from(text) }, { timeout: 30_000 });
      await page.getByRole('button', { name: 'Preview' }).click();
      const preview = page.locator('.preview');
      const hunks = page.locator('.hunks > li');
      await expect(page.locator('section[aria-labelledby=preview] .sum')).toHaveText('9,400 added300 changed');
      await expect(preview.locator('.hunks > li')).toHaveCount(500);
      await expect(preview).toContainText('1 to 500 of 9,700');
      await preview.getByRole('button', { name: 'Show the next' }).click();
      await expect(preview).toContainText('501 to 1,000 of 9,700');
      await expect(preview.locator('.hunks > li').first()).toContainText(key(800));
      if (scripts) await expectAccessible(page);
      await preview.getByRole('button', { name: 'Show the previous' }).click();
      await expect(preview).toContainText('1 to 500 of 9,700');
      await page.getByRole('button', { name: 'Add 9,700 edits to my change' }).click();
      await expect(page.locator('#flash')).toContainText('Added to your change, not live yet');
      if (scripts) {
        await alive(page);
        await expectFewNodes(page);
      }

      await page.goto(`${path}/difference`);
      await expect(hunks).toHaveCount(500);
      const kinds = page.getByRole('navigation', { name: 'Kinds of change' });
      await expect(kinds.getByRole('link')).toHaveText(['All9,700', 'added9,400', 'changed300']);
      await kinds.getByRole('link', { name: 'changed' }).click();
      await expect(page.locator('.hunks > li.changed')).toHaveCount(300);
      await kinds.getByRole('link', { name: 'added' }).click();
      await page.getByRole('link', { name: 'Show the next' }).click();
      await expect(page.locator('.cut')).toContainText('501 to 1,000 of 9,400');
      await expect(page.locator('.hunks > li.added')).toHaveCount(500);
      if (scripts) await expectAccessible(page);

      // What is published is the whole difference, not the page of it.
      await page.goto(path);
      await page.getByRole('button', { name: 'Publish 9,700 edits' }).click();
      await expect(page.locator('#flash')).toContainText('Release 2 is delivered');
      await page.goto(`${path}?q=property-09999`);
      await expect(page.locator('#items tbody tr')).toHaveCount(1);
      await expect(page.locator('#items')).toContainText('imported 9999');
    });
  });
}
