// Keyboard only: log in, find the config, edit, publish, roll back.

import type { Locator, Page } from '@playwright/test';
import { application, createUser, reads } from '../support/prepare';
import { expect, test } from '../support/test';

/** Presses Tab until an element has the focus, and checks that sticky elements do not cover it. */
async function tabTo(page: Page, to: Locator): Promise<void> {
  await expect(to).toHaveCount(1);
  for (let n = 0; n < 60; n++) {
    if (await to.evaluate((element) => element === document.activeElement)) {
      const seen = await to.evaluate((element) => {
        const { left, top, width, height } = element.getBoundingClientRect();
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        return !!hit && (element.contains(hit) || hit.contains(element));
      });
      expect(seen, `${to} is hidden while it has the focus`).toBe(true);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${to}`);
}

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('log in, edit, publish and roll back without a mouse', async ({ page, server, administrator }) => {
      test.setTimeout(60_000);
      const { name: app, api } = await application(server);
      const config = `prod/${app}/application`;
      await api.publish([{ config, set: { pool: '16', url: 'mysql://db' } }]);
      const user = await createUser(server, administrator, 'kim', { [`*/${app}/*`]: 'publisher' });
      const { keyboard } = page;
      const go = async (to: Locator) => {
        await tabTo(page, to);
        await keyboard.press('Enter');
      };

      await page.goto('/login');
      await expect(page.locator('[name=name]')).toBeFocused();
      await keyboard.type(user.name);
      await keyboard.press('Tab');
      await keyboard.type(user.password);
      await keyboard.press('Enter');
      await expect(page).toHaveURL(`${server.url}/`);

      // The first stop of every page skips the frame.
      await keyboard.press('Tab');
      await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
      await keyboard.press('Enter');
      await expect(page).toHaveURL(/#main$/);
      await keyboard.press('Tab');
      expect(await page.evaluate(() => !!document.activeElement?.closest('main'))).toBe(true);

      await page.goto('/apps');
      await go(page.getByRole('link', { name: app }));
      await go(page.locator(`table.matrix a[href="/configs/${config}"]`));
      await expect(page).toHaveURL(`${server.url}/configs/${config}`);
      await go(page.getByRole('link', { name: 'pool' }));
      const value = page.locator('#item [name=value]');
      await tabTo(page, value);
      await keyboard.press('ControlOrMeta+a');
      await keyboard.type('32');
      await keyboard.press('Enter');
      await expect(page.locator('table.items tr.changed')).toContainText('32');

      await tabTo(page, page.locator('#publish [name=message]'));
      await keyboard.type('by hand');
      await keyboard.press('Tab');
      await keyboard.type('prod');
      await tabTo(page, page.locator('#publish').getByRole('button'));
      await keyboard.press('Space');
      await expect(page.locator('#flash')).toContainText('Release 2 is delivered');
      await reads(server, api.token, config, { release: 2, content: { pool: '32' } });

      await go(page.getByRole('link', { name: 'Roll back to release 1' }));
      await tabTo(page, page.locator('#back [name=message]'));
      await keyboard.type('back');
      await keyboard.press('Tab');
      await keyboard.type('prod');
      await keyboard.press('Enter');
      await expect(page.locator('#flash')).toContainText('Release 3 is delivered');
      await reads(server, api.token, config, { release: 3, content: { pool: '16' } });
    });
  });
}
