// Accessibility of every page of the console, with the demo data, in both themes and languages; and no page is wider
// than a phone.

import type { Page } from '@playwright/test';
import { addressOf, pages, publicPages } from '../support/pages';
import { createUser } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, expectTargets, test } from '../support/test';

/** Rules whose result depends only on the theme. */
const themed = ['color-contrast', 'link-in-text-block'];

for (const lang of ['en', 'zh'] as const) {
  test.describe(lang, () => {
    test.use({ locale: lang });
    // Both set-ups have the same pages. The specs nodes, away and drift check what only a cluster shows.
    test.skip(({ setup }) => setup === 'cluster', 'as on the embedded set-up');

    const look = async (page: Page, path: string) => {
      await page.goto(await addressOf(path, page.request));
      await expect(page.locator('html')).toHaveAttribute('lang', lang);
      await page.emulateMedia({ colorScheme: 'light' });
      await expectAccessible(page);
      await expectTargets(page);
      await page.emulateMedia({ colorScheme: 'dark' });
      await expectAccessible(page, ...themed);
      for (const [width, height] of [[320, 800], [768, 1024]] as const) {
        await page.setViewportSize({ width, height });
        await expectNoSideways(page);
        await expectAccessible(page, 'target-size');
      }
      await page.setViewportSize({ width: 360, height: 800 });
      await expectAccessible(page);
      await expectTargets(page);
      await page.setViewportSize({ width: 1280, height: 800 });
    };

    test('pages without a log-in', async ({ page, demo, administrator, allowErrors }) => {
      test.setTimeout(120_000);
      allowErrors(/404 /);
      for (const [name, path] of publicPages) await test.step(name, () => look(page, path));
    });

    // Splits the list, so that the workers share it.
    const part = 12;
    for (let from = 0; from < pages.length; from += part) {
      test(`pages from ${pages[from]![0]}`, async ({ page, demo, signIn, allowErrors }) => {
        test.setTimeout(120_000);
        allowErrors(/404 /);
        await signIn(page);
        for (const [name, path] of pages.slice(from, from + part)) await test.step(name, () => look(page, path));
      });
    }

    test('pages on a phone', async ({ page, demo, signIn }) => {
      test.setTimeout(120_000);
      await signIn(page);
      await page.setViewportSize({ width: 360, height: 800 });
      for (const name of ['home', 'app', 'config', 'config-edit', 'change', 'envs', 'users']) {
        await page.goto(await addressOf(pages.find(([n]) => n === name)![1], page.request));
        await expectAccessible(page);
      }
      // The sidebar menu, opened.
      await page.locator('.rail summary').click();
      await expectAccessible(page);
    });

    test('menus, dialogs, forbidden pages and an empty filter result', async ({ page, demo, signIn, administrator, another, allowErrors }) => {
      test.setTimeout(120_000);
      allowErrors(/403 /);
      await signIn(page);
      await page.goto('/apps/shop/about');
      await page.locator('header summary').click();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await page.locator('[popovertarget=archive]').first().click();
      await expect(page.locator('#archive')).toBeVisible();
      await expectAccessible(page);
      const viewer = await another(await createUser(demo, administrator, 'viewer', { '*/*/*': 'viewer' }));
      await viewer.goto('/users');
      await expectAccessible(viewer);
      await viewer.goto('/configs/prod/shop/application');
      await expectAccessible(viewer);
      // A filter without results.
      await page.goto('/apps?q=no-application-has-this');
      await expectAccessible(page);
    });
  });
}
