// The recycle bin: archived objects are restored, and removed for good.

import { application } from '../support/prepare';
import { card, expect, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('an application is archived, restored, and removed for good', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/422 .*\/fn\/remove-for-good/);
      const { name, api } = await application(server);
      await api.publish([{ config: `dev/${name}/application`, set: { a: '1' } }]);
      await signIn(page);
      const archive = async () => {
        await page.goto(`/apps/${name}/about`);
        await page.getByRole('button', { name: 'Archive' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
        await expect(page.locator('.banner')).toContainText(`${name} is archived`);
        await page.getByRole('link', { name: 'Open the recycle bin' }).click();
        await expect(page.getByRole('heading', { level: 1 })).toHaveText('Recycle bin');
      };
      const row = page.locator('#bin-table tbody tr').filter({ hasText: name });
      await archive();
      await expect(row).toContainText('Application');
      await row.getByRole('button', { name: 'Restore' }).click();
      await expect(page.locator('#flash')).toContainText(`${name} was restored`);
      await expect(row).toHaveCount(0);

      await archive();
      await row.getByRole('link', { name: 'Remove for good' }).click();
      await expect(card(page, 'what')).toContainText('1 config is removed');
      await expect(card(page, 'what')).toContainText(`dev/${name}/application`);
      await expect(card(page, 'reading')).toContainText('No instance');
      const confirm = page.locator('[name=confirm]');
      await confirm.fill('another');
      await page.getByRole('button', { name: 'Remove for good' }).click();
      await expect(page.locator('.wrong')).toContainText(`Type “${name}” to confirm.`);
      await confirm.fill(name);
      await page.getByRole('button', { name: 'Remove for good' }).click();
      await expect(page.locator('#flash')).toContainText(`${name} was removed for good`);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Recycle bin');
      await expect(row).toHaveCount(0);
      await page.goto(`/apps?archived=true&q=${name}`);
      await expect(page.locator('table.apps')).toHaveCount(0);
    });

    test('the bin is linked from the environments', async ({ page, server, signIn }) => {
      await application(server);
      await signIn(page);
      await page.goto('/envs');
      await page.getByRole('link', { name: 'Recycle bin' }).click();
      await expect(page.locator('.lead')).toContainText('Archived applications');
    });
  });
}
