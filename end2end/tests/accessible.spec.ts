// Every page of the console, with the demo data, is accessible in both themes and languages and fits on a phone.

import type { Page } from '@playwright/test';
import { addressOf, pages, publicPages } from '../support/pages';
import { createUser } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, expectTargets, test } from '../support/test';

/** The rules whose result depends on the theme. */
const themed = ['color-contrast', 'link-in-text-block'];

for (const lang of ['en', 'zh'] as const) {
  test.describe(lang, () => {
    test.use({ locale: lang });
    // Both set-ups have the same pages. nodes, away and drift check what only a cluster shows.
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

    // The list is split into parts for the workers.
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
      // Menus are checked when they are open.
      await page.locator('.rail summary').click();
      await expectAccessible(page);
    });

    test('open menus and dialogs, and pages of a viewer', async ({ page, demo, signIn, administrator, another, allowErrors }) => {
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
      // A filter that finds nothing.
      await page.goto('/apps?q=no-application-has-this');
      await expectAccessible(page);
    });
  });
}
