// Export and import of whole applications and environments.

import { application, unique } from '../support/prepare';
import { card, expect, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a zip is uploaded, a name changed, and imported', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      await api.publish([{ config: `dev/${name}/application`, set: { a: '1', b: '2' } }, { config: `prod/${name}/application`, set: { a: '3' } }]);
      await signIn(page);
      const zip = await (await page.request.get(`/apps/${name}/export?format=zip`)).body();

      await page.goto('/apps');
      await page.getByRole('link', { name: 'Import applications' }).click();
      await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'shop.zip', mimeType: 'application/zip', buffer: zip });
      await page.getByRole('button', { name: 'Preview', exact: true }).click();
      await expect(card(page, 'file')).toContainText('shop.zip is an export of Trimtab.');
      await expect(page.getByText('Everything that can be imported is live already.')).toBeVisible();

      // Another application gets the content.
      const copy = unique('copy');
      await page.getByText('Change names or the file').click();
      await page.getByLabel(name, { exact: true }).fill(copy);
      await page.getByRole('button', { name: 'Preview again' }).click();
      await expect(card(page, 'created')).toContainText(copy);
      const config = card(page, 'configs').locator('tbody tr', { hasText: /dev.*application/ });
      await expect(config).toContainText('2 added');
      await config.getByText('Keys', { exact: true }).click();
      await expect(config.locator('code', { hasText: 'b' })).toBeVisible();
      await card(page, 'configs').getByLabel(`Choice for prod/${copy}/application`).selectOption('skip');
      await page.getByRole('button', { name: 'Preview again' }).click();
      await expect(card(page, 'configs').locator('tbody tr', { hasText: /prod.*application/ })).toContainText('skipped');

      await page.getByRole('button', { name: 'Open 1 change' }).click();
      await expect(page).toHaveURL(/\/changes\//);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Import Trimtab: shop.zip');
      await expect(page.locator('.of-config h2')).toHaveText(new RegExp(`dev.*${copy}.*application`));
    });

    test('a release after the preview makes it stale', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/409 .*\/import/);
      const { name, api } = await application(server);
      await api.publish([{ config: `dev/${name}/application`, set: { a: '1' } }]);
      await signIn(page);
      const text = JSON.stringify({ trimtab: 1, configs: [{ env: 'dev', app: name, namespace: 'application', format: 'kv', items: [{ key: 'a', value: '2' }] }] });
      await page.goto('/import');
      await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'one.json', mimeType: 'application/json', buffer: Buffer.from(text) });
      await page.getByRole('button', { name: 'Preview', exact: true }).click();
      await expect(card(page, 'configs')).toContainText('1 key is live with another value');
      await api.publish([{ config: `dev/${name}/application`, set: { other: '1' } }]);
      await page.getByRole('button', { name: 'Open 1 change' }).click();
      await expect(page.getByRole('alert')).toContainText('The configs changed since the preview');
      await page.getByRole('button', { name: 'Open 1 change' }).click();
      await expect(page).toHaveURL(/\/changes\//);
    });

    test('an environment is downloaded', async ({ page, server, signIn }) => {
      await application(server);
      await signIn(page);
      await page.goto('/envs/dev');
      const file = page.waitForEvent('download');
      await page.getByRole('link', { name: '.json' }).click();
      expect((await file).suggestedFilename()).toBe('dev.json');
    });
  });
}
