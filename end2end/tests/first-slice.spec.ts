// From the log-in to a published key: on the page, at the read endpoint, and in etcd if there is one.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { application, etcdKey, reads } from '../support/prepare';
import { expect, logIn, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a key is changed, published and read', async ({ page, server, administrator, setup, allowErrors }) => {
      // A refused form is shown again with the status of the refusal.
      allowErrors(/422 .*\/fn\/publish/);
      const { name, api } = await application(server, 'shop');
      await logIn(page, server.url, administrator);

      await page.goto(`/configs/prod/${name}/application?add=true`);
      await page.locator('form#item [name=key]').fill('db.url');
      await page.locator('form#item [name=value]').fill('mysql://db/<shop> 商店');
      await page.locator('form#item button[type=submit]').first().click();
      await expect(page.locator('table.items')).toContainText('db.url');

      // A protected environment requires a reason and its name. The refused form keeps the input.
      const publish = page.locator('form#publish');
      await publish.locator('[name=message]').fill('first release');
      await publish.locator('[name=confirm]').fill('production');
      await publish.locator('button[type=submit]').click();
      await expect(publish.locator('[name=confirm]')).toHaveAttribute('aria-invalid', 'true');
      await expect(publish.locator('[name=message]')).toHaveValue('first release');
      await publish.locator('[name=confirm]').fill('prod');
      await publish.locator('button[type=submit]').click();
      await expect(page.locator('#flash')).toContainText('Release 1 is delivered');
      await expect(page.locator('form#publish')).toHaveCount(0);

      const content = { 'db.url': 'mysql://db/<shop> 商店' };
      await reads(server, api.token, `prod/${name}/application`, { release: 1, content });
      if (setup === 'cluster') {
        const key = etcdKey(server, `prod/${name}/application`);
        const { stdout } = await promisify(execFile)('etcdctl', ['get', '--print-value-only', key], {
          env: { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: server.settings.TRIMTAB_ETCD__ENDPOINTS },
        });
        expect(JSON.parse(stdout)).toEqual(content);
      }
    });
  });
}
